"""Where the networks run."""

from __future__ import annotations

import os
import platform

from wav2lip.errors import UsageError

# The environment, before NumPy and PyTorch are imported, in which NumPy's second thread does not wait by turning in
# circles, where the generator has work, and MKL keeps no buffers for each thread: 30 MB, for no time that shows.
CALM = {"OPENBLAS_NUM_THREADS": "1", "MKL_DISABLE_FAST_MM": "1"}
if platform.machine().lower() not in ("x86_64", "amd64"):
    CALM = {}    # on ARM PyTorch itself may compute by OpenBLAS


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_device(name: str) -> str:
    """Return a device that is there: the named one, or for "auto" CUDA, then MPS, then the CPU.

    Raises:
        UsageError: the named device does not exist on this machine.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdigit())):
        raise UsageError(f"There is no device {name!r}; choose auto, cpu, cuda, cuda:0, cuda:1, ... or mps.")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        have = f"{torch.cuda.device_count()} CUDA devices" if torch.cuda.is_available() else "no CUDA device"
        raise UsageError(f"--device {name}: PyTorch sees {have} here; use --device auto or cpu.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: PyTorch sees no Apple GPU here; use --device auto or cpu.")
    return name
