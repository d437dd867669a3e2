"""How fast the machine is at best: what a run's stages are held against."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

SIDES = {"cpu": 1536, "cuda": 8192, "mps": 2048}     # of the matrices: 7 GFLOP, 1.1 TFLOP, 17 GFLOP a product
COPIED = 128 << 20                                   # bytes: more than caches hold
SECONDS, LEAST = 0.5, 3                              # that are measured for, in so many passes at least


def matmul_peak(device: str, number_format: str) -> float:
    """Return the FLOP/s of the fastest of several products of large square matrices.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps".
        number_format: "float32", "bfloat16", "float16".
    """
    side = SIDES[device.partition(":")[0]]
    left, right = (torch.ones(side, side, dtype=getattr(torch, number_format), device=device) for _ in range(2))
    return 2 * side**3 / _fastest(lambda: torch.mm(left, right), device)


def memory_peak() -> float:
    """Return the bytes/s that the fastest of several large copies in the machine's memory reads and writes."""
    source, target = torch.ones(COPIED, dtype=torch.uint8), torch.zeros(COPIED, dtype=torch.uint8)
    return 2 * COPIED / _fastest(lambda: target.copy_(source), "cpu")


def _fastest(run: Callable[[], object], device: str) -> float:
    """Return the seconds of the fastest pass."""
    passes: list[float] = []
    end = time.perf_counter() + SECONDS
    with torch.inference_mode():
        while len(passes) < LEAST or time.perf_counter() < end:
            start = time.perf_counter()
            run()
            _settle(device)
            passes.append(time.perf_counter() - start)
    return min(passes)


def _settle(device: str) -> None:
    """Wait until a device has done what it was told."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()
