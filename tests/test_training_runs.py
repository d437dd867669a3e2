"""A run's folder: checkpoints that survive crashes and travel to the original program, its log, curves and advice."""

from __future__ import annotations

import copy
import csv
import json
import math
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from seeded import seeded
from torch import Tensor, nn

from wav2lip.errors import UsageError, Wav2LipError, WeightsError
from wav2lip.extras import require
from wav2lip.models.discriminator import Discriminator
from wav2lip.models.generator import Generator
from wav2lip.models.syncnet import SyncNet
from wav2lip.training import advice as words
from wav2lip.training.advice import advice
from wav2lip.training.curves import draw_curves
from wav2lip.training.log import Row, TrainingLog, read_log
from wav2lip.training.runs import RunFolder, Saved, read_saved

NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "generator": Generator, "syncnet": SyncNet, "discriminator": Discriminator
}


def adam(network: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), 1e-3, betas=(0.5, 0.999))


def learn(network: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    """Make one step of a discriminator, the same for the same seed."""
    faces = np.random.default_rng(seed).uniform(size=(1, 3, 1, 96, 96)).astype(np.float32)
    optimizer.zero_grad()
    network(torch.from_numpy(faces)).mean().backward()
    optimizer.step()


def trained(step: int = 2) -> tuple[nn.Module, torch.optim.Adam]:
    network = seeded(Discriminator(1)).train()
    optimizer = adam(network)
    for seed in range(step):
        learn(network, optimizer, seed)
    return network, optimizer


def snapshot(network: nn.Module, optimizer: torch.optim.Optimizer | None = None, step: int = 7) -> Saved:
    return Saved(network.state_dict(), optimizer.state_dict() if optimizer else None, step, 1, {"seed": 3})


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "first")


@pytest.fixture
def small() -> Saved:
    return snapshot(seeded(Discriminator(1)))


def names(run: RunFolder) -> list[str]:
    return sorted(path.name for path in run.path.iterdir() if path.name != ".lock")


# Checkpoints


def test_training_goes_on_bit_by_bit_as_if_it_had_never_stopped(run: RunFolder) -> None:
    network, optimizer = trained()
    training = {"sync_weight": 0.03, "listening": True, "note": "a", "none": None, "draws": [1, 2], "deep": {"a": 1}}
    saved = Saved(network.state_dict(), optimizer.state_dict(), 2, 0, training)
    run.save(2, {"disc_": saved}, keep=1)
    learn(network, optimizer, seed=9)

    back = read_saved(run.path / "disc_checkpoint_step000000002.pth", "discriminator")
    resumed = Discriminator(1)
    resumed.load_state_dict(back.state_dict)
    again = adam(resumed)
    assert back.optimizer is not None
    again.load_state_dict(back.optimizer)
    learn(resumed, again, seed=9)

    assert (back.step, back.epoch, back.training) == (2, 0, training)
    assert same(dict(network.state_dict()), dict(resumed.state_dict()))
    assert same(optimizer.state_dict(), again.state_dict())


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_original_program_can_load_what_is_saved(run: RunFolder, shared: Path, kind: str) -> None:
    network = seeded(NETWORKS[kind](2))
    run.save(3000, {"": snapshot(network, adam(network), 3000)}, keep=0)

    checkpoint = torch.load(run.path / "checkpoint_step000003000.pth", weights_only=True)    # as its loaders do
    published = json.loads((shared / "reference" / "keys" / f"{kind}_keys.json").read_text())
    assert list(checkpoint["state_dict"]) == list(published)
    assert (checkpoint["global_step"], checkpoint["global_epoch"]) == (3000, 1)
    other = NETWORKS[kind](2)
    other.load_state_dict({name.replace("module.", ""): value for name, value in checkpoint["state_dict"].items()})
    adam(other).load_state_dict(checkpoint["optimizer"])
    assert same(dict(other.state_dict()), dict(network.state_dict()))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_checkpoint_of_the_original_program_goes_on_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    network, optimizer = trained()
    state = copy.deepcopy(optimizer.state_dict())
    for of_parameter in state["state"].values():
        of_parameter["step"] = int(of_parameter["step"])                # as PyTorch of its time kept it
    kept = ("lr", "betas", "eps", "weight_decay", "amsgrad", "params")
    state["param_groups"] = [{name: group[name] for name in kept} for group in state["param_groups"]]
    theirs = {
        "state_dict": OrderedDict((f"module.{name}", value) for name, value in network.state_dict().items()),
        "optimizer": state,
        "global_step": 3000,
        "global_epoch": 12,
    }
    path = tmp_path / "disc_checkpoint_step000003000.pth"
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        torch.save(theirs, path, _use_new_zipfile_serialization=zipped)
    assert b"cuda:0" in path.read_bytes()

    saved = read_saved(path, "discriminator")
    assert (saved.step, saved.epoch, saved.training) == (3000, 12, {})
    resumed = Discriminator(1)
    resumed.load_state_dict(saved.state_dict)
    again = adam(resumed)
    assert saved.optimizer is not None
    again.load_state_dict(saved.optimizer)
    learn(network, optimizer, seed=5)
    learn(resumed, again, seed=5)
    assert same(dict(network.state_dict()), dict(resumed.state_dict()))


