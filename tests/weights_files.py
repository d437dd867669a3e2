"""Weights files as users bring them, and what the published ones are like."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn


def misshapen(path: Path, network: nn.Module, name: str, shape: tuple[int, ...] | None) -> Path:
    """Save a network with one tensor of another shape, or without it where that is None; the name tells the format."""
    weights = dict(network.state_dict())
    if shape is None:
        del weights[name]
    else:
        weights[name] = torch.zeros(shape)
    (torch.save if path.suffix == ".pth" else save_file)(weights, path)
    return path


def assert_names_order_and_shapes(network: nn.Module, published: Path) -> None:
    """Compare with a list of a published file's names and shapes."""
    theirs = json.loads(published.read_text())
    ours = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert list(ours) == list(theirs)
    assert ours == {name: shape for name, (shape, _) in theirs.items()}
