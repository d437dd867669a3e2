"""A narrow generator learns from a wide one."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from seeded import seeded
from training_clips import two_clips

from wav2lip.cli.distill import distill
from wav2lip.models.generator import Generator
from wav2lip.models.load import load_generator, save_network
from wav2lip.training.distill import DistillOptions, DistillTrainee
from wav2lip.training.engine import make_accelerator
from wav2lip.training.layout import TrainingClip
from wav2lip.training.samples import generator_input

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingClip]:
    return two_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def data(clips: list[TrainingClip]) -> Path:
    return clips[0].folder.parent


@pytest.fixture(scope="module")
def teacher() -> Generator:
    return seeded(Generator(4))


def make(clips: list[TrainingClip], teacher: Generator, precision: str = "fp32", **options: object) -> DistillTrainee:
    torch.manual_seed(0)
    settings = DistillOptions(**{"steps": 100, "batch_size": 4, "frames": 1, "evaluation_samples": 12, **options})
    trainee = DistillTrainee(Generator(2), teacher, [clips[:1]], clips[1:], settings)
    accelerator = make_accelerator("cpu", precision)
    part = trainee.parts[0]
    part.network, part.optimizer = accelerator.prepare(part.network.train(), part.optimizer)
    trainee.start(accelerator)
    return trainee


def evaluated(trainee: DistillTrainee) -> dict[str, float]:
    network = trainee.parts[0].network.eval()
    with torch.inference_mode():
        figures = trainee.evaluate().figures
    network.train()
    return figures


def test_the_student_approaches_its_teacher_and_not_the_truth(clips: list[TrainingClip], teacher: Generator) -> None:
    trainee = make(clips, teacher, rate=1e-2)
    before = evaluated(trainee)
    errors = [trainee.learn(trainee.batches(step, 0), step)["l1"].item() for step in range(50)]
    after = evaluated(trainee)
    assert sum(errors[-5:]) < 0.6 * sum(errors[:5])
    assert after["eval_teacher"] < 0.6 * before["eval_teacher"]
    assert after["eval_teacher"] < 0.5 * after["eval_right"]


@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_what_is_learned_is_mixed_as_asked(
    clips: list[TrainingClip], teacher: Generator, share: float, frames: int
) -> None:
    trainee = make(clips, teacher, truth=share, frames=frames, batch_size=2)
    student = copy.deepcopy(trainee.parts[0].network)
    batch = trainee.batches(0, 0)
    mel, faces, truth = generator_input(batch)
    with torch.no_grad():
        expected = (student(mel, faces) - (share * truth + (1 - share) * teacher(mel, faces))).abs().mean().item()
    assert trainee.learn(batch, 0)["l1"].item() == pytest.approx(expected, abs=1e-5)


def test_the_teacher_stays_as_it_was(clips: list[TrainingClip], teacher: Generator) -> None:
    before = copy.deepcopy(teacher.state_dict())
    trainee = make(clips, teacher, "bf16")
    assert torch.isfinite(trainee.learn(trainee.batches(0, 0), 0)["l1"])
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    assert not teacher.training


def test_the_command_writes_the_student_and_how_near_it_is(tmp_path: Path, data: Path, teacher: Generator) -> None:
    weights = tmp_path / "wide.safetensors"
    save_network(teacher, weights)
    done = invoke(weights, data, tmp_path / "run", "--width", "1/16")
    assert done.exit_code == 0, done.output
    assert load_generator(tmp_path / "run" / "generator.safetensors").channels == 1
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert 0 < rows[-1]["eval_teacher"] < 255


def test_a_teacher_that_is_no_wider_is_refused(tmp_path: Path, data: Path, teacher: Generator) -> None:
    weights = tmp_path / "wide.safetensors"
    save_network(teacher, weights)
    refused = invoke(weights, data, tmp_path / "run")    # a quarter of the full width: 4 channels
    assert refused.exit_code == 2
    assert "not wider" in refused.output
    assert not (tmp_path / "run").exists()


def invoke(teacher: Path, data: Path, output: Path, *more: str) -> Result:
    arguments = ["--teacher", str(teacher), "--data", str(data), "-o", str(output), "--steps", "1", "--workers", "0"]
    return CliRunner().invoke(distill, [*arguments, "--batch-size", "2", "--device", "cpu", *more])
