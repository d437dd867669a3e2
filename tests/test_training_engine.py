"""The training loop through the command line: what it writes, going on after any end, and what it refuses."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from accelerate import Accelerator
from click.testing import CliRunner, Result
from seeded import seeded_state_dict
from tqdm import tqdm
from training_clips import head_clip

from wav2lip.cli import main
from wav2lip.errors import UsageError
from wav2lip.models.generator import Generator
from wav2lip.models.load import load_generator, save_network
from wav2lip.models.syncnet import SyncNet
from wav2lip.training import engine
from wav2lip.training import evaluate as judging
from wav2lip.training.engine import make_accelerator
from wav2lip.training.evaluate import can_follow, evaluate
from wav2lip.training.generator import GeneratorOptions, GeneratorTrainee
from wav2lip.training.layout import WIDE, TrainingClip, find_clips
from wav2lip.training.log import read_log
from wav2lip.training.norms import momentum
from wav2lip.training.runs import read_saved
from wav2lip.training.samples import speech_window, window_faces
from wav2lip.training.splits import is_held_out

TINY = ["--width", "1/16", "--batch-size", "2", "--frames", "1", "--device", "cpu", "--precision", "fp32",
        "--evaluation-samples", "4"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    held = next(n for n in range(100) if is_held_out(f"clip-{n}"))
    for identity in (0, 1, held):
        head_clip(root, identity, 0.8)
    return root


def arguments(data: Path, run: Path, *more: str) -> list[str]:
    return ["train", "generator", "--data", str(data), "-o", str(run), "--workers", "0", *TINY, *more]


def train(data: Path, run: Path, *more: str) -> Result:
    return CliRunner().invoke(main, arguments(data, run, *more))


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_generator(run / "generator.safetensors").state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_learns_and_leaves_log_curves_pictures_checkpoints_and_weights(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = train(data, run, "--steps", "60", "--evaluate-every", "30", "--rate", "0.003", "--note", "data", "drawn")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(run / "generator.safetensors")
    rows = read_log(run / "log.jsonl")
    losses = [row["l1"] for row in rows if "l1" in row]
    assert losses[-1] < 0.95 * losses[0]
    assert [row["step"] for row in rows if "eval_right" in row] == [30, 60]
    strip = cv2.imread(str(run / "samples_step000000060" / "0_0.jpg"))
    assert strip.shape == (8 * 96, 4 * 96, 3)
    assert cv2.imread(str(run / "curves.png")).std() > 10
    assert (run / "log.csv").read_text().startswith("step,seconds,l1")
    saved = torch.load(run / "checkpoint_step000000060.pth", weights_only=True)
    assert {"state_dict", "optimizer", "global_step", "global_epoch"} <= saved.keys()
    assert saved["global_step"] == 60


def test_going_on_gives_what_no_interruption_gives(data: Path, tmp_path: Path) -> None:
    options = ["--augment", "1", "--plain-steps", "1", "--ramp-steps", "2", "--cosine"]
    assert train(data, tmp_path / "whole", "--steps", "6", *options).exit_code == 0
    # The schedule depends on --steps: a run that shall go on is stopped, not finished early.
    assert train(data, tmp_path / "parts", "--steps", "6", "--save-every", "2", "--keep", "0", *options).exit_code == 0
    for number in (4, 6):
        (tmp_path / "parts" / f"checkpoint_step{number:09d}.pth").unlink()
    (tmp_path / "parts" / "generator.safetensors").unlink()
    again = train(data, tmp_path / "parts", "--steps", "6", *options)
    assert "Going on from step 2" in again.stderr
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_killed_run_goes_on_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    steps = ["--steps", "40", "--save-every", "5", "--evaluate-every", "1000"]
    assert train(data, tmp_path / "whole", *steps).exit_code == 0
    command = [sys.executable, "-m", "wav2lip", *arguments(data, tmp_path / "killed", *steps)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(tmp_path / "killed", process)
    process.kill()
    process.wait()
    assert not (tmp_path / "killed" / "generator.safetensors").exists()
    assert train(data, tmp_path / "killed", *steps).exit_code == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    whole, killed = (read_log(tmp_path / name / "log.jsonl") for name in ("whole", "killed"))
    assert [{**row, "seconds": 0} for row in whole] == [{**row, "seconds": 0} for row in killed]


@pytest.mark.parametrize(("asked", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_run_that_is_asked_to_stop_keeps_what_it_has(
    data: Path, tmp_path: Path, asked: signal.Signals, code: int
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "wav2lip", *arguments(data, run, "--steps", "100000", "--save-every", "2")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=hear_hangups)
    try:
        wait_for(run, process)
        process.send_signal(asked)
        _, words = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert "Traceback" not in words
    newest = max(run.glob("checkpoint_step*.pth"))
    assert read_saved(newest, "generator").step == int(newest.stem[-9:])
    assert not list(run.glob(".*.part"))


def hear_hangups() -> None:
    """Let a process hear SIGHUP whether or not these tests run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait_for(run: Path, process: subprocess.Popen) -> None:
    """Wait until a run has written its first checkpoint."""
    for _ in range(600):
        if list(run.glob("checkpoint_step*.pth")):
            return
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("no checkpoint in a minute")


