"""Where the networks run."""

from __future__ import annotations

import functools
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
    """Return a device that is there and computes: the named one, or for "auto" CUDA, then MPS, then the CPU.

    Raises:
        UsageError: the named device does not exist on this machine, or this PyTorch cannot compute on it.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available() and not _failure("cuda"):
            return "cuda"
        return "mps" if torch.backends.mps.is_available() and not _failure("mps") else "cpu"
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdigit())):
        raise UsageError(f"There is no device {name!r}; choose auto, cpu, cuda, cuda:0, cuda:1, ... or mps.")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        have = f"{torch.cuda.device_count()} CUDA devices" if torch.cuda.is_available() else "no CUDA device"
        raise UsageError(f"--device {name}: PyTorch sees {have} here; use --device auto or cpu.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: PyTorch sees no Apple GPU here; use --device auto or cpu.")
    if kind != "cpu" and (failure := _failure(name)):
        raise UsageError(f"--device {name}: {failure}; use --device cpu, or a PyTorch built for this GPU.")
    return name


def passed_over() -> str:
    """Return in a sentence which GPU `choose_device` passes over for "auto" though PyTorch sees it; "" where none."""
    import torch

    for kind, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if there and (failure := _failure(kind)):
            return f"PyTorch sees a GPU ({kind}) but cannot compute on it, and leaves it aside: {failure}."
    return ""


@functools.cache
def _failure(device: str) -> str:
    """Return what PyTorch says when it shall compute on a GPU that it sees, in a line; nothing where it can."""
    import torch

    from wav2lip.models.memory import is_shortage

    try:
        (torch.zeros(1, device=device) + 1).item()
    except RuntimeError as error:
        if is_shortage(error):    # others fill it just now: whoever needs memory says so
            return ""
        return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
    return ""
