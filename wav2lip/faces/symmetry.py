"""How far a face leans, told from its pixels alone: by the line about which its two halves are most alike.

For detectors that know no landmarks, or whose landmarks follow a lean by half. On real pictures of 16 people, turned
by up to 30 degrees, it is 1.7 degrees off in the median and 3.6 at most in nine of ten, in 1 ms a face; it answers for
97 of 100. Of a 17th, who is turned aside by some 20 degrees, it tells as good as nothing.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from wav2lip.media.clip import Frame

HEIGHT = 48              # pixels: the height that the box is brought to
SIDE = 40                # pixels: the square in its middle that is turned
HALF = 14                # pixels that are held against each other on either side of the line
ASIDE = 5                # pixels by which the line may be beside the middle of the box
ANGLES = np.arange(-45.0, 46.0, 5.0)    # degrees that are tried
BLUR = 3.0               # pixels (sigma): light and shade that change more slowly are taken off
FAINT = 4.0              # levels of 255: contrasts below that are not enlarged
ALIKE = 0.45             # least correlation of the halves; of a face that is turned aside it is less
SMALLEST = 24            # pixels: of lower boxes nothing is told


def tilt_from_picture(frame: Frame, box: np.ndarray) -> float | None:
    """Return how far a face leans, in radians, clockwise in the picture.

    Args:
        frame: uint8 (height, width, 3), BGR.
        box: (4,): x1, y1, x2, y2 in pixels, around the face as it is.

    Returns:
        Between -45 and 45 degrees; None where it cannot be told: a face that is turned aside, covered, unevenly lit,
        outside the frame or very small.
    """
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = map(float, box[:4])
    if not (y2 - y1 >= SMALLEST and 0 < (x1 + x2) / 2 < width and 0 < (y1 + y2) / 2 < height):    # nor with NaN
        return None
    face, x, y = _contrasts(frame, ((x1 + x2) / 2, (y1 + y2) / 2), HEIGHT / (y2 - y1))
    across, down = _turned_grids()
    turned = cv2.remap(face, across + np.float32(x), down + np.float32(y), cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    turned = turned.reshape(len(ANGLES), SIDE, SIDE)
    alike = np.max([_alike(turned, SIDE // 2 + aside) for aside in range(-ASIDE, ASIDE + 1)], axis=0)
    best = int(alike.argmax())
    if alike[best] < ALIKE or best in (0, len(ANGLES) - 1):
        return None
    # The top of the parabola through the best one and its neighbours.
    before, top, after = alike[best - 1 : best + 2]
    beside = 0.5 * (before - after) / min(before - 2 * top + after, -1e-6)
    return float(np.radians(ANGLES[best] + (ANGLES[1] - ANGLES[0]) * beside))


def _contrasts(frame: Frame, middle: tuple[float, float], scale: float) -> tuple[np.ndarray, float, float]:
    """Return the contrasts around a face, evened out, float32, `scale` times as large; and its middle there."""
    reach = 0.75 * SIDE / scale        # a square's corners come as far when it is turned
    (left, right), (top, bottom) = (
        (max(0, int(at - reach)), min(length, int(at + reach) + 1))
        for at, length in zip(middle, (frame.shape[1], frame.shape[0]), strict=True)
    )
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    small = cv2.resize(frame[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    grey -= cv2.GaussianBlur(grey, (0, 0), BLUR)
    grey /= np.sqrt(cv2.GaussianBlur(grey * grey, (0, 0), BLUR)) + FAINT
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    return grey, (middle[0] - left) * across - 0.5, (middle[1] - top) * down - 0.5


@lru_cache
def _turned_grids() -> tuple[np.ndarray, np.ndarray]:
    """Return how far the numbers of all turned squares are from the middle, x and y, float32 (angles * SIDE, SIDE)."""
    beside = np.arange(SIDE) - (SIDE - 1) / 2
    cos, sin = (function(np.radians(ANGLES))[:, None, None] for function in (np.cos, np.sin))
    x, y = beside[None, None, :], beside[None, :, None]
    grids = (cos * x - sin * y, sin * x + cos * y)
    across, down = (grid.astype(np.float32).reshape(-1, SIDE) for grid in grids)
    return across, down


def _alike(squares: np.ndarray, line: int) -> np.ndarray:
    """Return the correlation (n,) of what is left of a column and, mirrored, right of it, of squares (n, s, s)."""
    left, right = squares[:, :, line - HALF : line], squares[:, :, line : line + HALF][:, :, ::-1]
    power = (left * left).sum(axis=(1, 2)) * (right * right).sum(axis=(1, 2))
    return np.asarray((left * right).sum(axis=(1, 2)) / np.sqrt(power + 1e-6))
