"""`--dry-run`: what would be done is told, with the very command lines that a run would run, and nothing is written."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from answers import assert_one_sentence
from click.testing import CliRunner, Result
from media_samples import run_ffmpeg

from wav2lip.cli import main
from wav2lip.media import ffmpeg
from wav2lip.media.ffmpeg import url

ROOT = Path(__file__).resolve().parent.parent
HOW = ["--device", "cpu", "--offline"]
BOX = ["--box", "10", "90", "20", "80"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 12 frames with sound, and a recording that lasts 15."""
    made = tmp_path_factory.mktemp("inputs")
    run_ffmpeg(
        "-i", url(ROOT / "examples" / "face.mp4"), "-i", url(ROOT / "examples" / "speech.wav"), "-map", "0:v",
        "-map", "1:a", "-frames:v", 12, "-t", 0.48, "-vf", "scale=96:96", url(made / "face.mp4"),
    )
    run_ffmpeg("-i", url(ROOT / "examples" / "speech.wav"), "-t", 0.6, url(made / "a.wav"))
    run_ffmpeg("-i", url(ROOT / "examples" / "speech.wav"), "-t", 0.2, url(made / "short.wav"))
    return made


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def state(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in sorted(folder.rglob("*"))}


def without_chance(command: list[str]) -> list[str]:
    """Return a command line without what makes the names of hidden files unlike any other."""
    return [re.sub(r"\.wav2lip-[0-9a-f]+\.", ".wav2lip-0.", word) for word in command]


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (["--audio", "a.wav"], {"hear", "decode", "encode", "compress", "join"}),
        (["--audio", "short.wav", "--range", "0.1s-0.3s", "-o", "kept.mkv"],
         {"hear", "decode", "encode", "sound", "join"}),
        (["--audio", "a.wav", "--compat", "-o", "compat.mp4"], {"hear", "decode", "encode", "compress", "join"}),
    ],
)
def test_the_command_lines_are_those_that_a_run_runs(
    words: list[str], kinds: set[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(folder)
    plan = json.loads(invoke("sync", "--face", "face.mp4", *words, *BOX, *HOW, "--dry-run", "--json").stdout)
    assert state(folder) == before
    ran: list[list[str]] = []
    start = ffmpeg.Process.__init__

    def watched(self: ffmpeg.Process, arguments: list[str], **more: Any) -> None:
        ran.append(without_chance(list(arguments)))
        start(self, arguments, **more)

    monkeypatch.setattr(ffmpeg.Process, "__init__", watched)
    result = invoke("sync", "--face", "face.mp4", *words, *BOX, *HOW, "--json")
    assert result.exit_code == 0, result.stderr
    assert {kind for kind, commands in plan["commands"].items() if commands} == kinds
    for kind, commands in plan["commands"].items():
        for command in commands:
            assert without_chance(command) in ran, kind
    report = json.loads(result.stdout)
    for name in ("frames", "width", "height", "duration", "encoder", "device"):
        assert plan[name] == report[name]
    assert plan["extend"] == report["extended"]


def test_a_plan_in_words_tells_all_that_matters(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*arguments: object, **more: object) -> None:
        raise AssertionError("a network is loaded")

    monkeypatch.setattr("torch.nn.Module.load_state_dict", load)
    words = ["sync", "--face", "face.mp4", "--audio", "a.wav", "-o", "new folder/r.mp4", *HOW, "--dry-run"]
    before = state(folder)
    result = invoke(*words)
    assert state(folder) == before
    assert state(Path(os.environ["WAV2LIP_CACHE"])) == {}
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("input: face.mp4, h264 96×96 yuv420p, 12 frames at 25 a second, aac ")
    assert lines[1].startswith("input: a.wav, pcm_s16le ")
    assert "synced: the person on screen longest, 0:00.00 to 0:00.60, says a.wav" in lines
    assert any("--extend bounce" in line for line in lines)
    assert any(line.startswith("faces: cascade") for line in lines)
    assert any(line.startswith("mouths: demo.safetensors: ") and "torch on cpu" in line for line in lines)
    output = "output: new folder/r.mp4, h264 by libx264, yuv420p, 96×96, 15 frames"
    assert any(line.startswith(output) for line in lines)
    commands = [shlex.split(line) for line in lines if line.startswith("  ")]
    assert len(commands) == 5
    assert any(url(folder / "new folder" / ".wav2lip-0.work" / "whole.mp4") in command for command in commands)


def test_what_an_earlier_run_has_left_is_told(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / ".wav2lip-00ff.work"
    work.mkdir()
    (work / "job.json").write_text('{"output": "r.mp4"}')
    (work / "000000.mp4").write_bytes(b"")
    result = invoke("sync", "--face", "face.mp4", "--audio", "a.wav", "-o", tmp_path / "r.mp4", *HOW, "--dry-run")
    assert f"1 of its parts in {work}" in result.stdout


def test_a_plan_for_stdout_names_the_command_that_writes_there() -> None:
    words = ["sync", "--face", "face.mp4", "--audio", "a.wav", "-o", "-", *BOX, *HOW, "--dry-run"]
    plan = json.loads(invoke(*words, "--json").stdout)
    assert "+frag_keyframe+empty_moov+delay_moov+default_base_moof" in plan["commands"]["stdout"][0]
    assert "output: stdout, h264" in invoke(*words).stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--audio", "gone.wav"], ["--audio", "a.wav", "--checkpoint", "a.wav"],
        ["--audio", "a.wav", "--checkpoint", "wav2lip-gan"], ["--audio", "a.wav", "--detector", "yunet"],
        ["--audio", "a.wav", "--detector", "s3fd"], ["--audio", "a.wav", "--box", "90", "10", "0", "9"],
        ["--audio", "a.wav", "-o", "r.xyz"], ["--audio", "a.wav", "-o", "face.mp4"],
        ["--audio", "a.wav", "-o", "face.mp4/x/r.mp4"], ["--audio", "face.mp4.txt"],
        ["--audio", "a.wav", "--track", "gone.json"], ["--audio", "a.wav", "--reference", "gone.png"],
        ["--audio", "a.wav", "--device", "cpu", "--precision", "fp16"], ["--audio", "a.wav", "--enhance", "gone.pth"],
        ["--audio", "a.wav", "--detector-weights", "gone.pth"],
        ["--audio", "a.wav", "--vad", "silero"],
    ],
)
def test_what_a_run_refuses_a_plan_refuses_with_the_same_words(words: list[str]) -> None:
    planned = invoke("sync", "--face", "face.mp4", *words, *HOW, "--dry-run")
    ran = invoke("sync", "--face", "face.mp4", *words, *HOW)
    assert planned.exit_code == ran.exit_code != 0
    assert_one_sentence(planned.stdout, planned.stderr)
    last = [result.stderr.splitlines()[-1] for result in (planned, ran)]
    assert last[0] == last[1]


def test_a_batch_tells_what_each_job_would_be(folder: Path) -> None:
    (folder / "jobs.csv").write_text(
        "face,audio,box,crf\nface.mp4,a.wav,10 90 20 80,20\ngone.mp4,a.wav,,\nface.mp4,a.wav,,good\n"
    )
    before = state(folder)
    result = invoke("batch", "jobs.csv", "-o", "out", *HOW, "--dry-run", "--json")
    assert state(folder) == before
    assert result.exit_code == 1
    one, two, three = json.loads(result.stdout)["jobs"]
    assert (one["status"], one["plan"]["frames"]) == ("would be done", 15)
    assert one["plan"]["output"] == str(folder / "out" / "face_a.mp4")
    assert (two["status"], two["exit_code"]) == ("would fail", 3)
    assert "not a valid integer" in three["error"]
    words = invoke("batch", "jobs.csv", "-o", "out", *HOW, "--dry-run").stdout.splitlines()
    assert words[0].endswith("face_a.mp4, 15 frames, 0:00.60, h264, faces: box")
    assert "gone.mp4 does not exist" in words[1]
