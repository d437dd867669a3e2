"""The RetinaFace network with a quarter-width MobileNet, for the weights that the face-alignment package uses.

That package's own class needs torchvision for one helper, which often does not fit the torch that is installed.

Source: Deng et al. 2019 (arXiv 1905.00641); names follow the published weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 64                                       # of the feature pyramid
STRIDES = (8, 16, 32)                               # pixels between cells, level by level
ANCHORS = ((16, 32), (64, 128), (256, 512))         # pixels: sides of the square anchors of each level
LEAK = 0.1


def _conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out)]


def _conv_act(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(*_conv(channels_in, channels_out, kernel, stride), nn.LeakyReLU(LEAK))


def _separable(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        *_conv(channels_in, channels_in, 3, stride, groups=channels_in), nn.LeakyReLU(LEAK),
        *_conv(channels_in, channels_out, 1), nn.LeakyReLU(LEAK),
    )


class MobileNet(nn.Module):
    """Three stages, at an eighth, a sixteenth and a thirty-second of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(
            _conv_act(3, 8, 3, 2), _separable(8, 16), _separable(16, 32, 2), _separable(32, 32),
            _separable(32, 64, 2), _separable(64, 64),
        )
        self.stage2 = nn.Sequential(_separable(64, 128, 2), *(_separable(128, 128) for _ in range(5)))
        self.stage3 = nn.Sequential(_separable(128, 256, 2), _separable(256, 256))

    def forward(self, x: Tensor) -> list[Tensor]:
        first = self.stage1(x)
        second = self.stage2(first)
        return [first, second, self.stage3(second)]


class Pyramid(nn.Module):
    """Mixes each level with the coarser ones."""

    def __init__(self) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_conv_act(channels, CHANNELS, 1) for channels in (64, 128, 256))
        self.merge1, self.merge2 = _conv_act(CHANNELS, CHANNELS, 3), _conv_act(CHANNELS, CHANNELS, 3)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        first, second, third = self.output1(levels[0]), self.output2(levels[1]), self.output3(levels[2])
        second = self.merge2(second + F.interpolate(third, size=second.shape[2:]))
        first = self.merge1(first + F.interpolate(second, size=first.shape[2:]))
        return [first, second, third]


class Context(nn.Module):
    """Looks at a cell's neighbourhood through windows of 3, 5 and 7 cells."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter = CHANNELS // 2, CHANNELS // 4
        self.conv3X3 = nn.Sequential(*_conv(CHANNELS, half, 3))
        self.conv5X5_1 = _conv_act(CHANNELS, quarter, 3)
        self.conv5X5_2 = nn.Sequential(*_conv(quarter, quarter, 3))
        self.conv7X7_2 = _conv_act(quarter, quarter, 3)
        self.conv7x7_3 = nn.Sequential(*_conv(quarter, quarter, 3))

    def forward(self, x: Tensor) -> Tensor:
        five = self.conv5X5_1(x)
        return F.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(five), self.conv7x7_3(self.conv7X7_2(five))], dim=1))


class Head(nn.Module):
    """A number of values for each of a cell's anchors."""

    def __init__(self, values: int):
        super().__init__()
        self.values = values
        self.conv1x1 = nn.Conv2d(CHANNELS, len(ANCHORS[0]) * values, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(len(x), -1, self.values)


class RetinaFace(nn.Module):
    """Face probabilities, boxes and landmarks."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fpn = MobileNet(), Pyramid()
        self.ssh1, self.ssh2, self.ssh3 = Context(), Context(), Context()
        self.ClassHead, self.BboxHead, self.LandmarkHead = (
            nn.ModuleList(Head(values) for _ in STRIDES) for values in (2, 4, 10)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Look at pictures.

        Args:
            x: (B, 3, H, W), BGR, 0 to 255, means subtracted.

        Returns:
            Face probability (B, n), box offsets (B, n, 4) and landmark offsets (B, n, 10) of all anchors, in the order
            of `anchors`. Landmarks are right eye, left eye, nose tip, right and left corner of the mouth, x before y.
        """
        contexts = (self.ssh1, self.ssh2, self.ssh3)
        levels = [context(level) for context, level in zip(contexts, self.fpn(self.body(x)), strict=True)]
        classes, places, landmarks = (
            torch.cat([head(level) for head, level in zip(heads, levels, strict=True)], dim=1)
            for heads in (self.ClassHead, self.BboxHead, self.LandmarkHead)
        )
        return classes.softmax(dim=2)[..., 1], places, landmarks


def anchors(height: int, width: int) -> Tensor:
    """Return centre x, centre y and side (n, 3) of every anchor of a picture, in pixels."""
    levels = []
    for stride, sides in zip(STRIDES, ANCHORS, strict=True):
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, side = torch.meshgrid(torch.arange(rows), torch.arange(columns), torch.tensor(sides), indexing="ij")
        levels.append(torch.stack([(x + 0.5) * stride, (y + 0.5) * stride, side.float()], dim=-1).reshape(-1, 3))
    return torch.cat(levels)
