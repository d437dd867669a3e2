"""A contact sheet of moments under some settings, without making all of a result."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import cv2

from wav2lip.cast.times import in_words
from wav2lip.errors import UsageError
from wav2lip.media.whole import whole_file
from wav2lip.pipeline.options import SyncOptions
from wav2lip.preview.cells import Cell, make_cell
from wav2lip.preview.glimpse import Glimpse
from wav2lip.preview.making import make
from wav2lip.preview.moments import Wish
from wav2lip.preview.report import PreviewReport
from wav2lip.preview.sheet import draw_sheet
from wav2lip.preview.trial import PARTLY, Trial, prepare_inputs, said_of_parts
from wav2lip.preview.view import View
from wav2lip.progress import Progress

MOST_ROWS = 48


def preview_sheet(
    face: str | os.PathLike[str],
    audio: str | os.PathLike[str] | None,
    output: str | os.PathLike[str],
    settings: Mapping[str, SyncOptions] | None = None,
    *,
    times: tuple[Fraction, ...] = (),
    moments: int = 4,
    progress: Progress | None = None,
) -> PreviewReport:
    """Draw a contact sheet of what `wav2lip.sync` would make: a few moments under some settings.

    The pictures are those that `sync` would make with the same options, number for number, unless the clip is long and
    its faces are not known yet: then they are looked for around the moments only, and the report says so.

    Args:
        face: as for `wav2lip.sync`.
        audio: likewise.
        output: the PNG to write. It appears whole or not at all.
        settings: options by the name that is written beside them; None for the default ones.
        times: seconds of the result; empty for moments that are chosen: while somebody speaks whose face is seen,
            spread over the clip, loud, quiet and moving ones in turn.
        moments: how many are chosen.
        progress: receives words and progress; None for silence.

    Raises:
        UsageError: options that make no sense, too much for one sheet, a time that the result has not, or an output
            that is one of the inputs.
        MediaError, WeightsError, NoFaceError, Wav2LipError: as `wav2lip.sync`.
    """
    began, output, progress = time.monotonic(), Path(output), progress or Progress()
    settings = settings or {"": SyncOptions()}
    count = len(times) or moments
    check_rows(count, len(settings))
    if output.suffix.lower() != ".png":
        raise UsageError(f"The sheet {output} is to be a PNG picture; give it a name that ends in .png.")
    prepare_inputs(output, face, audio, settings)
    trial = Trial(Path(face), None if audio is None else Path(audio), Glimpse(Wish(times, moments)), progress)
    cells: dict[tuple[int, str], Cell] = {}
    views: dict[int, View] = {}
    with progress.stage("Trying settings", count * len(settings), "picture") as advance:
        for name, options in settings.items():
            prepared = trial.prepare(options)
            for at, moment in enumerate(trial.glimpse.moments):
                (made,) = make(prepared, moment.frames(prepared.source.fps))
                cell = make_cell(moment, name, made, prepared, views.get(at))
                views.setdefault(at, cell.view)
                cells[at, name] = cell
                advance(1)
    clip = prepared.source.clip
    title = f"{clip.path.name}   {clip.width} x {clip.height}   {in_words(Fraction(prepared.frames) / clip.fps)}"
    rows = [cells[at, name] for at in range(len(trial.glimpse.moments)) for name in settings]
    sheet, places = draw_sheet(title, PARTLY if trial.glimpse.partly else "", rows, prepared.source.pixel_aspect)
    with whole_file(output) as part:
        part.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
    if trial.glimpse.partly:
        progress.say(said_of_parts(Path(face)))
    height, width = sheet.shape[:2]
    return PreviewReport(
        output, width, height, trial.glimpse.partly, time.monotonic() - began,
        tuple(zip(rows, places, strict=True)),
    )


def check_rows(moments: int, settings: int) -> None:
    """Refuse more than fits on a sheet."""
    if moments * settings > MOST_ROWS:
        raise UsageError(
            f"{moments} moments under {settings} settings would be {moments * settings} rows, and a sheet has at most "
            f"{MOST_ROWS}; choose fewer --moments or --times, or try fewer values at a time."
        )
