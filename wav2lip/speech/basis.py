"""The mel filter bank: librosa's, stored, because importing what makes it takes librosa two seconds.

`python -m wav2lip.speech.basis` makes the file anew.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16_000                              # Hz
FFT = 800                                         # samples
BANDS = 80
LOWEST_HZ, HIGHEST_HZ = 55, 7600

_FILE = Path(__file__).with_name("mel_basis.npz")


@lru_cache
def mel_basis() -> np.ndarray:
    """Return the weights of the frequencies in each mel band, float32 (80, 401)."""
    with np.load(_FILE, allow_pickle=False) as file:
        basis = np.zeros((BANDS, FFT // 2 + 1), np.float32)
        basis[file["band"], file["frequency"]] = file["weight"]
    return basis


def librosa_basis() -> np.ndarray:
    """Return the same, made by librosa."""
    from librosa.filters import mel

    return np.asarray(mel(sr=SAMPLE_RATE, n_fft=FFT, n_mels=BANDS, fmin=LOWEST_HZ, fmax=HIGHEST_HZ))


if __name__ == "__main__":
    made = librosa_basis()
    bands, frequencies = made.nonzero()           # 2 % of them
    np.savez_compressed(
        _FILE, band=bands.astype(np.uint8), frequency=frequencies.astype(np.uint16), weight=made[bands, frequencies]
    )
