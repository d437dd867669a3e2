"""The expert SyncNet: do five lower half-faces and 0.2 s of speech belong together?"""

from __future__ import annotations

from fractions import Fraction

import torch.nn.functional as F
from torch import Tensor, nn

from wav2lip.models.generator import FACE_SIZE
from wav2lip.models.layers import ConvBlock, residual_blocks

FPS = Fraction(25)    # frames a second of all that the expert sees
WINDOW_FRAMES = 5     # consecutive frames at 25 frames a second: 0.2 s, as long as the 16 mel columns


class SyncNet(nn.Module):
    """The colour expert of Wav2Lip (lipsync_expert.pth), not the grey SyncNet of the LSE metrics.

    Both embeddings end in a ReLU, so their cosine lies in [0, 1] and serves as a probability.

    Source: Prajwal et al. 2020 (arXiv 2008.10010), section 3.2; layer sizes of the original program.
    """

    def __init__(self, channels: int = 32):
        super().__init__()
        c = channels
        self.face_encoder = nn.Sequential(
            ConvBlock(3 * WINDOW_FRAMES, c, 7, 1, 3),                                      # c   x 48 x 96
            ConvBlock(c, 2 * c, 5, (1, 2), 1),                                             # 2c  x 46 x 47
            *residual_blocks(2 * c, 2),
            ConvBlock(2 * c, 4 * c, 3, 2, 1),                                              # 4c  x 23 x 24
            *residual_blocks(4 * c, 3),
            ConvBlock(4 * c, 8 * c, 3, 2, 1),                                              # 8c  x 12 x 12
            *residual_blocks(8 * c, 2),
            ConvBlock(8 * c, 16 * c, 3, 2, 1),                                             # 16c x 6 x 6
            *residual_blocks(16 * c, 2),
            ConvBlock(16 * c, 16 * c, 3, 2, 1),                                            # 16c x 3 x 3
            ConvBlock(16 * c, 16 * c, 3),                                                  # 16c x 1 x 1
            ConvBlock(16 * c, 16 * c, 1),
        )
        self.audio_encoder = nn.Sequential(
            ConvBlock(1, c, 3, 1, 1),                                                      # c   x 80 x 16
            *residual_blocks(c, 2),
            ConvBlock(c, 2 * c, 3, (3, 1), 1),                                             # 2c  x 27 x 16
            *residual_blocks(2 * c, 2),
            ConvBlock(2 * c, 4 * c, 3, 3, 1),                                              # 4c  x 9 x 6
            *residual_blocks(4 * c, 2),
            ConvBlock(4 * c, 8 * c, 3, (3, 2), 1),                                         # 8c  x 3 x 3
            *residual_blocks(8 * c, 2),
            ConvBlock(8 * c, 16 * c, 3),                                                   # 16c x 1 x 1
            ConvBlock(16 * c, 16 * c, 1),
        )

    def forward(self, mel: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Embed speech and lips.

        Args:
            mel: (B, 1, 80, 16) in [-4, 4].
            faces: (B, 15, 48, 96) in [0, 1]: lower half-faces of 5 frames, frame-major, BGR within a frame.

        Returns:
            Speech and lip embeddings, each (B, 512) at full width, of unit length.
        """
        speech = self.audio_encoder(mel).flatten(1)
        lips = self.face_encoder(faces).flatten(1)
        return F.normalize(speech), F.normalize(lips)


def lower_window(faces: Tensor) -> Tensor:
    """Return what the expert sees of consecutive faces.

    Args:
        faces: (B, 3, 5, 96, 96), BGR.

    Returns:
        (B, 15, 48, 96): the lower halves, frame-major, BGR within a frame.
    """
    lower = faces[..., FACE_SIZE // 2 :, :]
    return lower.transpose(1, 2).flatten(1, 2)
