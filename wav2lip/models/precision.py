"""Which number format is fast where."""

from __future__ import annotations

from collections.abc import Callable

import torch


def fast_bfloat16(device: str | torch.device) -> bool:
    """Return whether a device multiplies bfloat16 itself; emulated, it is slower than float32."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if kind != "cpu":
        return False
    capabilities: Callable[[], dict[str, bool]] | None = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is None:    # older versions of torch do not tell
        return False
    return any(capabilities().get(unit, False) for unit in ("avx512_bf16", "amx_bf16"))
