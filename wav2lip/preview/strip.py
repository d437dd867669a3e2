"""A few seconds of a result beside its source, or under several settings, as a video."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from wav2lip.errors import UsageError
from wav2lip.evaluation.drawing import Board, Column
from wav2lip.media.clip import Colour
from wav2lip.media.colour import high_range
from wav2lip.media.encoding import Encoding
from wav2lip.media.write import VideoWriter, check_output
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.prepare import Prepared
from wav2lip.pipeline.soundtrack import sound_file
from wav2lip.preview.glimpse import Glimpse
from wav2lip.preview.making import make
from wav2lip.preview.moments import Moment, Wish
from wav2lip.preview.sheet import Place, fitted
from wav2lip.preview.trial import Trial, prepare_inputs, said_of_parts
from wav2lip.preview.view import View
from wav2lip.progress import Progress

LONGEST = 30             # seconds: what is longer is better made whole
MOST_SETTINGS = 5        # with the source six pictures
MOST_ACROSS = 3          # pictures beside each other


@dataclass(frozen=True)
class StripReport:
    """The result of a short video.

    Attributes:
        output: the video.
        width, height: of it, in pixels.
        fps: exact frames a second.
        frames: how many it has.
        moment: where in the result it is from.
        partly: whether faces were looked for around it only.
        seconds: that it took.
        places: where the pictures are, by name: "source", and the settings or "result".
    """

    output: Path
    width: int
    height: int
    fps: Fraction
    frames: int
    moment: Moment
    partly: bool
    seconds: float
    places: Mapping[str, Place]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types; fps is a string such as "24000/1001"."""
        return {
            "output": str(self.output),
            "width": self.width,
            "height": self.height,
            "fps": str(self.fps),
            "frames": self.frames,
            "time": float(self.moment.time),
            "duration": float(self.frames / self.fps),
            "partly": self.partly,
            "seconds": round(self.seconds, 3),
            "pictures": {name: list(place) for name, place in self.places.items()},
        }


def preview_video(
    face: str | os.PathLike[str],
    audio: str | os.PathLike[str] | None,
    output: str | os.PathLike[str],
    settings: Mapping[str, SyncOptions] | None = None,
    *,
    seconds: Fraction = Fraction(3),
    start: Fraction | None = None,
    progress: Progress | None = None,
) -> StripReport:
    """Show a few seconds of what `wav2lip.sync` would make beside the source, with sound, around the face.

    Args:
        face: as for `wav2lip.sync`.
        audio: likewise.
        output: the video to write. It appears whole or not at all.
        settings: options by the name that is written over each picture, at most five; None for the default ones.
        seconds: how long it is, at most 30; shorter where the result is.
        start: seconds of the result at which it begins; None for where most is said by a face that is seen.
        progress: receives words and progress; None for silence.

    Raises:
        UsageError, MediaError, WeightsError, NoFaceError, Wav2LipError: as `preview_sheet`.
    """
    began, output, progress = time.monotonic(), Path(output), progress or Progress()
    settings = settings or {"": SyncOptions()}
    if not 0 < seconds <= LONGEST:
        raise UsageError(f"{float(seconds):g} seconds cannot be shown; choose up to {LONGEST}, or make all with sync.")
    if len(settings) > MOST_SETTINGS:
        raise UsageError(
            f"{len(settings)} settings cannot be watched beside each other; try at most {MOST_SETTINGS}, or look at a "
            "contact sheet."
        )
    prepare_inputs(output, face, audio, settings)
    check_output(output, Encoding())
    wish = Wish(() if start is None else (start,), 1, seconds)
    trial = Trial(Path(face), None if audio is None else Path(audio), Glimpse(wish), progress)
    prepared = {name: trial.prepare(options) for name, options in settings.items()}
    first = next(iter(prepared.values()))
    (moment,) = trial.glimpse.moments
    fps, frames = first.source.fps, moment.frames(first.source.fps)
    frames = range(frames.start, min(frames.stop, min(one.frames for one in prepared.values())))
    odd = next((name for name, one in prepared.items() if one.source.fps != fps), None)
    if odd is not None:
        raise UsageError(f"With {odd} there are other frames a second; such settings cannot be watched together.")
    views = _views(list(prepared.values()), moment)
    names = ["source", *(name or "result" for name in settings)]
    wide, high = np.max([view.size for view in views], axis=0)
    seen = max(1, round(float(wide * first.source.pixel_aspect))), int(high)
    columns = [Column(name) for name in names]
    across = ceil(len(columns) / ceil(len(columns) / MOST_ACROSS))
    board = Board([columns[at : at + across] for at in range(0, len(columns), across)], *seen)
    colour = first.source.colour
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        sound = sound_file(first.script, first.source, Path(folder) / "sound.wav", progress)
        writer = VideoWriter(
            output, width=board.size[0], height=board.size[1], fps=fps,
            colour=Colour() if high_range(colour) else colour, sound=sound, sound_from=float(frames.start / fps),
            duration_limit=float(len(frames) / fps),
        )
        stack.enter_context(writer)
        advance = stack.enter_context(progress.stage("Syncing lips", len(frames)))
        streams = [stack.enter_context(closing(make(one, frames))) for one in prepared.values()]
        for together in zip(*streams, strict=True):
            sources = [together[0].source, *(made.result for made in together)]
            pictures = [
                fitted(view.seen(frame, one.source.palette), board.picture, one.source.pixel_aspect)[0]
                for view, frame, one in zip([views[0], *views], sources, [first, *prepared.values()], strict=True)
            ]
            writer.write(board.draw(pictures, ()))
            advance(1)
    if trial.glimpse.partly:
        progress.say(said_of_parts(Path(face)))
    return StripReport(
        output, *board.size, fps, len(frames), moment, trial.glimpse.partly, time.monotonic() - began,
        {name: (*place, *board.picture) for name, place in zip(names, board.places, strict=True)},
    )


def _views(prepared: Sequence[Prepared], moment: Moment) -> list[View]:
    """Return what is shown of each setting's frames: the same where they are of one size, with all faces in it."""
    boxes: dict[object, list[np.ndarray]] = {}
    for one in prepared:
        here = slice(moment.frames(one.source.fps).start, moment.frames(one.source.fps).stop)
        rows = np.concatenate([track.boxes[here] for track in one.shown])
        boxes.setdefault((one.source.size, one.source.settings), []).append(rows[~np.isnan(rows).any(axis=1)])
    views = []
    for one in prepared:
        rows = np.concatenate(boxes[one.source.size, one.source.settings])
        box = (0, 0, *one.source.size) if not len(rows) else (*rows[:, :2].min(axis=0), *rows[:, 2:].max(axis=0))
        views.append(View.around(box, one.source.size, one.source.pixel_aspect))
    return views
