"""The MFCCs are, column for column, those of python_speech_features, and come in a stream."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from python_speech_features import mfcc

from wav2lip.speech.mel import SAMPLE_RATE
from wav2lip.speech.mfcc import mfcc_blocks, mfcc_windows

TOLERANCE = 1e-4


def whole(samples: np.ndarray) -> np.ndarray:
    return np.concatenate(list(mfcc_blocks([samples])), axis=1)


def noise(count: int, loudness: int = 32_767) -> np.ndarray:
    return np.random.default_rng(4).integers(-loudness, loudness, count, np.int16, endpoint=True)


def sine(hertz: float, count: int = 8000, amplitude: float = 20_000) -> np.ndarray:
    return np.round(amplitude * np.sin(2 * np.pi * hertz * np.arange(count) / SAMPLE_RATE)).astype(np.int16)


SOUNDS = {
    "noise": noise(16_000),
    "the faintest noise": noise(16_000, 1),
    "220 Hz": sine(220),
    "1 kHz": sine(1000),
    "7.9 kHz": sine(7900),
    "the loudest square wave": np.where(sine(125) > 0, 32_767, -32_768).astype(np.int16),
    "silence": np.zeros(8000, np.int16),
    "a constant": np.full(8000, -12_345, np.int16),
    "a click in silence": np.where(np.arange(8000) == 4000, 32_767, 0).astype(np.int16),
    "silence after noise": np.concatenate((noise(3000), np.zeros(5000, np.int16))),
}


@pytest.mark.parametrize("sound", SOUNDS)
def test_mfccs_are_those_of_python_speech_features(sound: str) -> None:
    theirs = mfcc(SOUNDS[sound], SAMPLE_RATE).T
    ours = whole(SOUNDS[sound])
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < TOLERANCE


@pytest.mark.parametrize("count", [1, 2, 159, 160, 161, 240, 241, 399, 400, 401, 559, 560, 561, 720, 721, 4000, 4001])
@pytest.mark.parametrize("block", [1, 7, 160, 333, 400, 100_000])
def test_a_stream_gives_as_many_columns_as_python_speech_features_and_the_same(count: int, block: int) -> None:
    samples = noise(count)
    stream = np.concatenate(list(mfcc_blocks(samples[at : at + block] for at in range(0, count, block))), axis=1)
    theirs = mfcc(samples, SAMPLE_RATE).T
    assert stream.shape == whole(samples).shape == theirs.shape == (13, 1 + max(0, -(-(count - 400) // 160)))
    assert np.abs(stream - theirs).max() < TOLERANCE
    assert np.abs(stream - whole(samples)).max() < 1e-5


def test_samples_are_on_the_scale_of_int16_whatever_their_type() -> None:
    np.testing.assert_array_equal(whole(noise(2000).astype(np.float32)), whole(noise(2000)))


def test_a_long_sound_comes_in_pieces_of_at_most_a_minute() -> None:
    for samples in ([noise(SAMPLE_RATE)] * 130, [np.tile(noise(SAMPLE_RATE), 130)]):
        pieces = list(mfcc_blocks(samples))
        assert sum(piece.shape[1] for piece in pieces) == 130 * 100 - 1
        assert max(piece.shape[1] for piece in pieces) <= 60 * 100


def test_empty_blocks_and_an_empty_stream_are_nothing() -> None:
    nothing = np.empty(0, np.int16)
    assert list(mfcc_blocks([])) == []
    assert list(mfcc_blocks([nothing])) == []
    parts = [nothing, noise(3000)[:1000], nothing, noise(3000)[1000:], nothing]
    np.testing.assert_allclose(np.concatenate(list(mfcc_blocks(parts)), axis=1), whole(noise(3000)), rtol=0, atol=1e-5)


def test_the_samples_given_are_not_changed() -> None:
    samples = noise(2000)
    whole(samples)
    np.testing.assert_array_equal(samples, noise(2000))


@pytest.mark.parametrize("block", [1, 3, 19, 20, 21, 1000])
@pytest.mark.parametrize("columns", [0, 19, 20, 23, 24, 25, 101])
def test_each_frame_hears_the_twenty_columns_from_its_own_time_on(columns: int, block: int) -> None:
    numbered = np.tile(np.arange(columns, dtype=np.float32), (13, 1))
    windows = list(mfcc_windows(numbered[:, at : at + block] for at in range(0, columns, block)))
    assert len(windows) == max(0, (columns - 20) // 4 + 1)
    for frame, window in enumerate(windows):
        np.testing.assert_array_equal(window, np.tile(4 * frame + np.arange(20.0), (13, 1)))


@pytest.mark.parametrize(("more", "windows"), [(0, 20), (80, 20), (81, 21), (639, 21)])
def test_what_sounds_after_the_last_whole_frame_may_be_enough_for_one_window_more(more: int, windows: int) -> None:
    assert len(list(mfcc_windows(mfcc_blocks([noise(25 * 640 + more)])))) == windows


def test_mfccs_need_no_scipy() -> None:
    code = (
        "import sys, numpy as np\n"
        "from wav2lip.speech.mfcc import mfcc_blocks\n"
        "list(mfcc_blocks([np.ones(1000, np.int16)]))\n"
        "print('scipy' in sys.modules)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
