"""What a face looks like, in a few numbers: enough to tell people apart within a film, not to recognise anybody.

The shape of light and shade on the face and the directions of its edges, which hardly change with the light; and the
colours of hair and clothes beside the skin's, which count only so far, because clothes are changed and hidden. Parts,
grids and weights were chosen by how well they tell 17 real and 150 drawn people apart in other light, at other sizes,
and as detectors tremble; coarse ones do better than fine ones. Other clothes in light of another colour, or a head
tilted by 15 degrees against another time, can make somebody else of a person.
"""

from __future__ import annotations

import cv2
import numpy as np

from wav2lip.faces.symmetry import tilt_from_picture
from wav2lip.media.clip import Frame

UNLIKE = 1.0            # distance from which on two looks, right after each other, are of different people
DIFFERENT = 1.05        # distance from which on two sights are

# What is looked at is brought to this many pixels, of which the face is 16 wide and high.
_WIDTH, _HEIGHT = 32, 44
_ASIDE, _ABOVE, _BELOW = 0.5, 0.5, 1.2              # of the face's width and height: what is looked at around it
_FINER = 2              # times as fine: the face before it is sampled
_MOST_OUTSIDE = 4096    # pixels: detectors may draw boxes far beyond the frame

_FACE = slice(8, 25), slice(8, 24)                  # rows and columns
_SKIN = slice(12, 22), slice(10, 22)
_AROUND = slice(6, 27), slice(7, 25)                # the face with its outline
_HAIR = (slice(2, 8), slice(8, 24), 1, 4), (slice(4, 20), slice(5, 8), 2, 1), (slice(4, 20), slice(24, 27), 2, 1)
_CLOTHES = ((slice(28, 36), slice(4, 28), 2, 4),)   # with how many rows and columns of cells

_SHADE = (8, 6)         # rows and columns of cells
_EDGES = (4, 3)
_DIRECTIONS = 4         # of edges
_DARK = 4               # levels added to all: the hue of black is noise

# The distance that all but 5 % of different people have between them: so the parts weigh the same.
_SHADE_UNIT, _EDGES_UNIT, _COLOUR_UNIT = 0.73, 0.26, 0.42
_WEIGHTS = 1.0, 1.0, 0.5, 0.5                       # of shade, edges, hair and clothes
_MOSTS = np.inf, np.inf, 2.0, 2.0                   # units that each can be away

_PARTS = tuple(np.cumsum([_SHADE[0] * _SHADE[1], _EDGES[0] * _EDGES[1] * _DIRECTIONS, 16, 16]).tolist())
LEAN = _PARTS[-1]
"""Which of them is how far it leans, in radians clockwise; NaN where that cannot be told."""

SIZE = LEAN + 1
"""How many numbers describe a face: 48 of shade, 48 of edges, 16 each of hair and clothes, and its lean."""


def describe(frame: Frame, faces: np.ndarray, *, lean: bool = True) -> np.ndarray:
    """Return what faces look like.

    Args:
        frame: uint8 (height, width, 3), BGR.
        faces: (k, 5 or more): x1, y1, x2, y2 in pixels first.
        lean: tell how far they lean, too.

    Returns:
        float16 (k, SIZE): to be compared with `distances`, which leaves out the lean.
    """
    rows = []
    for face in faces:
        leaning = tilt_from_picture(frame, face[:4]) if lean else None
        rows.append(np.append(_describe(frame, *map(float, face[:4])), np.nan if leaning is None else leaning))
    return np.array(rows, np.float16).reshape(-1, SIZE)


