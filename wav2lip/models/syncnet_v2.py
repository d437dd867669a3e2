"""The original SyncNet, which LSE-D and LSE-C are measured with: how far is what is seen from what is heard?"""

from __future__ import annotations

from torch import Tensor, nn

FPS = 25               # frames a second of all that it sees
WINDOW_FRAMES = 5      # consecutive frames: 0.2 s
PICTURE_SIZE = 224     # pixels, each way: the whole face and some of its surroundings
COEFFICIENTS = 13      # of the MFCCs that it hears
WINDOW_COLUMNS = 20    # MFCC columns at 100 a second: 0.2 s
EMBEDDING = 1024


class SyncNetV2(nn.Module):
    """The SyncNet of the LSE metrics (syncnet_v2.model), not the expert that Wav2Lip is trained with.

    Lips and speech that belong together have embeddings at a small Euclidean distance; they are of any length.

    Source: Chung and Zisserman 2016, "Out of time: automated lip sync in the wild"; layer sizes of the published
    weights (github.com/joonson/syncnet_python).
    """

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_heard(1, 64, 3, 1),
            nn.Identity(),                                                                 # 64  x 13 x 20
            *_heard(64, 192, 3, 1),
            nn.MaxPool2d(3, (1, 2)),                                                       # 192 x 11 x 9
            *_heard(192, 384, 3, 1),
            *_heard(384, 256, 3, 1),
            *_heard(256, 256, 3, 1),
            nn.MaxPool2d(3, 2),                                                            # 256 x 5 x 4
            *_heard(256, 512, (5, 4)),                                                     # 512 x 1 x 1
        )
        self.netfcaud = _head()
        self.netfclip = _head()
        # Only the first layer looks along time: T frames in a row become the T - 4 windows among them.
        self.netcnnlip = nn.Sequential(
            *_seen(3, 96, (WINDOW_FRAMES, 7, 7), 2),                                       # 96  x T - 4 x 109 x 109
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),                                            # 96  x T - 4 x 54 x 54
            *_seen(96, 256, (1, 5, 5), 2, 1),                                              # 256 x T - 4 x 26 x 26
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),                                 # 256 x T - 4 x 13 x 13
            *_seen(256, 256, (1, 3, 3), 1, 1),
            *_seen(256, 256, (1, 3, 3), 1, 1),
            *_seen(256, 256, (1, 3, 3), 1, 1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),                                            # 256 x T - 4 x 6 x 6
            *_seen(256, 512, (1, 6, 6)),                                                   # 512 x T - 4 x 1 x 1
        )

    def embed_lips(self, frames: Tensor) -> Tensor:
        """Embed all windows of 5 consecutive frames.

        About 10 MB of memory for each frame that is given; longer clips go through in parts that overlap by 4 frames.

        Args:
            frames: (T, 224, 224, 3), T at least 5, BGR in [0, 255], uint8 or float.

        Returns:
            float32 (T - 4, 1024); row v is of frames v .. v + 4.
        """
        # In memory a row of pictures is channels-last already, the order in which CPUs convolve fastest.
        features = self.netcnnlip(frames.permute(3, 0, 1, 2)[None].float())
        return self.netfclip(features[0, :, :, 0, 0].T)

    def embed_speech(self, windows: Tensor) -> Tensor:
        """Embed speech.

        Args:
            windows: (N, 1, 13, 20), 20 columns of MFCCs each, as `mfcc_windows` gives them.

        Returns:
            float32 (N, 1024).
        """
        return self.netfcaud(self.netcnnaud(windows).flatten(1))


def _heard(channels_in: int, channels_out: int, kernel: int | tuple[int, int], padding: int = 0) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=padding)
    return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)]


def _seen(
    channels_in: int, channels_out: int, kernel: tuple[int, int, int], stride: int = 1, padding: int = 0
) -> list[nn.Module]:
    """Stride and padding are those within a picture; along time there are none."""
    convolution = nn.Conv3d(channels_in, channels_out, kernel, (1, stride, stride), (0, padding, padding))
    return [convolution, nn.BatchNorm3d(channels_out), nn.ReLU(inplace=True)]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, EMBEDDING))
