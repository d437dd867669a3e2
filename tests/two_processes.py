"""What each of two processes does in `test_two_processes_train_the_same_networks`: two short trainings."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch

from wav2lip.models.discriminator import Discriminator
from wav2lip.models.generator import Generator
from wav2lip.training.engine import LoopOptions, Trainee, train
from wav2lip.training.gan import GanOptions, GanTrainee
from wav2lip.training.generator import GeneratorOptions, GeneratorTrainee
from wav2lip.training.splits import split


def sums(trainee: Trainee) -> list[float]:
    return [sum(float(p.detach().double().sum()) for p in part.network.parameters()) for part in trainee.parts]


data, out = map(Path, sys.argv[1:])
rank = int(os.environ["RANK"])
train_clips, held = split(data)
torch.manual_seed(rank)    # the first process decides what the networks begin with
plain = GeneratorOptions(steps=2, batch_size=1, evaluation_samples=10)
both = GanOptions(steps=2, batch_size=1, evaluation_samples=10)
for trainee in (
    GeneratorTrainee(Generator(1), [train_clips], held, plain),
    GanTrainee(Generator(1), Discriminator(1), [train_clips], held, both),
):
    before = sums(trainee)
    train(trainee, out / trainee.kind, LoopOptions(2, workers=0, device="cpu", precision="fp32"), lambda text: None)
    found = {
        "before": before,
        "parameters": sums(trainee),
        "names": [name.removeprefix("module.") for name, _ in trainee.parts[0].network.named_parameters()],
        "samples": float(trainee.batches(0, rank).target.float().mean()),
    }
    (out / f"{trainee.kind}-{rank}.json").write_text(json.dumps(found))
