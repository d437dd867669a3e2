"""Learning rates: how they fall, and how an optimizer is told."""

from __future__ import annotations

import math

from torch.optim import Optimizer


def rate_at(rate: float, step: int, steps: int, *, cosine: bool) -> float:
    """Return the learning rate of a step: `rate` throughout, or along half a cosine from it to 0 at step `steps`."""
    return rate * (1 + math.cos(math.pi * min(step / steps, 1))) / 2 if cosine else rate


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of the coming step."""
    for group in optimizer.param_groups:
        group["lr"] = rate
