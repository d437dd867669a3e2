"""Time by stage: nested, in several threads, given up and thrown out of, by clocks that only move when told."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from wav2lip.pipeline.stages import Spent, StageClock


class Clocks:
    """A watch and a thread's CPU clock: `work` moves both, `wait` only the watch."""

    def __init__(self) -> None:
        self.now = self.cpu = 0.0

    def work(self, seconds: float) -> None:
        self.now += seconds
        self.cpu += seconds

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def clock(clocks: Clocks) -> StageClock:
    return StageClock(lambda: clocks.now, lambda: clocks.cpu)


def test_an_inner_stage_stops_the_outer_ones_clock(clocks: Clocks, clock: StageClock) -> None:
    with clock.stage("compose"):
        clocks.work(1)
        with clock.stage("generate"):
            clocks.work(2)
            clocks.wait(3)
        clocks.work(4)
        with clock.stage("compose"):
            clocks.work(5)
    clocks.work(100)
    assert clock.spent == {"compose": Spent(10, 10), "generate": Spent(5, 2)}


def test_time_between_stages_and_in_stage_none_is_nobodys(clocks: Clocks, clock: StageClock) -> None:
    clocks.work(1)
    with clock.stage("compose"):
        with clock.stage(None):
            clocks.wait(2)
            with clock.stage("decode"):
                clocks.work(4)
            clocks.wait(8)
        clocks.work(16)
    clocks.work(32)
    with clock.stage("compose"):
        clocks.work(64)
    assert clock.spent == {"compose": Spent(80, 80), "decode": Spent(4, 4)}


def test_a_stage_that_fails_is_charged_and_left(clocks: Clocks, clock: StageClock) -> None:
    def fail() -> None:
        with clock.stage("decode"):
            clocks.work(1)
            raise ValueError("broken")

    with clock.stage("load"):
        with pytest.raises(ValueError, match="broken"):
            fail()
        clocks.work(2)
    assert clock.spent == {"decode": Spent(1, 1), "load": Spent(2, 2)}


def test_items_are_charged_for_being_made_and_closed_but_not_for_being_used(clocks: Clocks, clock: StageClock) -> None:
    def make() -> Iterator[int]:
        try:
            for number in range(10):
                clocks.work(1)
                yield number
        finally:
            clocks.work(100)

    items = clock.items("decode", make())
    assert next(items) == 0
    clocks.work(1000)
    assert next(items) == 1
    items.close()
    assert clock.spent == {"decode": Spent(102, 102)}


def test_generators_in_generators_are_each_charged_with_their_own(clocks: Clocks, clock: StageClock) -> None:
    def frames() -> Iterator[int]:
        for number in range(3):
            clocks.work(1)
            yield number

    def doubled(given: Iterator[int]) -> Iterator[int]:
        for number in given:
            clocks.work(10)
            yield 2 * number

    pipeline = clock.items("compose", doubled(clock.items("decode", frames())))
    assert list(pipeline) == [0, 2, 4]
    assert clock.spent == {"compose": Spent(30, 30), "decode": Spent(3, 3)}


def test_threads_have_stages_of_their_own(clocks: Clocks, clock: StageClock) -> None:
    inside, leave = threading.Event(), threading.Event()

    def decode() -> None:
        with clock.stage("decode"):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=decode)
    with clock.stage("encode"):
        thread.start()
        assert inside.wait(10)
        clocks.wait(5)
        leave.set()
        thread.join()
    assert clock.spent == {"decode": Spent(5, 0), "encode": Spent(5, 0)}


def test_what_was_measured_elsewhere_is_added(clocks: Clocks, clock: StageClock) -> None:
    with clock.stage("encode"):
        clocks.wait(1)
    clock.add("encode", 0, 7)
    assert clock.spent == {"encode": Spent(1, 7)}


def test_seconds_of_two_threads_in_one_stage_count_once_and_what_they_compute_twice(
    clocks: Clocks, clock: StageClock
) -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with clock.stage("generate"):
            inside.set()
            assert leave.wait(10)

    thread = threading.Thread(target=other)
    with clock.stage("generate"):
        clocks.work(1)
        thread.start()
        assert inside.wait(10)
        clocks.work(2)
    clocks.work(4)
    leave.set()
    thread.join()
    assert clock.spent == {"generate": Spent(7, 9)}
