"""Where the networks run, in which numbers, and how much memory and how many cores there are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from wav2lip.doctor.finding import Finding, note, ok, problem
from wav2lip.errors import UsageError
from wav2lip.models.device import choose_device, cores, passed_over

LITTLE = 4 << 30      # bytes of memory: a run at 1080p has 1 to 2 GB with its ffmpegs
_CGROUP = Path("/sys/fs/cgroup")      # as a container sees its own
_MEMINFO = Path("/proc/meminfo")


def look_at_device(name: str, precision: str) -> Iterator[Finding]:
    """Say where `sync` would run.

    Args:
        name: as `SyncOptions.device`.
        precision: as `SyncOptions.precision`.
    """
    import torch

    from wav2lip.models.precision import fast_bfloat16, number_type

    try:
        device = choose_device(name)
        numbers = str(number_type(precision, device)).removeprefix("torch.")    # type: ignore[arg-type]
    except UsageError as error:
        yield problem("device", "device", str(error))
        return
    kind = device.partition(":")[0]
    if kind == "cuda":
        number = torch.cuda.get_device_properties(device)
        what = f"{number.name}, {number.total_memory / 1e9:.0f} GB"
        why = "what GPUs are fast in"
    else:
        what = f"{cores()} core{'s' if cores() != 1 else ''}" if kind == "cpu" else "Apple's GPU"
        fast = kind == "cpu" and fast_bfloat16(device)
        why = "this CPU multiplies it in hardware" if fast else f"nothing is faster on this {kind}"
    chosen = f"{numbers}, by --precision {precision}" + (f": {why}" if precision == "auto" else "")
    advice = ""
    if kind == "cpu" and not torch.cuda.is_available() and Path("/dev/nvidia0").exists():
        advice = (
            "An NVIDIA GPU is there, but this PyTorch is built for CPUs: install one from https://pytorch.org."
            if torch.version.cuda is None else
            f"An NVIDIA GPU is there, but PyTorch's CUDA {torch.version.cuda} does not reach it: its driver may be too "
            "old for that, or CUDA_VISIBLE_DEVICES hides it."
        )
    text = f"Networks run on {device} ({what}), in {chosen}."
    if name == "auto" and (lost := passed_over()):
        text, advice = f"{text} {lost}", "Install a PyTorch that is built for this GPU, or end what else uses it."
    yield note("device", "device", text, advice) if advice else ok("device", "device", text)


def look_at_memory() -> Iterator[Finding]:
    """Say how much memory there is, where the system tells."""
    total, free = memory()
    if not total:
        return
    text = f"{total / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB of it free."
    if free < LITTLE / 2:
        yield note("device", "memory", text, "End other programs; --resize-factor 2 halves the pictures' sides.")
    else:
        yield ok("device", "memory", text)


def memory() -> tuple[int, int]:
    """Return the bytes of memory that this process may use, and those that are free; 0 where that is not told."""
    try:
        told = dict(line.split(":") for line in _MEMINFO.read_text().splitlines())
        total, free = (int(told[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    except (OSError, ValueError, KeyError):
        try:
            total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (ValueError, OSError, AttributeError):
            return 0, 0
        free = total
    try:
        limit = int((_CGROUP / "memory.max").read_text())
    except (OSError, ValueError):
        return total, free
    return min(total, limit), min(free, max(0, limit - _held()))


def _held() -> int:
    """Return the bytes that a container's programs hold, without copies of files that go when room is needed."""
    try:
        parts = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return int((_CGROUP / "memory.current").read_text()) - int(parts["inactive_file"])
    except (OSError, ValueError, KeyError):
        return 0
