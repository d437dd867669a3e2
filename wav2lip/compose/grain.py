"""The grain of a picture: how strong it is, and more of the same for a face that has none."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

BLOCK = 8               # pixels: the grain is judged in squares of so many
CALM = 30               # percentile of the squares: flat skin, not brows and lashes
TILE = 512              # pixels: noise repeats after so many, from another corner in every frame
SOFTNESS = 0.6          # pixels (sigma): neighbours in a decoded picture are alike
MOST = 12.0             # levels of 255: stronger than any grain; what is more is texture


def add_grain(face: np.ndarray, source: np.ndarray, frame: int, level: float) -> np.ndarray:
    """Return the luma of a generated face with as much grain as its source has.

    Args:
        face: float32 (rows, columns), generated, at the frame's own resolution.
        source: the same shape, what it replaces.
        frame: its number in the source; the same number gives the same grain.
        level: how many of the picture's numbers make a level of 255.

    Returns:
        float32 (rows, columns).
    """
    wanted = min(strength(source), MOST * level)
    missing = np.sqrt(max(wanted**2 - strength(face) ** 2, 0.0))
    if missing <= 0:
        return face
    rows, columns = face.shape
    # Offsets that are far apart in consecutive frames, and do not come back for long.
    down, across = (frame * 193) % TILE, (frame * 331) % TILE
    field = np.float32(missing) * _tiled(rows + TILE, columns + TILE)[down : down + rows, across : across + columns]
    return face + field


def strength(luma: np.ndarray) -> float:
    """Return the standard deviation of the grain in a picture, float32 (rows, columns), in its own numbers."""
    rows, columns = (side // BLOCK * BLOCK for side in luma.shape)
    if not rows or not columns:
        return 0.0
    part = luma[:rows, :columns]
    # What a line through neighbours does not explain: shading goes, grain stays.
    rest = part - cv2.GaussianBlur(part, (0, 0), 1.0)
    squares = rest.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
    return float(np.percentile(squares.std(axis=(1, 3)), CALM)) / _kept()


@lru_cache
def _noise() -> np.ndarray:
    """Return a tile of grain of strength 1, float32 (512, 512)."""
    white = np.random.default_rng(0).standard_normal((TILE, TILE)).astype(np.float32)
    soft = cv2.GaussianBlur(np.pad(white, 4, mode="wrap"), (0, 0), SOFTNESS)[4:-4, 4:-4]
    return soft / soft.std()


@lru_cache(maxsize=2)
def _repeated(times: int) -> np.ndarray:
    return np.tile(_noise(), (times, times))


def _tiled(rows: int, columns: int) -> np.ndarray:
    """Return grain of strength 1 that is at least so large."""
    return _repeated(-(-max(rows, columns) // TILE))


@lru_cache
def _kept() -> float:
    """Return what `strength` finds of the grain that is there, as a share."""
    noise = _noise()
    rest = noise - cv2.GaussianBlur(noise, (0, 0), 1.0)
    return float(np.percentile(rest.reshape(TILE // BLOCK, BLOCK, TILE // BLOCK, BLOCK).std(axis=(1, 3)), CALM))
