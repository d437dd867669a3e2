"""`wav2lip faces`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.parameters import DETECTOR, LIMIT
from wav2lip.cli.run import importing, reporting
from wav2lip.cli.scoring import FILE, table
from wav2lip.errors import UsageError

if TYPE_CHECKING:
    from wav2lip.cast.report import CastReport

MOST_STRETCHES = 5      # without a face that are told one by one


@click.command(context_settings={"max_content_width": 110})
@click.argument("video", type=FILE)
@click.option("--sheet", type=FILE, help="The contact sheet, a PNG.  [default: <video>_faces.png here]")
@click.option("--no-sheet", is_flag=True, help="Draw no contact sheet.")
@click.option("-o", "--tracks", type=FILE, help="Write everybody's boxes to this .json, to be edited.")
@click.option("--overlay", type=FILE, help="Write a copy of the video with the boxes drawn in.")
@click.option(
    "--edl", "edits", type=FILE, help="Write the beginning of an edit list: who is on screen when; .csv, .json or .srt."
)
@LIMIT
@DETECTOR
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]|mps", help="Where to run.")
@click.option("--offline", is_flag=True, envvar="WAV2LIP_OFFLINE", help="Never reach for the network.")
@click.option("--no-clobber", is_flag=True, help="Refuse to replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON instead of a table.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@click.option("-v", "--verbose", is_flag=True, help="More words.")
@reporting("what is not finished was not written")
def faces(
    video: Path, sheet: Path | None, no_sheet: bool, no_clobber: bool, as_json: bool, quiet: bool, verbose: bool,
    **given: Any,
) -> None:
    """Find out who is in VIDEO: a letter for everybody, what they look like, and when they are on screen."""
    if sheet is not None and no_sheet:
        raise UsageError("--sheet and --no-sheet contradict each other; leave out one.")

    from wav2lip.cli.progress import TerminalProgress

    with importing():
        from wav2lip.cast.find import CastOptions, find_people

    sheet = None if no_sheet else sheet or Path(f"{video.stem}_faces.png")
    options = CastOptions(sheet=sheet, clobber=not no_clobber, **given)
    report = find_people(video, options, TerminalProgress(-1 if quiet else 1 if verbose else 0))
    click.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False) if as_json else "\n".join(in_words(report)))


def in_words(report: CastReport) -> Iterator[str]:
    """Yield the lines that tell who is in a video."""
    from wav2lip.cast.times import in_words as time

    names = ("person", "on screen", "share", "first", "last", "face", "yaw", "shots")
    yield table([
        dict(zip(names, (
            person.label, time(person.seconds), f"{person.share:.0%}", time(person.first), time(person.last),
            f"{person.width}×{person.height}", person.turned("°"), person.shots,
        ), strict=True))
        for person in report.people
    ], names)
    shots = len(report.shots)
    yield f"{shots} {'shot' if shots == 1 else 'shots'}; " + _faceless(report)
    for what, path in (("sheet", report.sheet), ("tracks", report.tracks), ("edits", report.edits),
                       ("overlay", report.overlay)):
        if path is not None:
            yield f"{what}: {path}"


def _faceless(report: CastReport) -> str:
    """Return when nobody is seen."""
    from wav2lip.cast.times import in_words as time

    stretches = report.faceless
    if not stretches:
        return "somebody is seen in every frame"
    words = ", ".join(f"{time(span.start)} to {time(span.end)}" for span in stretches[:MOST_STRETCHES] if span.end)
    more = len(stretches) - MOST_STRETCHES
    return f"nobody is seen from {words}" + (f", and {more} times more" if more > 0 else "")
