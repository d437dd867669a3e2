"""Look for faces in parts of a long video only: in the others nobody knows what there is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from math import lcm

import numpy as np

from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.look import Way
from wav2lip.faces.sparse import LEAN_EVERY
from wav2lip.media.clip import Frame
from wav2lip.progress import Progress

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


def look_at_parts(
    parts: Sequence[range], frames: int, way: Way, read: Reader, detector: Detector, batch: int, progress: Progress
) -> Detections:
    """Return what is in some parts of a video, frame by frame what `look_for_faces` finds in them.

    Args:
        parts: numbers of frames, as `joined_parts` gives them.
        frames: how many frames the video has.
        way: how they are looked at.
        read: yields them.
        detector: what looks.
        batch: frames that the detector gets at a time.
        progress: is told how far it is.

    Returns:
        Of all frames. Outside the parts none is looked at; each part, and what is between two, is a shot of its own.
    """
    faces: list[np.ndarray | None] = [None] * frames
    looks: list[np.ndarray | None] = [None] * frames
    shots = np.zeros(frames, np.int32)
    shot = 0
    with progress.stage("Finding faces", sum(map(len, parts))) as advance:
        for part in parts:
            found = way.look(read(len(part), way.small, part.start), detector, batch, advance)
            here = slice(part.start, part.start + len(found))
            assert found.looks is not None, "those of a detector are described"
            faces[here], looks[here] = found.faces, found.looks
            shots[here] = shot + found.shots + (part.start > 0)
            shots[here.stop :] = shot = int(shots[: here.stop].max(initial=shot)) + 1
    return Detections(tuple(faces), shots, tuple(looks))
