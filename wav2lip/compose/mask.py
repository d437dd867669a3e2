"""How much of the generated face is shown, as a square picture of the face: 1 in full, 0 not at all."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

Mask = Literal["box", "lower", "parsing"]

SIZE = 192              # pixels: so fine that lines between its samples are as smooth as the curve itself
BOX_RAMP = 0.06         # of the face: how wide the edge of the whole box is feathered


@lru_cache
def lower_face_mask(size: int = SIZE) -> np.ndarray:
    """Return the lower face, float32 (size, size).

    One over mouth, chin and lower cheeks; zero at the box's sides, at its very bottom and above the nose's tip,
    with cosine ramps between.
    """
    y, x = _grid(size)
    top = _ramp((y - 0.45) / 0.15)           # the generator's hidden half starts at 0.5
    bottom = _ramp((1.0 - y) / 0.08)
    # The cheeks narrow towards the chin: an ellipse around the mouth rather than a rectangle.
    distance = np.sqrt(((x - 0.5) / 0.5) ** 2 + (np.maximum(y - 0.6, 0) / 0.62) ** 2)
    sides = _ramp((1.0 - distance) / 0.25)
    return _constant(top * bottom * sides)


@lru_cache
def box_mask(size: int = SIZE, hard: bool = False) -> np.ndarray:
    """Return the whole box, float32 (size, size), with feathered edges or up to the very edge."""
    if hard:
        return _constant(np.ones((size, size)))
    y, x = _grid(size)
    return _constant(_ramp(np.minimum(x, 1 - x) / BOX_RAMP) * _ramp(np.minimum(y, 1 - y) / BOX_RAMP))


def border(mask: np.ndarray) -> np.ndarray:
    """Return how nearly a mask is half, in [0, 1]: its border, where the face has to have its source's colours."""
    return 4 * mask * (1 - mask)


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, columns) of the pixels' centres as shares of the square."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    return centres[:, None], centres[None, :]


def _ramp(x: np.ndarray) -> np.ndarray:
    """Rise from 0 at x <= 0 to 1 at x >= 1 without corners."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(x, 0, 1))


def _constant(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float32)
    values.flags.writeable = False               # it is shared by all who ask for it
    return values
