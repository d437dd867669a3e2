"""A batch from its jobs to its report: what is done is skipped, what fails is told, and all of it is written down."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wav2lip.batch.job import Job, Outcome
from wav2lip.batch.journal import Journal
from wav2lip.batch.local import run_local
from wav2lip.batch.places import Places
from wav2lip.errors import UsageError
from wav2lip.media.results import prepare_results
from wav2lip.progress import Progress

Runner = Callable[[Iterable[Job]], Generator[Outcome, None, None]]
"""Does jobs, and yields what becomes of each, once; closing it ends what runs."""


@dataclass(frozen=True)
class BatchReport:
    """What became of a batch.

    Attributes:
        jobs: how many there were; of them
        done: by this run,
        skipped: done by an earlier one, and
        failed: those that failed.
        left: not begun, after a failure.
        frames: of the videos that this run made.
        video_seconds: how long they are together.
        seconds: that this run took.
        failures: of the jobs that failed.
        journal: where all of it is written down.
    """

    jobs: int
    done: int
    skipped: int
    failed: int
    left: int
    frames: int
    video_seconds: float
    seconds: float
    failures: tuple[Outcome, ...]
    journal: Path

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return asdict(self) | {"failures": [each.to_dict() for each in self.failures], "journal": str(self.journal)}


def run_batch(
    jobs: Sequence[Job | Outcome],
    journal: str | os.PathLike[str],
    *,
    workers: int = 1,
    retries: int = 1,
    fail_fast: bool = False,
    progress: Progress | None = None,
    runner: Runner | None = None,
) -> BatchReport:
    """Do jobs, but for those that the journal knows to be done and whose outputs are there.

    Args:
        jobs: in the order in which they begin; an `Outcome` among them is of a job that failed before it was one.
        journal: the file to which what becomes of each is written at once. It has to be the same one for the next run.
        workers: how many processes, as for `run_local`.
        retries: how often a job is tried again that failed for a reason that may pass.
        fail_fast: begin nothing any more after a failure.
        progress: receives a line for every failure, and how many jobs have come to their end.
        runner: does the jobs; None for `run_local` with what is above.

    Raises:
        UsageError: two jobs have one output, or one reads what another writes; the journal is in use, or something
            else.
        Wav2LipError: the journal cannot be written. What was done until then stays done.
    """
    journal, progress, start = Path(journal), progress or Progress(), time.perf_counter()
    check_outputs([job for job in jobs if isinstance(job, Job)])
    prepare_results({"--journal": journal}, ())
    runner = runner or partial(run_local, workers=workers, retries=retries, fail_fast=fail_fast, progress=progress)
    counts, failures, frames, video_seconds = {"done": 0, "skipped": 0, "failed": 0}, [], 0, 0.0
    with Journal(journal) as kept, progress.stage("Jobs", len(jobs), "job") as advance:
        for outcome in _outcomes(jobs, kept, runner, fail_fast):
            if outcome.status != "skipped":
                kept.add(outcome)
            counts[outcome.status] += 1
            frames += outcome.frames
            if outcome.report:
                video_seconds += outcome.report["duration"]
            if outcome.status == "failed":
                failures.append(outcome)
                progress.say(f"{outcome.where}: {outcome.error}")
            advance(1)
    left = len(jobs) - sum(counts.values())
    return BatchReport(
        len(jobs), **counts, left=left, frames=frames, video_seconds=video_seconds,
        seconds=time.perf_counter() - start, failures=tuple(failures), journal=journal,
    )


def check_outputs(jobs: Iterable[Job]) -> None:
    """Make sure that no job spoils what another one reads or writes.

    Raises:
        UsageError: one would.
    """
    writers: dict[str, Job] = {}
    places = Places()
    for job in jobs:
        other = writers.setdefault(places.of(job.output), job)
        if other is not job:
            raise UsageError(f"{other.where} and {job.where} would both write {job.output}; give each an output.")
    for job in writers.values():
        for given in filter(None, (job.face, job.audio, *map(str, job.options.files))):
            for writer in filter(None, map(writers.get, places.read(given))):
                if writer is not job:                       # its own input is for `sync` to refuse
                    raise UsageError(
                        f"{writer.where} would write {given}, which {job.where} reads; choose another output."
                    )


def _outcomes(jobs: Iterable[Job | Outcome], kept: Journal, runner: Runner, fail_fast: bool) -> Iterator[Outcome]:
    """Yield what is known of jobs without doing them, then what becomes of the others."""
    waiting, failed = [], False
    for job in jobs:
        if isinstance(job, Outcome):
            failed = True
            yield job
        elif kept.has(job):
            yield Outcome(job.key, job.where, job.output, "skipped")
        else:
            waiting.append(job)
    if failed and fail_fast:
        return
    with closing(runner(waiting)) as outcomes:
        yield from outcomes
