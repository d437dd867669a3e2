"""The Inception network that the Fréchet inception distance (FID) is measured with."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wav2lip.models.layers import Size

INPUT_SIZE = 299    # pixels: every picture enters as 299 x 299
FEATURES = 2048     # numbers that it says of a picture ("pool3")
CLASSES = 1008      # of the published file's last layer, which is not used: how this network is told from others


class NormConv(nn.Sequential):
    """Convolution without a bias, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: Size, stride: Size = 1, padding: Size = 0):
        conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding, bias=False)
        bn = nn.BatchNorm2d(channels_out, eps=0.001)
        super().__init__(OrderedDict(conv=conv, bn=bn, relu=nn.ReLU()))


class InceptionA(nn.Module):
    """Branches of 1x1, 5x5 and twice 3x3, and an average: (B, channels_in, 35, 35) to (B, 224 + pooled, 35, 35)."""

    def __init__(self, channels_in: int, pooled: int):
        super().__init__()
        self.branch1x1 = NormConv(channels_in, 64, 1)
        self.branch5x5_1 = NormConv(channels_in, 48, 1)
        self.branch5x5_2 = NormConv(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = NormConv(channels_in, 64, 1)
        self.branch3x3dbl_2 = NormConv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = NormConv(96, 96, 3, padding=1)
        self.branch_pool = NormConv(channels_in, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        wide = self.branch5x5_2(self.branch5x5_1(x))
        deep = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), wide, deep, self.branch_pool(average(x))], dim=1)


class InceptionB(nn.Module):
    """Halves the picture: (B, channels_in, 35, 35) to (B, channels_in + 480, 17, 17)."""

    def __init__(self, channels_in: int):
        super().__init__()
        self.branch3x3 = NormConv(channels_in, 384, 3, stride=2)
        self.branch3x3dbl_1 = NormConv(channels_in, 64, 1)
        self.branch3x3dbl_2 = NormConv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = NormConv(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), deep, F.max_pool2d(x, 3, stride=2)], dim=1)


class InceptionC(nn.Module):
    """Branches of 1x1, 7x7 and twice 7x7, each as a row and a column, and an average: keeps (B, 768, 17, 17)."""

    def __init__(self, inner: int):
        super().__init__()
        row, column = (1, 7), (7, 1)
        self.branch1x1 = NormConv(768, 192, 1)
        self.branch7x7_1 = NormConv(768, inner, 1)
        self.branch7x7_2 = NormConv(inner, inner, row, padding=(0, 3))
        self.branch7x7_3 = NormConv(inner, 192, column, padding=(3, 0))
        self.branch7x7dbl_1 = NormConv(768, inner, 1)
        self.branch7x7dbl_2 = NormConv(inner, inner, column, padding=(3, 0))
        self.branch7x7dbl_3 = NormConv(inner, inner, row, padding=(0, 3))
        self.branch7x7dbl_4 = NormConv(inner, inner, column, padding=(3, 0))
        self.branch7x7dbl_5 = NormConv(inner, 192, row, padding=(0, 3))
        self.branch_pool = NormConv(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        wide = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        deep = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        deep = self.branch7x7dbl_5(self.branch7x7dbl_4(deep))
        return torch.cat([self.branch1x1(x), wide, deep, self.branch_pool(average(x))], dim=1)


class InceptionD(nn.Module):
    """Halves the picture again: (B, 768, 17, 17) to (B, 1280, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = NormConv(768, 192, 1)
        self.branch3x3_2 = NormConv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = NormConv(768, 192, 1)
        self.branch7x7x3_2 = NormConv(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = NormConv(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = NormConv(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.branch7x7x3_2(self.branch7x7x3_1(x))
        deep = self.branch7x7x3_4(self.branch7x7x3_3(deep))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), deep, F.max_pool2d(x, 3, stride=2)], dim=1)


class InceptionE(nn.Module):
    """Branches that end in a row beside a column: (B, channels_in, 8, 8) to (B, 2048, 8, 8).

    Args:
        channels_in: 1280 or 2048.
        largest: pool by the largest instead of the average, as the network's last block does.
    """

    def __init__(self, channels_in: int, largest: bool = False):
        super().__init__()
        self.branch1x1 = NormConv(channels_in, 320, 1)
        self.branch3x3_1 = NormConv(channels_in, 384, 1)
        self.branch3x3_2a = NormConv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = NormConv(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = NormConv(channels_in, 448, 1)
        self.branch3x3dbl_2 = NormConv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = NormConv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = NormConv(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = NormConv(channels_in, 192, 1)
        self.largest = largest

    def forward(self, x: Tensor) -> Tensor:
        wide = self.branch3x3_1(x)
        deep = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, stride=1, padding=1) if self.largest else average(x)
        return torch.cat(
            [
                self.branch1x1(x),
                self.branch3x3_2a(wide), self.branch3x3_2b(wide),
                self.branch3x3dbl_3a(deep), self.branch3x3dbl_3b(deep),
                self.branch_pool(pooled),
            ],
            dim=1,
        )


class Inception(nn.Module):
    """Inception v3 as the FID is defined with it (pt_inception-2015-12-05-6726825d.pth), up to its features.

    It is not torchvision's: it was trained elsewhere, its averages leave the padding out, and its last block takes
    the largest where the others take the average.

    Source: Szegedy et al. 2015 (arXiv 1512.00567); Heusel et al. 2017 (arXiv 1706.08500), whose TensorFlow graph
    pytorch-fid (Seitzer 2020) has carried over to these weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = NormConv(3, 32, 3, stride=2)        # 32   x 149 x 149
        self.Conv2d_2a_3x3 = NormConv(32, 32, 3)                 # 32   x 147 x 147
        self.Conv2d_2b_3x3 = NormConv(32, 64, 3, padding=1)      # 64   x 147 x 147, pooled to 73 x 73
        self.Conv2d_3b_1x1 = NormConv(64, 80, 1)                 # 80   x 73 x 73
        self.Conv2d_4a_3x3 = NormConv(80, 192, 3)                # 192  x 71 x 71, pooled to 35 x 35
        self.Mixed_5b = InceptionA(192, 32)                      # 256  x 35 x 35
        self.Mixed_5c = InceptionA(256, 64)                      # 288  x 35 x 35
        self.Mixed_5d = InceptionA(288, 64)                      # 288  x 35 x 35
        self.Mixed_6a = InceptionB(288)                          # 768  x 17 x 17
        self.Mixed_6b = InceptionC(128)                          # 768  x 17 x 17
        self.Mixed_6c = InceptionC(160)
        self.Mixed_6d = InceptionC(160)
        self.Mixed_6e = InceptionC(192)
        self.Mixed_7a = InceptionD()                             # 1280 x 8 x 8
        self.Mixed_7b = InceptionE(1280)                         # 2048 x 8 x 8
        self.Mixed_7c = InceptionE(2048, largest=True)           # 2048 x 8 x 8

    def forward(self, pictures: Tensor) -> Tensor:
        """Return what the network says of pictures.

        Args:
            pictures: (B, 3, 299, 299) in [0, 1], RGB.

        Returns:
            (B, 2048), the last maps averaged over the picture.
        """
        x = 2 * pictures - 1
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, stride=2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, stride=2))))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_6e(self.Mixed_6d(x))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean((2, 3))


def average(x: Tensor) -> Tensor:
    """Return the mean of 3 x 3 neighbours at every place, of those inside the picture only."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
