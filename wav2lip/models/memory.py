"""What to do where memory, a GPU's or the machine's, does not hold a whole batch."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from wav2lip.errors import Wav2LipError

_SHORT = (
    "DefaultCPUAllocator", "could not create a memory", "MPS backend out of memory", "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED",
)
"""What PyTorch says of it in errors that are of no kind of their own."""


class Room:
    """How many rows at most are known to be worth a try in a device's memory."""

    def __init__(self) -> None:
        self.most = sys.maxsize


def in_halves(
    run: Callable[..., Any], *arrays: np.ndarray, device: str | torch.device, task: str, room: Room | None = None
) -> Any:
    """Return `run(*arrays)`, in halves, and halves of these, where the device's memory is too small for all at once.

    Args:
        run: makes an array or a tensor (n, ...) of arrays of n rows each.
        arrays: (n, ...) each, at least one row.
        device: where it runs.
        task: for whom the memory is too small at last, as in "for one face".
        room: remembers what did not fit from one call to the next.

    Raises:
        Wav2LipError: it is too small for a single row.
    """
    rows, room = len(arrays[0]), room or Room()
    if rows <= room.most:
        try:
            return run(*arrays)
        except Exception as error:
            if not is_shortage(error):
                raise
            if rows == 1:
                raise Wav2LipError(f"{device} has too little memory {task}{_elsewhere(device)}.") from error
        room.most = (rows + 1) // 2
    # Outside of the handler, whose error holds on to what was allocated.
    parts: list[Any] = []
    while (at := sum(map(len, parts))) < rows:
        part = [array[at : at + room.most] for array in arrays]
        parts.append(in_halves(run, *part, device=device, task=task, room=room))
    return torch.cat(parts) if isinstance(parts[0], torch.Tensor) else np.concatenate(parts)


@contextmanager
def enough(device: str | torch.device, faces: int) -> Iterator[None]:
    """Say in a sentence that a device's memory is too small for so many faces.

    Raises:
        Wav2LipError: it is.
    """
    try:
        yield
    except Exception as error:
        if not is_shortage(error):
            raise
        ways = [f"--wav2lip-batch-size {faces // 2}"] * (faces > 1) + ["--device cpu"] * (str(device) != "cpu")
        many = "one face" if faces == 1 else f"{faces} faces at a time"
        advice = f"; use {' or '.join(ways)}" if ways else ""
        raise Wav2LipError(f"{device} has too little memory for {many}{advice}.") from error


def give_back() -> None:
    """Let the system have what was freed: glibc keeps it, 100 MB after weights were loaded. Nothing elsewhere."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)    # musl has none
        if trim is not None:
            trim(0)


def is_shortage(error: BaseException) -> bool:
    """Return whether an error of Python, NumPy, PyTorch or OpenCV means that there is too little memory."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    words = str(error)
    if type(error).__module__ == "cv2":
        return "Insufficient memory" in words
    return isinstance(error, RuntimeError) and any(known in words for known in _SHORT)


def _elsewhere(device: str | torch.device) -> str:
    return "" if str(device) == "cpu" else "; use --device cpu"
