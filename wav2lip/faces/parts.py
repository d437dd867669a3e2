"""Look for faces in parts of a long video only: in the others nobody knows what there is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from math import lcm

import numpy as np

from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.look import Way
from wav2lip.faces.sparse import LEAN_EVERY
from wav2lip.media.clip import Frame
from wav2lip.progress import Advance

Reader = Callable[[int, tuple[int, int], int], Generator[Frame]]
"""How many frames, their width and height, the number of the first -> frames scaled to it."""


def joined_parts(parts: Sequence[range], frames: int, every: int) -> list[range]:
    """Return parts of so many frames in order, none of which touch, each beginning where anybody looks in any case.

    Args:
        parts: numbers of frames, possibly beyond the first or the last one.
        frames: how many there are.
        every: frames from one look to the next.
    """
    step = lcm(every, LEAN_EVERY)
    joined: list[range] = []
    for part in sorted(parts, key=lambda part: part.start):
        start, stop = max(0, part.start) // step * step, min(part.stop, frames)
        if joined and start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(stop, joined[-1].stop))
        elif start < stop:
            joined.append(range(start, stop))
    return joined


def look_at_part(
    part: range, way: Way, read: Reader, detector: Detector, batch: int, advance: Advance
) -> Detections:
    """Return what is in a part of a video, frame by frame what `look_for_faces` finds there.

    Args:
        part: numbers of its frames, one of `joined_parts`.
        way: how they are looked at.
        read: yields them.
        detector: what looks.
        batch: frames that the detector gets at a time.
        advance: is told how many more frames are done.
    """
    return way.look(read(len(part), way.small, part.start), detector, batch, advance)


def spread(found: Mapping[range, Detections], frames: int) -> Detections:
    """Return what is in a video, as far as parts tell: in the other frames nobody has looked.

    Args:
        found: what is in each part, in order.
        frames: how many the video has.

    Returns:
        Of all frames. Each part, and what is between two, is a shot of its own.
    """
    faces: list[np.ndarray | None] = [None] * frames
    looks: list[np.ndarray | None] = [None] * frames
    shots = np.zeros(frames, np.int32)
    shot = 1                 # before the first part it is 0
    for part, some in found.items():
        here = slice(part.start, part.start + len(some))
        assert some.looks is not None, "those of a detector are described"
        faces[here], looks[here] = some.faces, some.looks
        shots[here] = shot + some.shots
        shot = int(shots[: here.stop].max(initial=shot)) + 1
        shots[here.stop :] = shot
        shot += 1
    return Detections(tuple(faces), shots, tuple(looks))
