"""LSE-D and LSE-C once more, as slowly and plainly as they are described, to check the package's own against.

Nothing here comes from the package: layers are called one by one with the tensors of the published file, every window
goes through alone, and the MFCCs are those of python_speech_features.

Source: github.com/joonson/syncnet_python and the evaluation scripts of Wav2Lip, as shared/reference describes them
(section F.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from python_speech_features import mfcc
from torch import Tensor

SHIFT = 15    # windows, each way


class PlainScore(NamedTuple):
    """What the metrics say of one clip.

    Attributes:
        distances: (windows, 31), of the lips of a window from the speech 15 earlier .. 15 later.
        lse_d: smallest of the 31 means.
        lse_c: how far it lies below their median.
        offset: 15 less the number of the smallest mean, in frames.
    """

    distances: np.ndarray
    lse_d: float
    lse_c: float
    offset: int


def plain_score(pictures: np.ndarray, samples: np.ndarray, weights: Mapping[str, Tensor]) -> PlainScore:
    """Score one clip.

    Args:
        pictures: uint8 (T, 224, 224, 3), BGR, 25 a second.
        samples: int16 (n,), 16 kHz mono, from the first picture on.
        weights: state dict of the published SyncNet.
    """
    length = min(len(pictures), len(samples) // 640)
    columns = plain_mfcc(samples)
    lips, speech = [], []
    for v in range(length - 5):
        lips.append(plain_lips(pictures[v : v + 5], weights))
        speech.append(plain_speech(columns[:, 4 * v : 4 * v + 20], weights))

    nothing = [torch.zeros(1024)] * SHIFT
    speech = nothing + speech + nothing
    distances = np.empty((len(lips), 2 * SHIFT + 1), np.float32)
    for v, seen in enumerate(lips):
        for shift in range(2 * SHIFT + 1):
            distances[v, shift] = ((seen - speech[v + shift] + 1e-6) ** 2).sum().sqrt()

    means = distances.mean(axis=0)
    least = int(means.argmin())
    return PlainScore(distances, float(means[least]), float(np.median(means) - means[least]), SHIFT - least)


def plain_mfcc(samples: np.ndarray) -> np.ndarray:
    """Return the MFCCs of int16 samples at 16 kHz, float64 (13, columns), 100 columns a second."""
    return mfcc(samples, 16_000).T


@torch.inference_mode()
def plain_lips(pictures: np.ndarray, weights: Mapping[str, Tensor]) -> Tensor:
    """Return the embedding (1024,) of five pictures, (5, 224, 224, 3)."""
    x = torch.from_numpy(pictures.astype(np.float32).transpose(3, 0, 1, 2))[None]
    x = _layer(x, weights, "netcnnlip", 0, (1, 2, 2))
    x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2))
    x = _layer(x, weights, "netcnnlip", 4, (1, 2, 2), (0, 1, 1))
    x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    x = _layer(x, weights, "netcnnlip", 8, 1, (0, 1, 1))
    x = _layer(x, weights, "netcnnlip", 11, 1, (0, 1, 1))
    x = _layer(x, weights, "netcnnlip", 14, 1, (0, 1, 1))
    x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2))
    x = _layer(x, weights, "netcnnlip", 18)
    return _head(x.reshape(1, 512), weights, "netfclip")


@torch.inference_mode()
def plain_speech(columns: np.ndarray, weights: Mapping[str, Tensor]) -> Tensor:
    """Return the embedding (1024,) of 20 MFCC columns, (13, 20)."""
    x = torch.from_numpy(columns.astype(np.float32))[None, None]
    x = _layer(x, weights, "netcnnaud", 0, 1, 1)
    x = _layer(x, weights, "netcnnaud", 4, 1, 1)
    x = F.max_pool2d(x, 3, (1, 2))
    x = _layer(x, weights, "netcnnaud", 8, 1, 1)
    x = _layer(x, weights, "netcnnaud", 11, 1, 1)
    x = _layer(x, weights, "netcnnaud", 14, 1, 1)
    x = F.max_pool2d(x, 3, 2)
    x = _layer(x, weights, "netcnnaud", 18)
    return _head(x.reshape(1, 512), weights, "netfcaud")


def _layer(
    x: Tensor,
    weights: Mapping[str, Tensor],
    part: str,
    at: int,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
) -> Tensor:
    weight, bias = weights[f"{part}.{at}.weight"], weights[f"{part}.{at}.bias"]
    convolve = F.conv3d if weight.dim() == 5 else F.conv2d
    return F.relu(_norm(convolve(x, weight, bias, stride, padding), weights, f"{part}.{at + 1}"))


def _head(x: Tensor, weights: Mapping[str, Tensor], part: str) -> Tensor:
    x = F.linear(x, weights[f"{part}.0.weight"], weights[f"{part}.0.bias"])
    x = F.relu(_norm(x, weights, f"{part}.1"))
    return F.linear(x, weights[f"{part}.3.weight"], weights[f"{part}.3.bias"])[0]


def _norm(x: Tensor, weights: Mapping[str, Tensor], name: str) -> Tensor:
    mean, var = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    return F.batch_norm(x, mean, var, weights[f"{name}.weight"], weights[f"{name}.bias"], training=False, eps=1e-5)
