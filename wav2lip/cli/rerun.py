"""`wav2lip rerun`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wav2lip.cli.run import importing, reporting
from wav2lip.models.quick_import import import_torch

FILE = click.Path(path_type=Path)


@click.command(context_settings={"max_content_width": 110})
@click.argument("record", type=FILE)
@click.option(
    "-o", "--output", type=FILE, help="The result, unsigned.  [default: <result>_again in the current folder]"
)
@click.option("--face", type=FILE, help="Where the video is now, if not where it was.")
@click.option("--audio", type=FILE, help="Where the recording is now, if not where it was.")
@click.option("--anyway", is_flag=True, help="Go on with inputs and weights that are not the recorded ones.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the result's path.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@click.option("-v", "--verbose", is_flag=True, help="More words.")
@reporting("the same command goes on from here")
def rerun(
    record: Path, output: Path | None, face: Path | None, audio: Path | None, anyway: bool, as_json: bool,
    quiet: bool, verbose: bool,
) -> None:
    """Make a result again from its RECORD, the file <result>.wav2lip.json, and say whether it is the same.

    Inputs and weights have to have the content that the record tells of. Ends with exit code 0 where the result is
    made, identical or not.
    """
    from wav2lip.cli.progress import TerminalProgress

    with importing():
        import_torch()
        from wav2lip.pipeline.rerun import rerun as run

    progress = TerminalProgress(-1 if quiet else 1 if verbose else 0)
    made = run(record, output, face=face, audio=audio, anyway=anyway, progress=progress)
    for difference in made.differences:
        progress.say(difference)
    if as_json:
        click.echo(json.dumps(made.to_dict(), indent=2))
        return
    why = "" if made.differences else "; another processor or another number of cores can do that"
    progress.say("Identical: it has the bytes of the first." if made.identical else f"Not the same bytes{why}.")
    click.echo(str(made.report.output))
