"""Weights for parity tests: the same name and shape always give the same numbers, so no file has to be shipped."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn


def seeded_state_dict(template: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of the same names, shapes and types, each drawn from PCG64 seeded by the CRC-32 of its name."""
    return {name: _seeded(name, tensor) for name, tensor in template.items()}


def seeded(network: nn.Module) -> nn.Module:
    """Return the network with seeded weights, in eval mode."""
    network.load_state_dict(seeded_state_dict(network.state_dict()))
    return network.eval()


def _seeded(name: str, like: Tensor) -> Tensor:
    role = name.split(".")[-1]
    if role == "num_batches_tracked":
        return torch.zeros_like(like)
    shape = tuple(like.shape)
    draw = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    if role == "running_var":
        values = draw.uniform(0.5, 1.5, shape)
    elif role == "running_mean":
        values = draw.normal(0.0, 0.1, shape)
    elif role == "bias":
        values = draw.normal(0.0, 0.05, shape)
    elif len(shape) == 1:                                   # the gain of a norm
        values = draw.uniform(0.8, 1.2, shape)
    else:                                                   # a convolution: keeps the variance of its input
        values = draw.normal(0.0, math.sqrt(1 / max(math.prod(shape[1:]), 1)), shape)
    return torch.from_numpy(values.astype(np.float32)).to(like.dtype)
