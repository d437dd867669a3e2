"""The training loop of the generator: L1 on faces whose lower half it cannot see, heaviest on the mouth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wav2lip.models.generator import FACE_SIZE, Generator
from wav2lip.training.dataset import Batch, Sampler
from wav2lip.training.prepared import PreparedClip

MOUTH = (slice(56, 92), slice(20, 76))    # rows and columns of the 96 x 96 face in which errors are reported
MOUTH_WEIGHT = 4.0                        # of an error there, against 1 elsewhere
EDGE_WEIGHT = 0.5                         # of the error in the differences of neighbouring pixels: sharp lips


@dataclass(frozen=True)
class TrainOptions:
    """How to train.

    `plain_steps` without augmentation come first, then it grows to full strength over `ramp_steps`: with strong
    augmentation from the first step the network learns to ignore the speech.
    """

    steps: int
    batch_size: int = 32
    rate: float = 1e-3                    # Adam's at the first step; it falls to 0 along half a cosine
    plain_steps: int = 0
    ramp_steps: int = 1000
    seed: int = 0

    def strength(self, step: int) -> float:
        """Return how strongly the samples of a step are changed, in [0, 1]."""
        return float(np.clip((step - self.plain_steps) / max(self.ramp_steps, 1), 0, 1))


def train_generator(
    network: Generator, sets: Sequence[Sequence[PreparedClip]], options: TrainOptions
) -> Iterator[tuple[int, float]]:
    """Train a generator in place.

    Args:
        network: the generator; left in training mode, channels-last.
        sets: clips to learn from; every set has the same share of the samples, whatever its size.
        options: steps, rate and augmentation.

    Yields:
        After every step its number, from 0, and the mouth region's mean absolute error, of 255.
    """
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=options.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (1 + np.cos(np.pi * min(step / options.steps, 1))) / 2
    )
    weights = mouth_weights()
    sampler = Sampler(sets, options.batch_size, options.seed)
    with ThreadPoolExecutor(1) as ahead:    # the next batch is cut while this one is learned from
        coming = ahead.submit(sampler.batch, 0, options.strength(0))
        for step in range(options.steps):
            mel, faces, target = batch_tensors(coming.result())
            coming = ahead.submit(sampler.batch, step + 1, options.strength(step + 1))
            with torch.autocast("cpu", torch.bfloat16):
                made = network(mel, faces)
            made = made.float()
            optimizer.zero_grad(set_to_none=True)
            loss(made, target, weights).backward()
            optimizer.step()
            schedule.step()
            yield step, mouth_error(made.detach(), target)


def loss(made: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean absolute error of faces (B, 3, 96, 96) and of their pixel differences."""
    error = made - target
    across = (error[..., 1:] - error[..., :-1]).abs() * weights[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weights[..., 1:, :]
    return (error.abs() * weights).mean() + EDGE_WEIGHT * (across.mean() + down.mean())


def mouth_weights() -> Tensor:
    """Return what an error counts at each pixel, (1, 1, 96, 96), 1 on average."""
    weights = torch.ones(1, 1, FACE_SIZE, FACE_SIZE)
    weights[..., MOUTH[0], MOUTH[1]] = MOUTH_WEIGHT
    return weights / weights.mean()


def mouth_error(made: Tensor, target: Tensor) -> float:
    """Return the mean absolute error of two batches of faces in the mouth region, of 255."""
    return 255 * float((made - target)[..., MOUTH[0], MOUTH[1]].abs().mean())


def batch_tensors(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return mel (B, 1, 80, 16), faces (B, 6, 96, 96) and target (B, 3, 96, 96) in [0, 1], channels-last."""
    def pictures(levels: np.ndarray) -> Tensor:
        pixels = torch.from_numpy(levels).permute(0, 3, 1, 2).float() / 255
        return pixels.contiguous(memory_format=torch.channels_last)

    return torch.from_numpy(batch.mel)[:, None], pictures(batch.faces), pictures(batch.target)
