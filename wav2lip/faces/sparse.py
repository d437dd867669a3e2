"""Look for faces in few frames of a video: where those around tell what is in a frame, nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import groupby, islice, pairwise

import numpy as np

from wav2lip.faces.appearance import UNLIKE, describe, distances
from wav2lip.faces.boxes import iou
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.memo import Memo
from wav2lip.faces.shots import ShotCounter
from wav2lip.faces.sights import AGREE, LONGEST_GAP
from wav2lip.media.clip import Frame

FARTHEST = 12           # frames from one look to the next
SAME = 0.9              # IoU of two looks between which a face hardly moves
STRAIGHT = 0.93         # IoU of a look with the line between those around it, along which it moves evenly then
MATTERS = 0.1           # of the weight of a frame's heaviest face: lighter ones decide only where they walk
WALKED = 2.5            # of a face's size: how far a light one is followed from one look to the next
LEAN_EVERY = 6          # frames: a head leans slowly, and how far is what takes longest to tell


def distance(fps: Fraction | float) -> int:
    """Return how many frames there are at most from one look to the next: gaps as long can be bridged."""
    return max(1, min(FARTHEST, int(LONGEST_GAP * fps)))


def frames_to_see(frames: int, total: int, every: int) -> int:
    """Return how many frames of `total` have to be seen for the first `frames`: up to the next look.

    So what is found in a frame does not depend on how many after it were asked for.
    """
    return min(total, (max(frames, 1) - 1 + every - 1) // every * every + 1)


def detect_faces(
    frames: Iterable[Frame], detector: Detector, *, every: int, block: int, batch: int,
    progress: Callable[[int], object] = lambda count: None, memo: Memo | None = None,
) -> Detections:
    """Look for faces in a stream of frames.

    Every so many frames is looked at, and both sides of every cut. Where the faces of two looks are not the same
    people, or have moved, the middle between them is looked at too, and so on, until they are the same, or have moved
    along a straight line: a moving face is looked at often, a still one rarely.

    Args:
        frames: all of one size.
        detector: what looks.
        every: frames from one look to the next; 1 looks at all.
        block: how many frames are held, or one more; a multiple of `every`. The answer does not depend on it.
        batch: frames given to the detector at a time.
        progress: is told how many more frames are done.
        memo: knows what an earlier run has found in these frames, and is told what is found.
    """
    memo = memo or Memo()
    finds: dict[int, np.ndarray] = {}
    looks: dict[int, np.ndarray] = {}
    shots: list[int] = []
    counter = ShotCounter()
    frames = iter(frames)
    held = list(islice(frames, block + (every > 1)))    # one more, so that every block ends with a look
    while held:
        first = len(shots)
        shots += [counter.number(frame) for frame in held]
        look = partial(_look, held, first, detector, batch, finds, looks, memo)
        look(_first_looks(shots, first, every), lean=every > 1)
        seen = [number for number in range(max(0, first - 1), len(shots)) if number in finds]
        _bisect([(one, other) for one, other in pairwise(seen) if shots[one] == shots[other]], finds, looks, look)
        progress(len(held))
        held.clear()                     # before the next ones come
        held += islice(frames, block)
    numbers = range(len(shots))
    return Detections(tuple(map(finds.get, numbers)), np.array(shots, np.int32), tuple(map(looks.get, numbers)))


def _look(
    held: Sequence[Frame], first: int, detector: Detector, batch: int, finds: dict[int, np.ndarray],
    looks: dict[int, np.ndarray], memo: Memo, numbers: Sequence[int], *, lean: bool = False,
) -> None:
    """Put into `finds` and `looks` what is seen in some frames of the block that begins with frame `first`.

    How far heads lean is told in every sixth frame, or where `lean` says so in all of them.
    """
    new = []
    for number in numbers:
        known = memo.recall(number)
        if known is None:
            new.append(number)
        else:
            finds[number], looks[number] = known
    for at in range(0, len(new), batch):
        group = new[at : at + batch]
        frames = [held[number - first] for number in group]
        for number, frame, faces in zip(group, frames, detector.detect(frames), strict=True):
            finds[number], looks[number] = faces, describe(frame, faces, lean=lean or number % LEAN_EVERY == 0)
            memo.note(number, finds[number], looks[number])


def _first_looks(shots: Sequence[int], first: int, every: int) -> list[int]:
    """Return which frames of the block from `first` on are looked at in any case."""
    looks: set[int] = set()
    for shot, run in groupby(range(first, len(shots)), key=shots.__getitem__):
        numbers = list(run)
        looks |= {number for number in numbers if number % every == 0} | {numbers[-1]}
        if numbers[0] == 0 or shots[numbers[0] - 1] != shot:
            looks.add(numbers[0])
    return sorted(looks)


def _bisect(
    gaps: list[tuple[int, int]], finds: Mapping[int, np.ndarray], looks: Mapping[int, np.ndarray],
    look: Callable[[Sequence[int]], None],
) -> None:
    """Look into the gaps between looks until nothing unforeseen can be in them, and they can be bridged."""

    def bridged(one: int, other: int) -> bool:
        return other - one < 2 or not _lost(finds[one], finds[other], looks[one], looks[other])

    def settled(one: int, other: int) -> bool:
        return other - one < 2 or (
            _same(finds[one], finds[other], looks[one], looks[other]) and bridged(one, other)
        )

    while gaps := [(one, other) for one, other in gaps if not settled(one, other)]:
        middles = [(one + other) // 2 for one, other in gaps]
        look(middles)
        gaps = [
            part
            for (one, other), middle in zip(gaps, middles, strict=True)
            if _exchanged(finds[one], finds[other], looks[one], looks[other])
            or not _straight(finds[one], finds[middle], finds[other], (middle - one) / (other - one))
            or not (bridged(one, middle) and bridged(middle, other))
            for part in ((one, middle), (middle, other))
        ]


def _same(one: np.ndarray, other: np.ndarray, seen: np.ndarray, later: np.ndarray) -> bool:
    """Return whether the faces that matter in either of two looks are nearly where they are in the other.

    Args:
        one, other: the faces.
        seen, later: what each of them looks like.
    """
    if not len(one) or not len(other):
        return len(one) == len(other)
    if _exchanged(one, other, seen, later):
        return False
    overlap = iou(one, other)
    nearest = np.concatenate([overlap.max(axis=1)[_matters(one)], overlap.max(axis=0)[_matters(other)]])
    return bool((nearest >= SAME).all())


def _lost(one: np.ndarray, other: np.ndarray, seen: np.ndarray, later: np.ndarray) -> bool:
    """Return whether a face of two looks is too far from where it was for the same one, though it may be.

    A light one that overlaps with none may have come or gone, unless one like it, near and as large, did the opposite.
    """
    if not len(one) or not len(other):
        return False
    overlap = iou(one, other)
    nearest = np.concatenate([overlap.max(axis=1), overlap.max(axis=0)])
    heavy = np.concatenate([_matters(one), _matters(other)])
    if ((nearest < AGREE) & (heavy | (nearest > 0))).any():
        return True
    gone, come = (np.flatnonzero(overlap.max(axis=axis) == 0) for axis in (1, 0))
    before, after = one[gone], other[come]
    near = (np.abs(_middles(before)[:, None] - _middles(after)[None]).max(axis=2)
            < WALKED * np.sqrt(np.minimum(_area(before)[:, None], _area(after)[None])))
    as_large = np.abs(np.log2(_area(before)[:, None] / _area(after)[None])) < 1
    return bool((near & as_large & (distances(seen[gone], later[come]) < UNLIKE)).any())


def _exchanged(one: np.ndarray, other: np.ndarray, seen: np.ndarray, later: np.ndarray) -> bool:
    """Return whether somebody else is in the place of a face that matters: after an overlooked cut, or passing by."""
    if not len(one) or not len(other):
        return False
    overlap, here = iou(one, other), np.flatnonzero(_matters(one))
    there = overlap[here].argmax(axis=1)
    apart = np.diag(distances(seen[here], later[there]))
    return bool((apart[overlap[here, there] > 0] >= UNLIKE).any())


def _straight(one: np.ndarray, middle: np.ndarray, other: np.ndarray, share: float) -> bool:
    """Return whether the faces that matter between two looks are on the straight lines from one to the other."""
    if not len(one) or not len(middle) or not len(other):
        return len(one) == len(middle) == len(other)
    overlap, here = iou(one, other), middle[_matters(middle)]
    pairs = [(at, int(overlap[at].argmax())) for at in np.flatnonzero(_matters(one))]
    if any(overlap[pair] == 0 for pair in pairs) or not len(pairs) == len(here) == _matters(other).sum():
        return False
    drawn = np.array([(1 - share) * one[at, :4] + share * other[to, :4] for at, to in pairs])
    return bool((iou(drawn, here).max(axis=1) >= STRAIGHT).all())


def _matters(faces: np.ndarray) -> np.ndarray:
    """Return which faces of a look are at least a third as large as its heaviest, bool (n,): in width, if as sure."""
    weight = _area(faces) * faces[:, 4]
    return np.asarray(weight >= MATTERS * weight.max())


def _middles(faces: np.ndarray) -> np.ndarray:
    """Return where the middles of faces are, (n, 2)."""
    return np.asarray((faces[:, :2] + faces[:, 2:4]) / 2)


def _area(faces: np.ndarray) -> np.ndarray:
    """Return how many pixels each face has, (n,), at least one."""
    return np.asarray(((faces[:, 2] - faces[:, 0]) * (faces[:, 3] - faces[:, 1])).clip(1))
