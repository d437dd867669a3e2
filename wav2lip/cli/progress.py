"""Words and bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wav2lip.progress import Advance, Progress


class TerminalProgress(Progress):
    """Bars and lines on stderr; stdout stays free for results.

    Args:
        level: -1 shows nothing, 0 what matters, 1 details too.
    """

    def __init__(self, level: int):
        self.level = level

    def say(self, text: str) -> None:
        if self.level >= 0:
            self._print(text)

    def detail(self, text: str) -> None:
        if self.level >= 1:
            self._print(text)

    @contextmanager
    def stage(self, name: str, total: int, unit: str = "frame") -> Iterator[Advance]:
        from tqdm import tqdm

        # disable=None: no bar where stderr is not a terminal.
        disable = True if self.level < 0 else None
        with tqdm(total=total, desc=name, unit=unit, file=sys.stderr, disable=disable, dynamic_ncols=True) as bar:
            yield bar.update

    @staticmethod
    def _print(text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)
