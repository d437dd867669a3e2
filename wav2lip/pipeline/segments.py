"""The pieces in which a result is made: what is finished stays finished."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

LEAST = 250    # frames: x264 sets a key frame as often anyway, so nothing is lost where two parts meet


def segment_length(fps: Fraction) -> int:
    """Return how many frames a segment has: at least 250, that last whole milliseconds where so few can.

    Matroska counts in milliseconds: then every frame has the time stamp that it would have in one piece.
    """
    whole = fps.numerator // gcd(fps.numerator, 1000 * fps.denominator)
    return LEAST if whole > LEAST else -(-LEAST // whole) * whole


def split(frames: int, fps: Fraction) -> tuple[range, ...]:
    """Return the segments of a result of so many frames, in order; the last one may be shorter."""
    length = segment_length(fps)
    return tuple(range(first, min(first + length, frames)) for first in range(0, frames, length))
