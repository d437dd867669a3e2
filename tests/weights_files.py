"""Weights files as users bring them, and what the published ones are like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn


def trained(network: nn.Module, step: int = 258000) -> dict[str, Any]:
    """Return what the original trainers save of a network: its weights, Adam's state, step and epoch."""
    weights = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    # As Adam's own state is, whose import takes seconds.
    state = {
        at: {"step": torch.tensor(1.0), "exp_avg": 0.1 * tensor, "exp_avg_sq": 0.001 * tensor**2}
        for at, tensor in enumerate(parameter.detach() for parameter in network.parameters())
    }
    optimizer = {"state": state, "param_groups": [{"lr": 1e-4, "params": list(state)}]}
    return {"state_dict": weights, "optimizer": optimizer, "global_step": step, "global_epoch": 88}


def any_weights(make: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """Return weights of a network without its own slow way to draw them."""
    random = torch.Generator().manual_seed(5)
    with torch.device("meta"):
        template = make().state_dict()
    return {
        name: torch.rand(tensor.shape, generator=random).to(tensor.dtype) for name, tensor in template.items()
    }


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
