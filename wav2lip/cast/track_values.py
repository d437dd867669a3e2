"""What may stand in a file of tracks: each value of its JSON, or a sentence about why it cannot be meant.

Numbers come as float, whole ones too. Every function raises UsageError for what it does not take.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from wav2lip.cast.text import quoted
from wav2lip.errors import UsageError

_FARTHEST = 100_000     # pixels: beyond that nothing is seen


def numbers(who: str, name: str, rows: Any, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Return what a list has for every frame, float64 (n, *shape), NaN for null.

    Args:
        who: whose it is, for errors.
        name: what it is called in the file.
        rows: its value there.
        shape: of an entry.
        kind: an entry in words.
    """
    if not isinstance(rows, list):
        raise UsageError(f'{who}: "{name}" has to be a list with one entry for every frame.')
    nothing = np.full(shape, np.nan).tolist()
    for frame, row in enumerate(rows):
        if row is not None and not _is(row, shape):
            raise UsageError(
                f"{who}, frame {frame}: {quoted(row)} is neither null nor {kind} in pixels (at most {_FARTHEST})."
            )
    return np.array([nothing if row is None else row for row in rows], np.float64).reshape(-1, *shape)


def _is(row: Any, shape: tuple[int, ...]) -> bool:
    if not shape:
        return type(row) is float and abs(row) <= _FARTHEST     # NaN is not
    return isinstance(row, list) and len(row) == shape[0] and all(_is(part, shape[1:]) for part in row)


def count(name: str, value: Any) -> int:
    """Return a number of frames or pixels."""
    if type(value) is not float or not 0 <= value < 2**53 or value % 1:
        raise UsageError(f'"{name}" cannot be {quoted(value)}: it has to be a whole number.')
    return int(value)


def picture_size(value: Any) -> tuple[int, int]:
    """Return width and height of frames."""
    if not isinstance(value, list) or len(value) != 2:
        raise UsageError(f'"size" cannot be {quoted(value)}: it is [width, height] in pixels.')
    return count("size", value[0]), count("size", value[1])


def rate(value: Any) -> Fraction:
    """Return frames a second, from a number or a text."""
    # Fraction alone would work on 1e999999999 for a long time.
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,16})?)(?:/([0-9]{1,9}))?", str(value))
    if not found or not float(found[1]) or not int(found[2] or 1):
        raise UsageError(f'"fps" cannot be {quoted(value)}: it is a rate, such as 25 or "30000/1001".')
    return Fraction(found[1]) / int(found[2] or 1)


def first_frames(value: Any, frames: int) -> tuple[int, ...]:
    """Return the first frame of each shot of a video of `frames` frames."""
    if not isinstance(value, list) or not value:
        raise UsageError('"shots" has to be a list of the first frame of each shot, 0 first.')
    shots = tuple(count("shots", shot) for shot in value)
    if shots[0] != 0 or shots[-1] >= frames or any(late <= early for early, late in pairwise(shots)):
        raise UsageError(f'"shots" has to rise from 0 and stay below {frames}, the number of frames.')
    return shots
