"""The super-resolution network of ESRGAN and Real-ESRGAN: four times the width and height, details made up."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALE = 4         # times the width and height: two doublings
SLOPE = 0.2       # of the leaky ReLUs, below zero
RESIDUAL = 0.2    # how much of what a block finds is added to what it was given; keeps deep sums from growing


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all that the ones before it found; keeps (B, features, H, W)."""

    def __init__(self, features: int, growth: int):
        super().__init__()
        self.conv1 = nn.Conv2d(features, growth, 3, padding=1)
        self.conv2 = nn.Conv2d(features + growth, growth, 3, padding=1)
        self.conv3 = nn.Conv2d(features + 2 * growth, growth, 3, padding=1)
        self.conv4 = nn.Conv2d(features + 3 * growth, growth, 3, padding=1)
        self.conv5 = nn.Conv2d(features + 4 * growth, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat((seen, _leaky(convolution(seen))), dim=1)
        return torch.add(x, self.conv5(seen), alpha=RESIDUAL)


class ResidualDenseBlocks(nn.Module):
    """Three dense blocks in a row and a residual around them; keeps (B, features, H, W)."""

    def __init__(self, features: int, growth: int):
        super().__init__()
        self.rdb1 = DenseBlock(features, growth)
        self.rdb2 = DenseBlock(features, growth)
        self.rdb3 = DenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.rdb3(self.rdb2(self.rdb1(x))), alpha=RESIDUAL)


class RRDBNet(nn.Module):
    """The network of RealESRGAN_x4plus.pth and of wav2lip-hq, in any size.

    Args:
        features: channels between the blocks; 64 as published.
        blocks: how many residual blocks of three dense blocks each; 23 as published.
        growth: channels that each convolution in a dense block adds; 32 as published.

    Source: Wang et al. 2018, "ESRGAN" (arXiv 1809.00219); names and order of the published weights of Real-ESRGAN
    (Wang et al. 2021, arXiv 2107.10833).
    """

    def __init__(self, features: int = 64, blocks: int = 23, growth: int = 32):
        super().__init__()
        self.sizes = (features, blocks, growth)
        self.conv_first = nn.Conv2d(3, features, 3, padding=1)
        self.body = nn.Sequential(*[ResidualDenseBlocks(features, growth) for _ in range(blocks)])
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up2 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Enlarge pictures.

        Args:
            pictures: (B, 3, H, W) in [0, 1], RGB.

        Returns:
            (B, 3, 4 H, 4 W), RGB, about in [0, 1]; not clamped, so that training has a gradient everywhere.
        """
        x = self.conv_first(pictures)
        x = x + self.conv_body(self.body(x))
        x = _leaky(self.conv_up1(_twice(x)))
        x = _leaky(self.conv_up2(_twice(x)))
        return self.conv_last(_leaky(self.conv_hr(x)))


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE, inplace=True)


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
