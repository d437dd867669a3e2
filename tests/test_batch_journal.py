"""The journal: nothing is lost by a kill, nothing is done twice, nobody else's file is touched."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import wav2lip
from wav2lip.batch.job import Job, Outcome, failed
from wav2lip.batch.journal import Journal


def job(folder: Path, number: int = 0) -> Job:
    return Job(f"job {number}", "/a.mp4", "/a.wav", str(folder / f"{number}.mp4"))


def done(one: Job) -> Outcome:
    Path(one.output).touch()
    return Outcome(one.key, one.where, one.output, "done", frames=25, report={"duration": 1.0})


def test_what_is_done_and_still_there_is_done(tmp_path: Path) -> None:
    path, jobs = tmp_path / "j.jsonl", [job(tmp_path, n) for n in range(3)]
    with Journal(path) as journal:
        journal.add(done(jobs[0]))
        journal.add(done(jobs[1]))
        journal.add(failed(jobs[2], "no"))
    Path(jobs[1].output).unlink()
    with Journal(path) as journal:
        assert [journal.has(each) for each in jobs] == [True, False, False]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["where"], line["status"]) for line in lines] == [
        ("job 0", "done"), ("job 1", "done"), ("job 2", "failed")
    ]
    assert all(line["time"].endswith("+00:00") for line in lines)


def test_a_job_that_failed_since_is_not_done(tmp_path: Path) -> None:
    one = job(tmp_path)
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.add(done(one))
        assert journal.has(one)
        journal.add(failed(one, "no"))
        assert not journal.has(one)


@pytest.mark.parametrize("kept", [1, 9, 10, 200, -1])
def test_a_line_that_a_kill_left_half_written_goes(tmp_path: Path, kept: int) -> None:
    path, jobs = tmp_path / "j.jsonl", [job(tmp_path, n) for n in range(3)]
    with Journal(path) as journal:
        journal.add(done(jobs[0]))
        whole = path.read_bytes()
        journal.add(done(jobs[1]))
    torn = path.read_bytes()[len(whole) :][:kept]
    path.write_bytes(whole + torn)
    with Journal(path) as journal:
        assert [journal.has(each) for each in jobs] == [True, False, False]
        assert path.read_bytes() == whole
        journal.add(done(jobs[2]))
    assert [json.loads(line)["where"] for line in path.read_text().splitlines()] == ["job 0", "job 2"]
    path.write_bytes(torn)                   # the first line of all
    with Journal(path) as journal:
        assert path.read_bytes() == b""


@pytest.mark.parametrize("line", [b"\x00" * 50, b"{}", b"[1]", b'{"key": 5}', b"\xff\xfe"])
def test_a_damaged_line_costs_only_its_job(tmp_path: Path, line: bytes) -> None:
    path, jobs = tmp_path / "j.jsonl", [job(tmp_path, n) for n in range(2)]
    with Journal(path) as journal:
        journal.add(done(jobs[0]))
    path.write_bytes(path.read_bytes() + line + b"\n")
    with Journal(path) as journal:
        assert [journal.has(each) for each in jobs] == [True, False]


def test_a_full_disk_is_a_sentence_and_costs_only_the_line(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path, jobs = tmp_path / "j.jsonl", [job(tmp_path, n) for n in range(2)]
    usual, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path) as journal:
        journal.add(done(jobs[0]))
        whole = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 9, most))
        try:
            with pytest.raises(wav2lip.Wav2LipError, match=r"The journal .* cannot be written"):
                journal.add(done(jobs[1]))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (usual, most))
    assert len(path.read_bytes()) == len(whole) + 9
    with Journal(path) as journal:
        assert [journal.has(each) for each in jobs] == [True, False]
    assert path.read_bytes() == whole


def test_two_batches_do_not_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / ("j" * 249 + ".jsonl")       # as long as names can be
    with Journal(path), pytest.raises(wav2lip.UsageError, match="Another batch"), Journal(path):
        pass
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_what_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_text('{"face": "a.mp4"}')
    with pytest.raises(wav2lip.UsageError, match="is not the journal of a batch"), Journal(path):
        pass
    assert path.read_text() == '{"face": "a.mp4"}'
    (tmp_path / "endless").symlink_to("/dev/zero")
    for path in (tmp_path, tmp_path / "endless"):
        with pytest.raises(wav2lip.UsageError, match="is not the journal of a batch"), Journal(path):
            pass


def test_a_result_that_another_job_has_replaced_is_not_done(tmp_path: Path) -> None:
    path, one = tmp_path / "j.jsonl", job(tmp_path)
    other = replace(one, options=wav2lip.SyncOptions(crf=30))
    with Journal(path) as journal:
        journal.add(done(one))
        journal.add(done(other))
        assert (journal.has(one), journal.has(other)) == (False, True)
        journal.add(failed(one, "no"))          # which leaves what is there
        assert journal.has(other)
    with Journal(path) as journal:
        assert (journal.has(one), journal.has(other)) == (False, True)


def test_a_result_that_another_job_has_replaced_by_another_name_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    one, other = (job(tmp_path / name) for name in ("real", "link"))
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.add(done(one))
        journal.add(done(other))
        assert (journal.has(one), journal.has(other)) == (False, True)
