"""The grain of a picture: how strong it is, and more of the same for a face that has none."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

BLOCK = 8               # pixels: the grain is judged in squares of so many
CALM = 30               # percentile of the squares: flat skin, not brows and lashes
TILE = 512              # pixels: noise repeats after so many, from another corner in every frame
SOFTNESSES = (0.0, 0.4, 0.6, 0.9, 1.3)    # pixels (sigma): from a sensor's own noise to a much compressed picture's
MOST = 12.0             # levels of 255: stronger than any grain; what is more is texture


def add_grain(
    face: np.ndarray, source: np.ndarray, frame: int, level: float, seen: np.ndarray | None = None
) -> np.ndarray:
    """Return the luma of a generated face with as much grain as its source has.

    Args:
        face: float32 (rows, columns), generated, at the frame's own resolution.
        source: the same shape, what it replaces.
        frame: its number in the source; the same number gives the same grain.
        level: how many of the picture's numbers make a level of 255.
        seen: bool (rows, columns), where both are judged; None for everywhere.

    Returns:
        float32 (rows, columns).
    """
    softness, found = character(source, seen)
    wanted = min(found, MOST * level)
    missing = np.sqrt(max(wanted**2 - character(face, seen)[1] ** 2, 0.0))
    if missing <= 0:
        return face
    rows, columns = face.shape
    # Offsets that are far apart in consecutive frames, and do not come back for long.
    down, across = (frame * 193) % TILE, (frame * 331) % TILE
    noise = _tiled(softness, -(-(max(rows, columns) + TILE) // TILE))
    return face + np.float32(missing) * noise[down : down + rows, across : across + columns]


def character(luma: np.ndarray, seen: np.ndarray | None = None) -> tuple[float, float]:
    """Return how soft the grain in a picture is, one of `SOFTNESSES`, and its standard deviation.

    Args:
        luma: float32 (rows, columns), whose numbers the deviation is in.
        seen: bool (rows, columns), where it is judged; None for everywhere.
    """
    spread, alike = _rest(luma, seen)
    # The softer, the more neighbours are alike, and the less of it is left beside the blurred picture.
    softness = min(SOFTNESSES, key=lambda one: abs(_known(one)[1] - alike))
    return softness, spread / _known(softness)[0]


def _rest(luma: np.ndarray, seen: np.ndarray | None = None) -> tuple[float, float]:
    """Return the deviation of what is beside a blurred picture, and how alike its neighbours are, in flat squares."""
    rows, columns = (side // BLOCK * BLOCK for side in luma.shape)
    if not rows or not columns:
        return 0.0, 0.0
    part = luma[:rows, :columns]
    # What a line through neighbours does not explain: shading goes, grain stays.
    rest = part - cv2.GaussianBlur(part, (0, 0), 1.0)
    squares = _squares(rest)
    if seen is not None:
        squares = squares[_squares(seen[:rows, :columns]).all(axis=(1, 2))]
        if not len(squares):
            return 0.0, 0.0
    powers = (squares**2).mean(axis=(1, 2))
    usual = float(np.percentile(powers, CALM))
    calm = squares[powers <= usual]
    power = float((calm**2).mean())
    return np.sqrt(usual), float((calm[:, :, 1:] * calm[:, :, :-1]).mean()) / max(power, 1e-12)


def _squares(part: np.ndarray) -> np.ndarray:
    """Return a picture's squares, (n, 8, 8) of (rows, columns), multiples of 8."""
    rows, columns = part.shape
    return part.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)


@lru_cache
def _noise(softness: float) -> np.ndarray:
    """Return a tile of grain of deviation 1, float32 (512, 512)."""
    white = np.random.default_rng(0).standard_normal((TILE, TILE)).astype(np.float32)
    if not softness:
        return white / white.std()
    soft = cv2.GaussianBlur(np.pad(white, 8, mode="wrap"), (0, 0), softness)[8:-8, 8:-8]
    return soft / soft.std()


@lru_cache
def _known(softness: float) -> tuple[float, float]:
    """Return what `_rest` finds in a tile of grain."""
    return _rest(_noise(softness))


@lru_cache(maxsize=4)
def _tiled(softness: float, times: int) -> np.ndarray:
    return np.tile(_noise(softness), (times, times))
