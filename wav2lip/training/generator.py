"""Training the generator: L1 on faces whose lower half it cannot see, then the expert's judgement too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from wav2lip.models.generator import LOWER, Generator
from wav2lip.models.load import save_network
from wav2lip.models.syncnet import WINDOW_FRAMES, SyncNet
from wav2lip.training import losses
from wav2lip.training.augment import NO_AUGMENTATION, Augmentation
from wav2lip.training.engine import Batches, Evaluation, Figures, Part, Trainee, to_device
from wav2lip.training.evaluate import contact_sheet, evaluate
from wav2lip.training.layout import TrainingClip
from wav2lip.training.log import EVALUATION
from wav2lip.training.norms import Norms
from wav2lip.training.rates import rate_at, set_rate
from wav2lip.training.samples import Batch, Rules, Sampler, generator_input

SYNC_BELOW = 0.75          # of the expert's mean loss: from there on it takes part
EVALUATION_SEED = 1
SHEET_ROWS = 8


@dataclass(frozen=True)
class GeneratorOptions:
    """How to train a generator. The defaults are the original's, but for its defects.

    Attributes:
        steps: of the schedule: number of the last step.
        batch_size: windows in a batch of each process.
        frames: consecutive frames in a window; with 1 more different samples are seen, but the expert cannot judge.
        rate: Adam's learning rate at the first step.
        betas: Adam's.
        cosine: let the rate fall to 0 along half a cosine instead of keeping it.
        mouth: what an error in the mouth region counts against one elsewhere.
        edges: what errors in the differences of neighbouring pixels count.
        sync_weight: of the expert's loss, once its mean on held-out clips has been below 0.75; where there are none,
            on those of the first set.
        whole_every: of so many steps one makes whole faces, the others only their lower parts, in three quarters of
            the time.
        settled_steps: last steps in which batch norm keeps its statistics, so that the network learns as it will run.
        compat: train as the original program: SyncNet in train mode, the switch forgotten by checkpoints, references
            from any other frame, each frame's speech from one frame too early, the box as it was detected.
        augmentation: of the samples; not with `compat`.
        seed: of all samples.
        evaluation_samples: faces that an evaluation looks at.
    """

    steps: int
    batch_size: int = 16
    frames: int = WINDOW_FRAMES
    rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    cosine: bool = False
    mouth: float = 1.0
    edges: float = 0.0
    sync_weight: float = 0.01
    whole_every: int = 1
    settled_steps: int = 0
    compat: bool = False
    augmentation: Augmentation = NO_AUGMENTATION
    seed: int = 0
    evaluation_samples: int = 256

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        return rate_at(self.rate, step, self.steps, cosine=self.cosine)


class GeneratorTrainee(Trainee):
    """The generator, as the engine trains it.

    Args:
        network: is trained in place.
        sets: clips to learn from; every set has the same share of the samples, whatever its size.
        held: clips to judge by; may be empty.
        options: how.
        expert: judges the lips; None trains without.
        metadata: texts for the file that `export` writes.
    """

    kind = "generator"

    def __init__(
        self,
        network: Generator,
        sets: Sequence[Sequence[TrainingClip]],
        held: Sequence[TrainingClip],
        options: GeneratorOptions,
        expert: SyncNet | None = None,
        metadata: Mapping[str, str] | None = None,
    ):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.options = options
        optimizer = torch.optim.Adam(network.parameters(), options.rate, options.betas)
        self.parts = [Part("", "generator", network, optimizer)]
        self.batches = _batches(sets, options)
        self._norms = Norms(network, compat=options.compat)
        self.expert = expert.requires_grad_(False).train(options.compat) if expert else None
        self.sync_weight = 0.0
        self._held = held
        self._metadata = metadata or {}
        self._sets = sets

    def start(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self.weights = None
        if self.options.mouth != 1:
            self.weights = losses.mouth_weights(self.options.mouth).to(accelerator.device)
        if self.expert:
            self.expert.to(accelerator.device)

    def learn(self, batch: Batch, step: int) -> dict[str, Tensor]:
        return self._teach(batch, step)[0]

    def evaluate(self) -> Evaluation:
        network = self.accelerator.unwrap_model(self.parts[0].network)
        clips, figures = self._held or self._sets[0], {}
        if self._held:
            scores = evaluate(network, clips, self.options.evaluation_samples, EVALUATION_SEED)
            figures = {EVALUATION + name: value for name, value in asdict(scores).items()}
        if self.expert:
            figures[EVALUATION + "sync"] = self._mean_sync(network, clips)
        return Evaluation(figures, contact_sheet(network, clips, SHEET_ROWS, EVALUATION_SEED))

    def heed(self, evaluation: Figures) -> None:
        """Let the expert take part from the evaluation on in which its mean loss is below 0.75 (spec E.5)."""
        if evaluation.get(EVALUATION + "sync", math.inf) < SYNC_BELOW:
            self.sync_weight = self.options.sync_weight

    def state(self) -> dict[str, Any]:
        return {} if self.options.compat else {"sync_weight": self.sync_weight}

    def restore(self, state: Mapping[str, Any]) -> None:
        joined = state.get("sync_weight", 0.0) > 0 and not self.options.compat
        self.sync_weight = self.options.sync_weight if joined else 0.0    # how much it counts, this run says

    def export(self, folder: Path, step: int) -> list[Path]:
        path = folder / "generator.safetensors"
        network = self.accelerator.unwrap_model(self.parts[0].network)
        save_network(network, path, {"steps": str(step), **self._metadata})
        return [path]

    def _teach(self, batch: Batch, step: int) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Make one step of the generator; return its losses, what it made and what it should have made."""
        self._norms.before(step, settled=step >= self.options.steps - self.options.settled_steps)
        mel, faces, truth = generator_input(batch)
        target = self._target(mel, faces, truth)
        whole = self.options.compat or step % self.options.whole_every == 0
        made = self.parts[0].network(mel, faces, first=0 if whole else LOWER)
        if not whole:    # what is above is shown to the network anyway
            made = torch.cat([target[..., :LOWER, :], made], dim=-2)
        total, found = self._judge(batch, made, target)
        self._descend(self.parts[0], total, self.options.rate_at(step))
        return {name: loss.detach() for name, loss in found.items()}, made.detach(), target

    def _target(self, mel: Tensor, faces: Tensor, truth: Tensor) -> Tensor:
        """Return what the generator shall make of its input."""
        return truth

    def _judge(self, batch: Batch, made: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss to minimise, and its parts."""
        found = {"l1": losses.reconstruction(made, target, self.weights, self.options.edges)}
        total = (1 - self.sync_weight) * found["l1"]
        if self.sync_weight and self.expert:
            found["sync"] = self._sync(batch, made)
            total = total + self.sync_weight * found["sync"]
        return total, found

    def _descend(self, part: Part, loss: Tensor, rate: float) -> None:
        set_rate(part.optimizer, rate)
        part.optimizer.zero_grad()
        self.accelerator.backward(loss)
        part.optimizer.step()

    def _sync(self, batch: Batch, made: Tensor) -> Tensor:
        assert self.expert is not None
        with self.accelerator.autocast():
            return losses.sync(self.expert, batch.mel[:, None], made)

    def _mean_sync(self, network: nn.Module, clips: Sequence[TrainingClip]) -> float:
        """Return the expert's mean loss on generated windows of clips."""
        rules = Rules.of(compat=self.options.compat)
        sampler = Sampler([clips], self.options.batch_size, EVALUATION_SEED, rules, NO_AUGMENTATION)
        found = []
        for number in range(max(1, self.options.evaluation_samples // (WINDOW_FRAMES * self.options.batch_size))):
            batch = to_device(sampler.batch(number), self.accelerator.device)
            mel, faces, _ = generator_input(batch)
            found.append(float(self._sync(batch, network(mel, faces))))
        return sum(found) / len(found)


def _batches(sets: Sequence[Sequence[TrainingClip]], options: GeneratorOptions) -> Batches:
    rules = Rules.of(compat=options.compat, frames=options.frames)
    augmentation = NO_AUGMENTATION if options.compat else options.augmentation
    return Sampler(sets, options.batch_size, options.seed, rules, augmentation).batch