def test_bare_weights_begin_at_step_0_in_float32(tmp_path: Path) -> None:
    weights = seeded(SyncNet(1)).state_dict()
    save_file({name: value.half() if value.dim() > 1 else value for name, value in weights.items()}, tmp_path / "w.st")
    torch.save(weights, tmp_path / "w.pth")
    for name in ("w.st", "w.pth"):
        saved = read_saved(tmp_path / name, "syncnet")
        assert (saved.optimizer, saved.step, saved.epoch, saved.training) == (None, 0, 0, {})
        assert {value.dtype for value in saved.state_dict.values()} == {torch.float32, torch.int64}
    assert same(dict(weights), dict(saved.state_dict))


def test_a_checkpoint_of_another_network_is_refused(run: RunFolder, small: Saved) -> None:
    run.save(1, {"": small}, keep=0)
    with pytest.raises(WeightsError, match="holds the visual-quality discriminator"):
        read_saved(run.path / "checkpoint_step000000001.pth", "generator")


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path: Path, small: Saved) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "checkpoint_step000000009.pth"
    torch.save({"state_dict": small.state_dict, "optimizer": Attack(), "global_step": 9, "global_epoch": 0}, path)
    with pytest.raises(WeightsError, match="wants to run code"):
        read_saved(path, "discriminator")
    said: list[str] = []
    with RunFolder(tmp_path) as run:
        assert run.latest([""], said.append) is None
    assert "wants to run code" in said[0]
    assert not (tmp_path / "ran").exists()


def test_numbers_of_numpy_do_not_make_a_checkpoint_unreadable(run: RunFolder) -> None:
    network, optimizer = trained(1)
    optimizer.param_groups[0]["lr"] *= np.cos(0.1)     # what a schedule written with numpy does
    saved = snapshot(network, optimizer)
    saved.training = {"weight": np.float32(0.25)}
    run.save(1, {"": saved}, keep=0)
    back = read_saved(run.path / "checkpoint_step000000001.pth", "discriminator")
    assert back.training == {"weight": 0.25}
    assert back.optimizer is not None
    assert back.optimizer["param_groups"][0]["lr"] == optimizer.param_groups[0]["lr"]


def test_what_could_not_be_read_back_is_not_written(run: RunFolder, small: Saved) -> None:
    small.training = {"folder": Path("here")}
    with pytest.raises(TypeError, match="Path"):
        run.save(1, {"": small}, keep=0)
    assert names(run) == []


# The folder


def test_the_newest_pair_is_resumed_from_and_older_ones_are_removed(run: RunFolder, small: Saved) -> None:
    assert run.latest(["", "disc_"], pytest.fail) is None
    for step in (10, 20, 30, 40):
        run.save(step, {"": small, "disc_": small}, keep=2)
    (run.path / "checkpoint_step1.pth").write_text("not one of ours")
    newest = run.latest(["", "disc_"], pytest.fail)
    assert newest == (40, {
        "": run.path / "checkpoint_step000000040.pth", "disc_": run.path / "disc_checkpoint_step000000040.pth"
    })
    assert len(names(run)) == 5
    assert run.latest([""], pytest.fail) == (40, {"": run.path / "checkpoint_step000000040.pth"})
    run.save(50, {"": small, "disc_": small}, keep=0)
    assert len(names(run)) == 7


