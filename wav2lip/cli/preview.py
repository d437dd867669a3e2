"""`wav2lip preview`."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.columns import columns, job_options
from wav2lip.cli.parameters import TIME, OriginalSpellings, Parsed
from wav2lip.cli.run import importing, reporting
from wav2lip.cli.scoring import FILE
from wav2lip.cli.sync import sync_options
from wav2lip.errors import UsageError
from wav2lip.models.quick_import import import_torch

if TYPE_CHECKING:
    from wav2lip.pipeline.options import SyncOptions
    from wav2lip.preview.report import PreviewReport
    from wav2lip.preview.strip import StripReport

OF_A_RUN = {
    "no_resume": False, "score": False, "sidecar": False, "c2pa_cert": None, "c2pa_key": None, "c2pa_ta": None,
}
"""What `wav2lip sync` is told of the making of a whole result, with what it means here."""

NOT_TRIED = {"face", "audio", "output", "no-clobber", *(name.replace("_", "-") for name in OF_A_RUN)}


def _times(text: str) -> tuple[Fraction, ...]:
    from wav2lip.cast.times import parse_time

    return tuple(parse_time(part) for part in text.split(","))


def _tried(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the option and the values in `blend=soft,hard` or, where values have commas, `at=1s:3,4|2s:3,4`."""
    name, equals, values = text.partition("=")
    parts = tuple(part.strip() for part in values.split("|" if "|" in values else ","))
    if not equals or not name.strip() or not all(parts):
        raise UsageError(
            f"{text!r} names no values to try; write NAME=VALUE,VALUE, such as blend=soft,hard, or NAME=VALUE|VALUE "
            "where there are commas in them."
        )
    return name.strip(), parts


@click.command(cls=OriginalSpellings, context_settings={"max_content_width": 110})
@click.option("--face", required=True, type=FILE, help="Video, or picture, with the face.")
@click.option("--audio", type=FILE, help="Any file with the speech in it; not needed with --voice or --edl.")
@click.option(
    "-o", "--output", type=FILE,
    help="The contact sheet, a PNG, or the video.  [default: <face>_preview.png or .mp4 in the current folder]",
)
@click.option(
    "--moments", type=click.IntRange(1), default=4, show_default=True,
    help="How many are chosen: while somebody speaks who is seen, spread over the clip, loud, quiet, moving ones.",
)
@click.option(
    "--times", type=Parsed("time,time,...", _times), help="Instead of those: seconds of the result, as in 1.5s,3s."
)
@click.option(
    "--try", "tried", type=Parsed("name=value,value", _tried), multiple=True,
    help="An option of `wav2lip sync` and the values to try, as in blend=soft,hard or 'pads=0 10 0 0,0 30 0 0', with | "
    "between values that have commas; of several options all combinations.  [repeatable]",
)
@click.option(
    "--side-by-side", "side_by_side", type=TIME,
    help="Instead of the sheet: a short video of so many seconds, as in 3s, beside the source and with sound.  [of "
    "where most is said, or from --times on]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON instead of the result's path.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@click.option("-v", "--verbose", is_flag=True, help="More words.")
@reporting("nothing was written")
def preview(
    face: Path, audio: Path | None, output: Path | None, moments: int, times: tuple[Fraction, ...] | None,
    tried: tuple[tuple[str, tuple[str, ...]], ...], side_by_side: Fraction | None, as_json: bool, quiet: bool,
    verbose: bool, **given: Any,
) -> None:
    """Show what `wav2lip sync` with the same options would make, in seconds: some moments of the result, each with its
    source, the crop that the generator sees, the mask and the finished picture.
    """
    from wav2lip.cli.progress import TerminalProgress

    with importing():
        import_torch()
        from wav2lip.preview.run import preview_sheet
        from wav2lip.preview.strip import preview_video

    progress = TerminalProgress(-1 if quiet else 1 if verbose else 0)
    settings = _settings(tried, given | OF_A_RUN)
    report: PreviewReport | StripReport
    if side_by_side is None:
        report = preview_sheet(
            face, audio, output or Path(f"{face.stem}_preview.png"), settings, times=times or (), moments=moments,
            progress=progress,
        )
    else:
        if times and len(times) > 1:
            raise UsageError("--side-by-side shows one stretch; name one time with --times, at which it begins.")
        report = preview_video(
            face, audio, output or Path(f"{face.stem}_preview.mp4"), settings, seconds=side_by_side,
            start=times[0] if times else None, progress=progress,
        )
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else str(report.output))


def _settings(tried: tuple[tuple[str, tuple[str, ...]], ...], given: dict[str, Any]) -> dict[str, SyncOptions]:
    """Return the options of every combination of the values that are tried, by what is written beside it."""
    if not tried:
        return {"": sync_options(given)}
    found = columns(given)
    values: dict[str, list[str]] = {}
    for name, parts in tried:
        try:
            column = found.column(name)
        except UsageError:
            column = ""
        if not column or column in NOT_TRIED:
            raise UsageError(f"--try {name}: this is no option of `wav2lip sync` that changes the picture.")
        values.setdefault(column, []).extend(part for part in parts if part not in values.get(column, []))
    settings: dict[str, SyncOptions] = {}
    for combination in product(*values.values()):
        said = dict(zip(values, combination, strict=True))
        label = "   ".join(f"{name}={value}" for name, value in said.items())
        settings[label] = found.options(
            {name: (value,) if name in found.several else value for name, value in said.items()}, Path()
        )
    return settings


preview.params += [option for option in job_options() if option.name not in OF_A_RUN]
