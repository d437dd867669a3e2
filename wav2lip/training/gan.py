"""Training the generator with the visual-quality discriminator, which tells made faces from real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wav2lip.models.discriminator import Discriminator
from wav2lip.models.facts import GAN
from wav2lip.models.generator import Generator
from wav2lip.models.syncnet import SyncNet
from wav2lip.training import losses
from wav2lip.training.engine import Part
from wav2lip.training.generator import GeneratorOptions, GeneratorTrainee
from wav2lip.training.layout import TrainingClip
from wav2lip.training.runs import DISCRIMINATOR
from wav2lip.training.samples import Batch

SLOPE = 0.01    # of the discriminator's leaky ReLUs


@dataclass(frozen=True)
class GanOptions(GeneratorOptions):
    """How to train a generator with a discriminator. The defaults are the original's, but for its defects.

    Attributes:
        betas: Adam's, of both.
        sync_weight: of the expert's loss, once its mean on held-out clips has been below 0.75.
        quality_weight: of the discriminator's judgement, from the first step on.
        disc_rate: Adam's learning rate of the discriminator, which shares the generator's schedule.
    """

    betas: tuple[float, float] = (0.5, 0.999)
    sync_weight: float = 0.03
    quality_weight: float = 0.07
    disc_rate: float = 1e-4

    def disc_rate_at(self, step: int) -> float:
        """Return the discriminator's learning rate at a step."""
        return self.disc_rate / self.rate * self.rate_at(step)


class GanTrainee(GeneratorTrainee):
    """The generator and the discriminator, as the engine trains them: one step each, in turn.

    Args:
        network: is trained in place.
        discriminator: is trained in place.
        sets, held, options, expert, metadata: as for `GeneratorTrainee`.

    Source: Prajwal et al. 2020 (arXiv 2008.10010), section 3.4.
    """

    kind = "gan"
    options: GanOptions

    def __init__(
        self,
        network: Generator,
        discriminator: Discriminator,
        sets: Sequence[Sequence[TrainingClip]],
        held: Sequence[TrainingClip],
        options: GanOptions,
        expert: SyncNet | None = None,
        metadata: Mapping[str, str] | None = None,
    ):
        super().__init__(network, sets, held, options, expert, {GAN: "yes", **(metadata or {})})
        discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.Adam(discriminator.parameters(), options.disc_rate, options.betas)
        self.parts.append(Part(DISCRIMINATOR, "discriminator", discriminator, optimizer))

    def learn(self, batch: Batch, step: int) -> dict[str, Tensor]:
        found, made, real = self._teach(batch, step)
        part = self.parts[1]
        found["disc_real"], found["disc_fake"] = losses.discriminate(part.network, _windows(real), _windows(made))
        self._descend(part, found["disc_real"] + found["disc_fake"], self.options.disc_rate_at(step))
        return {name: loss.detach() for name, loss in found.items()}

    def _judge(self, batch: Batch, made: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        total, found = super()._judge(batch, made, target)
        # Not the wrapper of a run of several processes, which waits for a backward pass to the weights.
        discriminator = self.accelerator.unwrap_model(self.parts[1].network).requires_grad_(False)
        with self.accelerator.autocast():
            found["perceptual"] = losses.fool(discriminator, _windows(made))
        discriminator.requires_grad_(True)
        # The discriminator's share is taken from that of the picture's error (spec: 1 - w - d).
        return total + self.options.quality_weight * (found["perceptual"] - found["l1"]), found


def new_discriminator(channels: int) -> Discriminator:
    """Return a discriminator with random weights that tell faces of different sharpness apart from the first step on.

    It has no norm layers. By PyTorch's own rule each of its 13 layers passes on less than half of what differs, and
    from the 1e-7 that is left it learns nothing for hundreds of steps, a narrow one for thousands: its losses stay at
    0.69.

    Source: He et al. 2015 (arXiv 1502.01852).
    """
    discriminator = Discriminator(channels)
    for layer in discriminator.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, SLOPE)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return discriminator


def _windows(faces: Tensor) -> Tensor:
    """Return faces (B, 3, 96, 96) as windows of one frame, (B, 3, 1, 96, 96), and windows as they are."""
    return faces if faces.dim() == 5 else faces[:, :, None]
