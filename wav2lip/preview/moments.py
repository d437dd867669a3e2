"""Which moments of a result are worth a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np

KINDS = ("loud", "quiet", "moving")
"""What the moments of a sheet are in turn: the mouth opens to the loud, shuts to the quiet, and heads move."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see.

    Attributes:
        times: seconds of the result; empty for moments that are chosen.
        count: how many of those, at least 1.
        seconds: how long each of them is looked at; 0 for a single frame.
    """

    times: tuple[Fraction, ...] = ()
    count: int = 4
    seconds: Fraction = Fraction(0)


@dataclass(frozen=True)
class Moment:
    """A frame of a result, or a few seconds of it.

    Attributes:
        time: seconds on the result's clock.
        seconds: how long it lasts; 0 for a single frame.
        why: one of `KINDS`, or empty for one that was asked for.
    """

    time: Fraction
    seconds: Fraction = Fraction(0)
    why: str = ""

    def frames(self, fps: Fraction) -> range:
        """Return the frames that it is, in a result of so many frames a second."""
        first = floor(self.time * fps)
        return range(first, first + max(1, ceil(self.seconds * fps)))


def stretches(good: np.ndarray, count: int, length: int, share: Fraction = Fraction(1, 2)) -> list[np.ndarray]:
    """Return frames to choose among: for each moment a stretch, spread over all that is good.

    Args:
        good: bool (n,), which frames come into question.
        count: how many stretches there are to be; fewer where there are fewer frames.
        length: of each, in frames.
        share: where each lies in its part of the good frames, 0 to 1.
    """
    numbers = np.flatnonzero(good)
    found = []
    for part in np.array_split(numbers, min(count, len(numbers))) if len(numbers) else []:
        first = min(max(0, floor(len(part) * share) - length // 2), max(0, len(part) - length))
        found.append(part[first : first + length])
    return found


def fullest(good: np.ndarray, length: int) -> int:
    """Return where the stretch of so many frames begins that has most good ones; of equals the first.

    Args:
        good: bool (n,).
        length: in frames; where there are not as many, it begins with the first.
    """
    sums = np.concatenate([[0], np.cumsum(good)])
    return int(np.argmax(sums[length:] - sums[:-length])) if length < len(sums) else 0


def choose(
    candidates: Sequence[np.ndarray], loudness: Mapping[int, float], motion: np.ndarray
) -> list[tuple[int, str]]:
    """Return one frame of every stretch, and which of `KINDS` it is.

    Args:
        candidates: numbers of frames, at least one in each.
        loudness: of the speech in each of them.
        motion: float (n,), how fast the face moves in every frame.
    """
    chosen = []
    for at, stretch in enumerate(candidates):
        why = KINDS[at % len(KINDS)]
        if why == "moving":
            worth = motion[stretch]
        else:
            worth = np.array([loudness[int(number)] for number in stretch]) * (1 if why == "loud" else -1)
        chosen.append((int(stretch[int(np.argmax(worth))]), why))
    return chosen


def speed(boxes: np.ndarray) -> np.ndarray:
    """Return how fast a face moves in every frame, in sizes of itself a frame, float (n,); 0 where it is not seen.

    Args:
        boxes: float (n, 4): x1, y1, x2, y2, NaN without a face.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = np.sqrt(np.abs((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)))
    steps = np.zeros(len(boxes))
    if len(boxes) > 2:
        steps[1:-1] = np.hypot(*(centre[2:] - centre[:-2]).T) / 2 / np.maximum(side[1:-1], 1)
    return np.asarray(np.nan_to_num(steps))
