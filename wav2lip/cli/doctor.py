"""`wav2lip doctor`."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.parameters import OriginalSpellings
from wav2lip.cli.run import calm, importing, one_line, reporting
from wav2lip.cli.sync import HOW_TO_PRINT, sync, sync_options
from wav2lip.doctor.finding import Finding
from wav2lip.errors import UsageError, Wav2LipError

if TYPE_CHECKING:
    from wav2lip.doctor.forecast import Forecast

MARKS = {"ok": "ok  ", "note": "note", "problem": "BAD "}
COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}
HOW_WE_PRINT = ("quiet", "verbose", "as_json")
NOT_OURS = {"min_score", *HOW_TO_PRINT} - set(HOW_WE_PRINT)    # options of sync about a result


def _options_of_sync() -> list[click.Parameter]:
    """Return the options of `wav2lip sync`, none of which has to be given."""
    options = [copy.copy(option) for option in sync.params if option.name not in NOT_OURS]
    for option in options:
        option.required = False
    return options


@click.command(
    cls=OriginalSpellings, params=_options_of_sync(), context_settings={"max_content_width": 110}
)
@reporting("nothing was changed")
def doctor(**given: Any) -> None:
    """Look at the machine, and at a video and a recording, before any work begins.

    Without options: whether `wav2lip sync` can work here. With --face and --audio, and any other options of sync: what
    is special about them, what sync will do about it, and how long it will take, from a few frames that are tried.
    Nothing is written. The exit code is 1 where sync would not work.
    """
    quiet, verbose, as_json = (given.pop(name) for name in HOW_WE_PRINT)
    from wav2lip.doctor.machine import importable, look_at_machine
    from wav2lip.pipeline.process import process_age

    calm()
    face, audio, output = (given.pop(name) for name in ("face", "audio", "output"))
    if audio is not None and str(audio) == "-":
        raise UsageError("The doctor looks at files; name the sound that would come from stdin.")
    if output is not None and str(output) == "-":
        output = Path("stdout.mp4")               # what goes there is one
    before = process_age()
    with importing():
        findings, importing_seconds = look_at_machine(
            output, given["device"], given["precision"], given["detector"]
        )
    forecast = None
    if importable(findings) and (face or audio or given["checkpoint"] or given["voices"]):
        from wav2lip.cli.progress import TerminalProgress
        from wav2lip.doctor.examine import Examination

        progress = TerminalProgress(-1 if quiet else 1 if verbose else 0)
        examination = Examination(face, audio, output, sync_options(given), progress, findings)
        forecast = examination.run(before + importing_seconds)
    shown = [finding for finding in findings if not quiet or finding.level != "ok"]
    if as_json:
        told = {"usable": _usable(findings), "findings": [finding.to_dict() for finding in shown],
                "forecast": forecast and forecast.to_dict()}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        for line in in_words(shown, forecast):
            click.echo(line)
    if not _usable(findings):
        sys.exit(Wav2LipError.exit_code)


def in_words(findings: Sequence[Finding], forecast: Forecast | None) -> Iterator[str]:
    """Yield the lines that tell what was found."""
    width = max((len(finding.topic) for finding in findings), default=0)
    for finding in findings:
        mark = click.style(MARKS[finding.level], fg=COLOURS[finding.level])
        yield f"{mark}  {finding.topic:<{width}}  {one_line(finding.text)}"
        if finding.advice:
            yield f"{'':{width + 6}}  → {one_line(finding.advice)}"
    if forecast is not None:
        yield from _foreseen(forecast)
    problems, notes = (sum(finding.level == level for finding in findings) for level in ("problem", "note"))
    verdict = "sync would not work" if problems else "sync will work"
    yield f"{problems} problem{'s' * (problems != 1)}, {notes} note{'s' * (notes != 1)}: {verdict}."


def _foreseen(forecast: Forecast) -> Iterator[str]:
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in forecast.seconds.items() if seconds >= 0.05)
    known = " The faces are known from before." if forecast.known else ""
    memory = f", {forecast.memory / 1e9:.1f} GB of memory at the peak" if forecast.memory else ""
    yield (f"Foreseen, as busy as the machine is now: about {_time(forecast.total)}{memory}, a result of "
           f"{forecast.size / 1e6:.1f} MB.{known}")
    yield f"  seconds: {stages}; {forecast.work.frames} frames, {forecast.work.faces} faces generated."


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _usable(findings: Sequence[Finding]) -> bool:
    return not any(finding.level == "problem" for finding in findings)
