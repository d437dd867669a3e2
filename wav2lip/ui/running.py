"""Work that somebody watches, and may stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from wav2lip.progress import Advance, Progress

Answer = TypeVar("Answer")
GLANCE = 0.2        # seconds between two looks


@dataclass(frozen=True)
class Stage:
    """How far the work is.

    Attributes:
        name: of the stage, as the command line has it.
        done, total: frames, or other units.
        unit: of these.
        words: what was said so far that a person should read.
    """

    name: str = "Starting"
    done: int = 0
    total: int = 0
    unit: str = "frame"
    words: tuple[str, ...] = ()


class Running(Progress, Generic[Answer]):
    """Work in a thread of its own. It is stopped as Ctrl-C stops the command line, where it next tells how far it is.

    Args:
        work: is given this object as its progress.
        turn: held while it works.
    """

    def __init__(self, work: Callable[[Progress], Answer], turn: threading.Lock):
        self.stage_now = Stage()
        self._work, self._turn = work, turn
        self._stop, self._ended = threading.Event(), threading.Event()
        self._answer: Answer | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Ask it to end."""
        self._stop.set()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._ended.wait()

    def watch(self) -> Iterator[Stage]:
        """Yield how far it is, several times a second, until it has ended."""
        while not self._ended.wait(GLANCE):
            yield self.stage_now

    def answer(self) -> Answer:
        """Return what the work has returned, or raise what it has raised, once it has ended."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._answer    # type: ignore[return-value]

    def say(self, text: str) -> None:
        self._check()
        self.stage_now = replace(self.stage_now, words=(*self.stage_now.words, text))

    def detail(self, text: str) -> None:
        self._check()

    @contextmanager
    def stage(self, name: str, total: int, unit: str = "frame") -> Iterator[Advance]:
        self._check()
        self.stage_now = Stage(name, 0, total, unit, self.stage_now.words)

        def advance(count: int) -> None:
            self._check()
            now = self.stage_now
            if now.name == name:
                self.stage_now = replace(now, done=now.done + count)

        yield advance

    def _check(self) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt

    def _run(self) -> None:
        try:
            with self._turn:
                self._check()
                self._answer = self._work(self)
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()
