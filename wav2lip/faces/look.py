"""Look for faces in a video, or remember what was found when it was looked at before."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from wav2lip.faces.cache import cached_detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.sparse import detect_faces, distance, frames_to_see
from wav2lip.faces.track import Detections
from wav2lip.media.clip import Frame
from wav2lip.media.prefetch import prefetch
from wav2lip.progress import Progress

BATCH = {"cpu": 1, "cuda": 16, "mps": 4}    # frames detected at a time; S3FD holds about 0.7 GB for one at 720p


HELD_BYTES = 96 << 20                       # of frames that are looked at in any order
WAITING_BYTES = 32 << 20                    # of frames that wait for that

Reader = Callable[[int, tuple[int, int]], Generator[Frame]]
"""How many frames from the first on, their width and height -> frames scaled to it."""


def look_for_faces(
    path: Path,
    frames: int,
    total: int,
    size: tuple[int, int],
    fps: Fraction,
    read: Reader,
    detector: Detector,
    progress: Progress,
    *,
    settings: str = "",
    batch: int,
    sparing: bool = True,
) -> Detections:
    """Return what is in the first frames of a video.

    They are read as small as the detector looks at them, and not all of them are looked at. Detections are cached by
    the content of the file; padding and smoothing are applied afterwards, so that the next run on the same video, with
    other sound, pads or smoothing, starts at once.

    Args:
        path: the video.
        frames: of how many of its frames the faces are wanted.
        total: how many it has.
        size: width and height of its frames, in pixels.
        fps: frames a second.
        read: yields them.
        detector: what looks.
        progress: is told how far it is.
        settings: how the frames differ from those of the file at its own rate.
        batch: frames that the detector gets at a time.
        sparing: read them small and look at few; otherwise every frame is looked at, in its own size.

    Returns:
        Those of the frames that are wanted, in pixels of `size`, and of the few after them up to the next look, without
        which nobody knows what is in the last ones.
    """
    sparing = sparing and detector.long_side is not None
    small = detection_size(size, detector) if sparing else size
    every = distance(fps) if sparing else 1
    seen = frames_to_see(frames, total, every)
    frame_bytes = 3 * small[0] * small[1]
    block = max(1, min(batch, HELD_BYTES // frame_bytes // every)) * every

    def detect() -> Detections:
        pictures = prefetch(read(seen, small), max(2, WAITING_BYTES // frame_bytes))
        with progress.stage("Finding faces", seen) as advance, closing(pictures):
            found = detect_faces(pictures, detector, every=every, block=block, batch=batch, progress=advance)
        return found.scaled(size[0] / small[0], size[1] / small[1])

    how = f"{settings} {small[0]}x{small[1]} {every} {detector.fingerprint}".strip()
    return cached_detections(path, how, seen, detect)


def detection_size(size: tuple[int, int], detector: Detector) -> tuple[int, int]:
    """Return the width and height that frames are scaled to for a detector; they are never made larger."""
    if detector.long_side is None:
        return size
    scale = min(1.0, detector.long_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
