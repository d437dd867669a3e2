"""The visual-quality discriminator of Wav2Lip-GAN: is this lower half-face real?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wav2lip.models.layers import Size


class PlainConvBlock(nn.Module):
    """Convolution and leaky ReLU, without a norm."""

    def __init__(self, channels_in: int, channels_out: int, kernel: Size, stride: Size = 1, padding: Size = 0):
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(channels_in, channels_out, kernel, stride, padding))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv_block(x), 0.01)


class Discriminator(nn.Module):
    """Visual-quality discriminator (visual_quality_disc.pth).

    Source: Prajwal et al. 2020 (arXiv 2008.10010), section 3.4; layer sizes of the original program.
    """

    def __init__(self, channels: int = 32):
        super().__init__()
        c = channels
        self.face_encoder_blocks = nn.ModuleList(
            nn.Sequential(*layers)
            for layers in [
                [PlainConvBlock(3, c, 7, 1, 3)],                                                          # 48 x 96
                [PlainConvBlock(c, 2 * c, 5, (1, 2), 2), PlainConvBlock(2 * c, 2 * c, 5, 1, 2)],          # 48 x 48
                [PlainConvBlock(2 * c, 4 * c, 5, 2, 2), PlainConvBlock(4 * c, 4 * c, 5, 1, 2)],           # 24 x 24
                [PlainConvBlock(4 * c, 8 * c, 5, 2, 2), PlainConvBlock(8 * c, 8 * c, 5, 1, 2)],           # 12 x 12
                [PlainConvBlock(8 * c, 16 * c, 3, 2, 1), PlainConvBlock(16 * c, 16 * c, 3, 1, 1)],        # 6 x 6
                [PlainConvBlock(16 * c, 16 * c, 3, 2, 1), PlainConvBlock(16 * c, 16 * c, 3, 1, 1)],       # 3 x 3
                [PlainConvBlock(16 * c, 16 * c, 3), PlainConvBlock(16 * c, 16 * c, 1)],                   # 1 x 1
            ]
        )
        self.binary_pred = nn.Sequential(nn.Conv2d(16 * c, 1, 1), nn.Sigmoid())

    def forward(self, faces: Tensor, *, logits: bool = False) -> Tensor:
        """Return the probability that each face is real.

        Args:
            faces: (B, 3, T, 96, 96) in [0, 1], BGR; only rows 48..95 are looked at.
            logits: return the logarithm of the odds instead: a probability that is rounded to 0 or 1 teaches nothing.

        Returns:
            (B * T, 1), time-major: all of the batch at t = 0, then at t = 1, and so on.
        """
        x = torch.cat(faces.unbind(2))
        x = x[:, :, x.shape[2] // 2 :]
        for block in self.face_encoder_blocks:
            x = block(x)
        score, sigmoid = self.binary_pred
        odds = score(x).flatten(1)
        return odds if logits else sigmoid(odds)
