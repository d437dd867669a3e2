"""Seamless cloning: keep a patch's own edges, and let its colours follow from what is around it."""

from __future__ import annotations

import numpy as np


def poisson_blend(source: np.ndarray, patch: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the patch with its gradients kept and its values made to meet the source along its border.

    Args:
        source: float32 (rows, columns), what surrounds it; its outermost numbers are kept.
        patch: the same shape.
        inside: bool, the same shape, where the gradients are the patch's; elsewhere they are the source's.

    Returns:
        float32 (rows, columns).

    Source: Pérez, Gangnet, Blake 2003, "Poisson image editing"; solved by sine transforms.
    """
    from scipy.fft import dstn, idstn

    rows, columns = source.shape
    if rows < 3 or columns < 3:
        return patch
    # The difference to the source is what is solved for: it is zero on the rectangle's edge.
    across = np.diff(patch - source, axis=1) * (inside[:, 1:] & inside[:, :-1])
    down = np.diff(patch - source, axis=0) * (inside[1:] & inside[:-1])
    divergence = np.diff(across, axis=1)[1:-1] + np.diff(down, axis=0)[:, 1:-1]
    x = 2 * np.cos(np.pi * np.arange(1, columns - 1) / (columns - 1)) - 2
    y = 2 * np.cos(np.pi * np.arange(1, rows - 1) / (rows - 1)) - 2
    solved = idstn(dstn(divergence, type=1) / (x[None, :] + y[:, None]), type=1)
    out = source.astype(np.float32)
    out[1:-1, 1:-1] += solved
    return out
