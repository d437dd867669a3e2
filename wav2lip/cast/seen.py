"""Where a person is seen: rows for the frames that show the face, and none for the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from wav2lip.cast.times import Span
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detections import Detections
from wav2lip.faces.people import find_people
from wav2lip.faces.pose import yaw
from wav2lip.faces.track import track_of

UNPADDED = Pads(0, 0, 0, 0)


@dataclass(frozen=True)
class Seen:
    """Where one person is seen. Memory goes with the frames that show them, whatever the clip's length.

    Attributes:
        label: "A", "B", ...
        frames: int64 (m,): those that show the face, ascending, at least one.
        boxes: float32 (m, 4): x1, y1, x2, y2 in pixels, calmed and cut to the frame, not padded.
        score: float32 (m,): the detector's, interpolated where it did not look; 0 where it overlooked the face.
        landmarks: float32 (m, 5, 2), as in `FaceTrack`; None where the detector knows none.
    """

    label: str
    frames: np.ndarray
    boxes: np.ndarray
    score: np.ndarray
    landmarks: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Median width and height of the face, in pixels."""
        width, height = np.median(self.boxes[:, 2:] - self.boxes[:, :2], axis=0)
        return round(float(width)), round(float(height))

    @property
    def yaw(self) -> np.ndarray | None:
        """How far the face is turned in each of its frames, as `faces.pose.yaw`; None where nobody knows."""
        return None if self.landmarks is None else yaw(self.landmarks)

    def stretches(self, gap: int = 0) -> list[tuple[int, int]]:
        """Return first frames and those after the last of every stretch on screen; gaps of up to `gap` frames count."""
        return runs(self.frames, gap)


def everybody(detections: Detections, size: tuple[int, int], fps: Fraction) -> Iterator[Seen]:
    """Yield the people in a clip, in the order of their labels.

    Args:
        detections: of every frame.
        size: width and height of the frames, in pixels.
        fps: frames a second.
    """
    for person in find_people(detections, fps):
        track = track_of(person.sights, detections, pads=UNPADDED, size=size, fps=fps)
        frames = np.flatnonzero(track.seen)
        if not len(frames):
            continue
        landmarks = None if track.landmarks is None else track.landmarks[frames].astype(np.float32)
        yield Seen(
            person.label, frames, track.boxes[frames].astype(np.float32), track.score[frames].astype(np.float32),
            landmarks,
        )


def runs(frames: np.ndarray, gap: int = 0) -> list[tuple[int, int]]:
    """Return where numbers follow each other, as (first, last + 1), over gaps of up to `gap` missing ones.

    Args:
        frames: int (m,), ascending.
        gap: numbers.
    """
    if not len(frames):
        return []
    parts = np.split(frames, np.flatnonzero(np.diff(frames) > gap + 1) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def in_time(stretch: tuple[int, int], fps: Fraction) -> Span:
    """Return a stretch of frames as a span of time, exact, from its first frame to the end of its last."""
    return Span(stretch[0] / fps, stretch[1] / fps)
