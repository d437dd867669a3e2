"""The recording as a run sees it: how many frames it lasts, and what each frame hears."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from wav2lip.errors import MediaError
from wav2lip.media.sound import read_samples
from wav2lip.speech.mel import mel_blocks
from wav2lip.speech.windows import mel_windows, original_frames, original_windows, sound_frames, whole_windows


@dataclass(frozen=True)
class Speech:
    """A recording, measured against a frame rate.

    Attributes:
        path: the file.
        fps: frames a second of the video.
        frames: how many of them the sound lasts.
        compat: stop and align as the original program does.
        tail: with compat, hear the last window too, as its inference does and its evaluation scripts do not.
    """

    path: Path
    fps: Fraction
    frames: int
    compat: bool
    tail: bool = True

    @classmethod
    def measure(cls, path: Path, fps: Fraction, compat: bool, tail: bool = True) -> Speech:
        """Decode the sound once, counting: only that tells exactly how long it is, and whether it can be read.

        Raises:
            MediaError: there is no sound, it cannot be decoded, or it is too short for the original's rule.
        """
        samples = sum(len(block) for block in read_samples(path))
        frames = original_frames(samples, fps, tail) if compat else sound_frames(samples, fps)
        if frames == 0:
            raise MediaError(
                f"{path} lasts {samples / 16:.0f} ms, too short for --compat, which needs 188 ms; leave --compat out."
            )
        return cls(path, fps, frames, compat, tail)

    def windows(self) -> Iterator[np.ndarray]:
        """Yield the mel window (80, 16) of every frame."""
        mel = mel_blocks(read_samples(self.path))
        if not self.compat:
            return mel_windows(mel, self.fps, self.frames)
        return original_windows(mel, self.fps) if self.tail else whole_windows(mel, self.fps)
