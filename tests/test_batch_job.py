"""What tells jobs apart, what becomes of them, and which one is next."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import wav2lip
from wav2lip.batch import job as module
from wav2lip.batch.job import Job, Outcome, failed
from wav2lip.batch.run import check_outputs
from wav2lip.batch.waiting import Waiting
from wav2lip.errors import UsageError

OPTIONS = wav2lip.SyncOptions(
    fps=Fraction(30000, 1001), voices=(wav2lip.Voice("A", Path("/a.wav")),), at=None, checkpoint=Path("/w.pth"),
    ranges=(wav2lip.Span(Fraction(1), Fraction(2)),),
)
JOB = Job("jobs.csv, line 2", "/a.mp4", None, "/out.mp4", OPTIONS)


def test_a_job_travels_between_processes() -> None:
    assert pickle.loads(pickle.dumps(JOB)) == JOB
    assert pickle.loads(pickle.dumps(JOB)).key == JOB.key


def test_a_job_is_the_same_wherever_it_is_asked_for() -> None:
    assert replace(JOB, where="jobs.csv, line 3").key == JOB.key


@pytest.mark.parametrize(
    "change",
    [
        {"face": "/b.mp4"}, {"audio": "/a.wav"}, {"output": "/b.mp4"}, {"options": wav2lip.SyncOptions()},
        {"options": replace(OPTIONS, fps=Fraction(25))}, {"options": replace(OPTIONS, checkpoint=Path("/v.pth"))},
        {"options": replace(OPTIONS, voices=(wav2lip.Voice("B", Path("/a.wav")),))},
        {"options": replace(OPTIONS, ranges=(wav2lip.Span(Fraction(1), None),))},
    ],
)
def test_whatever_decides_on_the_result_makes_another_job(change: dict) -> None:
    assert replace(JOB, **change).key != JOB.key


def test_the_journals_of_today_are_good_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written down, so that a change of what keys are made of does not go unseen."""
    assert Job("", "/a.mp4", "/a.wav", "/o.mp4").key == "f742fd0714f788f8fd49efffbfb3331d"
    before = JOB.key
    monkeypatch.setitem(module._DEFAULTS, "strict", True)    # as if it were new, with what JOB has by default
    assert replace(JOB, options=replace(OPTIONS, strict=True)).key == before


def test_file_names_of_any_bytes_have_keys() -> None:
    assert Job("", "/\udcff.mp4", "/\n.wav", "/-o '\".mp4").key != Job("", "/\udcfe.mp4", "/\n.wav", "/-o '\".mp4").key


def test_an_outcome_is_told_in_json_and_understood_again() -> None:
    outcome = failed(JOB, "No face was found.", 5, 2, 1.5)
    told = json.loads(json.dumps(outcome.to_dict()))
    assert Outcome.from_dict(told | {"time": "now", "new": 1}) == outcome
    with pytest.raises(TypeError):
        Outcome.from_dict({"key": "k"})


def jobs(count: int) -> list[Job]:
    return [replace(JOB, where=str(n), output=f"/{n}.mp4") for n in range(count)]


def test_what_may_pass_is_tried_again_after_the_others_and_bad_input_is_not() -> None:
    waiting, order, ends = Waiting(jobs(3), retries=2, fail_fast=False), [], []
    while (turn := waiting.take()) is not None:
        order.append(turn.job.where)
        codes = {"0": 1, "1": 3, "2": 1 if turn.tried < 1 else 0}
        code = codes[turn.job.where]
        outcome = failed(turn.job, "so it is", code) if code else Outcome(turn.job.key, "2", "", "done")
        ends.append(waiting.settle(turn, outcome))
    assert order == ["0", "1", "2", "0", "2", "0"]
    last = {end.where: (end.status, end.attempts) for end in ends if end}
    assert last == {"0": ("failed", 3), "1": ("failed", 1), "2": ("done", 2)}


def test_nothing_is_begun_after_a_failure_where_that_is_wished() -> None:
    waiting = Waiting(jobs(3), retries=1, fail_fast=True)
    first, second = waiting.take(), waiting.take()
    assert first
    assert second
    assert waiting.settle(first, failed(first.job, "bad", 3)) is not None
    assert waiting.take() is None
    assert waiting.settle(second, failed(second.job, "may pass", 1)) is not None
    assert waiting.take() is None


def test_no_job_writes_what_another_one_reads(tmp_path: Path) -> None:
    take, reference = str(tmp_path / "take.mp4"), Path(tmp_path, "x", "..", "take.mp4")
    writer = Job("line 2", "/b.mp4", "/b.wav", take)
    for options in (wav2lip.SyncOptions(voices=(wav2lip.Voice("A", Path(take)),)), wav2lip.SyncOptions(mix=reference)):
        with pytest.raises(UsageError, match=r"line 2 would write .*, which line 1 reads"):
            check_outputs([Job("line 1", "/a.mp4", None, "/one.mp4", options), writer])
    check_outputs([Job("line 1", "/a.mp4", "/a.wav", "/one.mp4"), writer])


def test_a_job_that_waits_for_another_try_when_a_batch_is_ended_has_failed() -> None:
    waiting = Waiting(jobs(3), retries=1, fail_fast=True)
    for code in (1, 3):
        turn = waiting.take()
        assert turn
        last = waiting.settle(turn, failed(turn.job, f"code {code}", code))
        assert (last is None) == (code == 1)
    assert waiting.take() is None
    (outcome,) = waiting.given_up()
    assert (outcome.where, outcome.error, outcome.attempts) == ("0", "code 1", 1)
    assert list(waiting.given_up()) == []


def test_a_place_is_one_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    real, link = str(tmp_path / "real" / "x.mp4"), str(tmp_path / "link" / "x.mp4")
    first = Job("line 1", "/a.mp4", "/a.wav", real)
    with pytest.raises(UsageError, match=r"line 1 and line 2 would both write .*link/x\.mp4"):
        check_outputs([first, Job("line 2", "/a.mp4", "/b.wav", link)])
    with pytest.raises(UsageError, match=r"line 1 would write .*link/x\.mp4, which line 2 reads"):
        check_outputs([first, Job("line 2", link, "/b.wav", "/y.mp4")])
    (tmp_path / "face.mp4").symlink_to(real)      # reads it, but as an output would replace the link
    with pytest.raises(UsageError, match=r"face\.mp4, which line 2 reads"):
        check_outputs([first, Job("line 2", str(tmp_path / "face.mp4"), "/b.wav", "/y.mp4")])
    check_outputs([first, Job("line 2", "/a.mp4", "/b.wav", str(tmp_path / "face.mp4"))])
    cases = [Job(f"line {n}", "/a.mp4", "/a.wav", f"/out/{name}.mp4") for n, name in enumerate(("\xe9", "E\u0301"))]
    check_outputs(cases)
    monkeypatch.setattr("wav2lip.batch.places.ALIKE", True)    # macOS, Windows
    with pytest.raises(UsageError, match="line 0 and line 1 would both write"):
        check_outputs(cases)
