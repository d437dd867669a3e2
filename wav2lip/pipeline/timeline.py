"""Which source frame each output frame shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import floor
from typing import NamedTuple

from wav2lip.pipeline.options import Extend


class Run(NamedTuple):
    """Source frames start, start + step, start + 2 * step, ..., rounded down: `length` of them.

    Step is -1, or from 0 to 1: below 1 frames come several times.
    """

    start: int | Fraction
    length: int
    step: int | Fraction

    @property
    def first(self) -> int:
        """Its first source frame."""
        return floor(self.start)

    @property
    def pictures(self) -> int:
        """How many source frames it shows."""
        return abs(floor(self.start + (self.length - 1) * self.step) - self.first) + 1

    def frames(self) -> Iterator[int]:
        return (floor(self.start + i * self.step) for i in range(self.length))

    def after(self, frames: int) -> Run:
        """Return what is left of it after so many frames."""
        return Run(self.start + frames * self.step, self.length - frames, self.step)


def runs(available: int, wanted: int, extend: Extend) -> Iterator[Run]:
    """Split `wanted` output frames into runs of the `available` source frames.

    bounce plays forwards and backwards in turn and shows the turning frames once: 0 1 2 3 2 1 0 1 ...
    loop starts over: 0 1 2 3 0 1 ...; freeze holds the last frame; cut stops with the source.
    stretch shows all at an even, slower pace: 0 0 1 1 2 3 3 ...
    """
    if extend == "stretch" and wanted > available:
        yield Run(0, wanted, Fraction(available, wanted))
        return
    first = min(available, wanted)
    yield Run(0, first, 1)
    left = wanted - first
    if left == 0 or extend == "cut":
        return
    if extend == "freeze" or (extend in ("bounce", "loop") and available == 1):
        yield Run(available - 1, left, 0)
        return
    forwards = extend == "loop"
    while left > 0:
        if extend == "loop":
            run = Run(0, min(available, left), 1)
        elif forwards:
            run = Run(1, min(available - 1, left), 1)
        else:
            run = Run(available - 2, min(available - 1, left), -1)
        yield run
        left -= run.length
        forwards = not forwards


def runs_from(plan: Iterable[Run], frame: int) -> Iterator[Run]:
    """Yield what is left of the runs from an output frame on."""
    for run in plan:
        if frame < run.length:
            yield run.after(frame) if frame else run
        frame = max(0, frame - run.length)
