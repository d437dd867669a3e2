"""Look for faces in a video, or remember what was found when it was looked at before."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
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
from wav2lip.progress import Advance, Progress

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
    way = Way.of(size, fps, detector, sparing=sparing)
    seen = frames_to_see(frames, total, way.every)

    def detect(memo: Memo) -> Detections:
        with progress.stage("Finding faces", seen) as advance:
            return way.look(read(seen, way.small), detector, batch, advance, memo)

    return cached_detections(path, way.described(settings, detector), seen, detect)


@dataclass(frozen=True)
class Way:
    """How the frames of a video are looked at.

    Attributes:
        size: width and height of its frames, in pixels.
        small: those that they are read in.
        every: frames from one look to the next, at most.
    """

    size: tuple[int, int]
    small: tuple[int, int]
    every: int

    @classmethod
    def of(cls, size: tuple[int, int], fps: Fraction, detector: Detector, *, sparing: bool) -> Way:
        """Return the way for a detector; the arguments are those of `look_for_faces`."""
        if not sparing or detector.long_side is None:
            return cls(size, size, 1)
        return cls(size, fitting(size, detector.long_side), distance(fps))

    def described(self, settings: str, detector: Detector) -> str:
        """Return all that what is found depends on, but the video."""
        return f"{settings} {self.small[0]}x{self.small[1]} {self.every} {detector.fingerprint}".strip()

    def look(
        self, frames: Generator[Frame], detector: Detector, batch: int, advance: Advance, memo: Memo | None = None
    ) -> Detections:
        """Return what is in frames that follow each other, which come in the size `small`."""
        frame_bytes = 3 * self.small[0] * self.small[1]
        block = max(1, min(batch, HELD_BYTES // frame_bytes // self.every)) * self.every
        with closing(prefetch(frames, frames_waiting(frame_bytes))) as pictures:
            found = detect_faces(
                pictures, detector, every=self.every, block=block, batch=batch, progress=advance, memo=memo
            )
        return found.scaled(self.size[0] / self.small[0], self.size[1] / self.small[1])


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