def distances(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how different faces look, float32 (n, m): about 1 for the most similar of different people.

    Args:
        ones, others: (n, SIZE) and (m, SIZE), as `describe` gives them, or means of such.
    """
    a, b = ones.astype(np.float32), others.astype(np.float32)
    # One table beside the sum at a time: a film has thousands of sights, and these are their squares.
    found = np.zeros((len(a), len(b)), np.float32)
    for first, last, most, weight in zip((0, *_PARTS), _PARTS, _MOSTS, _WEIGHTS, strict=False):
        part = _apart(a[:, first:last], b[:, first:last])
        np.minimum(part, most, out=part)
        part *= np.float32(weight / sum(_WEIGHTS))
        found += part
    return found


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the distances (n, m) of rows (n, d) and (m, d)."""
    squares = -2 * a @ b.T
    squares += (a**2).sum(axis=1)[:, None]
    squares += (b**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares, 0, out=squares), out=squares))


def _describe(frame: Frame, x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    picture = _cut(frame, x1, y1, max(x2 - x1, 1.0), max(y2 - y1, 1.0)).astype(np.float32) + _DARK
    blue, green, red = cv2.split(cv2.log(picture))
    light = cv2.log(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    # Logarithms: another light or another exposure adds the same everywhere, and is taken off again.
    colour = cv2.merge([red - green, blue - green])
    skin = np.median(colour[_SKIN].reshape(-1, 2), axis=0)
    shade = cv2.resize(light[_FACE], _SHADE[::-1], interpolation=cv2.INTER_AREA).ravel()
    hair, clothes = (
        np.concatenate([
            cv2.resize(colour[rows, columns], (across, down), interpolation=cv2.INTER_AREA).reshape(-1, 2)
            for rows, columns, down, across in places
        ]) - skin
        for places in (_HAIR, _CLOTHES)
    )
    return np.concatenate([
        _unit(shade - shade.mean()) / _SHADE_UNIT, _unit(np.sqrt(_edges(light[_AROUND]))) / _EDGES_UNIT,
        hair.ravel() / _COLOUR_UNIT, clothes.ravel() / _COLOUR_UNIT,
    ])


def _edges(light: np.ndarray) -> np.ndarray:
    """Return how strong edges of each direction are in each cell."""
    across, down = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(across, down)
    turn = angle * (_DIRECTIONS / np.pi) % _DIRECTIONS
    apart = np.abs(turn[..., None] - np.arange(_DIRECTIONS, dtype=np.float32))
    share = np.maximum(1 - np.minimum(apart, _DIRECTIONS - apart), 0)    # between two directions it counts for both
    return cv2.resize(share * strength[..., None], _EDGES[::-1], interpolation=cv2.INTER_AREA).ravel()


def _unit(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / max(float(np.sqrt((values**2).sum())), 1e-6))


def _cut(frame: Frame, left: float, top: float, width: float, height: float) -> Frame:
    """Return a face with what is around it, (44, 32, 3); what is outside the frame looks as its border does."""
    left, top = left - _ASIDE * width, top - _ABOVE * height
    wide, high = width * (1 + 2 * _ASIDE), height * (1 + _ABOVE + _BELOW)
    columns, rows = _within(left, wide, frame.shape[1]), _within(top, high, frame.shape[0])
    part = frame[rows, columns]
    # The pixels of a large face are averaged first; then all are sampled, to fractions of a pixel.
    small = (
        max(1, min(part.shape[1], round(part.shape[1] / wide * _FINER * _WIDTH))),
        max(1, min(part.shape[0], round(part.shape[0] / high * _FINER * _HEIGHT))),
    )
    x, y = small[0] / part.shape[1], small[1] / part.shape[0]
    part = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
    step_x, step_y = wide * x / _WIDTH, high * y / _HEIGHT
    first_x, first_y = (left - columns.start) * x + (step_x - 1) / 2, (top - rows.start) * y + (step_y - 1) / 2
    places = np.array([[step_x, 0, first_x], [0, step_y, first_y]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(part, places, (_WIDTH, _HEIGHT), flags=how, borderMode=cv2.BORDER_REPLICATE)


def _within(start: float, extent: float, limit: int) -> slice:
    """Return the pixels of a stretch that are in the frame, at least one."""
    first = min(max(int(np.floor(start)), 0), limit - 1)
    return slice(first, min(max(int(np.ceil(start + extent)), first + 1), limit))
