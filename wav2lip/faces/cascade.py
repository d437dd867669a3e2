"""A face detector with nothing to download: the LBP frontal-face cascade that scikit-image carries.

The cascade alone is either slow or unsure. So it looks twice: coarsely over the whole picture, with lowered
thresholds so that no face is missed; then finely around each find, with every find brought to the same size and seen
in the mirror too, so that the number of hits there means the same for all faces and tells faces from wallpaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wav2lip.media.clip import Frame

LONG_SIDE = 640         # pixels: what the fine look needs of a frame
COARSE_LONG_SIDE = 320  # pixels: the frame for the coarse look
SMALLEST = 32           # pixels there: a face of 7 % of the long side
COARSE_SLACK = 0.2      # how far a stage's sum may stay below its threshold
COARSE_SCALE = 1.25     # from one window size to the next
COARSE_STEP = 1.5       # pixels between windows, at the cascade's own 24 x 24
CANDIDATES = 4          # best finds of the coarse look that get a fine one

FINE_WINDOW = 48        # pixels: the size every find is brought to
FINE_MARGIN = 0.28      # of the window, around it
FINE_RANGE = (0.72, 1.35)   # window sizes tried, relative to the find
FINE_SLACK = 0.1
FINE_SCALE = 1.1
FINE_STEP = 1.0

SAME_FACE = 0.4         # IoU of hits that belong together
INSIDE = 0.6            # share of a weaker find within a stronger one that makes it a part of that face
HALF_SURE = 8           # hits that give a score of 0.5, the least that is reported

# Where an S3FD-like box lies in the cascade's square, in sides of the square.
# Fitted to RetinaFace's boxes, with which YuNet's agree to 4 %, on 189 frames of 40 clips.
CENTRE_X, CENTRE_Y = 0.5, 0.484
WIDTH, HEIGHT = 0.755, 1.08


class CascadeDetector:
    """Faces that look at the camera, in 20 to 35 ms a frame on one CPU core."""

    name = "cascade"
    long_side: int | None = LONG_SIDE
    fingerprint = "cascade 1"    # counts up whenever anything in this file changes an answer

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        return [self._detect(frame) for frame in frames]

    @cached_property
    def _coarse(self) -> Any:
        return _cascade(COARSE_SLACK)

    @cached_property
    def _fine(self) -> Any:
        return _cascade(FINE_SLACK)

    def _detect(self, frame: Frame) -> np.ndarray:
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        faces = [found for square in self._candidates(grey) if (found := self._look_closer(grey, square)) is not None]
        return _boxes(_without_parts(faces))

    def _candidates(self, grey: np.ndarray) -> np.ndarray:
        """Return squares (n, 3) that may be faces: x, y, side in the frame's pixels."""
        height, width = grey.shape
        scale = COARSE_LONG_SIDE / max(height, width)
        small = _resize(grey, scale)
        groups = _groups(_hits(self._coarse, small, COARSE_SCALE, COARSE_STEP, SMALLEST, min(small.shape)))
        groups.sort(key=_weight, reverse=True)
        return np.array([square / scale for square, _ in groups[:CANDIDATES]]).reshape(-1, 3)

    def _look_closer(self, grey: np.ndarray, square: np.ndarray) -> tuple[np.ndarray, int] | None:
        """Return the square, put right, and its number of hits, if there are enough of them."""
        x, y, side = square
        margin = FINE_MARGIN * side
        left, top = max(0, int(x - margin)), max(0, int(y - margin))
        scale = FINE_WINDOW / side
        patch = _resize(grey[top : int(y + side + margin), left : int(x + side + margin)], scale)
        low, high = FINE_RANGE[0] * FINE_WINDOW, min(FINE_RANGE[1] * FINE_WINDOW, *patch.shape)
        seen = _hits(self._fine, patch, FINE_SCALE, FINE_STEP, low, high)
        if not len(seen):
            return None
        mirrored = _hits(self._fine, np.ascontiguousarray(patch[:, ::-1]), FINE_SCALE, FINE_STEP, low, high)
        mirrored[:, 0] = patch.shape[1] - mirrored[:, 0] - mirrored[:, 2]
        groups = _groups(np.concatenate([seen, mirrored]))
        if not groups or groups[0][1] < HALF_SURE:
            return None
        found, hits = groups[0]
        return found / scale + (left, top, 0), hits


def _cascade(slack: float) -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(Path(lbp_frontal_face_cascade_filename()), eps=slack)


def _resize(grey: np.ndarray, scale: float) -> np.ndarray:
    height, width = grey.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _hits(cascade: Any, grey: np.ndarray, scale: float, step: float, low: float, high: float) -> np.ndarray:
    """Return every window (n, 3) that the cascade takes for a face: x, y, side; in a fixed order."""
    if high <= low:
        return np.zeros((0, 3))
    # The cascade compares sums of equal areas: without the mean they stay small, and exact in its float32.
    level = grey.astype(np.int16) - int(grey.mean())
    # Own grouping instead of scikit-image's: no minimum of neighbours, and a threshold that nothing reaches.
    found = cascade.detect_multi_scale(level, scale, step, (low, low), (high, high), 1, 1.1)
    hits = np.array([(hit["c"], hit["r"], hit["width"]) for hit in found], float).reshape(-1, 3)
    return hits[np.lexsort(hits.T)]    # its threads append in any order


def _groups(hits: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """Return the mean square of each group of overlapping hits, and how many they are, most first."""
    x, y, side = hits.T
    wide = np.minimum.outer(x + side, x + side) - np.maximum.outer(x, x)
    high = np.minimum.outer(y + side, y + side) - np.maximum.outer(y, y)
    common = wide.clip(0) * high.clip(0)
    together = common / (np.add.outer(side**2, side**2) - common) > SAME_FACE
    free = np.ones(len(hits), bool)
    groups = []
    while free.any():
        centre = np.where(free, (together & free).sum(1), 0).argmax()
        members = together[centre] & free
        groups.append((hits[members].mean(0), int(members.sum())))
        free &= ~members
    return groups


def _weight(found: tuple[np.ndarray, int]) -> float:
    """Return how much a find counts: textures imitate small faces more easily than large ones."""
    square, hits = found
    return hits * float(np.sqrt(square[2]))


def _without_parts(faces: list[tuple[np.ndarray, int]]) -> list[tuple[np.ndarray, int]]:
    """Return the finds, heaviest first, without those that lie in a heavier one."""
    kept: list[tuple[np.ndarray, int]] = []
    for square, hits in sorted(faces, key=_weight, reverse=True):
        x, y, side = square
        for (other_x, other_y, other), _ in kept:
            wide = min(x + side, other_x + other) - max(x, other_x)
            high = min(y + side, other_y + other) - max(y, other_y)
            if max(wide, 0) * max(high, 0) > INSIDE * min(side, other) ** 2:
                break
        else:
            kept.append((square, hits))
    return kept


def _boxes(faces: list[tuple[np.ndarray, int]]) -> np.ndarray:
    """Return S3FD-like boxes and scores (n, 5) of squares and their hits."""
    rows = [
        (
            x + (CENTRE_X - WIDTH / 2) * side,
            y + (CENTRE_Y - HEIGHT / 2) * side,
            x + (CENTRE_X + WIDTH / 2) * side,
            y + (CENTRE_Y + HEIGHT / 2) * side,
            hits / (hits + HALF_SURE),
        )
        for (x, y, side), hits in faces
    ]
    return np.array(rows, np.float32).reshape(-1, 5)
