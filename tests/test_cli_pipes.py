"""`-` for the recording and the result, and for the jobs of a batch: nothing else goes to stdout, nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from answers import assert_one_sentence
from click.testing import CliRunner, Result
from media_samples import run_ffmpeg

from wav2lip.batch.job import Job, Outcome
from wav2lip.cli import main
from wav2lip.ending import ending_signals, leave_if_gone
from wav2lip.media.ffmpeg import url
from wav2lip.media.probe import probe

ROOT = Path(__file__).resolve().parent.parent
BOX = ["--box", "10", "90", "20", "80", "--device", "cpu", "--offline"]


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("face") / "face.mp4"
    run_ffmpeg("-i", url(ROOT / "examples" / "face.mp4"), "-t", 0.5, "-vf", "scale=96:96", url(path))
    return path


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("speech") / "speech.ogg"
    run_ffmpeg("-i", url(ROOT / "examples" / "speech.wav"), "-t", 0.4, url(path))
    return path.read_bytes()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    return folder


def invoke(*words: object, given: bytes = b"") -> Result:
    return CliRunner().invoke(main, list(map(str, words)), input=given)


def tops(data: bytes) -> list[bytes]:
    """Return the kinds of the boxes that an mp4 file is made of."""
    found, at = [], 0
    while at < len(data):
        found.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return found


@pytest.mark.usefixtures("one_thread")
def test_a_recording_comes_from_stdin_and_the_result_goes_to_stdout(
    face: Path, speech: bytes, temporary: Path, tmp_path: Path
) -> None:
    result = invoke("sync", "--face", face, "--audio", "-", "-o", "-", *BOX, given=speech)
    assert result.exit_code == 0, result.stderr
    assert tops(result.stdout_bytes)[:3] == [b"ftyp", b"moov", b"moof"]
    whole = tmp_path / "whole.mp4"
    run_ffmpeg("-f", "mp4", "-i", "pipe:0", "-c", "copy", url(whole), given=result.stdout_bytes)
    clip = probe(whole)
    assert (clip.frames, clip.codec, clip.width) == (10, "h264", 96)
    assert clip.sound is not None
    assert list(temporary.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["whole.mp4"]


@pytest.mark.usefixtures("one_thread")
def test_a_result_from_stdin_is_named_after_it(face: Path, speech: bytes, temporary: Path) -> None:
    result = invoke("sync", "--face", face, "--audio", "-", *BOX, given=speech)
    assert result.stdout == "face_stdin.mp4\n"
    assert Path("face_stdin.mp4").is_file()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "given", "code", "part"),
    [
        (["--face", "-", "--audio", "a.wav"], b"", 2, "--face cannot be -"),
        (["--audio", "a.wav", "-o", "-", "--json"], b"", 2, "no room on stdout for --json"),
        (["--audio", "-", "-o", "a.mp4"], b"", 3, "Nothing came from stdin"),
        (["--audio", "-", "-o", "a.mp4"], b"not sound", 3, "stdin"),
        (["--audio", "-", "--limit", "size=5"], b"not sound", 3, "--limit size="),
        (["--audio", "a.wav", "-o", "-", "--codec", "ffv1"], b"", 2, "ffv1"),
        (["--audio", "gone.wav", "-o", "-"], b"", 3, "gone.wav does not exist"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    face: Path, temporary: Path, words: list[str], given: bytes, code: int, part: str
) -> None:
    result = invoke("sync", "--face", face, *words, *BOX, given=given)
    assert result.exit_code == code
    assert_one_sentence(result.stdout, result.stderr, part)
    assert list(temporary.iterdir()) == []


def test_no_video_goes_to_a_terminal_and_no_sound_comes_from_one(face: Path) -> None:
    pty: Any = pytest.importorskip("pty")
    ours, terminal = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for words, part in (
        (["--audio", "a.wav", "-o", "-"], "to this terminal"), (["--audio", "-"], "stdin is a terminal")
    ):
        said = subprocess.run(
            [sys.executable, "-m", "wav2lip", "sync", "--face", str(face), *words], stdin=terminal, stdout=terminal,
            stderr=subprocess.PIPE, env=environment, text=True, check=False,
        )
        assert said.returncode == 2
        assert_one_sentence("", said.stderr, part)
    os.close(ours)
    os.close(terminal)


@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_whoever_stops_reading_ends_the_run_quietly(
    face: Path, speech: bytes, temporary: Path, words: list[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    said = subprocess.run(
        [sys.executable, "-m", "wav2lip", "sync", "-q", "--face", face, "--audio", "-", "-o", "-", *BOX, *words],
        input=speech, stdout=writer, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
    )
    os.close(writer)
    assert (said.returncode, said.stderr) == (141, b"")
    assert list(temporary.iterdir()) == []


def test_jobs_come_from_stdin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Job | Outcome] = []

    def stop(jobs: list[Job | Outcome], journal: Path, **manner: object) -> None:
        seen.extend([*jobs])
        assert journal == Path("stdin.journal.jsonl")
        raise KeyboardInterrupt

    monkeypatch.setattr("wav2lip.batch.run.run_batch", stop)
    lines = b'{"face": "a.mp4", "audio": "b.wav", "crf": 3}\r\n{"nose": 1}\n'
    assert invoke("batch", "-", given=lines).exit_code == 130
    job, refused = seen
    assert isinstance(job, Job)
    assert (job.where, job.face, job.options.crf) == ("stdin, line 1", str(tmp_path / "a.mp4"), 3)
    assert isinstance(refused, Outcome)
    assert refused.where == "stdin, line 2"


@pytest.mark.parametrize(("given", "code"), [(b"", 2), (b"\xff\xfe", 3)])
def test_no_jobs_from_stdin_is_a_sentence(given: bytes, code: int) -> None:
    result = invoke("batch", "-", given=given)
    assert result.exit_code == code
    assert_one_sentence(result.stdout, result.stderr, "stdin")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
def test_a_terminal_that_is_closed_ends_a_run_tidily_but_under_nohup(
    face: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-m", "wav2lip", "sync", "--face", str(face), "--audio", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),    # these tests may run under nohup
    ) as process:
        deadline = time.monotonic() + 60
        while not list(temporary.glob("*/stdin")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 129
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert list(temporary.iterdir()) == []
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_IGN)
    assert ending_signals() == [signal.SIGTERM]


def test_last_words_to_a_terminal_that_is_gone_are_no_error() -> None:
    pty: Any = pytest.importorskip("pty")
    ours, terminal = pty.openpty()
    os.close(ours)
    leave_if_gone(terminal)
    assert os.write(terminal, b"words") == 5
    os.close(terminal)
