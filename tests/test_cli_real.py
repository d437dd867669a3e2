"""The program as people and scripts run it: a process of its own, its two output streams, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import answers
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from media_samples import make_sound, make_video, run_ffmpeg

from wav2lip.cli import main
from wav2lip.media.ffmpeg import url
from wav2lip.media.probe import probe

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PROGRAM = [sys.executable, "-m", "wav2lip", "sync", "--detector", "cascade", "--device", "cpu"]


@pytest.fixture
def face(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "face.mp4"
    path.parent.mkdir()
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-t", 0.6, "-vf", "scale=240:240", "-an", url(path))
    return path


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    run_ffmpeg("-i", url(EXAMPLES / "speech.wav"), "-t", 0.5, url(path))
    return path


def run(folder: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    project = str(EXAMPLES.parent)
    inherited = {"PYTHONPATH": os.pathsep.join([project, os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [*PROGRAM, *map(str, words)],
        cwd=folder,
        env={**os.environ, **inherited, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_refused(result: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    assert result.returncode == code, result.stderr
    answers.assert_one_sentence(result.stdout, result.stderr, *parts)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_result_is_named_after_both_inputs_and_its_path_is_printed_last(
    tmp_path: Path, face: Path, speech: Path
) -> None:
    result = run(tmp_path, "--face", face, "--audio", speech)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "face_speech.mp4\n"
    assert "generator that ships" in result.stderr
    assert probe(tmp_path / "face_speech.mp4").frames == 13
    assert names(tmp_path) == {"in", "speech.wav", "face_speech.mp4", "face_speech.mp4.wav2lip.json"}


def test_json_is_all_of_stdout_and_quiet_is_all_of_stderr(tmp_path: Path, face: Path, speech: Path) -> None:
    words = ("-o", "new/folder/r.mkv", "--codec", "ffv1", "--json", "-q")
    result = run(tmp_path, "--face", face, "--audio", speech, *words)
    assert result.returncode == 0
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert (report["output"], report["frames"], report["fps"]) == ("new/folder/r.mkv", 13, "25")
    assert report["faces"] == 13
    assert report["detector"] == "cascade"
    assert set(report["seconds"]) == {"load", "track", "reference", "render", "join"}


def test_the_second_run_on_a_video_looks_for_no_faces(tmp_path: Path, face: Path, speech: Path) -> None:
    first = json.loads(run(tmp_path, "--face", face, "--audio", speech, "--json", "-q").stdout)
    renamed = face.rename(tmp_path / "renamed.mp4")    # the content counts, not the name
    second = json.loads(run(tmp_path, "--face", renamed, "--audio", speech, "--pads", "0,0,0,0", "--json", "-q").stdout)
    assert second["faces"] == first["faces"] == 13
    assert second["seconds"]["track"] < 0.5 * first["seconds"]["track"]


@pytest.mark.parametrize(
    "name", ["-dash.mp4", "with space.mp4", "quo'te\".mp4", "日本語.mp4", "line\nbreak.mp4", "a:b%d.mp4"]
)
def test_any_file_name_is_only_a_name(tmp_path: Path, face: Path, speech: Path, name: str) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    face.rename(folder / name)
    speech.rename(folder / "-s p.wav")
    result = run(folder, f"--face={name}", "--audio=-s p.wav", f"--output=out {name}", "-q")
    assert result.returncode == 0, result.stderr
    assert names(folder) == {name, "-s p.wav", f"out {name}", f"out {name}.wav2lip.json"}


def test_wrong_inputs_have_their_exit_codes_and_leave_nothing(
    tmp_path: Path, face: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.pth"
    page.write_text("<!DOCTYPE html><html>Too many requests</html>")
    pickled = tmp_path / "discriminator.pth"
    marks = ("binary_pred.0.weight", "face_encoder_blocks.0.0.conv_block.0.weight")
    torch.save({mark: torch.zeros(1) for mark in marks}, pickled)
    silent = make_video(tmp_path / "silent.mp4", [np.zeros((48, 64, 3), np.uint8)] * 5)
    grey = make_video(tmp_path / "grey.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 12)
    before = names(tmp_path)
    good = {"--face": face, "--audio": speech}
    monkeypatch.chdir(tmp_path)

    def attempt(*words: object, **changed: object) -> subprocess.CompletedProcess[str]:
        given = {**good, **{f"--{name}": value for name, value in changed.items()}}
        words = (*[word for pair in given.items() for word in pair], "-o", "out.mp4", *words)
        done = CliRunner().invoke(main, [*PROGRAM[3:], *map(str, words)])    # a process of its own takes longer
        return subprocess.CompletedProcess([], done.exit_code, done.stdout, done.stderr)

    assert_refused(run(tmp_path, "--face", "nowhere.mp4", "--audio", speech), 3, "nowhere.mp4", "does not exist")
    assert_refused(attempt(face=speech), 3, "no picture")
    assert_refused(attempt(audio=silent), 3, "no audio track")
    assert_refused(attempt(audio=page), 3, "text file")
    assert_refused(attempt(checkpoint="nowhere.pth"), 4, "nowhere.pth")
    assert_refused(attempt(checkpoint=page), 4, "HTML page")
    assert_refused(attempt(checkpoint=pickled), 4, "discriminator")
    assert_refused(attempt(face=grey), 5, "No face was found")
    assert_refused(attempt("--detector", "s3fd"), 4, "s3fd-619a316812.pth")
    assert_refused(attempt("--box", "500", "600", "0", "10"), 2, "face box")
    assert_refused(attempt("--crop", "0", "-1", "300", "-1"), 2, "crop")
    assert_refused(attempt("-o", "out.gif"), 2, ".gif")
    assert_refused(attempt("--codec", "ffv1"), 2, "ffv1")
    assert_refused(attempt("-o", face), 2, "also an input")
    assert names(tmp_path) == before


def test_no_clobber_refuses_and_otherwise_a_result_is_replaced_whole(tmp_path: Path, face: Path, speech: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_text("precious")
    words = ("--face", face, "--audio", speech, "-o", output)
    assert_refused(run(tmp_path, *words, "--no-clobber"), 2, "exists already")
    assert output.read_text() == "precious"
    assert run(tmp_path, *words).returncode == 0
    assert probe(output).frames == 13


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_tidies_up(tmp_path: Path, speech: Path, sent: int, code: int) -> None:
    long = make_sound(tmp_path / "long.wav", 600)
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    command = [*PROGRAM, "--face", str(EXAMPLES / "face.mp4"), "--audio", str(long), "-o", "out.mp4"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 90
        while not list(tmp_path.glob(".wav2lip-*")):    # the encoder is at work
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(sent)
        _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in said
    assert names(tmp_path) == {"long.wav", "speech.wav"}
