"""How a run tells what it is doing; the library itself prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]


class Progress:
    """Receives words and progress. This one is silent; the command line has one that shows bars."""

    def say(self, text: str) -> None:
        """Take a line that a user should read."""

    def loss(self, text: str) -> None:
        """Take a line about what a result lacks that its source has: it counts also where others are details."""
        self.say(text)

    def detail(self, text: str) -> None:
        """Take a line for a user who wants to know more."""

    @contextmanager
    def stage(self, name: str, total: int, unit: str = "frame") -> Iterator[Advance]:
        """Enter a stage of `total` frames or other units; call what is given with the number of those just finished."""
        yield lambda count: None
