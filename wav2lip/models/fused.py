"""The generator for a CPU: every block one operation, in the way that is fastest for the size of its map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wav2lip.models.generator import FACE_SIZE, LOWER, MEL, Generator
from wav2lip.models.layers import ConvBlock, ConvTransposeBlock
from wav2lip.models.winograd import Winograd, framed, with_input

FACES = 4    # a core's share at a time: more are hardly faster, but use more memory. Weights are laid out for so many

# PyTorch's own operators for its compiler; they are no part of its public interface.
_OPERATORS = (
    "_convolution_pointwise", "_convolution_transpose_pointwise", "_reorder_convolution_weight",
    "_reorder_convolution_transpose_weight", "_is_mkldnn_bf16_supported",
)
_WIDE = 128                  # channels of the narrowest map for which Winograd's way is worth its memory
_LARGE, _SMALL = 144, 9      # positions: from so many on its tiles are of 4 x 4; so few are neighbours of each other


def can_fuse(device: torch.device, numbers: torch.dtype) -> bool:
    """Return whether a generator that runs there, with such numbers, can be fused."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if not all(hasattr(torch.ops.mkldnn, name) for name in _OPERATORS):
        return False
    return numbers == torch.float32 or (numbers == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def fuse(generator: Generator) -> None:
    """Make every block of a generator one operation, with its weights laid out as oneDNN reads them.

    The blocks' own weights go. A result differs by rounding; whatever faces come together, each is the same.

    Args:
        generator: one of which `can_fuse` is true, its batch norms folded into the convolutions; it is changed.
    """
    shapes = _shapes(generator)
    places = [
        (layers, at, f"{name}.{at}") for name, layers in generator.named_modules() if isinstance(layers, nn.Sequential)
        for at, block in enumerate(layers) if isinstance(block, ConvBlock | ConvTransposeBlock)
    ]
    for layers, at, name in places:
        block: Any = layers[at]    # nobody else holds it: its weights go with it
        layers[at] = _faster(block, shapes[name])


def _shapes(generator: Generator) -> dict[str, list[int]]:
    """Return the shape of what every block is given, by its name, when lower faces are made."""
    shapes: dict[str, list[int]] = {}

    def through(name: str, layers: Any, size: tuple[int, int]) -> tuple[int, int]:
        for at, block in enumerate(layers):
            convolution = block.conv_block[0]
            shapes[f"{name}.{at}"] = [FACES, convolution.in_channels, *size]
            size = _size_after(convolution, size)
        return size

    def along(name: str, levels: nn.ModuleList, size: tuple[int, int], starts: Sequence[int]) -> None:
        above = 0    # rows that are left out already
        for at, (layers, start) in enumerate(zip(levels, starts, strict=True)):
            rows, columns = through(f"{name}.{at}", layers, size)
            size, above = (rows - (start - above), columns), 2 * start

    through("audio_encoder", generator.audio_encoder, (MEL[1], MEL[2]))
    encoder = generator.face_encoder_blocks
    along("face_encoder_blocks", encoder, (FACE_SIZE, FACE_SIZE), [0] * len(encoder))
    along("face_decoder_blocks", generator.face_decoder_blocks, (1, 1), generator.starts(LOWER))
    blocks: Any = generator.output_block[:1]
    through("output_block", blocks, (FACE_SIZE - generator.starts(LOWER)[-1], FACE_SIZE))
    return shapes


def _size_after(convolution: Any, size: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of what a convolution makes of a map of some size."""
    sides = zip(size, convolution.kernel_size, convolution.stride, convolution.padding, strict=True)
    if isinstance(convolution, nn.ConvTranspose2d):
        more = convolution.output_padding
        rows, columns = ((s - 1) * step - 2 * pad + k + more[0] for s, k, step, pad in sides)
    else:
        rows, columns = ((s + 2 * pad - k) // step + 1 for s, k, step, pad in sides)
    return rows, columns


def _faster(block: ConvBlock | ConvTransposeBlock, shape: list[int]) -> nn.Module:
    convolution: Any = block.conv_block[0]
    _, channels, height, width = shape
    if isinstance(block, ConvTransposeBlock):
        if height * width == 1:
            return _Spread(convolution)
        if height * width <= _SMALL and convolution.weight.dtype == torch.float32:
            return _SpreadOver(convolution)
        return _FusedTranspose(convolution, shape)
    if convolution.kernel_size == (height, width) and convolution.padding == (0, 0):
        return _Product(convolution)
    if block.residual and channels >= _WIDE and convolution.weight.dtype == torch.float32:
        if height * width <= _SMALL:
            return _Neighbours(convolution)
        return Winograd(convolution, FACES, residual=True, tile=4 if height * width >= _LARGE else 2)
    return _Fused(convolution, shape, residual=block.residual)


class _Fused(nn.Module):
    """A convolution, its input added where it is residual, ReLU unless nothing shall follow."""

    def __init__(self, convolution: Any, shape: list[int], *, residual: bool = False, then: str = "relu"):
        super().__init__()
        self._then = then
        self._how = (
            list(convolution.padding), list(convolution.stride), list(convolution.dilation), convolution.groups,
        )
        self._bias, self._residual = convolution.bias, residual
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(convolution.weight, *self._how, shape)

    def forward(self, x: Tensor) -> Tensor:
        operators: Any = torch.ops.mkldnn
        if self._residual:
            out = operators._convolution_pointwise.binary(
                x, x, self._weight, self._bias, *self._how, "add", 1.0, "relu", [], ""
            )
        else:
            out = operators._convolution_pointwise(x, self._weight, self._bias, *self._how, self._then, [], "")
        return out


class _FusedTranspose(nn.Module):
    """A transposed convolution, ReLU."""

    def __init__(self, convolution: Any, shape: list[int]):
        super().__init__()
        self._how = (
            list(convolution.padding), list(convolution.output_padding), list(convolution.stride),
            list(convolution.dilation), convolution.groups,
        )
        self._bias = convolution.bias
        self._weight = torch.ops.mkldnn._reorder_convolution_transpose_weight(convolution.weight, *self._how, shape)

    def forward(self, x: Tensor) -> Tensor:
        operators: Any = torch.ops.mkldnn
        return operators._convolution_transpose_pointwise(x, self._weight, self._bias, *self._how, "relu", [], "")


class _Product(nn.Module):
    """A convolution whose kernel is as large as its map: a product of matrices.

    oneDNN would read all weights once for every face. So faces are put side by side, as the columns of one map.
    """

    def __init__(self, convolution: Any):
        super().__init__()
        weight = convolution.weight.permute(0, 2, 3, 1).flatten(1)
        self._inner = _one_by_one(weight, convolution.bias)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.permute(0, 2, 3, 1).flatten(1)                       # of each face its map, (B, height * width * C)
        return self._inner(_beside(rows)).permute(3, 1, 0, 2)         # (1, K, 1, B) to (B, K, 1, 1)


class _Spread(nn.Module):
    """A transposed convolution of maps of one position: a product too, whose result is a map as large as the kernel."""

    def __init__(self, convolution: Any):
        super().__init__()
        self._size = convolution.kernel_size
        weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)
        self._inner = _one_by_one(weight, convolution.bias.repeat(self._size[0] * self._size[1]))

    def forward(self, x: Tensor) -> Tensor:
        made = self._inner(_beside(x.flatten(1))).permute(0, 2, 3, 1)    # (1, 1, B, height * width * K)
        return made.view(len(x), *self._size, -1).permute(0, 3, 1, 2)


class _Neighbours(nn.Module):
    """A residual block of 3 x 3 on a map hardly larger: a product of every position's neighbourhood, ReLU."""

    def __init__(self, convolution: Any):
        super().__init__()
        weight = with_input(convolution.weight).permute(0, 2, 3, 1).flatten(1)
        self._inner = _one_by_one(weight, convolution.bias, _SMALL)

    def forward(self, x: Tensor) -> Tensor:
        faces, channels, height, width = x.shape
        frame = framed(x, (height + 2, width + 2))
        face, row, column, one = frame.stride()
        around = frame.as_strided((faces, height, width, 3, 3 * channels), (face, row, column, row, one))
        made = self._inner(_beside(around.flatten(3).flatten(0, 2))).permute(0, 2, 3, 1)
        return made.reshape(faces, height, width, -1).permute(0, 3, 1, 2)


class _SpreadOver(nn.Module):
    """A transposed convolution of a small map, 3 x 3, that doubles its size: a product whose results overlap, ReLU."""

    def __init__(self, convolution: Any):
        super().__init__()
        weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)
        self._bias = convolution.bias
        self._inner = _one_by_one(weight, None, _SMALL)

    def forward(self, x: Tensor) -> Tensor:
        faces, _, height, width = x.shape
        rows = x.permute(0, 2, 3, 1).flatten(0, 2)
        made = self._inner(_beside(rows)).permute(0, 2, 3, 1).reshape(faces, height, width, 3, 3, -1)
        whole = self._bias.expand(faces, 2 * height + 2, 2 * width + 2, -1).contiguous()
        for row in range(3):
            for column in range(3):
                whole[:, row : row + 2 * height : 2, column : column + 2 * width : 2] += made[:, :, :, row, column]
        return whole[:, 1:-1, 1:-1].clamp_min(0).permute(0, 3, 1, 2)


def _one_by_one(weight: Tensor, bias: Tensor | None, positions: int = 1) -> _Fused:
    """Return the product with a matrix (K, C), for so many positions of each face, side by side."""
    made, given = weight.shape
    convolution = nn.Conv2d(given, made, 1, device="meta")
    convolution.weight = nn.Parameter(
        weight[:, :, None, None].contiguous(memory_format=torch.channels_last), requires_grad=False
    )
    convolution.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
    return _Fused(convolution, [1, given, 1, positions * FACES], then="none" if bias is None else "relu")


def _beside(rows: Tensor) -> Tensor:
    """Return rows (B, C) as a map (1, C, 1, B), in channels-last order."""
    return rows.contiguous()[None, None].permute(0, 3, 1, 2)
