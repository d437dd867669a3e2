"""MFCCs of speech, column for column as the SyncNet of the LSE metrics is given them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np

from wav2lip.speech.mel import SAMPLE_RATE

HOP = 160                                         # samples: 10 ms
COLUMNS_PER_SECOND = SAMPLE_RATE // HOP           # 100
LENGTH = 400                                      # samples in one column: 25 ms
FFT = 512                                         # the next power of two
FILTERS = 26
HIGHEST_HZ = SAMPLE_RATE / 2                      # the lowest is 0
COEFFICIENTS = 13
LIFTER = 22
PRE_EMPHASIS = 0.97
WINDOW = 20                                       # columns heard with one video frame: 0.2 s
COLUMNS_PER_FRAME = COLUMNS_PER_SECOND // 25      # 4, at the 25 frames a second of that SyncNet

_SMALLEST = np.finfo(float).eps                   # in place of an energy of nothing, which has no logarithm
_BLOCK_COLUMNS = 4096                             # about 41 s: bounds memory, not results


def mfcc_blocks(samples: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Turn a stream of samples into a stream of MFCC columns, 100 a second.

    Column k is of samples 160 k .. 160 k + 399, unweighted. What is left over at the end is filled up with zeros to
    one more column, so n samples give 1 + ceil((n - 400) / 160) of them, and at least one.

    Args:
        samples: blocks of mono int16 at 16 kHz, of any lengths; other numbers must be on the scale of int16.

    Yields:
        float32 (13, columns), at most a minute at a time. Row 0 is the log energy. Nothing when there is no sample.

    Source: the defaults of python_speech_features 0.6, which the published evaluation gives its SyncNet.
    """
    last = 0.0                                    # the sample before the block, for the pre-emphasis
    waiting = np.empty(0)                         # emphasised samples from the next column on
    started = False
    for block in samples:
        if not len(block):
            continue
        emphasised = block - PRE_EMPHASIS * np.concatenate(([last], block[:-1]))
        last = float(block[-1])
        waiting = np.concatenate((waiting, emphasised))
        ready = max(0, 1 + (len(waiting) - LENGTH) // HOP)
        while ready > 0:
            count = min(ready, _BLOCK_COLUMNS)
            yield _columns(waiting[: (count - 1) * HOP + LENGTH])
            waiting = waiting[count * HOP :]
            ready -= count
            started = True
    heard = LENGTH - HOP if started else 0        # of what waits, samples that the last column had in it
    if len(waiting) > heard:
        yield _columns(np.pad(waiting, (0, LENGTH - len(waiting))))


def mfcc_windows(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield what the SyncNet of the LSE metrics hears with each video frame at 25 frames a second.

    Args:
        blocks: MFCC columns (13, n) in order, as `mfcc_blocks` gives them.

    Yields:
        (13, 20): columns 4 v .. 4 v + 19 for frame v = 0, 1, ..., as long as there are so many.
    """
    kept = np.empty((COEFFICIENTS, 0), np.float32)
    for block in blocks:
        kept = np.concatenate((kept, block), axis=1)
        start = 0
        while start + WINDOW <= kept.shape[1]:
            yield kept[:, start : start + WINDOW]
            start += COLUMNS_PER_FRAME
        kept = kept[:, start:]


def _columns(emphasised: np.ndarray) -> np.ndarray:
    """Return the MFCC columns (13, n) of all whole stretches in `emphasised`, float64 (samples,)."""
    stretches = np.lib.stride_tricks.sliding_window_view(emphasised, LENGTH)[::HOP]
    power = np.abs(np.fft.rfft(stretches, FFT, axis=1)) ** 2 / FFT
    coefficients = _cosines() @ _log(_filters() @ power.T)
    coefficients[0] = _log(power.sum(axis=1))
    return coefficients.astype(np.float32)


def _log(energy: np.ndarray) -> np.ndarray:
    return np.log(np.where(energy == 0, _SMALLEST, energy))


@lru_cache
def _filters() -> np.ndarray:
    """Return triangles (26, 257) over the FFT's bins, equally wide in mel; each peaks where its neighbours end."""
    mels = np.linspace(0, 2595 * np.log10(1 + HIGHEST_HZ / 700), FILTERS + 2)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    edges = np.floor((FFT + 1) * hertz / SAMPLE_RATE)
    bins = np.arange(FFT // 2 + 1)
    return np.stack([np.interp(bins, edges[at : at + 3], (0, 1, 0)) for at in range(FILTERS)])


@lru_cache
def _cosines() -> np.ndarray:
    """Return the orthonormal DCT-II (13, 26), each row by its lifter: written out, it needs no import of scipy."""
    row = np.arange(COEFFICIENTS)[:, None]
    cosines = np.sqrt(2 / FILTERS) * np.cos(np.pi * row * (np.arange(FILTERS) + 0.5) / FILTERS)
    return (1 + LIFTER / 2 * np.sin(np.pi * row / LIFTER)) * cosines    # row 0 would differ, but the energy replaces it