def test_a_kill_between_the_two_files_leaves_the_pair_before(
    run: RunFolder, small: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.save(10, {"": small, "disc_": small}, keep=1)

    class Killed(BaseException):
        pass

    save, calls = torch.save, []

    def killed_in_the_second(content: Any, file: Any) -> None:
        calls.append(content)
        if len(calls) == 2:
            file.write(b"half of it")
            raise Killed
        save(content, file)

    monkeypatch.setattr(torch, "save", killed_in_the_second)
    with pytest.raises(Killed):
        run.save(20, {"": small, "disc_": small}, keep=1)
    said: list[str] = []
    newest = run.latest(["", "disc_"], said.append)
    assert newest is not None
    assert newest[0] == 10
    assert said == [f"Step 20 is left out: there is no checkpoint_step000000020.pth in {run.path}."]


def damage_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def damage_optimizer(path: Path) -> None:
    """Alter the last tensor's data, which is the optimizer's: nothing but its checksum tells."""
    content = torch.load(path, weights_only=True)
    mark = list(content["optimizer"]["state"].values())[-1]["exp_avg_sq"].numpy().tobytes()[:64]
    data = bytearray(path.read_bytes())
    at = data.index(mark)
    data[at] ^= 1
    path.write_bytes(data)


def damage_values(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    next(iter(content["state_dict"].values())).fill_(math.nan)
    torch.save(content, path)


def damage_all(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_end, damage_optimizer, damage_values, damage_all])
@pytest.mark.parametrize("prefix", ["", "disc_"])
def test_a_damaged_newest_checkpoint_is_told_and_left_out(
    run: RunFolder, damage: Callable[[Path], None], prefix: str
) -> None:
    saved = snapshot(*trained(1))
    for step in (10, 20):
        run.save(step, {"": saved, "disc_": saved}, keep=1 if step == 10 else 2)
    damage(run.path / f"{prefix}checkpoint_step000000020.pth")
    said: list[str] = []
    newest = run.latest(["", "disc_"], said.append)
    assert newest is not None
    assert newest[0] == 10
    assert len(said) == 1
    assert said[0].startswith("Step 20 is left out: ")
    # What is saved next must not be removed in favour of the damaged one.
    run.save(15, {"": saved, "disc_": saved}, keep=1)
    newest = run.latest(["", "disc_"], said.append)
    assert newest is not None
    assert newest[0] == 15
    assert len(names(run)) == 4    # what comes later is left to the person who looks into it


def test_leftovers_of_a_killed_run_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint-0123.part").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    with RunFolder(tmp_path) as run:
        assert names(run) == ["notes.txt"]


def test_a_full_disk_is_told_and_leaves_nothing_behind(
    run: RunFolder, small: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(content: Any, file: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(Wav2LipError, match=r"step000000001\.pth cannot be written: No space left on device\."):
        run.save(1, {"": small}, keep=0)
    assert names(run) == []


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Wav2LipError, match="cannot be used"):
        RunFolder(tmp_path / "file")


def test_only_one_process_trains_in_a_folder_and_a_killed_one_frees_it(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    code = (
        "import sys; from pathlib import Path; from wav2lip.training.runs import RunFolder\n"
        "run = RunFolder(Path(sys.argv[1])); print('training', flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "training\n"
        with pytest.raises(UsageError, match=f"Another process is training in {tmp_path}"):
            RunFolder(tmp_path)
        RunFolder(tmp_path, lock=False).close()
        other.kill()
    RunFolder(tmp_path).close()


# The log


def rows_of_csv(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def without_seconds(rows: list[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def write_steps(log: TrainingLog, first: int, last: int) -> None:
    for step in range(first, last + 1):
        log.write(step, {"l1": 1 / step, "sync": 0.1 * step})
        if step % 3 == 0:
            log.write(step, {"eval_right": 5.123456789 / step})


def test_the_log_of_a_killed_run_ends_up_as_that_of_an_uninterrupted_one(tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    killed.mkdir()
    write_steps(TrainingLog(straight), 1, 9)
    write_steps(TrainingLog(killed), 1, 7)
    with open(killed / "log.jsonl", "a") as file:
        file.write('{"step": 8, "seco')                # a power cut
    resumed = TrainingLog(killed, resume_at=4)
    assert [row["step"] for row in resumed.rows()] == [1, 2, 3, 3, 4]
    write_steps(resumed, 5, 9)

    ours, theirs = read_log(killed / "log.jsonl"), read_log(straight / "log.jsonl")
    assert without_seconds(ours) == without_seconds(theirs)
    assert ours == resumed.rows()
    tables = [[{**row, "seconds": ""} for row in rows_of_csv(folder)] for folder in (killed, straight)]
    assert tables[0] == tables[1]
    assert list(tables[0][0]) == ["step", "seconds", "l1", "sync", "eval_right"]
    assert tables[0][3] == {"step": "3", "seconds": "", "l1": "", "sync": "", "eval_right": "1.70782"}


def test_a_new_run_begins_a_new_log_and_a_resumed_one_goes_on_counting_seconds(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 5, "seconds": 500.0, "l1": 1}\n')
    log = TrainingLog(tmp_path, resume_at=5)
    log.write(6, {"l1": 1})
    assert 500 <= log.rows()[-1]["seconds"] < 600
    assert TrainingLog(tmp_path).rows() == []
    assert read_log(tmp_path / "log.jsonl") == rows_of_csv(tmp_path) == []


def test_what_is_not_a_number_is_valid_json_and_comes_back_as_nan(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path)
    log.write(1, {"l1": math.nan, "sync": math.inf})

    def refuse(word: str) -> None:
        raise AssertionError(word)

    json.loads((tmp_path / "log.jsonl").read_text(), parse_constant=refuse)
    (row,) = read_log(tmp_path / "log.jsonl")
    assert math.isnan(row["l1"])
    assert math.isnan(row["sync"])
    assert rows_of_csv(tmp_path)[0]["l1"] == "nan"


def test_a_missing_log_is_told(tmp_path: Path) -> None:
    with pytest.raises(Wav2LipError, match="cannot be read: No such file"):
        read_log(tmp_path / "log.jsonl")


# The curves


def a_long_log() -> list[Row]:
    random = np.random.default_rng(0)
    rows: list[Row] = []
    for step in range(20, 4001, 20):
        rows.append({"step": step, "seconds": step / 3, "l1": 20 / step + 0.002 * random.uniform(), "rate": 1e-3})
        if step % 1000 == 0:
            rows.append({"step": step, "seconds": step / 3, "eval_right": 4.0, "eval_copy": math.nan})
    return rows


def test_the_curves_are_a_picture_with_something_on_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "curves.png"
    draw_curves(a_long_log(), out)
    picture = cv2.imread(str(out))
    assert picture is not None
    assert picture.shape == (800, 1200, 3)
    coloured = np.ptp(picture.astype(int), axis=2) > 60
    for quarter in (coloured[:400, :600], coloured[:400, 600:], coloured[400:, :600]):    # three panels
        assert quarter.sum() > 100
    assert not coloured[400:, 600:].any()
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_an_empty_log_draws_nothing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_curves([{"step": 1, "seconds": 0.1, "l1": math.nan}], tmp_path / "curves.png")
    assert not any(tmp_path.iterdir())


def test_a_missing_package_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'needs matplotlib.*pip install "wav2lip\[train\]"'):
        draw_curves([], Path("curves.png"))
    assert require("json", "train") is json


# The advice


def curve(last: int, every: int = 20, **figures: Callable[[int], float]) -> list[Row]:
    return [
        {"step": step, "seconds": step, **{name: value(step) for name, value in figures.items()}}
        for step in range(every, last + 1, every)
    ]


def constant(value: float) -> Callable[[int], float]:
    return lambda step: value


def healthy_evaluations(last: int) -> list[Row]:
    return curve(
        last, 1000, eval_right=lambda s: 3 + 3000 / s, eval_wrong=lambda s: 6 + 1000 / s, eval_copy=constant(7),
        eval_sync=lambda s: 0.5 + 300 / s,
    )


def test_there_is_nothing_to_say_about_a_training_that_goes_well() -> None:
    expert = curve(20_000, loss=lambda s: 0.2 + 0.5 * math.exp(-s / 3000))
    assert advice("syncnet", expert + curve(20_000, 1000, eval_loss=constant(0.3))) == []
    generator = curve(20_000, l1=lambda s: 0.02 + 0.2 * math.exp(-s / 3000)) + healthy_evaluations(20_000)
    assert advice("generator", generator) == []
    discriminator = curve(20_000, disc_real=constant(0.5), disc_fake=constant(0.6))
    assert advice("gan", generator + discriminator) == []
    assert all(advice(kind, []) == [] for kind in ("syncnet", "generator", "gan"))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_told(bad: float) -> None:
    rows: list[Row] = [*curve(100, l1=constant(0.1)), {"step": 120, "seconds": 1, "l1": bad}]
    assert advice("generator", rows) == [words.NOT_A_NUMBER]
    assert advice("generator", [*rows, {"step": 120, "seconds": 1, "eval_right": 4}]) == [words.NOT_A_NUMBER]
    assert advice("generator", [*rows, {"step": 140, "seconds": 1, "l1": 0.1}]) == []
    assert advice("generator", [{"step": 120, "seconds": 1, "eval_agreement": bad}]) == []


def test_an_expert_at_chance_is_told_only_when_it_has_stayed_there() -> None:
    def guess(step: int) -> float:
        return 0.693 + (0.005 if step % 40 else -0.005)

    assert advice("syncnet", curve(1980, loss=guess)) == []
    assert advice("syncnet", curve(2000, loss=guess)) == [words.AT_CHANCE]
    assert advice("syncnet", curve(4000, loss=lambda s: 0.9 if s <= 2000 else guess(s))) == [words.AT_CHANCE]
    assert advice("syncnet", curve(4000, loss=lambda s: 0.693 if s <= 3500 else 0.67)) == []
    assert advice("generator", curve(4000, l1=constant(0.02), loss=guess)) == []


def test_a_generator_that_ignores_the_speech_is_told_when_it_had_its_time() -> None:
    deaf = curve(4000, 500, eval_right=constant(5), eval_wrong=constant(5.1), eval_copy=constant(6))
    assert advice("generator", deaf) == [words.DEAF_GENERATOR]
    assert advice("gan", deaf) == [words.DEAF_GENERATOR]
    assert advice("generator", deaf[:6]) == []
    hearing = [{**row, "eval_wrong": 5.3} for row in deaf]
    assert advice("generator", hearing) == []
    assert advice("generator", [*deaf[:-1], hearing[-1]]) == []
    assert advice("generator", [*hearing[:-1], deaf[-1]]) == []


def test_a_generator_worse_than_copying_is_told() -> None:
    rows = curve(4000, 500, eval_right=constant(8), eval_wrong=constant(9), eval_copy=constant(7))
    assert advice("generator", rows) == [words.WORSE_THAN_COPYING]


def test_a_rising_loss_is_told_but_not_a_growing_augmentation() -> None:
    def rises_to(high: float) -> list[Row]:
        return curve(8000, l1=lambda s: 0.02 + 0.2 * math.exp(-s / 500) if s < 6000 else high)

    assert advice("generator", rises_to(0.04)) == [words.RISING]
    assert advice("generator", rises_to(0.028)) == []
    assert advice("generator", rises_to(0.04)[:310]) == []        # only just risen


def test_learning_by_heart_is_told() -> None:
    worse = curve(8000, 1000, eval_loss=lambda s: 0.3 + abs(s - 3000) / 20_000)
    assert advice("syncnet", worse) == [words.OVERFITTING]
    assert advice("syncnet", worse[:5]) == []
    faces = [{"step": row["step"], "seconds": 1, "eval_right": 10 * row["eval_loss"]} for row in worse]
    assert advice("gan", faces) == [words.OVERFITTING]


def test_a_sync_loss_that_never_falls_is_told() -> None:
    assert advice("generator", curve(49_000, 1000, eval_sync=constant(1.1))) == []
    assert advice("generator", curve(50_000, 1000, eval_sync=constant(1.1))) == [words.NO_SYNC]
    assert advice("generator", curve(50_000, 1000, eval_sync=lambda s: 0.74 if s == 9000 else 1.1)) == []


def test_a_discriminator_that_is_never_wrong_is_told() -> None:
    certain = curve(1000, disc_real=constant(0.001), disc_fake=constant(0.002))
    assert advice("gan", certain) == [words.CERTAIN_DISCRIMINATOR]
    assert advice("gan", [{**row, "disc_fake": 0.3} for row in certain]) == []
