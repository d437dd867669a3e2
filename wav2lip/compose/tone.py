"""Give a generated face the colours of the face that it replaces."""

from __future__ import annotations

import cv2
import numpy as np

GRID = 24               # samples across the face: colour differences are smooth, so few will do
REACH = 4.0             # of them (sigma): how far a difference is carried from where it is seen
MOST = 24.0             # levels of 255 around the usual difference: beyond, the two show different things, not colours
SMALLEST_SPREAD = 4.0   # levels of 255: below that a contrast is not told from noise
GAIN = (0.8, 1.25)      # how far contrasts may be changed
EMPTY = 1e-6


def match_colour(face: np.ndarray, source: np.ndarray, border: np.ndarray, level: float = 1.0) -> np.ndarray:
    """Return the face with the low-frequency colour that its source has along the border.

    Around every point the difference of the two on the border is averaged, each part of the border by its nearness, so
    that light from one side stays on that side; contrasts are brought to the source's within bounds. What differs by
    far more than the rest, such as a lip on one side of the border only, hardly counts.

    Args:
        face: float32 (s, s, 3), generated, in the picture's own numbers.
        source: float32 (t, t, 3), the face that it replaces, likewise.
        border: float32 (b, b) in [0, 1], how much each part of the square is border.
        level: how many of the picture's numbers make a level of 255.

    Returns:
        float32 (s, s, 3).

    Source: normalised convolution, Knutsson and Westin 1993; mean and variance as Reinhard et al. 2001.
    """
    weights = _small(border)[..., None]
    if weights.sum() < EMPTY:
        return face
    ours, theirs = _small(face), _small(source)
    weights = weights * _alike(theirs - ours, weights, MOST * level)
    share = weights / weights.sum()
    middle, wanted = (share * ours).sum(axis=(0, 1)), (share * theirs).sum(axis=(0, 1))
    noise = (SMALLEST_SPREAD * level) ** 2
    spread = (share * (ours - middle) ** 2).sum(axis=(0, 1)) + noise
    gain = np.sqrt(((share * (theirs - wanted) ** 2).sum(axis=(0, 1)) + noise) / spread).clip(*GAIN)
    offset = _spread(theirs - (middle + gain * (ours - middle)), weights)
    size = face.shape[0]
    field = cv2.resize(offset.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    return (face * gain + (middle - gain * middle) + field).astype(np.float32)


def _small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (GRID, GRID), interpolation=cv2.INTER_AREA)


def _alike(difference: np.ndarray, weights: np.ndarray, most: float) -> np.ndarray:
    """Return how far each sample (24, 24, 1) shows the same thing in both: 1 near the usual difference, 0 far off."""
    there = weights[..., 0] > 0.25 * weights.max()
    usual = np.median(difference[there], axis=0)
    far = np.abs(difference - usual).max(axis=2, keepdims=True)
    return np.clip(2 - far / most, 0, 1) + 1e-3


def _spread(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the average of the values around every sample, by their weights."""
    both = np.concatenate([values * weights, weights], axis=2).astype(np.float32)
    blurred = cv2.GaussianBlur(both, (0, 0), REACH, borderType=cv2.BORDER_REPLICATE)
    return blurred[..., :-1] / np.maximum(blurred[..., -1:], EMPTY)
