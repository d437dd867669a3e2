"""Training a narrow generator on what a wide one makes of the same input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from accelerate import Accelerator
from torch import Tensor

from wav2lip.errors import UsageError
from wav2lip.models.generator import Generator
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.syncnet import SyncNet
from wav2lip.training.augment import NO_AUGMENTATION
from wav2lip.training.engine import Evaluation
from wav2lip.training.evaluate import generate, mouth_error
from wav2lip.training.generator import EVALUATION_SEED, GeneratorOptions, GeneratorTrainee
from wav2lip.training.layout import TrainingClip
from wav2lip.training.log import EVALUATION
from wav2lip.training.samples import Rules, Sampler, generator_input


@dataclass(frozen=True)
class DistillOptions(GeneratorOptions):
    """How to train a generator from another one's outputs.

    Attributes:
        truth: share of the true face in what the generator shall make, in [0, 1]; the rest is the teacher's output.
    """

    truth: float = 0.0


class DistillTrainee(GeneratorTrainee):
    """A narrow generator that learns from a wide one.

    Args:
        network: is trained in place.
        teacher: a wider generator; it is left as it is.
        sets, held, options, expert, metadata: as for `GeneratorTrainee`.

    Raises:
        UsageError: the teacher is not wider.
    """

    options: DistillOptions

    def __init__(
        self,
        network: Generator,
        teacher: Generator,
        sets: Sequence[Sequence[TrainingClip]],
        held: Sequence[TrainingClip],
        options: DistillOptions,
        expert: SyncNet | None = None,
        metadata: Mapping[str, str] | None = None,
    ):
        if teacher.channels <= network.channels:
            raise UsageError(
                f"The teacher is not wider than the network to train ({teacher.channels} channels in its first layer, "
                f"and {network.channels}): give a smaller --width, or a wider teacher."
            )
        super().__init__(network, sets, held, options, expert, metadata)
        self._teacher = fold_batch_norm(teacher)

    def start(self, accelerator: Accelerator) -> None:
        super().start(accelerator)
        self._teacher.to(accelerator.device)

    def evaluate(self) -> Evaluation:
        """Judge as for any generator, and by `eval_teacher`: the mouth's distance to the teacher's, of 255."""
        found = super().evaluate()
        if not self._held:
            return found
        return replace(found, figures={**found.figures, EVALUATION + "teacher": self._distance_to_teacher()})

    def _target(self, mel: Tensor, faces: Tensor, truth: Tensor) -> Tensor:
        with torch.inference_mode(), self.accelerator.autocast():
            shown = self._teacher(mel, faces)
        return torch.lerp(shown.float(), truth, self.options.truth)

    def _distance_to_teacher(self) -> float:
        network = self.accelerator.unwrap_model(self.parts[0].network)
        size = self.options.batch_size
        sampler = Sampler([self._held], size, EVALUATION_SEED, Rules.of(compat=False, frames=1), NO_AUGMENTATION)
        found = []
        for number in range(-(-self.options.evaluation_samples // size)):
            mel, faces, _ = generator_input(sampler.batch(number))
            found.append(mouth_error(generate(network, mel, faces), generate(self._teacher, mel, faces)))
        return sum(found) / len(found)
