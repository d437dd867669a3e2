"""Look for faces in a video, or remember what was found when it was looked at before."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from wav2lip.faces.cache import cached_detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.track import Detections, detect_faces
from wav2lip.media.clip import Frame
from wav2lip.media.prefetch import prefetch
from wav2lip.progress import Progress

BATCH = {"cpu": 1, "cuda": 16, "mps": 4}    # frames detected at a time; S3FD holds about 0.7 GB for one at 720p


def look_for_faces(
    path: Path,
    frames: int,
    read: Callable[[], Generator[Frame]],
    detector: Detector,
    progress: Progress,
    *,
    settings: str = "",
    batch: int,
    waiting: int,
) -> Detections:
    """Return what is in the first frames of a video.

    Detections are cached by the content of the file; padding and smoothing are applied afterwards, so that the next
    run on the same video, with other sound, pads or smoothing, starts at once.

    Args:
        path: the video.
        frames: how many of its frames to look at.
        read: yields them.
        detector: what looks.
        progress: is told how far it is.
        settings: how the frames differ from those of the file at its own rate.
        batch: frames that the detector gets at a time.
        waiting: frames that may wait for it.
    """

    def detect() -> Detections:
        with progress.stage("Finding faces", frames) as advance, closing(prefetch(read(), waiting)) as pictures:
            return detect_faces(pictures, detector, batch=batch, progress=advance)

    return cached_detections(path, f"{settings} {detector.fingerprint}".strip(), frames, detect)
