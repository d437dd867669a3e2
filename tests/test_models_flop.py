"""Counted arithmetic against arithmetic done by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wav2lip.models.flop import flop_of, network_flop
from wav2lip.models.generator import Generator
from wav2lip.models.peak import matmul_peak, memory_peak

CONVOLUTION = 2 * 9 * 3 * 8 * 6 * 4      # a multiplication and an addition, taps, channels in and out, outputs
LINEAR = 2 * 8 * 5


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm, self.linear = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.norm(self.convolution(x)).mean(dim=(2, 3)))


@pytest.mark.parametrize("inference", [False, True])
def test_convolutions_and_products_are_counted(inference: bool) -> None:
    network, x = Small().eval(), torch.ones(2, 3, 8, 6)
    with torch.inference_mode(inference):
        assert flop_of(lambda: network(x)) == {"float32": 2 * (CONVOLUTION + LINEAR)}


def test_counting_computes_nothing_and_leaves_the_network_alone() -> None:
    network = Small().eval()
    before = network.convolution.weight.clone()
    assert network_flop(network, (1, 3, 8, 6)) == {"float32": CONVOLUTION + LINEAR}
    assert network.convolution.weight.device.type == "cpu"
    assert torch.equal(network.convolution.weight, before)


def test_the_numbers_format_is_told() -> None:
    assert network_flop(Small().eval().bfloat16(), (1, 3, 8, 6)) == {"bfloat16": CONVOLUTION + LINEAR}


def test_the_published_generator_needs_7_93_gflop_a_face() -> None:
    with torch.device("meta"):
        generator = Generator().eval()
    flop = network_flop(generator, (1, 1, 80, 16), (1, 6, 96, 96))
    assert flop["float32"] == pytest.approx(7.93e9, rel=0.001)


def test_nothing_is_counted_where_pytorch_computes_nothing() -> None:
    assert flop_of(lambda: sum(range(10))) == {}


def test_the_machines_peaks_are_rates(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    monkeypatch.setattr("wav2lip.models.peak.SECONDS", 0.05)
    monkeypatch.setattr("wav2lip.models.peak.SIDES", {"cpu": 512})
    assert 1e8 < matmul_peak("cpu", "float32") < 1e13      # a slow core, and more than any has
    assert 1e8 < memory_peak() < 1e12
