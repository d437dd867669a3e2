"""Log-mel spectrogram of speech, column for column as the published networks were trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np

from wav2lip.speech.basis import FFT, SAMPLE_RATE, mel_basis

HOP = 200                                         # samples: 12.5 ms
COLUMNS_PER_SECOND = SAMPLE_RATE // HOP           # 80
PRE_EMPHASIS = 0.97
FLOOR = np.float32(1e-5)                          # amplitude: -100 dB; float32 so that nothing is promoted
REFERENCE_DB = 20                                 # subtracted before scaling
SILENCE, LOUDEST = -4.0, 4.0                      # the range of the output
SCALE = (LOUDEST - SILENCE) / 100                 # per dB: -100 dB is silence, 0 dB the loudest

_HALF = FFT // 2
_BLOCK_COLUMNS = 4096                             # about 51 s: bounds memory, not results


def log_mel(waveform: np.ndarray) -> np.ndarray:
    """Return the log-mel spectrogram of a whole waveform.

    Args:
        waveform: mono float32 (samples,) at 16 kHz in [-1, 1], at least one sample.

    Returns:
        float32 (80, 1 + samples // 200) in [-4, 4], 80 columns a second; column k is centred at k / 80 s.

    Source: the original program's audio settings, with the reflect padding it got from librosa 0.7.
    """
    return np.concatenate(list(mel_blocks([waveform])), axis=1)


def mel_blocks(samples: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Turn a stream of samples into a stream of mel columns; joined, they equal `log_mel` of the joined samples.

    Args:
        samples: blocks of mono float32 at 16 kHz in [-1, 1], of any lengths.

    Yields:
        float32 (80, columns), at most a minute at a time. Nothing when there is no sample at all.
    """
    last = 0.0                                    # the sample before the block, for the pre-emphasis
    padded = np.empty(0)                          # emphasised samples from the next column's window on
    started = False
    for block in samples:
        if not len(block):
            continue
        emphasised = block - PRE_EMPHASIS * np.concatenate(([last], block[:-1]))
        last = float(block[-1])
        padded = np.concatenate((padded, emphasised))
        if not started and len(padded) > _HALF:   # a reflection needs one sample more than its length
            padded = np.pad(padded, (_HALF, 0), mode="reflect")
            started = True
        # The last samples wait for more: if none come, they are what the end is reflected from.
        ready = (len(padded) - FFT - _HALF) // HOP if started else 0
        while ready > 0:
            count = min(ready, _BLOCK_COLUMNS)
            yield _columns(padded[: (count - 1) * HOP + FFT])
            padded = padded[count * HOP :]
            ready -= count
    if len(padded):
        padded = np.pad(padded, (0 if started else _HALF, _HALF), mode="reflect")
        yield _columns(padded)


def _columns(padded: np.ndarray) -> np.ndarray:
    """Return the mel columns (80, n) of all whole windows in `padded`, float64 (samples,)."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    spectrum = np.abs(np.fft.rfft(windows * _hann(), axis=1).astype(np.complex64))
    mel = mel_basis() @ spectrum.T
    decibel = 20 * np.log10(np.maximum(FLOOR, mel)) - REFERENCE_DB
    return np.clip(SCALE * (decibel + 100) + SILENCE, SILENCE, LOUDEST).astype(np.float32, copy=False)


@lru_cache
def _hann() -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)   # periodic
