"""A worker: networks are loaded once, and whatever fails becomes a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from batch_jobs import FRAMES, OPTIONS, head, speech

import wav2lip
from wav2lip.batch import work
from wav2lip.batch.job import Job
from wav2lip.batch.work import Worker

JOB = Job("job", "/a.mp4", "/a.wav", "/out.mp4", OPTIONS)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[wav2lip.SyncOptions]:
    """The options for which networks were loaded; runs come to nothing."""
    seen: list[wav2lip.SyncOptions] = []
    monkeypatch.setattr(work, "load_networks", lambda options, device, progress: seen.append(options) or object())
    monkeypatch.setattr(work, "sync", lambda *given: (_ for _ in ()).throw(wav2lip.MediaError("nothing")))
    return seen


def test_jobs_share_their_networks(loads: list) -> None:
    worker = Worker()
    for options in (
        OPTIONS, replace(OPTIONS, blend="hard", pads=(0, 0, 0, 0), codec="ffv1"), replace(OPTIONS, precision="fp32"),
        OPTIONS, replace(OPTIONS, precision="fp32"),
    ):
        worker.run(replace(JOB, options=options))
    assert loads == [OPTIONS, replace(OPTIONS, precision="fp32")]


@pytest.mark.parametrize(
    "change",
    [
        {"checkpoint": Path("w.pth")}, {"compat": True}, {"box": (-1, -1, -1, -1)}, {"enhance": Path("e.pth")},
        {"parsing": Path("p.pth")}, {"offline": False}, {"engine": "openvino"}, {"precision": "fp32"},
    ],
)
def test_other_networks_are_loaded_for_what_needs_them(loads: list, change: dict[str, Any]) -> None:
    worker = Worker()
    worker.run(JOB)
    worker.run(replace(JOB, options=replace(OPTIONS, **change)))
    assert len(loads) == 2


def test_of_many_networks_only_the_last_stay(loads: list) -> None:
    worker = Worker()
    for name in ("a", "b", "c", "c", "b", "a"):
        worker.run(replace(JOB, options=replace(OPTIONS, checkpoint=Path(name))))
    assert [str(options.checkpoint) for options in loads] == ["a", "b", "c", "a"]


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (wav2lip.NoFaceError("No face."), 5, "No face."),
        (MemoryError(), 1, "too little memory"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), 1, "too little memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."), 1, "too little"),
        (OSError(12, "Cannot allocate memory"), 1, "too little memory"),
        (KeyError("x"), 1, "KeyError: 'x' (this should not happen)"),
    ],
)
def test_whatever_fails_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, loads: list, error: Exception, code: int, sentence: str
) -> None:
    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr(work, "sync", fail)
    worker = Worker()
    outcome = worker.run(JOB)
    assert (outcome.status, outcome.exit_code, outcome.attempts) == ("failed", code, 1)
    assert sentence in (outcome.error or "")
    worker.run(JOB)
    assert len(loads) == (2 if "memory" in sentence or "too little" in sentence else 1)


def test_the_end_of_the_process_passes_through(monkeypatch: pytest.MonkeyPatch, loads: list) -> None:
    def fail(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "sync", fail)
    with pytest.raises(KeyboardInterrupt):
        Worker().run(JOB)


def test_a_job_that_is_done_is_reported(tmp_path: Path) -> None:
    face, audio = head(tmp_path / "a.mp4"), speech(tmp_path / "a.wav")
    outcome = Worker().run(Job("job", str(face), str(audio), str(tmp_path / "out.mp4"), OPTIONS))
    assert (outcome.status, outcome.exit_code, outcome.error) == ("done", 0, None)
    assert outcome.frames == FRAMES
    assert outcome.report
    assert outcome.report["output"] == str(tmp_path / "out.mp4")
