"""`wav2lip batch`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.batch_plan import FAILS, planned
from wav2lip.cli.batch_plan import in_words as plan_in_words
from wav2lip.cli.columns import columns, in_full, job_options
from wav2lip.cli.parameters import Number, OriginalSpellings
from wav2lip.cli.pipes import DASH, stdin_text
from wav2lip.cli.run import importing, reporting
from wav2lip.cli.scoring import FILE, table
from wav2lip.cli.sync import sync_options
from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.progress import Progress

if TYPE_CHECKING:
    from wav2lip.batch.job import Job, Outcome
    from wav2lip.batch.run import BatchReport

JOURNAL = ".journal.jsonl"
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(cls=OriginalSpellings, context_settings={"max_content_width": 110})
@click.argument("jobs", type=FILE, required=False)
@click.option("--faces", metavar="GLOB", help="Instead of JOBS: faces, each with every one of --audios.")
@click.option("--audios", metavar="GLOB", help="Files with speech.")
@click.option(
    "-o", "--output", "results", type=FOLDER,
    help="Folder of the results.  [default: that of the jobs file, else the current one]",
)
@click.option(
    "--journal", type=FILE,
    help="What became of every job; what it says is done is not done again.  [default: <jobs>.journal.jsonl with the "
    "results]",
)
@click.option(
    "--workers", type=click.IntRange(1), help="Processes.  [default: 1; with --ray as many as there is room for]"
)
@click.option(
    "--retries", type=click.IntRange(0), default=1, show_default=True,
    help="How often a job is tried again that failed for a reason that may pass, which bad input is not.",
)
@click.option(
    "--continue-on-error/--fail-fast", default=True, show_default=True,
    help="Whether jobs are begun after one has failed.",
)
@click.option(
    "--ray", "address", metavar="auto|HOST:PORT|local",
    help="Do the jobs on a Ray cluster (extra ray): the one that this machine belongs to, another one, or one of this "
    "machine alone. Files are on storage that all machines share, or URLs.",
)
@click.option(
    "--ray-cpus", type=Number(0), default=1.0, show_default=True,
    help="Processors for each worker there, which is also how many threads it computes with.",
)
@click.option(
    "--ray-gpus", type=Number(0, 1), metavar="FRACTION",
    help="GPUs for each worker there: with 0.25, four share one.  [default: 1 where the cluster has any, else 0]",
)
@click.option("--dry-run", is_flag=True, help="Print what each job would be; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON instead of a table.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@click.option("-v", "--verbose", is_flag=True, help="More words: those of every job.")
@reporting("what is done is done; the same command goes on from here")
def batch(
    jobs: Path | None, faces: str | None, audios: str | None, results: Path | None, journal: Path | None,
    workers: int | None, retries: int, continue_on_error: bool, address: str | None, ray_cpus: float,
    ray_gpus: float | None, dry_run: bool, as_json: bool, quiet: bool, verbose: bool, **given: Any,
) -> None:
    """Do many jobs, as often as it takes: JOBS is a table (.csv), a list of JSON objects (.jsonl, or - for stdin), or
    a folder in which a.mp4 lies beside a.wav.

    A line is a job. Its columns are face, audio, output and every other option of `wav2lip sync`; globs in face and
    audio mean every face with every audio. Options given here are for all jobs that do not say otherwise.
    """
    if (jobs is None) == (faces is None):
        raise UsageError("Name the jobs: a file, a folder, or --faces and --audios; one of these.")
    if faces is None and audios is not None:
        raise UsageError("--audios goes with --faces; leave it out.")

    from wav2lip.cli.progress import TerminalProgress

    with importing():
        from wav2lip.batch.remote import url_of
        from wav2lip.batch.run import run_batch

    progress = TerminalProgress(-1 if quiet else 1 if verbose else 0)
    text = None
    if jobs == DASH:
        text, jobs = stdin_text(), Path("stdin")
    listed = jobs is not None and (text is not None or not jobs.is_dir())
    results = results or (jobs.parent if jobs is not None and listed else Path())
    if journal is None:
        name = f"{(jobs.resolve().stem if jobs else '') or 'batch'}{JOURNAL}"
        journal = Path(name) if url_of(results) else results / name
    found = _jobs(jobs, text, faces, audios, results, given, progress)
    if jobs is not None and listed and text is None and journal.exists() and journal.samefile(jobs):
        raise UsageError(f"The journal {journal} is also the list of jobs; name another --journal.")
    if dry_run:
        rows = list(planned(found, journal))
        click.echo(json.dumps({"jobs": rows}, indent=2) if as_json else "\n".join(plan_in_words(rows)))
        if any(row["status"] == FAILS for row in rows):
            sys.exit(Wav2LipError.exit_code)
        return
    manner: dict[str, Any] = {"retries": retries, "fail_fast": not continue_on_error, "progress": progress}
    runner = None
    if address is not None:
        from wav2lip.batch.on_ray import Cluster, run_on_ray

        runner = partial(run_on_ray, cluster=Cluster(address, ray_cpus, ray_gpus, workers), **manner)
    report = run_batch(found, journal, workers=workers or 1, runner=runner, **manner)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(in_words(report)))
    if report.failed or report.left:
        sys.exit(Wav2LipError.exit_code)


def _jobs(
    jobs: Path | None, text: str | None, faces: str | None, audios: str | None, results: Path, given: dict[str, Any],
    progress: Progress,
) -> list[Job | Outcome]:
    """Return what is to be done."""
    from wav2lip.batch.files import expand
    from wav2lip.batch.pairs import read_pairs
    from wav2lip.batch.read import read_jobs

    if jobs is None:
        assert faces is not None
        return list(expand("--faces", faces, audios, None, sync_options(in_full(given)), Path(), results))
    if text is None and jobs.is_dir():
        return list(read_pairs(jobs, results, sync_options(in_full(given)), progress))
    return read_jobs(jobs, results, columns(given), text)


def in_words(report: BatchReport) -> Iterator[str]:
    """Yield the lines that tell what became of a batch."""
    from wav2lip.cast.times import in_words as time

    counts = {name: getattr(report, name) for name in ("jobs", "done", "skipped", "failed")}
    if report.left:
        counts["not begun"] = report.left
    row = counts | {
        "frames": report.frames, "video": time(Fraction(report.video_seconds)), "time": time(Fraction(report.seconds))
    }
    yield table([row], list(row))
    if report.failures:
        yield f"{report.failed} of {report.jobs} jobs failed:"
        yield from (f"  {failure.where}: {failure.error}" for failure in report.failures)
    yield f"journal: {report.journal}"


batch.params += job_options()
