"""Each frame hears the speech of its own moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wav2lip.speech.mel import SILENCE
from wav2lip.speech.windows import (
    WINDOW,
    mel_windows,
    original_frames,
    original_windows,
    sound_frames,
    window_start,
    windows_at,
)

RATES = [Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction("22.13"), Fraction(60), Fraction(25, 2)]


def numbered(columns: int, block: int = 37) -> Iterator[np.ndarray]:
    """A spectrogram whose column k holds the number k, in blocks."""
    mel = np.broadcast_to(np.arange(columns, dtype=np.float32), (80, columns))
    for at in range(0, columns, block):
        yield mel[:, at : at + block]


def starts(windows: Iterator[np.ndarray]) -> list[int]:
    return [int(window[0, 0]) for window in windows]


def test_window_starts_equal_the_originals(shared: Path) -> None:
    golden = json.loads((shared / "reference" / "golden" / "mel_window_starts.json").read_text())
    assert golden
    for case, expected in golden.items():
        columns, fps = case.split("@")
        assert starts(original_windows(numbered(int(columns)), Fraction(fps))) == expected, case
        # The windows of our own rule start at the same columns as long as the original has whole ones.
        ours = starts(mel_windows(numbered(int(columns)), Fraction(fps), len(expected) - 1))
        assert ours == expected[:-1], case


@pytest.mark.parametrize("fps", RATES)
def test_a_window_starts_at_the_frames_own_time_and_never_drifts(fps: Fraction) -> None:
    for frame in [0, 1, 2, 3, 7, 1000, 123_457, 10**7]:
        start = window_start(frame, fps)
        assert start <= 80 * frame / fps < start + 1


@pytest.mark.parametrize("fps", RATES)
def test_windows_of_some_frames_are_those_of_all(fps: Fraction) -> None:
    chosen = [0, 3, 4, 900, 1500, 3999]       # some far apart, one beyond the end of the sound
    every = list(mel_windows(numbered(8000, 500), fps, 4000))
    for frame, window in zip(chosen, windows_at(numbered(8000, 500), fps, chosen), strict=True):
        np.testing.assert_array_equal(window, every[frame])


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("block", [1, 16, 333])
def test_windows_hold_the_columns_that_follow_their_start(fps: Fraction, block: int) -> None:
    for frame, window in enumerate(mel_windows(numbered(400, block), fps, 40)):
        start = window_start(frame, fps)
        assert window.shape == (80, WINDOW)
        np.testing.assert_array_equal(window[0], np.arange(start, start + WINDOW))


def test_past_the_end_there_is_silence() -> None:
    windows = list(mel_windows(numbered(20), Fraction(25), 9))
    np.testing.assert_array_equal(windows[3][5], [*range(9, 20), *[SILENCE] * 5])    # frame 3 starts at column 9
    assert (windows[6][:, 1] == SILENCE).all()                                       # column 19 is the last
    assert (windows[7] == SILENCE).all()
    assert (windows[8] == SILENCE).all()


def test_a_sound_shorter_than_a_window_still_gives_one() -> None:
    (window,) = mel_windows(numbered(3), Fraction(25), 1)
    np.testing.assert_array_equal(window[0], [0, 1, 2, *[SILENCE] * 13])
    (window,) = mel_windows([], Fraction(25), 1)
    assert (window == SILENCE).all()


def test_a_slow_video_that_leaps_over_columns_gets_its_own() -> None:
    assert starts(mel_windows(numbered(800, 5), Fraction(1), 10)) == [80 * frame for frame in range(10)]


def test_the_original_rule_needs_a_whole_window() -> None:
    with pytest.raises(ValueError, match="15 mel columns"):
        list(original_windows(numbered(15), Fraction(25)))
    assert starts(original_windows(numbered(16), Fraction(25))) == [0, 0]


def test_a_video_lasts_as_long_as_the_sound_with_nothing_left_over() -> None:
    assert sound_frames(16_000, Fraction(25)) == 25
    assert sound_frames(16_001, Fraction(25)) == 26
    assert sound_frames(1, Fraction(25)) == 1
    assert sound_frames(3600 * 16_000, Fraction(24000, 1001)) == 86_314    # 86313.69 frames


@pytest.mark.parametrize("fps", RATES)
def test_the_originals_number_of_frames_is_told_beforehand(fps: Fraction) -> None:
    assert original_frames(14 * 200, fps) == 0
    for samples in [15 * 200, 15 * 200 + 199, 3333, 12_345, 16_000, 48_000, 100_001]:
        windows = original_windows(numbered(1 + samples // 200), fps)
        frames = len(list(windows))
        assert original_frames(samples, fps) == frames
        assert original_frames(samples, fps, tail=False) == frames - 1
