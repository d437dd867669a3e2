"""The spectrogram is, column for column, the one that the published networks were trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wav2lip.speech.basis import librosa_basis, mel_basis
from wav2lip.speech.mel import HOP, LOUDEST, SAMPLE_RATE, SILENCE, log_mel, mel_blocks

TOLERANCE = 1e-4
OUR_MEL = Path(__file__).parent / "data" / "mel.npz"


def sweep(samples: int = 24_000) -> np.ndarray:
    """A voice-like sound that needs no file: a buzz that rises from 80 to 400 Hz and swells three times a second."""
    t = np.arange(samples) / SAMPLE_RATE
    phase = 2 * np.pi * (80 * t + 320 * t**2 / (2 * samples / SAMPLE_RATE))
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.3 * buzz * np.sin(3 * np.pi * t) ** 2).astype(np.float32)


def streamed(waveform: np.ndarray, block: int) -> np.ndarray:
    blocks = [waveform[at : at + block] for at in range(0, len(waveform), block)]
    return np.concatenate(list(mel_blocks(blocks)), axis=1)


def test_mel_equals_the_reference(shared: Path) -> None:
    with np.load(shared / "reference" / "golden" / "mel.npz") as golden:
        mel = log_mel(golden["wav"])
        assert mel.dtype == np.float32
        assert mel.shape == golden["mel"].shape
        assert np.abs(mel - golden["mel"]).max() < TOLERANCE


def test_mel_is_still_the_one_that_was_checked_against_the_reference() -> None:
    with np.load(OUR_MEL) as recorded:
        np.testing.assert_allclose(log_mel(sweep())[::2, ::3], recorded["mel"], rtol=0, atol=TOLERANCE)


def test_the_stored_filter_bank_is_librosas() -> None:
    np.testing.assert_allclose(mel_basis(), librosa_basis(), rtol=1e-6, atol=0)
    assert mel_basis().dtype == np.float32


def test_two_tones_stand_in_the_bands_where_the_published_settings_put_them() -> None:
    n = np.arange(SAMPLE_RATE)
    tones = 0.5 * np.sin(2 * np.pi * 220 * n / SAMPLE_RATE) + 0.25 * np.sin(2 * np.pi * 1000 * n / SAMPLE_RATE)
    column = log_mel(tones.astype(np.float32))[:, 40]
    # Slaney's mel scale: 200/3 Hz a mel up to 1 kHz, then 27 mels a factor of 6.4; 80 bands from 55 to 7600 Hz.
    lowest, highest = 55 * 3 / 200, 15 + 27 * np.log(7.6) / np.log(6.4)
    low, high = (round(81 * (hertz * 3 / 200 - lowest) / (highest - lowest)) - 1 for hertz in (220, 1000))
    assert column[:15].argmax() == low
    assert 15 + column[15:].argmax() == high


@pytest.mark.parametrize("samples", [1, 10, 399, 400, 401, 402, 800, 1000, 1201, 5000, 23_999])
@pytest.mark.parametrize("block", [1, 7, 200, 333, 4096])
def test_a_stream_gives_the_columns_of_the_whole(samples: int, block: int) -> None:
    waveform = sweep()[:samples]
    whole, stream = log_mel(waveform), streamed(waveform, block)
    assert stream.shape == whole.shape == (80, 1 + samples // HOP)
    assert np.abs(stream - whole).max() < 1e-5


def test_a_long_sound_comes_in_pieces_of_at_most_a_minute() -> None:
    pieces = list(mel_blocks(np.zeros(SAMPLE_RATE, np.float32) for _ in range(130)))
    assert sum(piece.shape[1] for piece in pieces) == 1 + 130 * 80
    assert max(piece.shape[1] for piece in pieces) <= 60 * 80


def test_empty_blocks_and_an_empty_stream_are_nothing() -> None:
    assert list(mel_blocks([])) == []
    assert list(mel_blocks([np.empty(0, np.float32)])) == []
    waveform, nothing = sweep(3000), np.empty(0, np.float32)
    first, second = waveform[:1000], waveform[1000:]
    with_empty, without = (
        np.concatenate(list(mel_blocks(parts)), axis=1)
        for parts in ([nothing, first, nothing, second, nothing], [first, second])
    )
    np.testing.assert_array_equal(with_empty, without)


@pytest.mark.parametrize("samples", [1, 300, 16_000])
def test_silence_is_minus_four_everywhere(samples: int) -> None:
    assert (log_mel(np.zeros(samples, np.float32)) == SILENCE).all()


def test_nothing_is_louder_than_four() -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, 8000).astype(np.float32)
    mel = log_mel(1000 * noise)
    assert mel.max() == LOUDEST
    assert mel.min() >= SILENCE


def test_the_samples_given_are_not_changed() -> None:
    waveform = sweep(2000)
    before = waveform.copy()
    log_mel(waveform)
    np.testing.assert_array_equal(waveform, before)
