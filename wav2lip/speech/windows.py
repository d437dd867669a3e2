"""Which part of the spectrogram each video frame is generated from."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from fractions import Fraction

import numpy as np

from wav2lip.speech.basis import BANDS, SAMPLE_RATE
from wav2lip.speech.mel import COLUMNS_PER_SECOND, HOP, SILENCE

WINDOW = 16    # columns the generator hears for one frame: 0.2 s

_STRIDE = 4096    # columns that are kept at most where nobody wants them


def window_start(frame: int, fps: Fraction) -> int:
    """Return the first mel column of a frame's window: floor(80 t), in exact arithmetic, for t = frame / fps."""
    return frame * COLUMNS_PER_SECOND * fps.denominator // fps.numerator


def sound_frames(samples: int, fps: Fraction) -> int:
    """Return how many frames last as long as `samples` at 16 kHz: rounded up, so that no sound is left over."""
    return -(-samples * fps.numerator // (SAMPLE_RATE * fps.denominator))


def original_frames(samples: int, fps: Fraction, tail: bool = True) -> int:
    """Return how many frames the original program makes for `samples` at 16 kHz; 0 where it fails, below 0.1875 s.

    Its evaluation scripts leave out the `tail`, the frame with the last 16 columns.
    """
    columns = 1 + samples // HOP
    if columns < WINDOW:
        return 0
    return frames_inside(columns, fps) + tail    # one more, with the last 16 columns


def frames_inside(columns: int, fps: Fraction) -> int:
    """Return how many frames have a window that ends within so many mel columns: floor(80 i / fps) + 16 <= columns."""
    return max(0, -(-(columns - WINDOW + 1) * fps.numerator // (COLUMNS_PER_SECOND * fps.denominator)))


def mel_windows(blocks: Iterable[np.ndarray], fps: Fraction, frames: int) -> Generator[np.ndarray]:
    """Yield the part of the spectrogram that each video frame is generated from.

    Args:
        blocks: mel columns (80, n) in order, as `mel_blocks` gives them.
        fps: frames a second.
        frames: how many windows to give, the number of frames that the sound lasts.

    Yields:
        float32 (80, 16), starting at the frame's own time; past the end, silence (-4).

    Source: Prajwal et al. 2020 (arXiv 2008.10010), section 4; the inference rule of the original program.
    """
    columns = _Columns(blocks)
    for frame in range(frames):
        yield columns.window(window_start(frame, fps))


def windows_at(blocks: Iterable[np.ndarray], fps: Fraction, frames: Iterable[int]) -> Generator[np.ndarray]:
    """Yield what `mel_windows` does for some frames only, given by their numbers in ascending order."""
    columns, here = _Columns(blocks), 0
    for frame in frames:
        start = window_start(frame, fps)
        for between in range(here, start, _STRIDE):
            columns.window(between)               # so that what lies before is forgotten
        here = start
        yield columns.window(start)


def whole_windows(blocks: Iterable[np.ndarray], fps: Fraction) -> Generator[np.ndarray]:
    """Yield the window (80, 16) of every frame whose window ends within the sound, as `mel_windows` does."""
    columns = _Columns(blocks)
    frame = 0
    while columns.has(window_start(frame, fps) + WINDOW):
        yield columns.window(window_start(frame, fps))
        frame += 1


def original_windows(blocks: Iterable[np.ndarray], fps: Fraction) -> Generator[np.ndarray]:
    """Yield windows as the original program does: it stops at the first that would pass the end, and gives the
    last 16 columns instead, so its video ends about 0.16 s before the sound.

    Raises:
        ValueError: there are fewer than 16 columns (0.1875 s of sound), where the original fails too.
    """
    columns = _Columns(blocks)
    frame = 0
    while columns.has(window_start(frame, fps) + WINDOW):
        yield columns.window(window_start(frame, fps))
        frame += 1
    yield columns.last_window()


class _Columns:
    """A stream of mel columns in which only the part around the current window is kept."""

    def __init__(self, blocks: Iterable[np.ndarray]):
        self._blocks = iter(blocks)
        self._kept = np.empty((BANDS, 0), np.float32)
        self._first = 0    # the absolute number of the first kept column

    def has(self, end: int) -> bool:
        """Read on until column `end` - 1 is here; return whether it exists."""
        while self._first + self._kept.shape[1] < end:
            block = next(self._blocks, None)
            if block is None:
                return False
            self._kept = np.concatenate((self._kept, block), axis=1)
        return True

    def window(self, start: int) -> np.ndarray:
        """Return columns `start` .. `start` + 15 and forget most of what came before."""
        self.has(start + WINDOW)
        forget = min(max(start - WINDOW - self._first, 0), self._kept.shape[1])
        self._kept = self._kept[:, forget:]
        self._first += forget
        window = self._kept[:, max(start - self._first, 0) :][:, :WINDOW]
        return np.pad(window, ((0, 0), (0, WINDOW - window.shape[1])), constant_values=SILENCE)

    def last_window(self) -> np.ndarray:
        """Return the last 16 columns of the stream, which must have ended."""
        if self._kept.shape[1] < WINDOW:
            raise ValueError(f"the sound has {self._kept.shape[1]} mel columns, fewer than the {WINDOW} of one window")
        return self._kept[:, -WINDOW:]
