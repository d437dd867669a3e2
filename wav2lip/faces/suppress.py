"""Non-maximum suppression: of boxes that overlap, the best stays."""

from __future__ import annotations

import numpy as np


def suppress(faces: np.ndarray, overlap: float, one_more: bool = False) -> np.ndarray:
    """Return the indices of the boxes that stay.

    Args:
        faces: (n, 5) or more: x1, y1, x2, y2, score, best first.
        overlap: IoU above which a weaker box goes.
        one_more: count both end pixels of a box, so that its width is x2 - x1 + 1.
    """
    extra = float(one_more)
    left, top, right, bottom = faces[:, :4].T
    areas = (right - left + extra) * (bottom - top + extra)
    kept, rest = [], np.arange(len(faces))
    while len(rest):
        best, rest = rest[0], rest[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest]) + extra
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest]) + extra
        common = width.clip(0) * height.clip(0)
        rest = rest[common / (areas[best] + areas[rest] - common) <= overlap]
    return np.array(kept, int)
