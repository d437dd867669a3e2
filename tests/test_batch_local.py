"""Jobs in several processes: workers that die, a parent that dies, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from batch_jobs import FRAMES, OPTIONS, WORDS, alive, descendants, head, runs_ffmpeg, speech, wait_until

from wav2lip.batch.job import Job
from wav2lip.batch.local import run_local
from wav2lip.pipeline.process import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

LONG = 2.0                  # seconds of a job that is caught in the act


def busy_worker(pid: int) -> int | None:
    """Return a worker of a process that has an ffmpeg running."""
    return next((worker for worker in children(pid) if any(map(runs_ffmpeg, children(worker)))), None)


def test_a_worker_that_is_killed_takes_only_its_job_with_it(tmp_path: Path) -> None:
    face, audio = head(tmp_path / "a.mp4", seconds=LONG), speech(tmp_path / "a.wav", seconds=LONG)
    short = speech(tmp_path / "short.wav")
    jobs = [
        Job(
            f"job {n}", str(face), str(audio if n < 2 else short), str(tmp_path / f"out-{n}.mp4"),
            replace(OPTIONS, crf=20 + n),
        )
        for n in range(4)
    ]
    killed = []

    def kill() -> None:
        wait_until(lambda: busy_worker(os.getpid()))
        victim = busy_worker(os.getpid())
        assert victim is not None
        killed.append(victim)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcomes = list(run_local(jobs, 2, retries=0))
    killer.join()
    assert sorted(outcome.where for outcome in outcomes) == [job.where for job in jobs]
    lost, *others = (outcome for outcome in outcomes if outcome.status == "failed")
    assert others == []
    assert (lost.exit_code, lost.frames) == (1, 0)
    assert lost.error == "The worker was killed, perhaps for want of memory, while it did this job."
    assert killed
    assert not any(map(alive, killed))
    for outcome in outcomes:
        assert Path(outcome.output).exists() == (outcome.status == "done")
    assert not busy_worker(os.getpid())


@contextmanager
def batch(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run `wav2lip batch` on the jobs of a folder, in a process group of its own."""
    command = [sys.executable, "-m", "wav2lip", "batch", str(folder / "jobs.csv"), "--workers", "2", *WORDS, *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with four jobs: short ones first."""
    head(tmp_path / "a.mp4", seconds=LONG)
    speech(tmp_path / "short.wav")
    speech(tmp_path / "long.wav", seconds=LONG)
    names = ("short", "short", "long", "long")
    lines = [f"a.mp4,{name}.wav,out-{n}.mp4,{20 + n}" for n, name in enumerate(names)]
    (tmp_path / "jobs.csv").write_text("\n".join(["face,audio,output,crf", *lines]))
    return tmp_path


def entries(folder: Path) -> list[dict]:
    path = folder / "jobs.journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_batch_goes_on_where_it_was_killed_and_nothing_is_left_of_it(folder: Path) -> None:
    given = {path.name for path in folder.iterdir()}
    with batch(folder) as process:
        wait_until(lambda: entries(folder) and busy_worker(process.pid))
        below = descendants(process.pid)
        process.kill()
    done = {entry["key"] for entry in entries(folder)}
    assert 0 < len(done) < 4
    wait_until(lambda: not any(map(alive, below)), 20)
    with batch(folder, "--json") as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    report = json.loads(said)
    assert (report["skipped"], report["done"]) == (len(done), 4 - len(done))
    counts = Counter(entry["key"] for entry in entries(folder))
    assert len(counts) == 4
    assert set(counts.values()) == {1}
    assert {entry["frames"] for entry in entries(folder)} == {FRAMES, round(25 * LONG)}
    results = {f"out-{n}.mp4{ending}" for n in range(4) for ending in ("", ".wav2lip.json")}
    assert {path.name for path in folder.iterdir()} == given | results | {"jobs.journal.jsonl"}


def test_ctrl_c_ends_workers_and_leaves_what_is_done(folder: Path) -> None:
    with batch(folder) as process:
        wait_until(lambda: entries(folder) and busy_worker(process.pid))
        below = descendants(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Interrupted; what is done is done; the same command goes on from here." in said
    assert "Traceback" not in said
    wait_until(lambda: not any(map(alive, below)), 5)    # Python's own helper ends after the program
    assert {entry["status"] for entry in entries(folder)} == {"done"}
    hidden = [path for path in folder.iterdir() if path.name.startswith(".")]
    assert [path for path in hidden if path.suffix != ".work"] == []    # finished parts wait for the next run
