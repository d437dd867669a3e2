"""Training the expert SyncNet, which tells whether lips and speech belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from wav2lip.evaluation.offsets import cosines, embed_lips, embed_speech
from wav2lip.evaluation.tables import around, summarise
from wav2lip.models.load import save_network
from wav2lip.models.syncnet import FPS, WINDOW_FRAMES, SyncNet
from wav2lip.speech.windows import frames_inside
from wav2lip.training import losses
from wav2lip.training.augment import NO_AUGMENTATION, Augmentation
from wav2lip.training.engine import Batches, Evaluation, Part, Trainee
from wav2lip.training.evaluate import longest_run
from wav2lip.training.layout import TrainingClip
from wav2lip.training.log import EVALUATION
from wav2lip.training.norms import Norms
from wav2lip.training.rates import rate_at, set_rate
from wav2lip.training.samples import APART, SHORTEST, Rules, Sampler, SyncBatch, window_faces

SURE = 0.5         # cosine from which on lips and speech count as belonging together
JUDGED = 125       # frames of a held-out clip that are judged at most


@dataclass(frozen=True)
class ExpertOptions:
    """How to train an expert.

    Attributes:
        steps: of the schedule: number of the last step.
        batch_size: windows in a batch of each process.
        rate: Adam's learning rate at the first step.
        cosine: let the rate fall to 0 along half a cosine instead of keeping it.
        grouped: windows of each clip in a batch. All windows of a batch are each other's mismatches, but for those of
            one clip that start fewer than 5 frames apart. With 1, half of the windows get the lips of another moment
            instead, and each is compared with its own speech alone.
        timing: what finding the right one among neighbouring windows counts, beside telling right from wrong. Above 0,
            the windows of a clip follow each other frame by frame.
        settled_steps: last steps in which batch norm keeps its statistics, so that the network learns as it will run.
        compat: train as the original program: one pair a window, mismatches from any other frame, also a neighbour.
        augmentation: of the samples; not with `compat`.
        seed: of all samples.
        evaluation_clips: held-out clips that an evaluation looks at, at most.
    """

    steps: int
    batch_size: int = 64
    rate: float = 1e-4
    cosine: bool = False
    grouped: int = 8
    timing: float = 0.0
    settled_steps: int = 0
    compat: bool = False
    augmentation: Augmentation = NO_AUGMENTATION
    seed: int = 0
    evaluation_clips: int = 100

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        return rate_at(self.rate, step, self.steps, cosine=self.cosine)


class ExpertTrainee(Trainee):
    """The expert, as the engine trains it.

    Args:
        network: is trained in place.
        sets: clips to learn from; every set has the same share of the samples, whatever its size.
        held: clips to judge by; may be empty.
        options: how.
        metadata: texts for the file that `export` writes.

    Source: Prajwal et al. 2020 (arXiv 2008.10010), section 3.2. Other windows of the batch as mismatches: as in
    Chung, Chung, Kang 2019, "Perfect match", but each pair with the cross entropy of its own cosine.
    """

    kind = "syncnet"

    def __init__(
        self,
        network: SyncNet,
        sets: Sequence[Sequence[TrainingClip]],
        held: Sequence[TrainingClip],
        options: ExpertOptions,
        metadata: Mapping[str, str] | None = None,
    ):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.options = options
        self.parts = [Part("", "syncnet", network, torch.optim.Adam(network.parameters(), options.rate))]
        self.batches = _batches(sets, options)
        self._norms = Norms(network, compat=options.compat)
        self._held = _evenly(held, options.evaluation_clips)
        self._metadata = metadata or {}

    def start(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator

    def learn(self, batch: SyncBatch, step: int) -> dict[str, Tensor]:
        part = self.parts[0]
        set_rate(part.optimizer, self.options.rate_at(step))
        self._norms.before(step, settled=step >= self.options.steps - self.options.settled_steps)
        speech, lips = part.network(batch.mel[:, None], lower_faces(batch))
        if self.options.compat or self.options.grouped == 1:
            loss = losses.matching(speech, lips, batch.same)
        else:
            loss = losses.all_pairs(speech, lips, *pairs(batch))
        found = {"loss": loss.detach()}
        if self.options.timing:
            timing = losses.timing(speech, lips, batch.clip)
            found["timing"] = timing.detach()
            loss = loss + self.options.timing * timing
        part.optimizer.zero_grad()
        self.accelerator.backward(loss)
        part.optimizer.step()
        return found

    def evaluate(self) -> Evaluation:
        network = self.accelerator.unwrap_model(self.parts[0].network)
        figures = judge(network, self._held)
        return Evaluation({EVALUATION + name: value for name, value in figures.items()})

    def export(self, folder: Path, step: int) -> list[Path]:
        path = folder / "expert.safetensors"
        network = self.accelerator.unwrap_model(self.parts[0].network)
        save_network(network, path, {"steps": str(step), **self._metadata})
        return [path]


def lower_faces(batch: SyncBatch) -> Tensor:
    """Return what the expert sees of a batch, float32 (B, 15, 48, 96) in [0, 1]."""
    return losses.lower_window(batch.faces.permute(0, 4, 1, 2, 3)).float() / 255    # bytes are moved faster


def pairs(batch: SyncBatch) -> tuple[Tensor, Tensor]:
    """Return which pairs (speech i, lips j) of a batch belong together, and which are too near to tell, bool (B, B)."""
    same_clip = batch.clip[:, None] == batch.clip
    distance = (batch.start[:, None] - batch.start).abs()
    same = same_clip & (distance == 0)
    return same, same_clip & (distance < APART) & ~same


def judge(expert: SyncNet, clips: Sequence[TrainingClip]) -> dict[str, float]:
    """Return how well an expert in eval mode judges clips; nothing where there is none to judge by.

    Returns:
        `loss`: mean binary cross entropy, `accuracy`: share of right answers at a cosine of 0.5, of windows with
        their own speech and with that of their clip at least 5 frames away, half and half; `offset`: share of clips
        whose lips fit best to speech at most 1 frame away, `exact`: to their own.
    """
    found = []
    for clip in clips:
        frames = longest_run(clip.numbers)[:JUDGED]
        first = int(frames[0])
        windows = min(len(frames) - WINDOW_FRAMES + 1, frames_inside(clip.mel.shape[1], FPS) - first)
        if windows <= APART:
            continue
        random = np.random.default_rng(0)
        faces = window_faces(clip, first, windows + WINDOW_FRAMES - 1, NO_AUGMENTATION.view(random, 0), random)
        lips = embed_lips(expert, torch.from_numpy(faces))
        speech = embed_speech(expert, clip.mel, range(first, first + windows))
        at = torch.arange(windows, device=lips.device)
        distance = (at[:, None] - at).abs()
        loss = losses.all_pairs(speech, lips, distance == 0, distance < APART)
        similar = cosines(lips, speech)
        away = (distance >= APART).cpu().numpy()
        accuracy = ((similar.diagonal() >= SURE).mean() + (similar[away] < SURE).mean()) / 2
        offset = summarise(around(1 - similar, 0)).offset
        found.append([float(loss), float(accuracy), abs(offset) <= 1, offset == 0])
    if not found:
        return {}
    return dict(zip(("loss", "accuracy", "offset", "exact"), map(float, np.mean(found, axis=0)), strict=True))


def _batches(sets: Sequence[Sequence[TrainingClip]], options: ExpertOptions) -> Batches:
    if options.compat:
        rules = Rules(apart=1, more_than=SHORTEST)
        return Sampler(sets, options.batch_size, options.seed, rules, NO_AUGMENTATION).sync_batch
    sampler = Sampler(sets, options.batch_size, options.seed, Rules(), options.augmentation)
    return partial(sampler.sync_batch, grouped=options.grouped, neighbours=options.timing > 0)


def _evenly(clips: Sequence[TrainingClip], most: int) -> list[TrainingClip]:
    """Return clips from the whole length of a list, not more than `most`."""
    return [clips[number] for number in np.unique(np.linspace(0, len(clips) - 1, min(most, len(clips))).astype(int))]
