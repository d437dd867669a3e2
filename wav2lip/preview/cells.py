"""A moment under one setting: what a row of the sheet shows, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wav2lip.media.clip import Frame
from wav2lip.pipeline.prepare import Prepared, make_compositor
from wav2lip.preview.making import Face, Made
from wav2lip.preview.moments import Moment
from wav2lip.preview.view import View, bounds

COLUMNS = ("source", "crop", "mask", "result")


@dataclass(frozen=True)
class Cell:
    """A moment under one setting.

    Attributes:
        moment: the time.
        setting: what is tried; empty where nothing is.
        frame: its number in the result.
        source_frame: the number of the frame of the source that it shows.
        box: of the face in it, x1, y1, x2, y2 in pixels; None where no generated face is shown.
        view: the part of the frame that its pictures show.
        pictures: one for each of `COLUMNS`, uint8 BGR; the crop, 96×96, is None without a face.
    """

    moment: Moment
    setting: str
    frame: int
    source_frame: int
    box: tuple[float, float, float, float] | None
    view: View
    pictures: tuple[Frame | None, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what is told of it as plain JSON types."""
        return {
            "time": float(self.moment.time),
            "why": self.moment.why or None,
            "setting": self.setting or None,
            "frame": self.frame,
            "source_frame": self.source_frame,
            "box": None if self.box is None else [round(side, 2) for side in self.box],
        }


def make_cell(moment: Moment, setting: str, made: Made, prepared: Prepared, view: View | None) -> Cell:
    """Return a cell.

    Args:
        moment: the time.
        setting: what is tried.
        made: the frame.
        prepared: what it was made from.
        view: of an earlier cell of the same moment, which is kept if the face is in it.
    """
    source = prepared.source
    palette = source.palette
    main = largest(made.faces)
    box = None if main is None else bounds(main.patch.place)
    if view is None or (box is not None and not view.holds(box)):
        view = View.around(box or (0, 0, *source.size), source.size, source.pixel_aspect)
    seen = view.seen(made.source, palette)
    crop = None
    if main is not None:
        compositor = make_compositor(source, prepared.options, prepared.networks)
        crop = compositor.cut_out([main.patch.picture], [main.patch.place])[0].face
    masked = view.masked(seen, made.faces, prepared.options.blend)
    pictures = (seen, crop, masked, view.seen(made.result, palette))
    return Cell(moment, setting, made.frame, made.number, box, view, pictures)


def largest(faces: tuple[Face, ...]) -> Face | None:
    """Return the largest face of a frame; None where there is none."""
    def area(face: Face) -> float:
        x1, y1, x2, y2 = face.patch.place[:4]
        return float(np.prod([x2 - x1, y2 - y1]))

    return max(faces, key=area, default=None)
