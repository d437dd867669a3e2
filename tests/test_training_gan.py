"""The generator with the discriminator: the original's step, on any device, in several processes, resumed."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from seeded import seeded
from torch import Tensor, nn
from training_clips import two_clips

from wav2lip.cli import main
from wav2lip.models.discriminator import Discriminator
from wav2lip.models.facts import facts_of
from wav2lip.models.generator import Generator
from wav2lip.models.load import load_generator
from wav2lip.models.syncnet import SyncNet
from wav2lip.training import generator as generator_module
from wav2lip.training import losses
from wav2lip.training.engine import LoopOptions, make_accelerator, train
from wav2lip.training.gan import GanOptions, GanTrainee, new_discriminator
from wav2lip.training.generator import GeneratorOptions, GeneratorTrainee
from wav2lip.training.layout import TrainingClip
from wav2lip.training.runs import read_saved
from wav2lip.training.samples import Batch

TESTS = Path(__file__).parent
GOLDEN = "gan_step_syncnet_eval"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingClip]:
    return two_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def data(clips: list[TrainingClip]) -> Path:
    return clips[0].folder.parent


def make(clips: list[TrainingClip], *, seed: int = 0, expert: SyncNet | None = None, **options: object) -> GanTrainee:
    torch.manual_seed(seed)
    settings = GanOptions(**{"steps": 4, "batch_size": 2, "evaluation_samples": 10, **options})
    return GanTrainee(Generator(2), new_discriminator(4), [clips[:1]], clips[1:], settings, expert)


def start(trainee: GanTrainee, precision: str = "fp32") -> GanTrainee:
    """Make a trainee ready for steps without a loop."""
    accelerator = make_accelerator("cpu", precision)
    for part in trainee.parts:
        part.network, part.optimizer = accelerator.prepare(part.network.train(), part.optimizer)
    trainee.start(accelerator)
    return trainee


def test_a_step_is_that_of_the_original(
    shared: Path, clips: list[TrainingClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = shared / "reference" / "golden"
    with np.load(golden / "training_batch.npz") as arrays:
        batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
    theirs = json.loads((golden / "training_step.json").read_text())[GOLDEN]
    trainee = start(GanTrainee(
        seeded(Generator()), seeded(Discriminator()), [clips], [], GanOptions(steps=1), seeded(SyncNet())
    ))
    trainee.heed({"eval_sync": 0.7})
    # The reference batch is of floating-point noise, which no picture of 8 bits gives.
    monkeypatch.setattr(generator_module, "generator_input", lambda _: (batch["indiv_mels"], batch["x"], batch["gt"]))
    empty = torch.empty(0)
    found = trainee.learn(Batch(target=empty, reference=empty, mels=empty, mel=batch["mel"][:, 0]), 0)
    assert {name: loss.item() for name, loss in found.items()} == pytest.approx(
        {name: theirs[name] for name in ("sync", "perceptual", "l1", "disc_real", "disc_fake")}, abs=1e-4
    )
    network = trainee.parts[0].network
    ours = {name: float(network.get_parameter(name).grad.norm()) for name in theirs["grad_norms"]}
    assert ours == pytest.approx(theirs["grad_norms"], rel=0.01)
    bias = network.get_parameter("output_block.1.bias").tolist()
    assert bias == pytest.approx(theirs["output_bias_after_step"], abs=1e-6)


def test_both_networks_learn(clips: list[TrainingClip]) -> None:
    trainee = start(make(clips, steps=40, frames=1, rate=4e-3, disc_rate=5e-4))
    batch = trainee.batches(0, 0)
    found = [trainee.learn(batch, step) for step in range(40)]
    error = [loss["l1"].item() for loss in found]
    judged = [(loss["disc_real"] + loss["disc_fake"]).item() for loss in found]
    assert np.mean(error[-5:]) < 0.8 * np.mean(error[:5])
    assert judged[0] == pytest.approx(2 * np.log(2), abs=0.1)
    assert min(judged) < 0.7 * judged[0]


def test_the_generator_is_led_by_the_discriminator_as_much_as_it_weighs(clips: list[TrainingClip]) -> None:
    def gradient(weight: float) -> Tensor:
        trainee = start(make(clips, quality_weight=weight))
        trainee.learn(trainee.batches(0, 0), 0)
        return trainee.parts[0].network.get_parameter("output_block.1.weight").grad

    none, half, all_ = (gradient(weight) for weight in (0.0, 0.5, 1.0))
    assert not torch.allclose(none, all_, atol=1e-5)
    assert torch.allclose(half, (none + all_) / 2, atol=1e-6)


@pytest.mark.parametrize(("frames", "precision"), [(1, "fp32"), (1, "bf16"), (5, "bf16")])
def test_any_window_and_precision_will_do(clips: list[TrainingClip], frames: int, precision: str) -> None:
    trainee = start(make(clips, frames=frames), precision)
    before = [part.network.state_dict()[name].clone() for part, name in _biases(trainee)]
    found = trainee.learn(trainee.batches(0, 0), 0)
    assert set(found) == {"l1", "perceptual", "disc_real", "disc_fake"}
    assert all(torch.isfinite(loss) and loss.dtype == torch.float32 for loss in found.values())
    after = [part.network.state_dict()[name] for part, name in _biases(trainee)]
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert not torch.is_autocast_enabled("cpu")
    assert all(p.requires_grad for part in trainee.parts for p in part.network.parameters())


def test_a_generator_that_is_found_out_for_sure_still_learns() -> None:
    discriminator = new_discriminator(2)
    nn.init.constant_(discriminator.binary_pred[0].bias, -40.0)
    made = torch.rand(1, 3, 1, 96, 96, requires_grad=True)
    losses.fool(discriminator, made).backward()
    assert made.grad.abs().max() > 1e-6


def test_even_a_narrow_discriminator_sees_differences_before_it_is_trained() -> None:
    torch.manual_seed(0)
    faces = torch.rand(8, 3, 1, 96, 96)
    with torch.no_grad():
        assert new_discriminator(2)(faces).std() > 1e-4
        assert Discriminator(2)(faces).std() < 1e-6    # PyTorch's own weights


def test_a_run_in_two_goes_is_the_run_in_one_go(
    tmp_path: Path, clips: list[TrainingClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator_module, "SYNC_BELOW", math.inf)    # the expert takes part after an evaluation
    torch.manual_seed(1)
    expert = SyncNet(1).eval()

    def run(folder: Path, steps: int) -> GanTrainee:
        trainee = make(clips, expert=expert, seed=len(list(folder.glob("*"))))
        loop = LoopOptions(steps, evaluate_every=2, save_every=2, workers=0, device="cpu", precision="fp32")
        train(trainee, folder, loop, lambda text: None)
        return trainee

    whole = run(tmp_path / "whole", 4)
    assert run(tmp_path / "parts", 2).sync_weight == whole.sync_weight == 0.03
    run(tmp_path / "parts", 4)
    for name, kind in (("", "generator"), ("disc_", "discriminator")):
        one, other = (
            read_saved(tmp_path / folder / f"{name}checkpoint_step000000004.pth", kind) for folder in ("whole", "parts")
        )
        assert all(torch.equal(one.state_dict[key], other.state_dict[key]) for key in one.state_dict)
        for moments, same in zip(one.optimizer["state"].values(), other.optimizer["state"].values(), strict=True):
            assert all(torch.equal(moments[key], same[key]) for key in moments)
    rows = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    losses_of = {row["step"]: set(row) for row in rows if "l1" in row}
    assert "sync" not in losses_of[2]
    assert losses_of[4] >= {"sync", "perceptual", "disc_real", "disc_fake"}


def test_a_run_begins_with_a_plain_generator_and_with_a_discriminator(
    tmp_path: Path, data: Path, clips: list[TrainingClip]
) -> None:
    loop = LoopOptions(1, workers=0, device="cpu", precision="fp32")
    options = GeneratorOptions(steps=1, batch_size=2, evaluation_samples=10)
    plain = GeneratorTrainee(Generator(2), [clips[:1]], clips[1:], options)
    for name, trainee in (("plain", plain), ("gan", make(clips))):
        train(trainee, tmp_path / name, loop, lambda text: None)
    generator = tmp_path / "plain" / "checkpoint_step000000001.pth"
    discriminator = tmp_path / "gan" / "disc_checkpoint_step000000001.pth"
    begin = ["--from", str(generator), "--from-disc", str(discriminator)]

    wider = invoke(data, tmp_path / "run", "--width", "1/4", *begin)
    assert wider.exit_code == 2
    assert f"{discriminator} is of another width" in wider.output
    done = invoke(data, tmp_path / "run", *begin)
    assert done.exit_code == 0, done.output
    assert load_generator(tmp_path / "run" / "generator.safetensors").channels == 2
    assert facts_of(tmp_path / "run" / "generator.safetensors").gan
    for name, kind in (("", "generator"), ("disc_", "discriminator")):
        optimizer = read_saved(tmp_path / "run" / f"{name}checkpoint_step000000002.pth", kind).optimizer
        assert {int(moments["step"]) for moments in optimizer["state"].values()} == {2}
        assert optimizer["param_groups"][0]["betas"] == (0.5, 0.999)    # this training's, not those of the plain one


def test_weights_that_leave_nothing_for_the_picture_are_refused(tmp_path: Path, data: Path) -> None:
    refused = invoke(data, tmp_path / "run", "--quality-weight", "0.97")
    assert refused.exit_code == 2
    assert "below 1" in refused.output


def test_two_processes_train_the_same_networks(tmp_path: Path, data: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, TESTS / "two_processes.py", data, tmp_path], env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )
    assert done.returncode == 0, done.stderr
    for kind in ("generator", "gan"):
        first, second = (json.loads((tmp_path / f"{kind}-{rank}.json").read_text()) for rank in range(2))
        assert first["samples"] != second["samples"]
        assert first["parameters"] == second["parameters"] != first["before"]
        folder = tmp_path / kind
        assert len(list(folder.glob("checkpoint_step*.pth"))) == 1
        rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        assert [row["step"] for row in rows] == [2, 2]
        saved = read_saved(folder / "checkpoint_step000000002.pth", "generator")
        assert sum(float(saved.state_dict[name].double().sum()) for name in first["names"]) == first["parameters"][0]


def invoke(data: Path, output: Path, *more: str) -> Result:
    arguments = ["train", "gan", "--data", str(data), "-o", str(output), "--width", "1/8", "--batch-size", "2"]
    return CliRunner().invoke(main, [*arguments, "--steps", "2", "--workers", "0", "--device", "cpu", *more])


def _biases(trainee: GanTrainee) -> list[tuple]:
    return list(zip(trainee.parts, ("output_block.1.bias", "binary_pred.0.bias"), strict=True))
