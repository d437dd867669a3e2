"""The two building blocks that every Wav2Lip network is made of; attribute names are the checkpoints' keys."""

from __future__ import annotations

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
        y = self.conv_block(x)
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
        return F.relu(self.conv_block(x))


def residual_blocks(channels: int, count: int) -> list[nn.Module]:
    """Return `count` 3x3 blocks that keep the shape (B, channels, H, W)."""
    return [ConvBlock(channels, channels, 3, 1, 1, residual=True) for _ in range(count)]
