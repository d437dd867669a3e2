"""Frames of a result, a few at a time, with what they are made from: as `wav2lip.sync` makes them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from wav2lip.compose.patch import AnyCompositor, AnyFrame, Patch
from wav2lip.errors import MediaError
from wav2lip.pipeline.prepare import Prepared
from wav2lip.pipeline.render import finished_frames
from wav2lip.pipeline.segments import segment_length
from wav2lip.pipeline.speech import Speech
from wav2lip.pipeline.watch import Watch
from wav2lip.preview.glimpse import NEIGHBOURS, Glimpse
from wav2lip.speech.basis import BANDS
from wav2lip.speech.mel import SILENCE
from wav2lip.speech.windows import WINDOW


class Face(NamedTuple):
    """A generated face as it was put back, and how much of it is shown, a square float32 (s, s) in [0, 1]."""

    patch: Patch
    mask: np.ndarray


@dataclass(frozen=True)
class Made:
    """A frame of a result.

    Attributes:
        frame: its number in the result.
        number: that of the frame of the source that it shows.
        source, result: without and with the generated faces.
        faces: those; none where the frame passes through as it is.
    """

    frame: int
    number: int
    source: AnyFrame
    result: AnyFrame
    faces: tuple[Face, ...]


def make(prepared: Prepared, frames: range) -> Generator[Made]:
    """Yield frames of a result that follow each other.

    Raises:
        MediaError: the video cannot be read on.
    """
    length = segment_length(prepared.source.fps)
    reach = 0 if prepared.networks.parser is None else NEIGHBOURS
    for start in range(frames.start // length * length, frames.stop, length):
        # No frame depends on another segment.
        wanted = range(max(start, frames.start), min(start + length, frames.stop))
        made = range(max(start, wanted.start - reach), min(start + length, prepared.frames, wanted.stop + reach))
        yield from _of_segment(prepared, made, wanted)


def _of_segment(prepared: Prepared, made: range, wanted: range) -> Generator[Made]:
    watch = _Noting()
    given = 0
    with closing(finished_frames(prepared, [made], watch)) as results:
        for frame, result in zip(made, results, strict=False):
            lanes = zip(prepared.generated, watch.notes, strict=False)
            faces = tuple(notes.pop(0) for generated, notes in lanes if generated[frame])
            given += 1
            if frame in wanted:
                source = faces[0].patch.picture if faces else result
                yield Made(frame, int(prepared.numbers[frame]), source, result, faces)
    if given < len(made):
        raise MediaError(f"{prepared.source.clip.path} ends before the frame {made[given]} of the result can be made.")


@dataclass
class _Noting(Watch):
    """Notes every face that is put back, lane by lane."""

    notes: list[list[Face]] = field(default_factory=list)

    def compositor(self, compositor: AnyCompositor) -> AnyCompositor:
        noted: list[Face] = []
        self.notes.append(noted)
        compositor.tell = lambda patch, mask: noted.append(Face(patch, mask))
        return compositor


@dataclass(frozen=True)
class _Heard(Speech):
    """Speech of which only some windows (80, 16) are known; the others are silence, and nobody looks at them."""

    known: Mapping[int, np.ndarray] = field(default_factory=dict, repr=False)

    def windows(self) -> Generator[np.ndarray]:
        silence = np.full((BANDS, WINDOW), SILENCE, np.float32)
        for frame in range(self.frames):
            yield self.known.get(frame, silence)


def with_windows(prepared: Prepared, glimpse: Glimpse) -> Prepared:
    """Return what is prepared with speech that need not be listened to again for every moment."""
    lanes = (replace(lane, speech=_Heard(**vars(lane.speech), known=glimpse.windows(lane.speech)))
             for lane in prepared.lanes)
    return replace(prepared, lanes=tuple(lanes))


