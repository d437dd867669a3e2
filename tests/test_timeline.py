"""Which source frame is shown when the sound outlasts the video."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
from media_samples import number_of, numbered_video

from wav2lip.media.geometry import Geometry
from wav2lip.media.probe import probe
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.timeline import runs


def numbers(available: int, wanted: int, extend: str) -> list[int]:
    return list(chain.from_iterable(run.frames() for run in runs(available, wanted, extend)))


@pytest.mark.parametrize("extend", ["bounce", "loop", "freeze", "stretch", "cut"])
def test_a_video_that_is_long_enough_plays_from_its_start(extend: str) -> None:
    assert numbers(9, 4, extend) == [0, 1, 2, 3]


def test_bounce_shows_the_turning_frames_once() -> None:
    assert numbers(4, 12, "bounce") == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]


def test_bounce_of_one_and_of_two_frames() -> None:
    assert numbers(1, 4, "bounce") == [0, 0, 0, 0]
    assert numbers(2, 5, "bounce") == [0, 1, 0, 1, 0]


def test_one_frame_is_read_once_however_long_it_is_shown() -> None:
    for extend in ("loop", "bounce", "freeze"):
        assert len(list(runs(1, 1000, extend))) == 2


def test_loop_starts_over_as_the_original_does() -> None:
    assert numbers(3, 8, "loop") == [i % 3 for i in range(8)]


def test_freeze_holds_the_last_frame_and_cut_stops() -> None:
    assert numbers(3, 6, "freeze") == [0, 1, 2, 2, 2, 2]
    assert numbers(3, 6, "cut") == [0, 1, 2]


def test_stretch_repeats_frames_evenly_and_shows_all() -> None:
    assert numbers(4, 7, "stretch") == [0, 0, 1, 1, 2, 2, 3]
    assert numbers(3, 9, "stretch") == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert numbers(1, 3, "stretch") == [0, 0, 0]
    for wanted in (1001, 1500, 99_999):
        shown = numbers(1000, wanted, "stretch")
        times = [shown.count(number) for number in (0, 1, 499, 998, 999)]
        assert len(shown) == wanted
        assert shown == sorted(shown)
        assert set(shown) == set(range(1000))
        assert {wanted // 1000, -(-wanted // 1000)} >= set(times)


@pytest.mark.parametrize("extend", ["bounce", "loop", "freeze", "stretch", "cut"])
def test_the_frames_read_are_those_of_the_plan(extend: str, tmp_path: Path) -> None:
    source = Source(probe(numbered_video(tmp_path / "numbers.mp4", 6)), Geometry())
    played = list(source.play(runs(6, 16, extend)))
    assert [number for number, _ in played] == numbers(6, 16, extend)
    assert [number_of(frame) for _, frame in played] == numbers(6, 16, extend)
