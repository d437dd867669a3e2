from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from wav2lip.media.rates import constant_rate, rate_for_variable

NTSC = Fraction(30000, 1001)
FILM = Fraction(24000, 1001)


def stamps(fps: Fraction, count: int, tick: Fraction) -> np.ndarray:
    return np.array([round(n / fps / tick) for n in range(count)], np.int64)


@pytest.mark.parametrize("fps", [FILM, Fraction(24), Fraction(25), NTSC, Fraction(30), Fraction(60), Fraction(120)])
@pytest.mark.parametrize("tick", [Fraction(1, 1000), Fraction(1, 90_000), Fraction(1, 15_360)])
def test_a_standard_rate_is_recognised_through_the_rounding_of_its_time_stamps(fps: Fraction, tick: Fraction) -> None:
    assert constant_rate(stamps(fps, 300, tick), tick, []) == fps


def test_a_rate_that_the_file_states_is_believed_where_the_stamps_agree() -> None:
    tick = Fraction(1, 1000)
    few = stamps(FILM, 5, tick)
    assert constant_rate(few, tick, [FILM]) == FILM
    assert constant_rate(few, tick, [Fraction(24)]) == Fraction(24)
    assert constant_rate(stamps(FILM, 300, tick), tick, [Fraction(24)]) == FILM


def test_an_odd_rate_stays_exact() -> None:
    odd = Fraction(1350, 61)
    assert constant_rate(stamps(odd, 100, Fraction(1, 10_800)), Fraction(1, 10_800), []) == odd


def test_jitter_below_half_a_frame_is_still_a_constant_rate() -> None:
    jitter = np.random.default_rng(0).integers(-200, 200, 300)           # of 1001 units a frame
    assert constant_rate(stamps(NTSC, 300, Fraction(1, 30_000)) + jitter, Fraction(1, 30_000), []) == NTSC


def test_one_dropped_picture_makes_a_rate_variable() -> None:
    tick = Fraction(1, 25)
    assert constant_rate(np.array([0, 2, 3, 4, 5, 6]), tick, [Fraction(25)]) is None
    assert rate_for_variable(np.array([0, 2, 3, 4, 5, 6]), tick, [Fraction(25)]) == 25


def test_a_variable_rate_becomes_the_one_of_its_fast_passages() -> None:
    numbers = np.array([n for n in range(200) if n % 4 != 1 and not 50 < n < 90])
    assert rate_for_variable(numbers * 512, Fraction(1, 15_360), []) == 30


def test_a_variable_rate_becomes_at_most_60_frames_a_second() -> None:
    numbers = np.array([0, 1, 2, 3, 5, 6, 7, 8])
    assert rate_for_variable(numbers, Fraction(1, 240), []) == 60
