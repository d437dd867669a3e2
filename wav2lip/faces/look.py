"""Look for faces in a video, or remember what was found when it was looked at before."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from wav2lip.faces.cache import cached_detections
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.memo import Memo
from wav2lip.faces.sparse import detect_faces, distance, frames_to_see
from wav2lip.media.clip import Clip, Frame
from wav2lip.media.geometry import fitting
from wav2lip.media.prefetch import frames_waiting, prefetch
from wav2lip.media.read import read_frames
from wav2lip.progress import Progress

BATCH = {"cpu": 1, "cuda": 16, "mps": 4}    # frames detected at a time; S3FD holds about 0.7 GB for one at 720p
HELD_BYTES = 96 << 20                       # of frames that are looked at in any order

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
    small = fitting(size, detector.long_side) if sparing else size
    every = distance(fps) if sparing else 1
    seen = frames_to_see(frames, total, every)
    frame_bytes = 3 * small[0] * small[1]
    block = max(1, min(batch, HELD_BYTES // frame_bytes // every)) * every

    def detect(memo: Memo) -> Detections:
        pictures = prefetch(read(seen, small), frames_waiting(frame_bytes))
        with progress.stage("Finding faces", seen) as advance, closing(pictures):
            found = detect_faces(
                pictures, detector, every=every, block=block, batch=batch, progress=advance, memo=memo
            )
        return found.scaled(size[0] / small[0], size[1] / small[1])

    how = f"{settings} {small[0]}x{small[1]} {every} {detector.fingerprint}".strip()
    return cached_detections(path, how, seen, detect)


def look_at_clip(clip: Clip, frames: int, detector: Detector, device: str, progress: Progress) -> Detections:
    """Return what is in the first frames of a clip as it is; remembered for `sync` too, which reads it alike.

    Args:
        clip: as `probe` describes it.
        frames: of how many of its frames the faces are wanted.
        detector, progress: as for `look_for_faces`.
        device: where the detector runs.

    Returns:
        As `look_for_faces`.
    """
    return look_for_faces(
        clip.path, frames, clip.frames, (clip.width, clip.height), clip.fps,
        lambda count, size: read_frames(clip, 0, count, size=size), detector, progress,
        batch=BATCH[device.partition(":")[0]],
    )
