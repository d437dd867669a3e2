"""Sampling along rows and columns as matrices, so that a GPU does many faces at once: rows @ picture @ columns.T.

The products need the whole of float32: with TF32 a face would be off by a level of 8 bits, and by many of 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

SHARPNESS = -0.75        # of the cubic kernel, as OpenCV has it
REACH = 2                # samples beyond an edge that the kernels touch


class Line(NamedTuple):
    """How one axis is read.

    Attributes:
        start: where the first number is read, in samples.
        step: from one number to the next.
        size: of the axis; of a square's, that to which it is brought before.
        cubic: read smoothly; otherwise linearly.
    """

    start: float
    step: float
    size: int
    cubic: bool = False


def of_planes(lines: Sequence[Line], count: int, length: int, device: str) -> Tensor:
    """Return the matrices that sample planes along one axis as `sample_face` does, float32 (n, count, length)."""
    start, step, size, _ = _columns(lines, device)
    at = torch.minimum((start + step * torch.arange(count, device=device)).clamp(min=0), size - 1)
    return _linear(at[:, :, None] - torch.arange(length, device=device))


def of_squares(lines: Sequence[Line], count: int, square: int, device: str, *, empty: bool = False) -> Tensor:
    """Return the matrices that read squares along one axis as `Region.bring` and `read` do.

    Args:
        lines: how each face's is read.
        count: how many numbers are read.
        square: samples of the axis.
        device: where the matrices are made.
        empty: there is nothing beyond the square's edge; otherwise the edge goes on, as far as a mask shows anything.

    Returns:
        float32 (n, count, square).
    """
    start, step, size, cubic = _columns(lines, device)
    at = start + step * torch.arange(count, device=device)
    at = torch.minimum(at.clamp(min=1 - REACH), size + REACH - 2)      # further out all is the edge
    samples = torch.arange(-REACH, max(line.size for line in lines) + REACH, device=device)
    distance = at[:, :, None] - samples
    weights = torch.where(cubic[:, :, None] > 0, _cubic(distance), _linear(distance))
    inside = torch.minimum(samples.clamp(min=0), size - 1)
    brought = _brought(inside, size, square)
    if empty:
        brought = brought * (samples == inside)[:, :, None]
    return weights @ brought


def _columns(lines: Sequence[Line], device: str) -> tuple[Tensor, ...]:
    """Return start, step, size and cubic of all lines, float32 (n, 1) each."""
    return torch.tensor(lines, dtype=torch.float32, device=device).unsqueeze(2).unbind(1)


def _linear(distance: Tensor) -> Tensor:
    return (1 - distance.abs()).clamp(min=0)


def _cubic(distance: Tensor) -> Tensor:
    """Return the weight of samples at a distance. Source: Keys 1981, "Cubic convolution interpolation"."""
    a, d = SHARPNESS, distance.abs()
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = (((d - 5) * d + 8) * d - 4) * a
    return torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros_like(d)))


def _brought(index: Tensor, size: Tensor, square: int) -> Tensor:
    """Return how samples (n, t) of an axis that is brought to a size (n, 1) are made of its own, (n, t, square)."""
    ratio, own = square / size, torch.arange(square, device=index.device)
    start = (index * ratio)[:, :, None]
    covered = torch.minimum(start + ratio[:, :, None], own + 1) - torch.maximum(start, own)
    averaged = covered.clamp(min=0) / ratio[:, :, None]
    doubled = _doubling(square, index.device)[index.clamp(max=2 * square - 1).long()]
    return torch.where(size[:, :, None] > square, doubled, averaged)


@lru_cache
def _doubling(square: int, device: torch.device) -> Tensor:
    """Return how an axis of twice the samples is made, (2 square, square)."""
    own = np.eye(square, dtype=np.float32)
    return torch.from_numpy(cv2.resize(own, (square, 2 * square), interpolation=cv2.INTER_CUBIC)).to(device)
