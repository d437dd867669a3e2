"""What heads are painted with: a canvas in the proportions of a face, soft edges, hills, noise and strands.

Places on a head are (u, v): u is 0 in the middle and +-1 at the widest part of the face, v is -1 at the top of the
skull, 0 between the eyes and 1 at the chin. Pictures are planes, float32 (3, H, W), red green blue in [0, 1], so that
an opacity (H, W) multiplies them as it is; what depends on u or v only stays a row (1, W) or a column (H, 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

U_SPAN = 1.75               # the canvas reaches from -1.75 to 1.75 across
V_TOP, V_BOTTOM = -1.5, 2.1
Rectangle = tuple[slice, slice]


@dataclass(frozen=True)
class Canvas:
    """Where (u, v) lie among the pixels of a head's canvas."""

    across: float           # pixels of u = 1
    down: float             # pixels of v = 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return round((V_BOTTOM - V_TOP) * self.down), round(2 * U_SPAN * self.across)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return u of every column, float32 (1, width), and v of every row, float32 (height, 1)."""
        height, width = self.size
        u = (np.arange(width, dtype=np.float32) + 0.5) / np.float32(self.across) - np.float32(U_SPAN)
        v = (np.arange(height, dtype=np.float32) + 0.5) / np.float32(self.down) + np.float32(V_TOP)
        return u[None], v[:, None]

    def pixel(self, u: float, v: float) -> tuple[float, float]:
        """Return column and row of a place, pixel centres at whole numbers."""
        return (u + U_SPAN) * self.across - 0.5, (v - V_TOP) * self.down - 0.5

    def rectangle(self, u0: float, v0: float, u1: float, v1: float) -> Rectangle:
        """Return the rows and columns between two places."""
        (x0, y0), (x1, y1) = self.pixel(u0, v0), self.pixel(u1, v1)
        return slice(max(0, int(y0)), int(y1)), slice(max(0, int(x0)), int(x1))


def colour(rgb: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return a colour that multiplies and adds to planes, float32 (3, 1, 1)."""
    return np.asarray(rgb, np.float32)[:, None, None]


def step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return a smooth step from 0 at `low` to 1 at `high` (the other way round if low > high)."""
    t = np.clip((x - low) * (1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def mix(under: np.ndarray, over: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return planes with others, or a colour, laid over them at an opacity."""
    return under + (over - under) * alpha


def hill(x: np.ndarray) -> np.ndarray:
    """Return a Gaussian hill, 1 high at 0."""
    return np.exp(-(x * x))


def bump(u: np.ndarray, v: np.ndarray, at: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
    """Return a round Gaussian hill, 1 high."""
    return hill((u - at[0]) * (1 / size[0])) * hill((v - at[1]) * (1 / size[1]))


def noise(shape: tuple[int, int], grain: float | tuple[float, float], random: np.random.Generator) -> np.ndarray:
    """Return smooth noise (H, W) of about unit spread, with spots of `grain` pixels, or grain (down, across)."""
    down, across = grain if isinstance(grain, tuple) else (grain, grain)
    small = random.standard_normal((max(2, round(shape[0] / down)), max(2, round(shape[1] / across))), np.float32)
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)


def strands(shape: tuple[int, int], grain: float, curl: float, random: np.random.Generator) -> np.ndarray:
    """Return hairs that hang down, (H, W) of about unit spread, `grain` pixels thick; `curl` in [0, 1] bends them."""
    hairs = noise(shape, (9 * grain * (1 - 0.6 * curl), grain), random)
    bend = noise(shape, 9 * grain, random) * (1 + 3 * curl) * grain
    x = np.arange(shape[1], dtype=np.float32)[None] + bend
    y = np.arange(shape[0], dtype=np.float32)[:, None] + curl * bend[::-1]
    return cv2.remap(hairs, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def sign(x: float) -> float:
    """Return 1 or -1."""
    return math.copysign(1.0, x)


def interleave(planes: np.ndarray) -> np.ndarray:
    """Return planes (C, H, W) as OpenCV has them, (H, W, C)."""
    return cv2.merge([np.ascontiguousarray(plane) for plane in planes])
