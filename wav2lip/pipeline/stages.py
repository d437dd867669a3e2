"""Whose time is it? Stages that run in each other and in several threads, each charged with its own share only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


@dataclass
class Spent:
    """What a stage has taken so far: seconds in which some thread was in it, and those that its threads computed."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


class StageClock:
    """Seconds by stage.

    A thread that enters a stage within another leaves the outer one until it comes back. Stage None is nobody's: in it
    a thread waits for another one, whose time is counted there.

    Args:
        now: the time, in seconds.
        cpu: what the calling thread has computed so far, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter, cpu: Callable[[], float] = time.thread_time):
        self._now, self._cpu = now, cpu
        self._here = threading.local()
        self._lock = threading.Lock()
        self._inside: dict[str, tuple[int, float]] = {}    # threads that are in a stage, and since when there are any
        self.spent: dict[str, Spent] = {}

    @contextmanager
    def stage(self, name: str | None) -> Iterator[None]:
        """Charge a stage with what happens inside; the thread that enters has to be the one that leaves."""
        stack: list[str | None] = self._here.__dict__.setdefault("stack", [])
        self._pass(stack[-1] if stack else None, name)
        stack.append(name)
        try:
            yield
        finally:
            stack.pop()
            self._pass(name, stack[-1] if stack else None)

    def items(self, name: str | None, iterable: Iterable[Item]) -> Generator[Item]:
        """Yield the items of an iterable; a stage is charged with what they take to make, and to close."""
        iterator = iter(iterable)
        try:
            while True:
                with self.stage(name):
                    item = next(iterator, _END)
                if item is _END:
                    return
                yield item    # type: ignore[misc]
                del item
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                with self.stage(name):
                    close()

    def add(self, name: str, seconds: float, cpu_seconds: float) -> None:
        """Charge a stage with what was measured elsewhere."""
        with self._lock:
            spent = self.spent.setdefault(name, Spent())
            spent.seconds += seconds
            spent.cpu_seconds += cpu_seconds

    def _pass(self, left: str | None, entered: str | None) -> None:
        """Note that this thread goes from one stage to another, and charge the first one."""
        with self._lock:
            now, cpu = self._now(), self._cpu()
            if left is not None:
                count, since = self._inside[left]
                self._inside[left] = count - 1, since
                spent = self.spent.setdefault(left, Spent())
                spent.seconds += now - since if count == 1 else 0.0
                spent.cpu_seconds += cpu - self._here.cpu
            if entered is not None:
                count, since = self._inside.get(entered, (0, now))
                self._inside[entered] = count + 1, since if count else now
            self._here.cpu = cpu
