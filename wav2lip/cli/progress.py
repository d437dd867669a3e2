"""Words and bars on stderr, or what is told of them in JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wav2lip.cli.stderr import EVERY, JsonLines, json_lines
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
            self._print("say", text)

    def detail(self, text: str) -> None:
        if self.level >= 1:
            self._print("detail", text)

    @contextmanager
    def stage(self, name: str, total: int, unit: str = "frame") -> Iterator[Advance]:
        lines = json_lines()
        if lines is not None and self.level >= 0:
            with _told(lines, name, total, unit) as advance:
                yield advance
            return

        from tqdm import tqdm

        # disable=None: no bar where stderr is not a terminal.
        disable = True if self.level < 0 else None
        with tqdm(total=total, desc=name, unit=unit, file=sys.stderr, disable=disable, dynamic_ncols=True) as bar:
            yield bar.update

    @staticmethod
    def _print(event: str, text: str) -> None:
        lines = json_lines()
        if lines is not None:
            lines.event(event, text=text)
            return

        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)


@contextmanager
def _told(lines: JsonLines, name: str, total: int, unit: str) -> Iterator[Advance]:
    """Tell of a stage: that it begins, how far it is twice a second at most, and how far it was at its end."""
    about = {"stage": name, "total": total, "unit": unit}
    lines.event("stage", **about)
    done, last = 0, time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if count and now - last >= EVERY:
            last = now
            lines.event("progress", done=done, **about)

    try:
        yield advance
    finally:
        lines.event("progress", done=done, **about)
