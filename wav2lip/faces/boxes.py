"""Face boxes: padding and smoothing, with the original program's arithmetic beside ours."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """A face box in whole pixels: columns x1..x2-1 and rows y1..y2-1 of the frame."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def width(self) -> int:
        return self.x2 - self.x1

    @property
    def height(self) -> int:
        return self.y2 - self.y1


class Pads(NamedTuple):
    """Pixels added to each side of a detected box; negative values shrink it."""

    top: int = 0
    bottom: int = 10
    left: int = 0
    right: int = 0
