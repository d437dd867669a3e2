"""The network that says which part of a face every pixel is: skin, lips, hair, a hat."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 19            # of CelebAMask-HQ; `wav2lip.compose.parsing` has their names
PICTURE_SIZE = 512      # pixels, each way: what it was trained on
MEAN = (0.485, 0.456, 0.406)    # of ImageNet's pictures in [0, 1], RGB, which its input is normalised by
STD = (0.229, 0.224, 0.225)


class NormConv(nn.Sequential):
    """Convolution without a bias, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int):
        conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False)
        super().__init__(OrderedDict(conv=conv, bn=nn.BatchNorm2d(channels_out), relu=nn.ReLU()))


class ResidualBlock(nn.Sequential):
    """Two 3x3 convolutions and a residual around them, which a 1x1 convolution fits in where the size changes."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1):
        shortcut: nn.Module = nn.Identity()
        if stride > 1:
            fit = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            shortcut = nn.Sequential(fit, nn.BatchNorm2d(channels_out))
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
                bn1=nn.BatchNorm2d(channels_out),
                relu=nn.ReLU(),
                conv2=nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
                bn2=nn.BatchNorm2d(channels_out),
                downsample=shortcut,
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        *layers, shortcut = self    # by place, not by name: names change when batch norms are folded
        y = x
        for layer in layers:
            y = layer(y)
        return F.relu(y + shortcut(x))


class Backbone(nn.Sequential):
    """ResNet-18 without its last layer; gives the features at 1/8, 1/16 and 1/32 of the size."""

    def __init__(self) -> None:
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
                bn1=nn.BatchNorm2d(64),
                relu=nn.ReLU(),                # 64  x 1/2
                maxpool=nn.MaxPool2d(3, 2, padding=1),
                layer1=_stage(64, 64, 1),      # 64  x 1/4
                layer2=_stage(64, 128, 2),     # 128 x 1/8
                layer3=_stage(128, 256, 2),    # 256 x 1/16
                layer4=_stage(256, 512, 2),    # 512 x 1/32
            )
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        *layers, layer3, layer4 = self
        for layer in layers:
            x = layer(x)
        sixteenth = layer3(x)
        return x, sixteenth, layer4(sixteenth)


class AttentionRefinement(nn.Module):
    """Convolution whose channels are weighed by what the whole picture says of them."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv = NormConv(channels_in, channels_out, 3)
        self.conv_atten = nn.Conv2d(channels_out, channels_out, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(_average(x))))


class ContextPath(nn.Module):
    """Backbone, and what its deep and coarse features say carried back up to 1/8 of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = Backbone()
        self.arm16 = AttentionRefinement(256, 128)
        self.arm32 = AttentionRefinement(512, 128)
        self.conv_head32 = NormConv(128, 128, 3)
        self.conv_head16 = NormConv(128, 128, 3)
        self.conv_avg = NormConv(512, 128, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the backbone's features at 1/8, and the context at 1/8: 128 channels each."""
        eighth, sixteenth, last = self.resnet(x)
        x = self.arm32(last) + self.conv_avg(_average(last))
        x = self.conv_head32(_resize_like(x, sixteenth))
        x = self.arm16(sixteenth) + x
        return eighth, self.conv_head16(_resize_like(x, eighth))


class FeatureFusion(nn.Module):
    """Join fine and coarse features and stress the channels that the whole picture speaks for."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = NormConv(256, 256, 1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        x = self.convblk(torch.cat((fine, coarse), dim=1))
        return x + x * torch.sigmoid(self.conv2(F.relu(self.conv1(_average(x)))))


class Output(nn.Module):
    """Features to a score for every class."""

    def __init__(self, channels_in: int, inner: int, classes: int):
        super().__init__()
        self.conv = NormConv(channels_in, inner, 3)
        self.conv_out = nn.Conv2d(inner, classes, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """The face parser of wav2lip-hq and many others (79999_iter.pth).

    There is no spatial path: the features of the backbone at 1/8 of the size stand in for it.

    Args:
        classes: how many parts it tells apart; 19 as published.

    Source: Yu et al. 2018, "BiSeNet" (arXiv 1808.00897); layer sizes of the published weights
    (github.com/zllrunning/face-parsing.PyTorch).
    """

    def __init__(self, classes: int = CLASSES):
        super().__init__()
        self.cp = ContextPath()
        self.ffm = FeatureFusion()
        self.conv_out = Output(256, 256, classes)
        self.conv_out16 = Output(128, 64, classes)    # this and the next help training only, and are in the file
        self.conv_out32 = Output(128, 64, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Score every pixel.

        Args:
            pictures: (B, 3, 512, 512), RGB in [0, 1] less `MEAN` and divided by `STD`; other sizes work, less well.

        Returns:
            (B, classes, 512, 512), logits.
        """
        scores = self.conv_out(self.ffm(*self.cp(pictures)))
        return F.interpolate(scores, pictures.shape[2:], mode="bilinear", align_corners=True)


def _stage(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(channels_in, channels_out, stride), ResidualBlock(channels_out, channels_out))


def _average(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


def _resize_like(x: Tensor, other: Tensor) -> Tensor:
    return F.interpolate(x, other.shape[2:], mode="nearest")
