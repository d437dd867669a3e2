"""Batch norms in training: how fast their statistics move, and when they stop."""

from __future__ import annotations

from torch import nn

# A few varied faces say little about all, so once the network changes slowly its statistics are averaged over a
# hundred batches, and not over ten as PyTorch does from the first to the last step.
FIRST_MOMENTUM, LAST_MOMENTUM = 0.1, 0.01


class Norms:
    """The batch norms of a network.

    Args:
        network: is in training mode whenever `before` is called.
        compat: leave them as they are in the original program.
    """

    def __init__(self, network: nn.Module, *, compat: bool):
        self._norms = [] if compat else [norm for norm in network.modules() if isinstance(norm, nn.BatchNorm2d)]

    def before(self, step: int, *, settled: bool = False) -> None:
        """Prepare a step; in a settled one they use the statistics that they will run with, and keep them."""
        for norm in self._norms:
            norm.train(not settled)
            norm.momentum = momentum(step)


def momentum(step: int) -> float:
    """Return the weight of a step's batch in the statistics."""
    return min(FIRST_MOMENTUM, max(LAST_MOMENTUM, 10 / (step + 1)))
