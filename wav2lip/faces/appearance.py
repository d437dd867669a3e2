"""What a face looks like, in a few numbers: enough to tell people apart within a film, not to recognise anybody.

The colours of face, hair and clothes, and the directions of the face's edges, on coarse grids. Chosen and weighed by
how well they tell 16 real and 20 drawn people apart, at faces of 15 to 300 pixels; other clothes, or light of another
colour, make somebody else of a person.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from wav2lip.media.clip import Frame

DIFFERENT = 21.0        # distance from which on two sights are of different people
UNLIKE = 32.0           # distance from which on two single looks are

_FARTHEST = 40.0        # of a cell's colour: what is hidden by a hand is not infinitely far
_LIGHTNESS = 0.5        # weight of lightness beside the two colours: light changes more easily
_DIRECTIONS = 4         # of edges
_MOST_OUTSIDE = 4096    # pixels: detectors may draw boxes far beyond the frame
_FINE = 8               # pixels of a cell of edges


class Part(NamedTuple):
    """A part of a person as a grid: where it is, in widths and heights of the face, and how much it counts."""

    left: float
    top: float
    right: float
    bottom: float
    columns: int
    rows: int
    weight: float


_PARTS = (
    Part(0.0, 0.0, 1.0, 1.0, 5, 6, 1.0),         # the face
    Part(0.0, -0.3, 1.0, 0.1, 4, 1, 0.5),        # hair, or what is above
    Part(-0.3, 1.15, 1.3, 1.75, 5, 2, 1.0),      # clothes
)
_EDGES = 10.0           # weight of the edges, whose distance is at most the root of 2
_COLOURS = sum(part.columns * part.rows for part in _PARTS)
_GRID = _PARTS[0]

SIZE = 3 * _COLOURS + _DIRECTIONS * _GRID.columns * _GRID.rows
"""How many numbers describe a face."""


def describe(frame: Frame, faces: np.ndarray) -> np.ndarray:
    """Return what faces look like.

    Args:
        frame: uint8 (height, width, 3), BGR.
        faces: (k, 5 or more): x1, y1, x2, y2 in pixels first.

    Returns:
        float16 (k, SIZE): to be compared with `distances`.
    """
    return np.array([_describe(frame, *map(float, face[:4])) for face in faces], np.float16).reshape(-1, SIZE)


def distances(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how different faces look, float32 (n, m); below `DIFFERENT` for the same person in the same clothes.

    Args:
        ones, others: (n, SIZE) and (m, SIZE), as `describe` gives them, or means of such.
    """
    a, b = ones.astype(np.float32), others.astype(np.float32)
    total = np.zeros((len(a), len(b)), np.float32)
    for row, one in enumerate(a):
        apart = (b[:, : 3 * _COLOURS] - one[: 3 * _COLOURS]).reshape(len(b), _COLOURS, 3)
        cells = np.minimum(np.sqrt((apart**2).sum(axis=2)), _FARTHEST)
        first = 0
        for part in _PARTS:
            last = first + part.columns * part.rows
            total[row] += part.weight * cells[:, first:last].mean(axis=1)
            first = last
        edges = b[:, 3 * _COLOURS :] - one[3 * _COLOURS :]
        total[row] += _EDGES * np.sqrt((edges**2).sum(axis=1))
    return total


def _describe(frame: Frame, x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    width, height = max(x2 - x1, 1.0), max(y2 - y1, 1.0)
    colours = []
    for part in _PARTS:
        place = (x1 + part.left * width, y1 + part.top * height, x1 + part.right * width, y1 + part.bottom * height)
        cells = cv2.resize(_cut(frame, *place), (part.columns, part.rows), interpolation=cv2.INTER_AREA)
        colours.append(cv2.cvtColor(cells.astype(np.float32) / 255, cv2.COLOR_BGR2Lab).reshape(-1, 3))
    lab = np.concatenate(colours)
    # Against the face's own: the same face in the shade is still the same.
    lab[:, 0] = _LIGHTNESS * (lab[:, 0] - np.median(colours[0][:, 0]))
    return np.concatenate([lab.reshape(-1), _edges(_cut(frame, x1, y1, x2, y2))])


def _edges(face: np.ndarray) -> np.ndarray:
    """Return how strong edges of each direction are in each cell of the face, of length 1 together."""
    size = _FINE * _GRID.columns, _FINE * _GRID.rows
    small = cv2.resize(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), size, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.0)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(across, down)
    turn = angle * (_DIRECTIONS / np.pi) % _DIRECTIONS
    steps = np.arange(_DIRECTIONS, dtype=np.float32)[:, None, None]
    apart = np.abs(turn - steps)
    share = np.maximum(1 - np.minimum(apart, _DIRECTIONS - apart), 0)      # between two directions it counts for both
    cells = (share * strength).reshape(_DIRECTIONS, _GRID.rows, _FINE, _GRID.columns, _FINE).sum(axis=(2, 4))
    return np.asarray(np.sqrt(cells / max(float(cells.sum()), 1e-6))).reshape(-1)


def _cut(frame: Frame, x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    """Return the pixels of a rectangle, at least one; what is outside the frame looks as its border does."""
    height, width = frame.shape[:2]
    left, top, right, bottom = round(x1), round(y1), max(round(x2), round(x1) + 1), max(round(y2), round(y1) + 1)
    columns = slice(min(max(left, 0), width - 1), max(min(right, width), 1))
    rows = slice(min(max(top, 0), height - 1), max(min(bottom, height), 1))
    part = frame[rows.start : max(rows.stop, rows.start + 1), columns.start : max(columns.stop, columns.start + 1)]
    outside = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if not any(outside):
        return part
    above, below, before, after = (min(side, _MOST_OUTSIDE) for side in outside)
    return cv2.copyMakeBorder(part, above, below, before, after, cv2.BORDER_REPLICATE)
