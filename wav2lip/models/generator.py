"""The Wav2Lip generator: a face with its lower half hidden, and 0.2 s of speech, give the face saying it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from wav2lip.models.layers import ConvBlock, ConvTransposeBlock, residual_blocks

FACE_SIZE = 96        # pixels: every face enters and leaves the network as 96 x 96
MEL, FACE = (1, 80, 16), (6, FACE_SIZE, FACE_SIZE)    # the shapes of what it is given for one face
MOUTH = (slice(56, 92), slice(20, 76))    # rows and columns of it that hold the mouth
LOWER = 40            # the first row of the lower face; the half of the target that is hidden begins at 48
FULL_CHANNELS = 16    # channels of the first layer in the published networks; all others are multiples of it


class Generator(nn.Module):
    """Wav2Lip and Wav2Lip-GAN (the same network, trained with and without the discriminator).

    Args:
        channels: channels of the first face-encoder layer. 16 is the published width;
            8 is "half width": every layer has half the channels and a quarter of the cost.

    Source: Prajwal et al. 2020 (arXiv 2008.10010), section 3; layer sizes of the original program.
    """

    def __init__(self, channels: int = FULL_CHANNELS):
        super().__init__()
        c = channels
        self.channels = channels
        face_encoder: list[list[nn.Module]] = [
            [ConvBlock(6, c, 7, 1, 3)],                                                # c   x 96 x 96
            [ConvBlock(c, 2 * c, 3, 2, 1), *residual_blocks(2 * c, 2)],                # 2c  x 48 x 48
            [ConvBlock(2 * c, 4 * c, 3, 2, 1), *residual_blocks(4 * c, 3)],            # 4c  x 24 x 24
            [ConvBlock(4 * c, 8 * c, 3, 2, 1), *residual_blocks(8 * c, 2)],            # 8c  x 12 x 12
            [ConvBlock(8 * c, 16 * c, 3, 2, 1), *residual_blocks(16 * c, 2)],          # 16c x 6 x 6
            [ConvBlock(16 * c, 32 * c, 3, 2, 1), *residual_blocks(32 * c, 1)],         # 32c x 3 x 3
            [ConvBlock(32 * c, 32 * c, 3), ConvBlock(32 * c, 32 * c, 1)],              # 32c x 1 x 1
        ]
        self.face_encoder_blocks = nn.ModuleList(nn.Sequential(*layers) for layers in face_encoder)
        self.audio_encoder = nn.Sequential(
            ConvBlock(1, 2 * c, 3, 1, 1),                                                  # 2c  x 80 x 16
            *residual_blocks(2 * c, 2),
            ConvBlock(2 * c, 4 * c, 3, (3, 1), 1),                                         # 4c  x 27 x 16
            *residual_blocks(4 * c, 2),
            ConvBlock(4 * c, 8 * c, 3, 3, 1),                                              # 8c  x 9 x 6
            *residual_blocks(8 * c, 2),
            ConvBlock(8 * c, 16 * c, 3, (3, 2), 1),                                        # 16c x 3 x 3
            *residual_blocks(16 * c, 1),
            ConvBlock(16 * c, 32 * c, 3),                                                  # 32c x 1 x 1
            ConvBlock(32 * c, 32 * c, 1),
        )
        # Each decoder level reads what the level before gave, with the encoder's map of the same size beside it.
        face_decoder: list[list[nn.Module]] = [
            [ConvBlock(32 * c, 32 * c, 1)],                                                        # 1 x 1
            [ConvTransposeBlock(64 * c, 32 * c, 3, 1, 0), *residual_blocks(32 * c, 1)],            # 3 x 3
            [ConvTransposeBlock(64 * c, 32 * c, 3, 2, 1, 1), *residual_blocks(32 * c, 2)],         # 6 x 6
            [ConvTransposeBlock(48 * c, 24 * c, 3, 2, 1, 1), *residual_blocks(24 * c, 2)],         # 12 x 12
            [ConvTransposeBlock(32 * c, 16 * c, 3, 2, 1, 1), *residual_blocks(16 * c, 2)],         # 24 x 24
            [ConvTransposeBlock(20 * c, 8 * c, 3, 2, 1, 1), *residual_blocks(8 * c, 2)],           # 48 x 48
            [ConvTransposeBlock(10 * c, 4 * c, 3, 2, 1, 1), *residual_blocks(4 * c, 2)],           # 96 x 96
        ]
        self.face_decoder_blocks = nn.ModuleList(nn.Sequential(*layers) for layers in face_decoder)
        self.output_block = nn.Sequential(ConvBlock(5 * c, 2 * c, 3, 1, 1), nn.Conv2d(2 * c, 3, 1), nn.Sigmoid())

    def forward(self, mel: Tensor, face: Tensor, *, first: int = 0) -> Tensor:
        """Generate faces.

        Args:
            mel: log-mel windows (B, 1, 80, 16) in [-4, 4]; or a sequence (B, T, 1, 80, 16).
            face: (B, 6, 96, 96) in [0, 1], BGR: the target face with rows 48..95 black, then the reference face;
                or a sequence (B, 6, T, 96, 96).
            first: the first row that is wanted, as for `speak`.

        Returns:
            (B, 3, 96 - first, 96), or (B, 3, T, 96 - first, 96) for a sequence: BGR in [0, 1].
        """
        if face.dim() == 5:
            steps = face.shape[2]
            # Time-major, as the original: batch norm statistics in training see the same rows.
            folded = self.speak(torch.cat(mel.unbind(1)), self.encode(torch.cat(face.unbind(2))), first=first)
            return torch.stack(folded.chunk(steps), dim=2)
        return self.speak(mel, self.encode(face), first=first)

    def encode(self, face: Tensor) -> list[Tensor]:
        """Return the face encoder's maps of faces (B, 6, 96, 96), from the largest to the smallest.

        They do not depend on the speech: faces that are shown again need not be encoded again.
        """
        maps = []
        for block in self.face_encoder_blocks:
            face = block(face)
            maps.append(face)
        return maps

    def speak(self, mel: Tensor, maps: Sequence[Tensor], *, first: int = 0) -> Tensor:
        """Return faces that say mel windows (B, 1, 80, 16), of what `encode` gave.

        Args:
            first: the first row that is wanted. What it does not depend on is left out: the lower 56 rows take three
                quarters of the arithmetic, and are what they are in the whole face, up to rounding.

        Returns:
            (B, 3, 96 - first, 96).
        """
        y, row = self.audio_encoder(mel), 0    # the row of the level's map at which y begins
        for block, skip, start in zip(self.face_decoder_blocks, reversed(maps), self.starts(first), strict=True):
            y = torch.cat([block(y)[:, :, start - row :], skip[:, :, start:]], dim=1)
            row = 2 * start
        return self.output_block(y)[:, :, first - row // 2 :]

    def starts(self, first: int) -> list[int]:
        """Return the first row of each decoder level's map on which rows from `first` on depend."""
        start = max(first - 1, 0)                       # the last convolution looks a row further up
        starts = [start]
        for layers in list(self.face_decoder_blocks)[:0:-1]:
            above = start - (len(cast(nn.Sequential, layers)) - 1)    # so does each residual block
            start = max(above // 2, 0)
            starts.append(start)
        return starts[::-1]


class FaceFrom(nn.Module):
    """A generator that takes single faces and makes only the rows from one on, (B, 3, 96 - first, 96).

    Exports hand over all arguments of `forward` as tensors: here there are only those that are.

    Args:
        generator: of which it is a part.
        first: the first row that is wanted.
    """

    def __init__(self, generator: Generator, first: int):
        super().__init__()
        self.generator = generator
        self.first = first

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        rows: Tensor = self.generator(mel, face, first=self.first)
        return rows
