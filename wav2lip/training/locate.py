"""Where the face is in every frame of a recording, from looks at few of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from wav2lip.faces.boxes import Pads
from wav2lip.faces.detector import Detector
from wav2lip.faces.people import follow
from wav2lip.faces.sparse import detect_faces
from wav2lip.media.clip import Frame
from wav2lip.models.syncnet import FPS


def find_boxes(frames: Iterable[Frame], detector: Detector, *, every: int, block: int, batch: int) -> np.ndarray:
    """Find one person's face in every frame.

    Between two looks the face moves in a straight line; a frame that was looked at and shows no face has none.

    Args:
        frames: of the whole clip, at 25 a second, at least one.
        detector, every, block, batch: as for `detect_faces`; `every` is at most 12.

    Returns:
        float64 (n, 4): x1, y1, x2, y2 in pixels, within the frame, at least a pixel wide and high; NaN without a face.
    """
    size = (0, 0)

    def measured() -> Iterator[Frame]:
        nonlocal size
        for frame in frames:
            size = frame.shape[1], frame.shape[0]
            yield frame

    detections = detect_faces(measured(), detector, every=every, block=block, batch=batch)
    track = follow(detections, pads=Pads(0, 0, 0, 0), smooth=False, size=size, fps=FPS)
    boxes = track.boxes
    boxes[detections.looked & (track.score == 0)] = np.nan              # it was bridged, but nobody is there
    boxes[~(np.floor(boxes[:, 2:]) > np.floor(boxes[:, :2])).all(axis=1)] = np.nan
    return boxes
