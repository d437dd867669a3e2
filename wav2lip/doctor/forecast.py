"""How long a run will take, how much memory it needs and how large its result is: counts times what was measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

STAGES = ("start", "load", "faces", "closed mouth", "frames", "joining")


@dataclass(frozen=True)
class Trial:
    """A few frames of the result, made to measure.

    Attributes:
        frames: that were made.
        faces: that were generated for them.
        first_seconds: until the first frame was there.
        seconds: from then until all were written.
        bytes: of the picture.
        key_bytes: of its first frame, which needs no other.
        joining: seconds that joining took, with so many seconds of sound.
        sound_seconds, sound_bytes: of that sound.
        memory: bytes that Python and its ffmpegs had at most.
    """

    frames: int
    faces: int
    first_seconds: float
    seconds: float
    bytes: int
    key_bytes: int
    joining: float
    sound_seconds: float
    sound_bytes: int
    memory: int

    def frame_bytes(self, frames: int, key_frames: int) -> float:
        """Return the bytes of so many frames of picture, of which some need no other."""
        if self.frames < 2:
            return float(self.bytes) * frames
        each = max(0.0, (self.bytes - self.key_bytes) / (self.frames - 1))
        return key_frames * max(self.key_bytes - each, 0.0) + frames * each


@dataclass(frozen=True)
class Work:
    """How much there is to do.

    Attributes:
        frames: of the result.
        faces: to be generated for them.
        passing: frames in which nobody is synced.
        parts: that the result is made in.
        sound_seconds: of the result.
    """

    frames: int
    faces: int
    passing: int
    parts: int
    sound_seconds: float


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes:
        seconds: by stage, of `STAGES`: what was measured times what there is to do.
        memory: bytes at the peak, ffmpeg's too; 0 where the system does not tell.
        size: bytes of the result.
        known: whether it is known from before where the faces are.
        work: that there is.
    """

    seconds: dict[str, float]
    memory: int
    size: float
    known: bool
    work: Work

    @property
    def total(self) -> float:
        """Seconds of the whole run."""
        return sum(self.seconds.values())

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self) | {"total": self.total}


def rendering(work: Work, trial: Trial, passing_seconds: float) -> float:
    """Return the seconds that the frames take.

    Args:
        work: that there is.
        trial: some of it, done.
        passing_seconds: that a frame takes in which nobody is synced.
    """
    if not trial.faces:
        return trial.first_seconds + work.frames * passing_seconds
    synced = trial.seconds / max(1, trial.frames - 1) * (trial.frames / trial.faces)
    return trial.first_seconds + work.faces * synced + work.passing * passing_seconds


def foresee(
    work: Work, trial: Trial, passing_seconds: float, *, start: float, load: float, faces: float | None,
    closed_mouth: float,
) -> Forecast:
    """Return what a run will take.

    Args:
        work: that there is.
        trial: some of it, done.
        passing_seconds: that a frame takes in which nobody is synced.
        start, load: seconds until the program runs, and until it knows its inputs and networks.
        faces: seconds of looking for them; None where that was done before.
        closed_mouth: seconds of looking for one.
    """
    longer = work.sound_seconds / trial.sound_seconds if trial.sound_seconds else 1.0
    seconds = {
        "start": start,
        "load": load,
        "faces": faces or 0.0,
        "closed mouth": closed_mouth,
        "frames": rendering(work, trial, passing_seconds),
        "joining": trial.joining * max(1.0, longer),
    }
    size = trial.frame_bytes(work.frames, work.parts) + trial.sound_bytes * longer
    return Forecast(seconds, trial.memory, size, faces is None, work)
