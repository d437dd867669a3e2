"""How much arithmetic a network does: a multiplication and an addition are two operations (FLOP)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

# The name by which PyTorch's counters take a result, which has changed.
_OUT = "out_val" if "out_val" in signature(flop_registry[torch.ops.aten.mm], follow_wrapped=False).parameters else "out"

Flop = Mapping[str, int]
"""Operations by the format of the numbers: "float32", "bfloat16", "float16"."""


class _Counting(TorchDispatchMode):
    """Counts convolutions and products of matrices; all else is little beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.flop: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._overloadpacket not in flop_registry:
            with self:    # in inference mode what is made of others arrives whole
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        out = func(*args, **kwargs)
        if func._overloadpacket in flop_registry:
            count = flop_registry[func._overloadpacket](*args, **kwargs, **{_OUT: out})
            self.flop[str(args[0].dtype).removeprefix("torch.")] += count
        return out


def flop_of(run: Callable[[], object]) -> Flop:
    """Return what PyTorch computes in a call; nothing where another library does it."""
    with _Counting() as counting:
        run()
    return dict(counting.flop)


def network_flop(network: nn.Module, *shapes: tuple[int, ...]) -> Flop:
    """Return what a network computes for inputs of some shapes. Nothing is computed for it, and nothing copied.

    Args:
        network: in evaluation mode.
        shapes: of its inputs, whose numbers are of the weights' format.
    """
    meta = {name: tensor.to("meta") for name, tensor in [*network.named_parameters(), *network.named_buffers()]}
    dtype = next(network.parameters()).dtype
    inputs = tuple(torch.empty(shape, dtype=dtype, device="meta") for shape in shapes)
    with torch.inference_mode():
        return flop_of(lambda: torch.func.functional_call(network, meta, inputs))
