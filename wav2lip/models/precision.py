"""Which number format is fast where."""

from __future__ import annotations

from collections.abc import Callable

import torch

from wav2lip.errors import UsageError
from wav2lip.models.choices import Precision

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def fast_bfloat16(device: str | torch.device) -> bool:
    """Return whether a device multiplies bfloat16 faster than float32.

    Of CPUs those with AMX do. With AVX-512's bfloat16 alone the generator takes 1.3 to 1.4 times as long as in float32
    (PyTorch 2.13 on a Sapphire Rapids without AMX).
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if kind != "cpu":
        return False
    capabilities: Callable[[], dict[str, bool]] | None = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is None:    # older versions of torch do not tell
        return False
    return capabilities().get("amx_bf16", False)


def number_type(precision: Precision, device: str) -> torch.dtype:
    """Return the numbers that a network computes with.

    "auto" takes float16 on CUDA and bfloat16 on CPUs that multiply it faster. The faces of the generator that ships
    differ from those in float32 by a PSNR of 76 and 56 dB then, on 16 real faces.

    Raises:
        UsageError: float16 on a CPU, which is slower there than float32.
    """
    kind = device.partition(":")[0]
    if precision == "fp16" and kind == "cpu":
        raise UsageError("--precision fp16 is for GPUs; on a CPU choose auto, fp32 or bf16.")
    if precision != "auto":
        return _TYPES[precision]
    if kind == "cuda":
        return torch.float16
    return torch.bfloat16 if kind == "cpu" and fast_bfloat16(device) else torch.float32
