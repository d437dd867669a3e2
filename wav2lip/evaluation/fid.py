"""The Fréchet inception distance (FID): how far generated faces are from real ones, in an image network's eyes.

The protocol: the face of every frame, at 25 a second, as its box without pads cuts it out of the frame, rounded to
whole pixels; resampled to 299 x 299 pixels as pytorch-fid does, bilinear without smoothing first; and the 2048 features
of the last average pool ("pool3") of the Inception network of 2015. The generated faces of a video, or of many, are one
set, those of the references another. A FID compares only with one of the same protocol.

Source: Heusel et al. 2017 (arXiv 1706.08500); pytorch-fid (Seitzer 2020) for the resampling and the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wav2lip.errors import Wav2LipError
from wav2lip.media.clip import Frame
from wav2lip.models.inception import FEATURES, INPUT_SIZE
from wav2lip.progress import Progress

BATCH = 16           # pictures that go through the network at once
ENOUGH = FEATURES    # pictures: fewer leave some directions of the features unseen


class FeatureStatistics:
    """Mean and covariance of features, as they come. It holds 34 MB, however many come.

    Args:
        size: numbers in a feature.

    Attributes:
        count: how many features there were.
        mean: float64 (size,).
    """

    def __init__(self, size: int = FEATURES):
        self.count = 0
        self.mean = np.zeros(size)
        self._scatter = np.zeros((size, size))    # of the features around their mean, summed

    def add(self, features: np.ndarray) -> None:
        """Count features, float (n, size); many at a time are much faster than one by one."""
        if len(features):
            values = features.astype(np.float64)
            mean = values.mean(axis=0)
            self._join(len(values), mean, (values - mean).T @ (values - mean))

    def combine(self, other: FeatureStatistics) -> None:
        """Count all that another one has counted."""
        if other.count:
            self._join(other.count, other.mean, other._scatter)

    @property
    def covariance(self) -> np.ndarray:
        """Sample covariance, float64 (size, size).

        Raises:
            Wav2LipError: there are fewer than 2 features.
        """
        if self.count < 2:
            raise Wav2LipError(
                f"The FID needs at least 2 pictures of a face on either side, not {self.count}. Pass longer videos, or "
                "more of them."
            )
        return self._scatter / (self.count - 1)

    @property
    def biased(self) -> bool:
        """Whether there are fewer than 2048 pictures, so that a distance comes out too large."""
        return self.count < ENOUGH

    def _join(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        total = self.count + count
        apart = mean - self.mean
        self._scatter += scatter
        self._scatter += np.outer(apart, apart * (self.count * count / total))
        self.mean = self.mean + apart * (count / total)
        self.count = total


def faces_apart(
    videos: Sequence[Path], references: Sequence[Path], network: nn.Module,
    faces: Callable[[Path], Iterator[tuple[Frame, np.ndarray]]], progress: Progress,
) -> tuple[float, int]:
    """Return the FID of the faces in videos and in their references, and how many faces the smaller side has.

    Args:
        videos, references: files; what comes first in one need not belong to what comes first in the other.
        network: `Inception` in eval mode, on any device; faster with `fold_batch_norm`.
        faces: yields the frames of a file that show its face, with the face's box.
        progress: is told how far it is, in files.

    Raises:
        Wav2LipError: there are fewer than 2 faces on a side.
    """
    sides = []
    with progress.stage("FID", len(videos) + len(references)) as advance:
        for files in (videos, references):
            statistics = None
            for file in files:
                pictures = (face_picture(frame, box) for frame, box in faces(file))
                for some in _batches(picture for picture in pictures if picture is not None):
                    features = picture_features(network, some)
                    statistics = statistics or FeatureStatistics(features.shape[1])
                    statistics.add(features)
                advance(1)
            sides.append(statistics or FeatureStatistics())
    return frechet_distance(*sides), min(side.count for side in sides)


def _batches(pictures: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    pictures = iter(pictures)
    while some := list(islice(pictures, BATCH)):
        yield some


def face_picture(frame: Frame, box: np.ndarray) -> Tensor | None:
    """Return a face as the network sees it.

    Args:
        frame: where it is.
        box: of the face, float (4,): x1, y1, x2, y2 in pixels, without pads.

    Returns:
        float32 (3, 299, 299) in [0, 1], RGB; None if the box is empty or outside the frame.
    """
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = (round(float(side)) for side in np.clip(box, 0, [width, height, width, height]))
    if x2 <= x1 or y2 <= y1:
        return None
    rgb = cv2.cvtColor(frame[y1:y2, x1:x2], cv2.COLOR_BGR2RGB)
    picture = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    return F.interpolate(picture, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False)[0]


@torch.inference_mode()
def picture_features(network: nn.Module, pictures: Sequence[Tensor]) -> np.ndarray:
    """Return what the network says of pictures, float32 (n, 2048).

    Args:
        network: in eval mode, on any device; faster with `fold_batch_norm`.
        pictures: as `face_picture` gives them.
    """
    if not pictures:
        return np.zeros((0, FEATURES), np.float32)
    batch = torch.stack(list(pictures)).to(next(network.parameters()).device)
    found: np.ndarray = network(batch).float().cpu().numpy()
    return found


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Return the Fréchet distance of two Gaussians with these means and covariances; 0 if they are equal.

    From few pictures it comes out too large (`FeatureStatistics.biased`), the more so the fewer: it then compares only
    with one from as many.

    Raises:
        Wav2LipError: there are fewer than 2 pictures on a side.
    """
    one, other = a.covariance, b.covariance
    # The trace of (one other)^½ is that of the symmetric (one^½ other one^½)^½, which is real and exact even where few
    # pictures leave the covariances singular.
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(min=0)).sum()
    apart = a.mean - b.mean
    return max(0.0, float(apart @ apart + np.trace(one) + np.trace(other) - 2 * common))
