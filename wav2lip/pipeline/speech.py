"""The recording as a run sees it: how many frames it lasts, and what each frame hears."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from wav2lip.errors import MediaError
from wav2lip.media.sound import read_samples
from wav2lip.pipeline.options import SyncOptions
from wav2lip.speech.activity import energy_activity, frame_presence, presence, quiet_mel
from wav2lip.speech.mel import mel_blocks
from wav2lip.speech.windows import (
    mel_windows,
    original_frames,
    original_windows,
    sound_frames,
    whole_windows,
    windows_at,
)

Samples = Callable[[], Iterable[np.ndarray]]
"""Blocks of mono samples at 16 kHz, float32, from the first on whenever it is called."""

Listener = Callable[[Iterable[np.ndarray]], np.ndarray]
"""Blocks of samples -> whether somebody speaks, by mel column, as `energy_activity`."""


KEPT = 1 << 20    # samples, a minute: shorter sound is not decoded again for what is heard in it


@dataclass(frozen=True)
class Speech:
    """A recording, measured against a frame rate.

    Attributes:
        path: the file.
        fps: frames a second of the video.
        frames: how many of them the sound lasts.
        compat: stop and align as the original program does.
        tail: with compat, hear the last window too, as its inference does and its evaluation scripts do not.
        voice: float32 (columns,), how much somebody speaks, 0 to 1; empty where nobody listened.
        hushed: let the mel sink to silence while nobody speaks.
        samples: what is heard; None for all of the file.
    """

    path: Path
    fps: Fraction
    frames: int
    compat: bool
    tail: bool = True
    voice: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32), repr=False)
    hushed: bool = False
    samples: Samples | None = field(default=None, repr=False)

    @classmethod
    def measure(
        cls, path: Path, fps: Fraction, compat: bool, tail: bool = True, listen: Listener | None = None,
        hushed: bool = False, samples: Samples | None = None,
    ) -> Speech:
        """Decode the sound once, counting: only that tells exactly how long it is, and whether it can be read.

        Args:
            path, fps, compat, tail, hushed, samples: as the attributes.
            listen: finds out when somebody speaks, on the way.

        Raises:
            MediaError: there is no sound, it cannot be decoded, or it is too short for the original's rule.
        """
        count, kept = 0, list[np.ndarray]()

        def counted() -> Iterator[np.ndarray]:
            nonlocal count
            for block in samples() if samples else read_samples(path):
                count += len(block)
                if count <= KEPT:
                    kept.append(block)
                yield block

        voice = np.empty(0, np.float32)
        if listen is None:
            for _ in counted():
                pass
        else:
            voice = presence(listen(counted()))
        frames = original_frames(count, fps, tail) if compat else sound_frames(count, fps)
        if frames == 0:
            raise MediaError(
                f"{path} lasts {count / 16:.0f} ms, too short for --compat, which needs 188 ms; leave --compat out."
            )
        return cls(path, fps, frames, compat, tail, voice, hushed, samples if count > KEPT else partial(list, kept))

    def presence(self) -> np.ndarray:
        """Return how much somebody speaks in every frame, float32 (frames,) in [0, 1]; 1 where nobody listened."""
        if not len(self.voice):
            return np.ones(self.frames, np.float32)
        return frame_presence(self.voice, self.fps, self.frames)

    def windows(self) -> Generator[np.ndarray]:
        """Yield the mel window (80, 16) of every frame."""
        mel = self._mel()
        if not self.compat:
            return mel_windows(mel, self.fps, self.frames)
        return original_windows(mel, self.fps) if self.tail else whole_windows(mel, self.fps)

    def _mel(self) -> Iterator[np.ndarray]:
        mel = mel_blocks(self.samples() if self.samples else read_samples(self.path))
        return quiet_mel(mel, self.voice) if self.hushed else mel

    def windows_at(self, frames: Sequence[int]) -> dict[int, np.ndarray]:
        """Return the mel windows (80, 16) of some frames, ascending, by their numbers; past the end there are none."""
        wanted = [frame for frame in frames if frame < self.frames]
        if self.compat:
            here = set(wanted)
            return {frame: window for frame, window in enumerate(self.windows()) if frame in here}
        return dict(zip(wanted, windows_at(self._mel(), self.fps, wanted), strict=True))


def listener(options: SyncOptions) -> Listener | None:
    """Return what finds the pauses of the speech; None where nothing becomes of them."""
    if options.in_silence == "model":
        return None
    if options.vad == "silero":
        from wav2lip.speech.silero import silero_activity

        return silero_activity
    return energy_activity
