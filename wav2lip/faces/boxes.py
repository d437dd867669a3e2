"""Face boxes: padding and smoothing, with the original program's arithmetic beside ours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# How far boxes are averaged over time. Detectors tremble by up to 2 % of the face; a head moves smoothly.
REACH = 1.5             # seconds (sigma): how far a still face is averaged
MOTION_REACH = 0.06     # seconds (sigma): the path along which "still" is judged
FINAL_REACH = 0.06      # seconds (sigma): so that going from still to moving is no step
TREMBLE = 4.0           # times what trembling is left in that path: boxes further apart have really moved
STILL = (0.012, 0.08)   # of the face's size: bounds of that distance
MEDIAN = 5              # frames: single wild boxes are out-voted first

COMPAT_WINDOW = 5       # frames: the original's forward window


class Box(NamedTuple):
    """A face box in whole pixels: columns x1..x2-1 and rows y1..y2-1 of the frame."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def width(self) -> int:
        return self.x2 - self.x1

    @property
    def height(self) -> int:
        return self.y2 - self.y1


class Pads(NamedTuple):
    """Pixels added to each side of a detected box; negative values shrink it."""

    top: int = 0
    bottom: int = 10
    left: int = 0
    right: int = 0


def pad(boxes: np.ndarray, pads: Pads) -> np.ndarray:
    """Return boxes (n, 4) with every side moved outwards."""
    return boxes + np.array([-pads.left, -pads.top, pads.right, pads.bottom], boxes.dtype)


def clamp(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return boxes (n, 4) cut to a frame of `size` (width, height)."""
    width, height = size
    return np.clip(boxes, 0, [width, height, width, height])


def iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return intersection over union (n, m) of boxes (n, 4) and (m, 4); what else their rows hold is not looked at."""
    a, b = boxes[:, None].astype(float), others[None].astype(float)
    sides = np.minimum(a[..., 2:4], b[..., 2:4]) - np.maximum(a[..., 0:2], b[..., 0:2])
    common = sides.clip(0).prod(axis=2)
    areas = (a[..., 2:4] - a[..., 0:2]).prod(axis=2) + (b[..., 2:4] - b[..., 0:2]).prod(axis=2)
    return common / np.maximum(areas - common, 1e-9)


def smooth(boxes: np.ndarray, fps: float) -> np.ndarray:
    """Calm the boxes of one uninterrupted sight of a face, without lagging behind it.

    A line fitted around every frame, whose weights fall with the distance in time and with the distance in position: a
    still face is averaged over seconds, a moving one only with its neighbours; the line keeps the ends in step. How
    far apart is moved and not trembled is read off the boxes themselves.

    Args:
        boxes: float (n, 4): x1, y1, x2, y2 in consecutive frames.
        fps: frames a second.
    """
    if len(boxes) < 3:
        return boxes.astype(float)
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    # As shares of the face's size: what counts as still does not depend on the resolution.
    scale = max(float(np.median(np.sqrt(sides.clip(1).prod(axis=1)))), 1.0)
    values = _calm(np.concatenate([centres, sides], axis=1) / scale, fps) * scale
    return np.concatenate([values[:, :2] - values[:, 2:] / 2, values[:, :2] + values[:, 2:] / 2], axis=1)


def smooth_landmarks(landmarks: np.ndarray, boxes: np.ndarray, fps: float) -> np.ndarray:
    """Calm the landmarks of one uninterrupted sight of a face by the same rule, as places within its calmed boxes.

    So they move with the box, and by themselves only where the head turns or the mouth really moves within it.

    Args:
        landmarks: float (n, 5, 2): x, y in pixels, in consecutive frames.
        boxes: float (n, 4), smoothed.
        fps: frames a second.
    """
    if len(landmarks) < 3:
        return landmarks.astype(float)
    corners, sides = boxes[:, None, :2], np.maximum(boxes[:, None, 2:] - boxes[:, None, :2], 1.0)
    shares = ((landmarks - corners) / sides).reshape(len(boxes), -1)
    return corners + sides * _calm(shares, fps).reshape(landmarks.shape)


def _calm(seen: np.ndarray, fps: float) -> np.ndarray:
    """Return rows (n, k), in shares of the face's size, without their trembling."""
    values = _median(seen, MEDIAN)
    path = _fit(values, None, MOTION_REACH * fps)
    still = _tremble(seen) / np.sqrt(max(1.0, 2 * np.sqrt(np.pi) * MOTION_REACH * fps))
    values = _fit(values, path, REACH * fps, float(np.clip(TREMBLE * still, *STILL)))
    return _fit(values, None, FINAL_REACH * fps)


def _median(values: np.ndarray, window: int) -> np.ndarray:
    """Return the running median (n, k); near the ends of a window as wide as still fits on both sides."""
    n, half = len(values), window // 2
    out = values.astype(float)
    for reach in range(1, min(half, (n - 1) // 2) + 1):
        windows = np.lib.stride_tricks.sliding_window_view(values, 2 * reach + 1, axis=0)
        out[reach : n - reach] = np.median(windows, axis=-1)
    return out


def _tremble(values: np.ndarray) -> float:
    """Return the standard deviation of the noise in rows (n, k), seen in how they bend; wild ones hardly count."""
    bends = np.diff(values, n=2, axis=0) / np.sqrt(6)    # which is how much more noise bends than it is
    return float(np.sqrt(((1.4826 * np.median(np.abs(bends), axis=0)) ** 2).sum()))


def _fit(values: np.ndarray, path: np.ndarray | None, sigma: float, still: float = 1.0) -> np.ndarray:
    """Return the value (n, k) of a straight line fitted around every row.

    Rows weigh by a Gaussian in time (sigma in frames) and, where a path (n, k) is given, in the distance along it
    (sigma `still`).
    """
    n = len(values)
    zeroth, first, second = np.ones((n, 1)), np.zeros((n, 1)), np.zeros((n, 1))    # moments of the offset in time
    total, slope = values.copy(), np.zeros_like(values)
    for offset in range(1, min(n - 1, round(3 * sigma)) + 1):
        weight = np.full(n - offset, np.exp(-0.5 * (offset / sigma) ** 2))
        if path is not None:
            apart = ((path[offset:] - path[:-offset]) ** 2).sum(axis=1)
            weight *= np.exp(-0.5 * apart / still**2)
        weight = weight[:, None]
        early, late = slice(None, -offset), slice(offset, None)
        for here, there, away in ((early, late, offset), (late, early, -offset)):
            zeroth[here] += weight
            first[here] += away * weight
            second[here] += away**2 * weight
            total[here] += weight * values[there]
            slope[here] += away * weight * values[there]
    spread = zeroth * second - first**2
    # Next to nothing beside a row: its own value, without a slope.
    line = (second * total - first * slope) / np.maximum(spread, 1e-9)
    return np.where(spread > 1e-6, line, total / zeroth)


def smooth_compat(boxes: np.ndarray) -> np.ndarray:
    """Smooth as the original program does: forward, truncated, and at the end over rows already smoothed.

    Args:
        boxes: int64 (n, 4).
    """
    out = boxes.copy()
    for row in range(len(out)):
        # The original's slice: fewer than five rows make its start negative, which counts from the end.
        window = out[row : row + COMPAT_WINDOW] if row + COMPAT_WINDOW <= len(out) else out[len(out) - COMPAT_WINDOW :]
        out[row] = window.mean(axis=0).astype(out.dtype)
    return out
