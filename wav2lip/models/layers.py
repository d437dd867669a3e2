"""The two building blocks that every Wav2Lip network is made of; attribute names are the checkpoints' keys."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = int | tuple[int, int]


class ConvBlock(nn.Module):
    """Convolution, batch norm, optional residual, ReLU. The input is added after the norm and before the ReLU."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: Size,
        stride: Size = 1,
        padding: Size = 0,
        residual: bool = False,
    ):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, kernel, stride, padding),
            nn.BatchNorm2d(channels_out),
        )
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        convolution: Any = self.conv_block[0]
        settled = _settled(self.conv_block, outputs=0)
        y = F.conv2d(x, *settled, convolution.stride, convolution.padding) if settled else self.conv_block(x)
        return F.relu(y + x if self.residual else y)


class ConvTransposeBlock(nn.Module):
    """Transposed convolution, batch norm, ReLU."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int, padding: int, output_padding: int = 0
    ):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(channels_in, channels_out, kernel, stride, padding, output_padding),
            nn.BatchNorm2d(channels_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        convolution: Any = self.conv_block[0]
        settled = _settled(self.conv_block, outputs=1)
        if settled is None:
            return F.relu(self.conv_block(x))
        more = convolution.output_padding
        return F.relu(F.conv_transpose2d(x, *settled, convolution.stride, convolution.padding, more))


def residual_blocks(channels: int, count: int) -> list[nn.Module]:
    """Return `count` 3x3 blocks that keep the shape (B, channels, H, W)."""
    return [ConvBlock(channels, channels, 3, 1, 1, residual=True) for _ in range(count)]


def _settled(conv_block: nn.Sequential, outputs: int) -> tuple[Tensor, Tensor] | None:
    """Return weight and bias of a convolution and a batch norm in one, if the norm learns but keeps its statistics.

    Such a norm is a factor and a shift for each channel. What the two give and learn stays the same, up to rounding;
    two passes over every map are spared, a seventh of a training step on a CPU.
    PyTorch's own `fuse_conv_bn_weights` gives new parameters, through which the old ones learn nothing.

    Args:
        conv_block: convolution and batch norm, if it was not folded before.
        outputs: the axis of the weight that counts output channels.
    """
    convolution: Any = conv_block[0]
    norm: Any = conv_block[-1]
    learns = isinstance(conv_block[-1], nn.BatchNorm2d) and norm.weight.requires_grad and torch.is_grad_enabled()
    if not learns or norm.training:
        return None
    factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shape = [1, 1, 1, 1]
    shape[outputs] = -1
    return convolution.weight * factor.view(shape), (convolution.bias - norm.running_mean) * factor + norm.bias
