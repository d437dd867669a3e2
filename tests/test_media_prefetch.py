from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from wav2lip.media.prefetch import prefetch, side_by_side


def test_all_items_come_in_order() -> None:
    assert list(prefetch(range(1000), 3)) == list(range(1000))
    assert list(prefetch([], 1)) == []
    assert list(prefetch([None, False, 0], 2)) == [None, False, 0]


def test_the_source_runs_ahead_but_no_further_than_asked() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    items = prefetch(source(), 4)
    assert made == []
    next(items)
    deadline = time.monotonic() + 5
    while len(made) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 6                                        # one taken, four waiting, one in hand
    items.close()


def test_told_to_the_source_runs_before_anything_is_asked_for() -> None:
    begun, closed = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        try:
            begun.set()
            yield from (1, 2)
        finally:
            closed.set()

    items = prefetch(source(), 1, at_once=True)
    assert begun.wait(5)
    assert list(items) == [1, 2]
    assert closed.wait(5)
    begun.clear()
    closed.clear()
    unused = prefetch(source(), 1, at_once=True)
    assert begun.wait(5)
    unused.close()
    assert closed.is_set()


def test_an_error_comes_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    got: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        got.extend(prefetch(source(), 5))
    assert got == [1, 2] or got == []
    items = prefetch(source(), 5)
    assert (next(items), next(items)) == (1, 2)
    with pytest.raises(ValueError, match="broken"):
        next(items)


@pytest.mark.parametrize("depth", [1, 5])
def test_leaving_early_closes_the_source_and_ends_the_thread(depth: int) -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed.set()

    before = threading.active_count()
    items = prefetch(source(), depth)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    items.close()
    assert closed.is_set()
    assert threading.active_count() == before


def test_one_prefetch_can_feed_another() -> None:
    items = prefetch((2 * number for number in prefetch(range(10**9), 2)), 2)
    assert [next(items) for _ in range(3)] == [0, 2, 4]
    items.close()


def test_what_is_made_side_by_side_comes_in_order() -> None:
    def make(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return 10 * number

    for count in (1, 2, 3):
        assert list(side_by_side(make, range(50), count)) == list(range(0, 500, 10))
    assert list(side_by_side(make, [], 2)) == []


def test_two_are_made_at_a_time() -> None:
    both = threading.Barrier(2)
    assert list(side_by_side(lambda number: both.wait(10) >= 0, range(6), 2)) == [True] * 6


def test_the_first_is_there_before_the_next_item_is() -> None:
    seen = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert seen.wait(10)
        yield 2

    made = side_by_side(lambda number: number, items(), 2)
    assert next(made) == 1
    seen.set()
    assert list(made) == [2]


def test_an_error_in_one_of_them_comes_in_its_turn_and_no_more_are_begun() -> None:
    begun: list[int] = []

    def make(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    made = side_by_side(make, range(1000), 2)
    got = []
    with pytest.raises(ValueError, match="three"):
        got.extend(made)
    assert begun[:3] == [0, 1, 2]
    assert max(begun) < 10


def test_closing_waits_for_what_is_being_made() -> None:
    running = threading.active_count()
    made = side_by_side(lambda number: time.sleep(0.05), range(10**9), 2)
    next(made)
    made.close()
    assert threading.active_count() == running
