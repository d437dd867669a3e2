"""Finds that follow each other: one face through one shot, as far as its boxes link up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from wav2lip.faces.appearance import UNLIKE, distances
from wav2lip.faces.boxes import iou
from wav2lip.faces.detections import Detections

LONGEST_GAP = 0.5       # seconds without a find through which a face is thought to move on
LINK = 0.1              # IoU of boxes within that time that may be the same face
AGREE = 0.3             # IoU across a gap that makes the way between plausible, or a face that comes back the same
COVERED = 0.5           # of a face that is not found: with somebody else's over so much of it, it is behind that one
MEMORY = 5.0            # seconds after which a face that comes back counts as a new sight
MOST_FACES = 20         # finds of a frame that are looked at, best first
MOST_LOOKS = 25         # of a sight that tell what it looks like


@dataclass
class Sight:
    """One face through one shot.

    Attributes:
        shot: counted from 0.
        frames: those in which it was found, ascending.
        finds: what was found in each, float32 (5,), or (15,) with landmarks.
        looks: what it looked like in each, float32 (d,); empty where nobody described it.
    """

    shot: int
    frames: list[int] = field(default_factory=list)
    finds: list[np.ndarray] = field(default_factory=list)
    looks: list[np.ndarray] = field(default_factory=list)

    def add(self, frame: int, find: np.ndarray, look: np.ndarray | None) -> None:
        """Go on with a find of a later frame."""
        self.frames.append(frame)
        self.finds.append(find)
        if look is not None:
            self.looks.append(look)

    def expected(self, frame: int) -> np.ndarray:
        """Return the box in a later frame if the face goes on as it last moved, float64 (4,)."""
        last = self.finds[-1][:4].astype(float)
        if len(self.frames) < 2:
            return last
        before, steps = self.finds[-2][:4].astype(float), self.frames[-1] - self.frames[-2]
        return np.asarray(last + (last - before) / steps * (frame - self.frames[-1]))

    @property
    def look(self) -> np.ndarray:
        """What it looks like, whatever passes before it now and then, float32 (d,)."""
        some = np.array(self.looks[:: max(1, len(self.looks) // MOST_LOOKS)], np.float32)
        return np.asarray(np.median(some, axis=0))

    @property
    def area(self) -> float:
        """Median area of its boxes, in square pixels."""
        rows = np.array(self.finds, float)
        return float(np.median((rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1])))


def find_sights(detections: Detections, fps: Fraction | float) -> list[Sight]:
    """Link the finds of every shot into faces, the best match first; in the order in which they begin.

    Where faces are described, how alike they look counts as much as how far they overlap, and a face that was away for
    more than half a second, or behind somebody else, is a new sight: who it is, is found out later.

    Args:
        detections: of every frame.
        fps: frames a second.
    """
    longest, memory = longest_gap(fps), max(1, int(MEMORY * fps))
    sights: list[Sight] = []
    looked = detections.looked
    for shot in np.unique(detections.shots):
        live: list[Sight] = []
        for number in map(int, np.flatnonzero((detections.shots == shot) & looked)):
            faces = detections.faces[number]
            assert faces is not None, "only frames that were looked at"
            faces = faces[:MOST_FACES]
            looks = None if detections.looks is None else detections.looks[number]
            live = [sight for sight in live if number - sight.frames[-1] <= (memory if looks is None else longest)]
            free = list(range(len(faces)))
            for at, face in _pairs(live, faces, looks, number, longest):
                live[at].add(number, faces[face], None if looks is None else looks[face])
                free.remove(face)
            if looks is not None:
                live = [sight for sight in live if sight.frames[-1] == number or not _covered(sight, faces, number)]
            for face in free:
                sight = Sight(int(shot))
                sight.add(number, faces[face], None if looks is None else looks[face])
                sights.append(sight)
                live.append(sight)
    return sights


def longest_gap(fps: Fraction | float) -> int:
    """Return through how many frames without a find a face is thought to move on."""
    return max(1, int(LONGEST_GAP * fps))


def _pairs(
    sights: list[Sight], faces: np.ndarray, looks: np.ndarray | None, number: int, longest: int
) -> Iterator[tuple[int, int]]:
    """Yield (sight, find) for the finds of a frame that go on with an earlier face."""
    if not sights or not len(faces):
        return
    overlap = iou(np.array([sight.finds[-1] for sight in sights]), faces)
    if looks is not None:
        overlap = np.maximum(overlap, iou(np.array([sight.expected(number) for sight in sights]), faces))
    recent = np.array([number - sight.frames[-1] <= longest for sight in sights])
    match = np.where(overlap < np.where(recent, LINK, AGREE)[:, None], 0, overlap)
    if looks is not None:
        apart = distances(np.array([sight.looks[-1] for sight in sights]), looks[: len(faces)])
        match *= np.maximum(1 - apart / UNLIKE, 0)
    while match.max() > 0:
        at, face = (int(index) for index in np.unravel_index(match.argmax(), match.shape))
        yield at, face
        match[at], match[:, face] = 0, 0


def _covered(sight: Sight, faces: np.ndarray, number: int) -> bool:
    """Return whether a face that was not found is where somebody else's is: behind it, or gone in a cut."""
    if not len(faces):
        return False
    x1, y1, x2, y2 = sight.expected(number)
    wide = np.minimum(faces[:, 2], x2) - np.maximum(faces[:, 0], x1)
    high = np.minimum(faces[:, 3], y2) - np.maximum(faces[:, 1], y1)
    return bool((wide.clip(0) * high.clip(0)).max() >= COVERED * max((x2 - x1) * (y2 - y1), 1.0))


def plausible(before: np.ndarray, after: np.ndarray, gap: int, longest: int) -> bool:
    """Return whether a face is thought to move in a straight line from one find to the next, `gap` frames later."""
    return gap <= longest and bool(iou(before[None], after[None])[0, 0] >= (AGREE if gap > 1 else LINK))
