"""Fewer multiplications give the same convolution, for maps of any size and any number of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wav2lip.models.fused import _shapes
from wav2lip.models.generator import FACE, LOWER, MEL, FaceFrom, Generator
from wav2lip.models.layers import ConvBlock, ConvTransposeBlock
from wav2lip.models.winograd import Winograd

pytestmark = pytest.mark.usefixtures("one_thread")


def convolution(given: int, made: int) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(given, made, 3, 1, 1).requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(("height", "width"), [(12, 12), (9, 6), (18, 24), (1, 1), (3, 3), (5, 7), (4, 30)])
@pytest.mark.parametrize(("given", "made"), [(8, 8), (3, 16), (24, 5)])
def test_it_is_the_convolution(height: int, width: int, given: int, made: int) -> None:
    plain = convolution(given, made)
    for layout in (torch.channels_last, torch.contiguous_format):
        x = torch.randn(3, given, height, width).contiguous(memory_format=layout)
        before = x.clone()
        out = Winograd(plain)(x)
        assert out.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(out, plain(x), rtol=1e-4, atol=1e-4)
        assert torch.equal(x, before)


def test_a_residual_block_adds_its_input_and_takes_the_positive_part() -> None:
    plain = convolution(8, 8)
    x = torch.randn(2, 8, 13, 6).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(Winograd(plain, residual=True)(x), torch.relu(plain(x) + x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [128, 192, 384])
def test_a_picture_is_convolved_alike_in_any_company(channels: int) -> None:
    layer = Winograd(convolution(channels, channels), residual=True)
    x = torch.randn(11, channels, 12, 12).contiguous(memory_format=torch.channels_last)
    together = layer(x)
    for first, count in ((0, 1), (10, 1), (3, 2), (4, 3), (0, 5), (2, 7), (1, 10)):
        assert torch.equal(layer(x[first : first + count]), together[first : first + count])


def test_the_size_of_every_map_is_known_without_making_it() -> None:
    generator = Generator(channels=1).eval()
    seen: dict[str, list[int]] = {}
    for name, block in generator.named_modules():
        if isinstance(block, ConvBlock | ConvTransposeBlock):
            block.register_forward_pre_hook(
                lambda _, inputs, name=name: seen.update({name: list(inputs[0].shape)})
            )
    with torch.inference_mode():
        FaceFrom(generator, LOWER)(torch.zeros(8, *MEL), torch.zeros(8, *FACE))
    assert _shapes(generator) == seen
