"""`wav2lip batch`: some jobs are bad, the others are done, and what is said of both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from batch_jobs import FRAMES, OPTIONS, WORDS, head, speech
from click.testing import CliRunner, Result

import wav2lip
from wav2lip.batch.job import Job
from wav2lip.batch.run import run_batch
from wav2lip.cli import main
from wav2lip.cli.progress import TerminalProgress
from wav2lip.media.probe import probe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ten jobs, three of them poisoned."""
    folder = tmp_path_factory.mktemp("jobs")
    head(folder / "a.mp4")
    speech(folder / "s.wav")
    (folder / "text.pth").write_text("these are no weights")
    lines = ["face,audio,output,checkpoint,crf"]
    lines += [f"a.mp4,s.wav,out-{n}.mp4,,{18 + n}" for n in range(7)]
    lines[2:2] = ["nix.mp4,s.wav,bad-0.mp4", "a.mp4,s.wav,bad-1.mp4,text.pth", "a.mp4,s.wav,bad-2.mp4,,low"]
    (folder / "jobs.csv").write_text("\n".join(lines))
    return folder


def batch(folder: Path, *words: str, to: str = "out") -> Result:
    return CliRunner().invoke(main, ["batch", str(folder / "jobs.csv"), "-o", str(folder / to), *WORDS, *words])


def test_good_jobs_are_done_and_bad_ones_are_told(folder: Path) -> None:
    result = batch(folder)
    assert result.exit_code == 1
    head_line, counts, title, *told, journal = result.stdout.splitlines()
    assert head_line.split() == ["jobs", "done", "skipped", "failed", "frames", "video", "time"]
    assert counts.split()[:5] == ["10", "7", "0", "3", str(7 * FRAMES)]
    assert title == "3 of 10 jobs failed:"
    reasons = {
        "line 3: ": "nix.mp4 does not exist", "line 4: ": "text.pth is not a weights file",
        "line 5: ": "crf: 'low' is not a valid int",
    }
    for where, reason in reasons.items():
        for told_where in (told, result.stderr.splitlines()):
            (line,) = (line for line in told_where if where in line)
            assert reason in line
    assert journal == f"journal: {folder / 'out' / 'jobs.journal.jsonl'}"
    results = {f"out-{n}.mp4" for n in range(7)}
    records = {f"{name}.wav2lip.json" for name in results}
    assert {path.name for path in (folder / "out").iterdir()} == results | records | {"jobs.journal.jsonl"}
    for name in results:
        assert probe(folder / "out" / name).frames == FRAMES
    wav2lip.sync(folder / "a.mp4", folder / "s.wav", folder / "alone.mp4", wav2lip.SyncOptions(
        device="cpu", box=OPTIONS.box, offline=True, crf=24
    ))
    assert (folder / "alone.mp4").read_bytes() == (folder / "out" / "out-6.mp4").read_bytes()

    again = batch(folder, "--json", "-q")
    assert again.exit_code == 1
    assert again.stderr == ""
    report = json.loads(again.stdout)
    assert [report[name] for name in ("jobs", "done", "skipped", "failed", "left")] == [10, 0, 7, 3, 0]
    assert {failure["exit_code"] for failure in report["failures"]} == {2, 3, 4}

    (folder / "jobs.csv").write_text((folder / "jobs.csv").read_text().replace("nix", "a"))
    (folder / "out" / "out-3.mp4").unlink()
    report = json.loads(batch(folder, "--json").stdout)
    assert [report[name] for name in ("done", "skipped", "failed")] == [2, 6, 2]


def test_the_first_failure_ends_a_batch_where_that_is_wished(tmp_path: Path) -> None:
    jobs = [Job(f"job {n}", "/nix.mp4", "/nix.wav", str(tmp_path / f"{n}.mp4"), OPTIONS) for n in range(3)]
    report = run_batch(jobs, tmp_path / "j.jsonl", fail_fast=True)
    assert (report.failed, report.left) == (1, 2)
    assert [failure.error for failure in report.failures] == ["/nix.mp4 does not exist."]
    (tmp_path / "jobs.csv").write_text("face,audio\nnix.mp4,nix.wav\nnix2.mp4,nix.wav\n")
    result = batch(tmp_path, "--fail-fast", to="out")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].split()[4] == "not"


def test_the_failure_of_a_job_that_was_to_be_tried_again_is_told_where_the_first_one_ends_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = iter([wav2lip.Wav2LipError("No space left."), wav2lip.MediaError("It does not exist.")])

    def fail(*given: object) -> None:
        raise next(errors)

    monkeypatch.setattr("wav2lip.batch.work.load_networks", lambda *given: None)
    monkeypatch.setattr("wav2lip.batch.work.sync", fail)
    jobs = [Job(f"job {n}", "/a.mp4", "/a.wav", str(tmp_path / f"{n}.mp4"), OPTIONS) for n in range(3)]
    report = run_batch(jobs, tmp_path / "j.jsonl", fail_fast=True)
    assert (report.failed, report.left) == (2, 1)
    assert [(one.where, one.attempts) for one in report.failures] == [("job 1", 1), ("job 0", 1)]
    entries = map(json.loads, (tmp_path / "j.jsonl").read_text().splitlines())
    assert [entry["where"] for entry in entries] == ["job 1", "job 0"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ([], 2, "Name the jobs"), (["jobs.csv", "--faces", "a"], 2, "Name the jobs"),
        (["nix.csv"], 3, "nix.csv does not exist"), (["--faces", "nix*"], 3, "No file matches"),
        (["jobs.csv", "--audios", "a"], 2, "--audios goes with --faces"),
        (["jobs.csv", "--workers", "0"], 2, "workers"),
        (["jobs.jsonl", "--journal", "jobs.jsonl"], 2, "is also the list of jobs"),
        (["jobs.csv", "--journal", "a.mp4"], 2, "is not the journal of a batch"),
        (["jobs.csv", "--crf", "5", "--enhance-strength", "0.5"], 1, "nothing to enhance with"),
    ],
)
def test_what_cannot_be_a_batch_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.csv").write_text("face,audio\nnix.mp4,nix.wav\n")
    (tmp_path / "jobs.jsonl").write_text('{"face": "nix.mp4"}')
    (tmp_path / "a.mp4").write_bytes(b"a film")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = CliRunner().invoke(main, ["batch", *words])
    assert result.exit_code == code
    assert sentence in result.output
    assert before.items() <= {path: path.read_bytes() for path in tmp_path.iterdir()}.items()


def test_what_a_result_lacks_of_its_source_is_told_without_being_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tell(face: str, audio: str, output: str, options: object, progress: wav2lip.Progress, *more: object) -> None:
        progress.loss("out.mp4 is without the transparency of its source.")
        progress.say("It plays evenly slower.")
        raise wav2lip.MediaError("It ends here.")

    monkeypatch.setattr("wav2lip.batch.work.load_networks", lambda *given: None)
    monkeypatch.setattr("wav2lip.batch.work.sync", tell)
    run_batch([Job("job", "/a.mp4", "/a.wav", "/o.mp4", OPTIONS)], tmp_path / "j.jsonl", progress=TerminalProgress(0))
    assert capsys.readouterr().err.splitlines() == [
        "job: out.mp4 is without the transparency of its source.", "job: It ends here."
    ]
