"""`wav2lip batch --dry-run`: what each job would be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wav2lip.errors import Wav2LipError

if TYPE_CHECKING:
    from wav2lip.batch.job import Job, Outcome

WOULD, DONE, ELSEWHERE, FAILS = "would be done", "is done already", "is elsewhere, not looked at", "would fail"


def planned(jobs: Iterable[Job | Outcome], journal: Path) -> Iterator[dict[str, Any]]:
    """Yield what each job would be, as JSON can hold it. Nothing is written, not even the journal.

    Args:
        jobs: of the batch.
        journal: the file that knows what is done.

    Raises:
        UsageError: two jobs have one output, or the journal is something else.
        MediaError: the journal cannot be read.
    """
    from wav2lip.batch.job import Job
    from wav2lip.batch.journal import Journal
    from wav2lip.batch.run import check_outputs

    jobs = list(jobs)
    check_outputs([job for job in jobs if isinstance(job, Job)])
    known = Journal(journal)
    known.look()
    for job in jobs:
        if not isinstance(job, Job):
            yield {"where": job.where, "status": FAILS, "error": job.error, "exit_code": job.exit_code}
            continue
        told = {"where": job.where, "face": job.face, "audio": job.audio, "output": job.output}
        yield told | ({"status": DONE} if known.has(job) else _looked_at(job))


def _looked_at(job: Job) -> dict[str, Any]:
    from wav2lip.batch.at_hand import has_urls
    from wav2lip.pipeline.plan import plan_sync

    if has_urls(job):
        return {"status": ELSEWHERE}
    try:
        plan = plan_sync(job.face, job.audio, job.output, job.options)
    except Wav2LipError as error:
        return {"status": FAILS, "error": str(error), "exit_code": error.exit_code}
    return {"status": WOULD, "plan": plan.to_dict()}


def in_words(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for every job."""
    from wav2lip.cast.times import in_words as time

    for row in rows:
        line = f"{row['where']}: {row['status']}"
        if "error" in row:
            line += f": {row['error']}"
        if "plan" in row:
            plan = row["plan"]
            line += f": {row['output']}, {plan['frames']} frames, {time(Fraction(plan['duration']))}, {plan['codec']}"
            line += f", faces: {plan['detector']}"
        yield line
