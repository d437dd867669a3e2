"""What is found out ahead is what is asked for later, and what is wrong with it is not said ahead."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from wav2lip.models import remembered
from wav2lip.pipeline.ahead import looking_ahead


def wait() -> None:
    for thread in threading.enumerate():
        if thread.name == "ahead":
            thread.join(10)


def test_files_are_digested_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    digest = remembered.sha256_of
    monkeypatch.setattr(remembered, "sha256_of", lambda path: read.append(path) or digest(path))
    files = [tmp_path / name for name in ("in.mp4", "in.wav", "gan.pth")]
    for file in files:
        file.write_bytes(file.name.encode())
    with looking_ahead([files[0], None, files[1], tmp_path / "missing.mp4", tmp_path], [files[2]]):
        wait()
    assert sorted(read) == sorted(files)
    assert [remembered.content_digest(file) for file in files] == [digest(file) for file in files]
    assert len(read) == 3


def test_nothing_is_said_of_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAV2LIP_FFMPEG", "no-such-program")
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"")
    secret.chmod(0)
    with looking_ahead([secret], [Path("wav2lip-gan")]):
        wait()
    assert capfd.readouterr() == ("", "")


def test_names_that_no_file_can_have_are_passed_over(capfd: pytest.CaptureFixture[str]) -> None:
    with looking_ahead([Path("x" * 300), Path("wav2lip-gan")], [Path("y" * 5000)]):
        wait()
    assert capfd.readouterr() == ("", "")
