"""Other ways to convolve give the same, for maps of any size and any number of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wav2lip.models.fused import FACES, _Neighbours, _shapes, _SpreadOver
from wav2lip.models.generator import FACE, LOWER, MEL, FaceFrom, Generator
from wav2lip.models.layers import ConvBlock, ConvTransposeBlock
from wav2lip.models.winograd import Winograd

pytestmark = pytest.mark.usefixtures("one_thread")


def convolution(given: int, made: int) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(given, made, 3, 1, 1).requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(("height", "width"), [(12, 12), (9, 6), (18, 24), (1, 1), (3, 3), (5, 7), (4, 30)])
@pytest.mark.parametrize(("given", "made"), [(8, 8), (3, 16), (24, 5)])
@pytest.mark.parametrize("tile", [2, 4])
def test_it_is_the_convolution(height: int, width: int, given: int, made: int, tile: int) -> None:
    plain = convolution(given, made)
    for layout in (torch.channels_last, torch.contiguous_format):
        x = torch.randn(3, given, height, width).contiguous(memory_format=layout)
        before = x.clone()
        out = Winograd(plain, tile=tile)(x)
        assert out.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(out, plain(x), rtol=1e-4, atol=1e-4)
        assert torch.equal(x, before)


@pytest.mark.parametrize("tile", [2, 4])
def test_a_residual_block_adds_its_input_and_takes_the_positive_part(tile: int) -> None:
    plain = convolution(8, 8)
    x = torch.randn(2, 8, 13, 6).contiguous(memory_format=torch.channels_last)
    out = Winograd(plain, residual=True, tile=tile)(x)
    torch.testing.assert_close(out, torch.relu(plain(x) + x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(12, 12), (18, 24), (48, 60), (5, 200)])
@pytest.mark.parametrize("pictures", [1, 4, 6])
def test_tiles_are_worked_through_in_groups_of_any_size(pictures: int, shape: tuple[int, int]) -> None:
    plain = convolution(4, 4)
    x = torch.randn(7, 4, *shape).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(Winograd(plain, pictures)(x), plain(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("channels", "side", "tile"), [(128, 12, 4), (192, 12, 4), (384, 12, 4), (256, 6, 2), (512, 6, 2)]
)
def test_a_picture_is_convolved_alike_in_any_company(channels: int, side: int, tile: int) -> None:
    layer = Winograd(convolution(channels, channels), FACES, residual=True, tile=tile)
    assert_alike_in_any_company(layer, torch.randn(11, channels, side, side))


def test_on_a_small_map_every_neighbourhood_is_a_row_of_a_product() -> None:
    plain = convolution(128, 128)
    x = torch.randn(11, 128, 3, 3).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(_Neighbours(plain)(x), torch.relu(plain(x) + x), rtol=1e-4, atol=1e-4)
    assert_alike_in_any_company(_Neighbours(plain), x)


@pytest.mark.parametrize(("height", "width"), [(3, 3), (2, 4), (1, 2)])
def test_on_a_small_map_a_transposed_convolution_is_a_product_whose_results_overlap(height: int, width: int) -> None:
    torch.manual_seed(0)
    plain = nn.ConvTranspose2d(96, 40, 3, 2, 1, 1).requires_grad_(False)
    x = torch.randn(11, 96, height, width).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(_SpreadOver(plain)(x), torch.relu(plain(x)), rtol=1e-4, atol=1e-4)
    assert_alike_in_any_company(_SpreadOver(plain), x)


def assert_alike_in_any_company(layer: nn.Module, x: torch.Tensor) -> None:
    x = x.contiguous(memory_format=torch.channels_last)
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
        FaceFrom(generator, LOWER)(torch.zeros(FACES, *MEL), torch.zeros(FACES, *FACE))
    assert _shapes(generator) == seen
