"""Which source frame is shown when the sound outlasts the video."""

from __future__ import annotations

from itertools import chain

import pytest

from wav2lip.pipeline.timeline import runs


def numbers(available: int, wanted: int, extend: str) -> list[int]:
    return list(chain.from_iterable(run.frames() for run in runs(available, wanted, extend)))


@pytest.mark.parametrize("extend", ["bounce", "loop", "freeze", "cut"])
def test_a_video_that_is_long_enough_plays_from_its_start(extend: str) -> None:
    assert numbers(9, 4, extend) == [0, 1, 2, 3]


def test_bounce_shows_the_turning_frames_once() -> None:
    assert numbers(4, 12, "bounce") == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]


def test_bounce_of_one_and_of_two_frames() -> None:
    assert numbers(1, 4, "bounce") == [0, 0, 0, 0]
    assert numbers(2, 5, "bounce") == [0, 1, 0, 1, 0]


def test_loop_starts_over_as_the_original_does() -> None:
    assert numbers(3, 8, "loop") == [i % 3 for i in range(8)]


def test_freeze_holds_the_last_frame_and_cut_stops() -> None:
    assert numbers(3, 6, "freeze") == [0, 1, 2, 2, 2, 2]
    assert numbers(3, 6, "cut") == [0, 1, 2]