def test_the_originals_checkpoint_is_taken_up_with_its_optimizer(data: Path, tmp_path: Path) -> None:
    network = Generator(1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    network(torch.zeros(2, 1, 80, 16), torch.zeros(2, 6, 96, 96)).mean().backward()
    optimizer.step()
    path = tmp_path / "checkpoint_step000000007.pth"
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save(
        {"state_dict": state, "optimizer": optimizer.state_dict(), "global_step": 7, "global_epoch": 2}, path
    )
    result = train(data, tmp_path / "run", "--from", str(path), "--steps", "9")
    assert "Going on from step 7" in result.stderr
    saved = read_saved(tmp_path / "run" / "checkpoint_step000000009.pth", "generator")
    assert saved.epoch == 2
    assert float(saved.optimizer["state"][0]["step"]) == 3


def test_the_originals_command_line_is_understood(data: Path, tmp_path: Path) -> None:
    save_network(SyncNet(1), tmp_path / "expert.safetensors")
    words = [
        "train", "generator", "--data_root", str(data), "--checkpoint_dir", str(tmp_path / "run"), "--width", "1/16",
        "--syncnet_checkpoint_path", str(tmp_path / "expert.safetensors"), "--steps", "1", "--batch-size", "2",
        "--evaluation-samples", "1", "--compat", "--device", "cpu", "--workers", "0",
    ]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    assert "eval_sync" in (tmp_path / "run" / "log.csv").read_text()


def test_bare_weights_begin_a_run_at_step_0(data: Path, tmp_path: Path) -> None:
    save_network(Generator(1), tmp_path / "start.safetensors")
    result = train(data, tmp_path / "run", "--from", str(tmp_path / "start.safetensors"), "--steps", "1")
    assert result.exit_code == 0, result.stderr
    assert "Going on" not in result.stderr
    start = ["--from", str(tmp_path / "start.safetensors")]
    wide = train(data, tmp_path / "wide", *start, "--steps", "1", "--width", "1/8")
    assert wide.exit_code == 2
    assert "another width" in wide.stderr


def test_what_makes_no_sense_is_refused_in_a_sentence(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(data, run, "--steps", "2").exit_code == 0
    for more, code, words in [
        (["--steps", "2"], 2, "has reached step 2 already"),
        (["--steps", "4", "--device", "cuda"], 2, "no CUDA device"),
        (["--steps", "4", "--expert", str(run / "generator.safetensors")], 2, "leave --frames at 5"),
        (["--steps", "4", "--frames", "5", "--expert", str(run / "generator.safetensors")], 4, "expert SyncNet"),
        (["--steps", "4", "--data", str(run)], 2, "holds no training clips"),
        (["--steps", "4", "--width", "0"], 2, "share of the full width"),
    ]:
        if torch.cuda.is_available() and "cuda" in more:
            continue
        result = train(data, run, *more)
        assert result.exit_code == code, result.stderr
        assert words in result.stderr
        assert "Traceback" not in result.stderr


def trainee(data: Path, compat: bool) -> GeneratorTrainee:
    expert = SyncNet(1)
    expert.load_state_dict(seeded_state_dict(expert.state_dict()))
    clips = find_clips(data)
    options = GeneratorOptions(steps=10, batch_size=2, compat=compat, evaluation_samples=4)
    return GeneratorTrainee(Generator(1), [clips], clips, options, expert)


def test_the_expert_joins_in_when_lips_are_near_and_a_checkpoint_remembers(data: Path) -> None:
    one = trainee(data, compat=False)
    one.heed({"eval_sync": 0.8})
    assert one.sync_weight == 0
    one.heed({"eval_sync": 0.7})
    assert one.sync_weight == 0.01
    again = trainee(data, compat=False)
    again.restore(one.state())
    assert again.sync_weight == 0.01
    forgetful = trainee(data, compat=True)
    forgetful.heed({"eval_sync": 0.7})
    again.restore(forgetful.state())
    assert again.sync_weight == 0


@pytest.mark.parametrize("compat", [False, True])
def test_the_expert_is_in_eval_mode_but_for_the_original(data: Path, tmp_path: Path, compat: bool) -> None:
    from wav2lip.training.engine import LoopOptions
    from wav2lip.training.engine import train as run

    one = trainee(data, compat)
    one.sync_weight = 0.03
    before = {name: tensor.clone() for name, tensor in one.expert.state_dict().items()}
    options = LoopOptions(steps=1, evaluate_every=5, workers=0, device="cpu", precision="fp32")
    run(one, tmp_path, options, lambda text: None)
    drifts = not same(before, one.expert.state_dict())
    assert drifts == compat
    assert all(np.isfinite(row["eval_sync"]) for row in read_log(tmp_path / "log.jsonl") if "eval_sync" in row)


def test_lower_parts_of_faces_teach_what_whole_faces_teach_about_them(data: Path) -> None:
    clips = find_clips(data)

    def learned(whole_every: int) -> dict[str, torch.Tensor]:
        network = Generator(1)
        network.load_state_dict(seeded_state_dict(network.state_dict()))
        options = GeneratorOptions(steps=4, batch_size=2, frames=1, whole_every=whole_every, settled_steps=4)
        one = GeneratorTrainee(network, [clips], clips, options)
        one.accelerator = Accelerator(cpu=True)
        one.weights = torch.zeros(1, 1, 96, 96)
        one.weights[..., 48:, :] = 2    # so that whole faces too are judged by their lower halves alone
        for step in (1, 2, 3):
            one.learn(one.batches(step, 0), step)
        return network.state_dict()

    whole, lower = learned(1), learned(4)
    start = seeded_state_dict(whole)
    for name, tensor in whole.items():
        if tensor.is_floating_point() and not torch.equal(tensor, start[name]):
            # Adam's first steps are the rate's size, whichever way: rounding turns some that are nothing.
            assert torch.isclose(tensor, lower[name], atol=2e-5).float().mean() > 0.98, name


def test_batch_norms_keep_their_statistics_in_the_last_steps(data: Path, tmp_path: Path) -> None:
    def statistics(steps: str) -> torch.Tensor:
        run = tmp_path / "run"
        result = train(data, run, "--steps", steps, "--settled-steps", "2", "--evaluate-every", "1000")
        assert result.exit_code == 0, result.stderr
        return weights(run)["face_encoder_blocks.0.0.conv_block.1.running_mean"]

    before = statistics("2")    # both steps are settled: nothing has been gathered
    assert not before.any()
    moved = statistics("5")
    assert moved.any()
    assert torch.equal(moved, statistics("7"))


def test_batch_norms_average_over_more_and_more_batches() -> None:
    assert momentum(0) == momentum(50) == 0.1
    assert 0.01 < momentum(300) < 0.1
    assert momentum(5000) == 0.01


def test_weights_that_were_not_written_in_the_end_are_written_by_the_same_command(data: Path, tmp_path: Path) -> None:
    run, steps = tmp_path / "run", ["--steps", "3"]
    assert train(data, run, *steps).exit_code == 0
    made = weights(run)
    for spoil in (Path.unlink, lambda path: save_network(Generator(1), path, {"steps": "2"})):
        spoil(run / "generator.safetensors")
        again = train(data, run, *steps)
        assert again.exit_code == 0, again.stderr
        assert same(weights(run), made)
    assert train(data, run, *steps).exit_code == 2


def test_a_checkpoint_remembers_whether_the_expert_takes_part_and_not_how_much(data: Path) -> None:
    for compat, weight in ((False, 0.01), (True, 0.0)):
        one = trainee(data, compat=compat)
        one.restore({"sync_weight": 0.5})
        assert one.sync_weight == weight


def test_without_held_out_clips_the_expert_is_asked_about_those_that_are_learned_from(data: Path) -> None:
    expert, clips = SyncNet(1), find_clips(data)
    expert.load_state_dict(seeded_state_dict(expert.state_dict()))
    options = GeneratorOptions(steps=10, batch_size=2, evaluation_samples=4)
    one = GeneratorTrainee(Generator(1), [clips], [], options, expert)
    one.start(make_accelerator("cpu", "fp32"))
    one.parts[0].network.eval()
    with torch.inference_mode():
        figures = one.evaluate().figures
    assert figures.keys() == {"eval_sync"}
    one.heed({"eval_sync": 0.5})
    assert one.sync_weight == 0.01


def test_clips_with_hardly_a_face_are_passed_over_by_evaluations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bare = head_clip(tmp_path, 0, 0.8), head_clip(tmp_path, 1, 0.8, faceless=range(1, 20))
    network = Generator(1).eval()
    cut: list[Path] = []
    monkeypatch.setattr(judging, "window_faces", lambda clip, *how: cut.append(clip.folder) or window_faces(clip, *how))
    assert np.isfinite(evaluate(network, [bare, good], 16).right)
    assert set(cut) == {good.folder}
    assert (can_follow(good), can_follow(bare)) == (True, False)
    with pytest.raises(UsageError, match="less than two usable faces"):
        evaluate(network, [bare], 4)


def test_every_folder_has_its_figures_and_the_sheet_is_written_last(data: Path, tmp_path: Path) -> None:
    save_network(Generator(1), weights := tmp_path / "w.safetensors")
    other = tmp_path / data.name
    head_clip(other, 3, 0.8)
    words = [
        "train", "evaluate", str(weights), "--data", str(data), "--data", str(other), "--samples", "2", "--clips", "1",
        "--json",
    ]
    assert CliRunner().invoke(main, [*words, "--sheet", str(tmp_path / "sheet.gif")]).exit_code == 2
    sheet = tmp_path / "new" / "sheet.PNG"
    result = CliRunner().invoke(main, [*words, "--everything", "--sheet", str(sheet)])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout).keys() == {str(data), str(other)}
    assert cv2.imread(str(sheet)).shape == (8 * 96, 2 * 4 * 96, 3)


def test_lists_say_which_clips_were_held_out(data: Path, tmp_path: Path) -> None:
    save_network(Generator(1), weights := tmp_path / "w.safetensors")
    clips = find_clips(data)
    names = [clip.folder.relative_to(data).as_posix() for clip in clips]
    for part, some in (("train", names[:2]), ("val", names[2:])):
        (tmp_path / f"{part}.txt").write_text("\n".join(some))
    words = ["train", "evaluate", str(weights), "--data", str(data), "--samples", "4", "--clips", "0", "--json"]
    result = CliRunner().invoke(main, [*words, "--filelists", str(tmp_path)])
    figures = json.loads(result.stdout)[data.name]
    expected = [evaluate(load_generator(weights).eval(), [clip], 4).right for clip in clips]
    assert figures["right"] == pytest.approx(expected[2], rel=1e-3)
    assert figures["right"] != pytest.approx(expected[0], rel=1e-3)
    (tmp_path / "val.txt").write_text("")
    refused = CliRunner().invoke(main, [*words, "--filelists", str(tmp_path)])
    assert (refused.exit_code, "named in" in refused.stderr) == (2, True)


def test_a_damaged_clip_is_named_and_costs_no_steps(data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "data"
    shutil.copytree(data, broken)
    for pictures in broken.rglob(WIDE):
        pictures.write_bytes(b"damaged")
    good = [str(data)] * 20
    words = [word for root in good for word in ("--data", root)]
    result = train(broken, tmp_path / "run", *words, "--steps", "200", "--save-every", "1000", "--workers", "1")
    assert result.exit_code == 3, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert WIDE in line
    assert "Traceback" not in result.stderr
    (saved,) = (tmp_path / "run").glob("checkpoint_step*.pth")
    assert read_saved(saved, "generator").step > 0


def test_data_without_a_usable_sample_is_one_sentence(data: Path, tmp_path: Path) -> None:
    result = train(data, tmp_path / "run", "--steps", "2", "--frames", "40")
    assert (result.exit_code, "in a row have no two windows" in result.stderr) == (2, True)
    assert "Traceback" not in result.stderr
    for wrong in (["--seed", "-1"], ["--precision", "fp16"]):
        if not torch.cuda.is_available():
            assert train(data, tmp_path / "other", "--steps", "2", *wrong).exit_code == 2


def test_the_wrong_speech_of_one_clip_is_of_another_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = head_clip(tmp_path, 0, 0.8)
    heard: list[int] = []
    monkeypatch.setattr(judging, "speech_window", lambda clip, frame: heard.append(frame) or speech_window(clip, frame))
    evaluate(Generator(1).eval(), [clip], 64)
    assert len(heard) == 128
    assert min(abs(right - wrong) for right, wrong in zip(heard[::2], heard[1::2], strict=True)) >= 5


def test_clips_that_were_all_held_out_are_judged_but_not_trained_on(tmp_path: Path) -> None:
    held = next(n for n in range(100) if is_held_out(f"clip-{n}"))
    clip = head_clip(tmp_path / "data", held, 0.8)
    save_network(Generator(1), weights := tmp_path / "w.safetensors")
    words = ["train", "evaluate", str(weights), "--data", str(tmp_path / "data"), "--samples", "2", "--clips", "0"]
    assert CliRunner().invoke(main, words).exit_code == 0
    refused = train(tmp_path / "data", tmp_path / "run", "--steps", "1")
    assert (refused.exit_code, "nothing to train on" in refused.stderr) == (2, True)
    (tmp_path / "train.txt").write_text("")
    (tmp_path / "val.txt").write_text(clip.folder.relative_to(tmp_path / "data").as_posix())
    assert CliRunner().invoke(main, [*words, "--filelists", str(tmp_path), "--everything"]).exit_code == 0
    (tmp_path / "val.txt").write_text("")
    neither = CliRunner().invoke(main, [*words, "--filelists", str(tmp_path), "--everything"])
    assert (neither.exit_code, "leave --filelists out" in neither.stderr) == (2, True)


SHORTAGE = "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory"
KILLED = "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that workers are out of memory."


@pytest.mark.parametrize(("what", "words", "advice"), [
    ("learn", SHORTAGE, "Error: cpu has too little memory for this training; use a smaller --batch-size."),
    ("evaluate", SHORTAGE, "use a smaller --batch-size."),
    ("learn", KILLED, "died (DataLoader worker (pid 7) is killed by signal: Bus error). Use fewer --workers"),
], ids=["learning", "judging", "cutting"])
def test_too_little_memory_is_a_sentence_and_costs_no_steps(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, words: str, advice: str
) -> None:
    plain = getattr(GeneratorTrainee, what)

    def fail_late(trainee: GeneratorTrainee, *given: Any) -> Any:
        if given[1:] == (1,) or what == "evaluate":
            raise RuntimeError(words)
        return plain(trainee, *given)

    monkeypatch.setattr(GeneratorTrainee, what, fail_late)
    result = train(data, tmp_path / "run", "--steps", "2", "--evaluate-every", "1", "--save-every", "9")
    assert result.exit_code == 1, result.output
    assert advice in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in (tmp_path / "run").glob("*.pth")] == ["checkpoint_step000000001.pth"]


def test_a_checkpoint_that_is_trained_enough_is_named(data: Path, tmp_path: Path) -> None:
    assert train(data, tmp_path / "run", "--steps", "1").exit_code == 0
    (saved,) = (tmp_path / "run").glob("*.pth")
    result = train(data, tmp_path / "new", "--steps", "1", "--from", str(saved))
    assert result.exit_code == 2
    assert f"{saved} has been trained up to step 1 already; ask for more than that with --steps, or" in result.stderr


def test_a_quiet_training_draws_no_bar(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool | None] = []

    def bar(*given: Any, disable: bool | None, **how: Any) -> Any:
        asked.append(disable)
        return tqdm(*given, disable=True, **how)

    monkeypatch.setattr(engine, "tqdm", bar)
    assert train(data, tmp_path / "quiet", "--steps", "1", "-q").stderr == ""
    assert asked == [True]


def test_an_interrupted_evaluation_says_that_nothing_was_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(judging, "evaluate", stop)
    save_network(Generator(1), tmp_path / "w.safetensors")
    result = CliRunner().invoke(main, ["train", "evaluate", str(tmp_path / "w.safetensors"), "--data", str(data)])
    assert (result.exit_code, "Interrupted; nothing was written." in result.stderr) == (130, True)


def test_a_clip_that_is_named_twice_is_not_the_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = head_clip(tmp_path, 0, 0.8)
    heard: list[int] = []
    monkeypatch.setattr(judging, "speech_window", lambda clip, frame: heard.append(frame) or speech_window(clip, frame))
    evaluate(Generator(1).eval(), [clip, TrainingClip(clip.folder)], 32)
    assert min(abs(right - wrong) for right, wrong in zip(heard[::2], heard[1::2], strict=True)) >= 5


def test_a_gpu_that_pytorch_cannot_compute_on_is_not_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(engine, "choose_device", lambda name: "cpu")
    assert make_accelerator("auto", "fp32").device.type == "cpu"
