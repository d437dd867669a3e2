"""Make generated faces sharper without changing their colour."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from wav2lip.models.enhancer import Enhancer

CELLS = 16     # across a face: of how fine a grid the colour is held; a lip is two cells high
ROUNDS = 2     # of correction: the second for what clipping has taken of the first


def enhance_faces(faces: np.ndarray, enhancer: Enhancer, strength: float) -> np.ndarray:
    """Make faces sharper; how sharp is the network's business, and the colour stays the face's own.

    Networks that make faces sharper like to tint them, each face a little differently. So the mean colour in every
    cell of a coarse grid is brought back to that of the face that was given; detail finer than a cell is the network's.

    Args:
        faces: float32 (n, h, w, 3) in [0, 255], BGR.
        enhancer: the network.
        strength: how much of it to take, from 0, which is the face plainly enlarged, to 1.

    Returns:
        float32 (n, *enhancer.output_size(h, w), 3) in [0, 255], BGR.
    """
    height, width = enhancer.output_size(*faces.shape[1:3])
    plain = [enlarge(face, height, width) for face in faces]
    if not plain:
        return np.empty((0, height, width, 3), np.float32)
    if strength == 0:    # the network need not run
        return np.stack(plain)
    sharp = enhancer.enhance(faces)
    out = np.empty_like(sharp)
    for at, face in enumerate(faces):
        coloured = hold_colour(sharp[at], face)
        out[at] = plain[at] + np.float32(strength) * (coloured - plain[at])
    return out


def enlarge(face: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a face in another size, cubic, without the values beyond [0, 255] that this makes beside edges."""
    return np.clip(cv2.resize(face, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255)


def hold_colour(sharp: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Give a sharper face the colours of the face that it was made from.

    Args:
        sharp: float32 (H, W, 3) in [0, 255].
        face: float32 (h, w, 3) in [0, 255]; of any size.

    Returns:
        float32 (H, W, 3) in [0, 255], of which the mean colour in every cell of a grid is about that of `face`.
    """
    (height, width), (rows, columns) = sharp.shape[:2], _cells(face)
    wanted = _means(face, rows, columns)
    for _ in range(ROUNDS):
        missing = wanted - _means(sharp, rows, columns)
        sharp = np.clip(sharp + _apply(missing, _spreading(height, rows), _spreading(width, columns)), 0, 255)
    return sharp


def _cells(face: np.ndarray) -> tuple[int, int]:
    return min(CELLS, face.shape[0]), min(CELLS, face.shape[1])


def _means(face: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return the mean colour in every cell, float32 (rows, columns, 3)."""
    return _apply(face, _averaging(face.shape[0], rows), _averaging(face.shape[1], columns))


def _apply(picture: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Multiply a picture's columns by one matrix and its rows by another."""
    return np.einsum("ih,hwc,jw->ijc", down, picture, across, optimize=True)


@lru_cache(maxsize=16)    # a run has one or two sizes
def _averaging(size: int, cells: int) -> np.ndarray:
    """Return the matrix (cells, size) that means over cells, of which a pixel may belong to two in part."""
    edges = np.linspace(0, size, cells + 1)
    pixels = np.arange(size)
    shared = np.minimum(pixels + 1, edges[1:, None]) - np.maximum(pixels, edges[:-1, None])
    return (np.maximum(shared, 0) * cells / size).astype(np.float32)


@lru_cache(maxsize=16)
def _spreading(size: int, cells: int) -> np.ndarray:
    """Return the matrix (size, cells) of the smooth curve through the cells' middles, straight beyond the last ones.

    A constant and a straight line come out as they are: neither a tint nor a gradient leaves a rest at the edges.
    """
    if cells < 3:    # of a picture of one or two pixels
        return np.full((size, cells), 1 / cells, np.float32)
    beyond = np.pad(np.eye(cells), ((2, 2), (0, 0)), mode="reflect", reflect_type="odd")
    middles = (np.arange(size) + 0.5) * cells / size - 0.5    # where pixels are, in cells
    first = np.floor(middles).astype(int)
    t = (middles - first)[:, None]
    # Catmull-Rom: through the points, with the slope between a point's neighbours.
    weights = 0.5 * np.hstack(
        (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    )
    near = beyond[first[:, None] + np.arange(1, 5)]           # cells first - 1 .. first + 2 of the padded row
    return np.einsum("sk,skc->sc", weights, near).astype(np.float32)
