"""Which device is chosen: a GPU only where PyTorch computes on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from wav2lip.doctor.hardware import look_at_device
from wav2lip.errors import UsageError
from wav2lip.models import device as places
from wav2lip.models.device import choose_device, passed_over

Pretend = Callable[[str], list[str]]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pretend]:
    """Return what makes PyTorch see a GPU that fails with some words, or computes if there are none."""
    tried: list[str] = []
    plain = torch.zeros

    def see(words: str) -> list[str]:
        def zeros(size: int, device: str) -> torch.Tensor:
            tried.append(device)
            if words:
                raise RuntimeError(words)
            return plain(size)

        monkeypatch.setattr(torch, "zeros", zeros)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        return tried

    places._failure.cache_clear()
    yield see
    places._failure.cache_clear()


def test_a_gpu_that_pytorch_is_not_built_for_is_passed_over_and_refused_by_name(pretend: Pretend) -> None:
    tried = pretend("CUDA error: no kernel image is available for execution on the device\nCompile with more")
    assert choose_device("auto") == choose_device("auto") == choose_device("cpu") == "cpu"
    assert tried == ["cuda"]
    assert "no kernel image is available" in passed_over()
    (found,) = look_at_device("auto", "auto")
    assert (found.level, "no kernel image" in found.text) == ("note", True)
    with pytest.raises(UsageError, match=r"cuda:1: .*on the device; use --device cpu, or a PyTorch built for this GPU"):
        choose_device("cuda:1")


@pytest.mark.parametrize("words", ["", "CUDA error: out of memory"], ids=["free", "full"])
def test_a_gpu_that_computes_is_taken_also_while_others_fill_it(pretend: Pretend, words: str) -> None:
    tried = pretend(words)
    assert choose_device("auto") == choose_device("cuda") == "cuda"
    assert tried == ["cuda"]
