"""`wav2lip compare`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from wav2lip.cli.run import INTERRUPTED, reported
from wav2lip.errors import UsageError

FILE = click.Path(path_type=Path)
MOST_MOMENTS = 48    # rows: a sheet that can still be looked at


@click.command(context_settings={"max_content_width": 110})
@click.argument("a", type=FILE, required=False)
@click.argument("b", type=FILE, required=False)
@click.argument("truth", type=FILE, required=False)
@click.option("-o", "--output", type=FILE, help="The video.  [default: <a>_vs_<b>.mp4 in the current folder]")
@click.option("--sheet", type=FILE, help="The contact sheet, a PNG.  [default: named as the video, beside it]")
@click.option(
    "--moments", type=click.IntRange(1, MOST_MOMENTS), default=6, show_default=True, help="Rows of the contact sheet."
)
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON instead of the results' paths.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@reported
def compare(
    a: Path | None, b: Path | None, truth: Path | None, output: Path | None, sheet: Path | None, moments: int,
    as_json: bool, quiet: bool,
) -> None:
    """Show video A beside video B, and where they differ.

    TRUTH is a third video that both should be like: then the heat maps show how far each is from it, too. B and TRUTH
    are scaled to A's size and shown at A's rate, until the shortest ends. There is a video to play, with the sound of
    TRUTH or else of the first that has one, and a contact sheet to look at.
    """
    if a is None or b is None:
        raise UsageError("Name two videos, and the truth as a third if there is one: wav2lip compare A B [TRUTH].")

    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.evaluation.compare import compare as run

    videos = [a, b] if truth is None else [a, b, truth]
    output = output or Path(f"{a.stem}_vs_{b.stem}.mp4")
    sheet = sheet or output.parent / f"{output.stem}.png"
    progress = TerminalProgress(-1 if quiet else 0)
    try:
        report = run(videos, output, sheet, moments=moments, progress=progress)
    except KeyboardInterrupt:
        click.echo("Interrupted; nothing was written.", err=True)
        sys.exit(INTERRUPTED)
    for pair, difference in report.differences.items():
        figures = ", ".join(f"{name} {value}" for name, value in difference.table())
        progress.say(f"|{pair}|: {figures}.")
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        click.echo(f"{report.output}\n{report.sheet}")
