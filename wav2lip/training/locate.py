"""Where the face is in every frame of a recording, from looks at few of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, islice, pairwise

import numpy as np

from wav2lip.faces.boxes import Pads, iou
from wav2lip.faces.detector import Detector
from wav2lip.faces.shots import ShotCounter
from wav2lip.faces.track import AGREE, FEWEST, Detections, follow
from wav2lip.media.clip import Frame
from wav2lip.models.syncnet import FPS

_NO_FACES = np.zeros((0, 5), np.float32)


def find_boxes(frames: Iterable[Frame], detector: Detector, *, every: int, block: int, batch: int) -> np.ndarray:
    """Find one person's face in every frame.

    Every so many frames is looked at, and both sides of every cut. Between two looks that agree the face moves in a
    straight line; where only one of them sees a face, or they see different ones, all frames between are looked at.
    A frame that was looked at and shows no face has none.

    Args:
        frames: of the whole clip, at 25 a second, at least one.
        detector: finds faces in single frames.
        every: frames from one look to the next, at most 12.
        block: how many frames are held in memory, and one more; a multiple of `every`.
        batch: frames given to the detector at a time.

    Returns:
        float64 (n, 4): x1, y1, x2, y2 in pixels, within the frame, at least a pixel wide and high; NaN without a face.
    """
    finds: dict[int, np.ndarray] = {}
    shots: list[int] = []
    counter = ShotCounter()
    frames = iter(frames)
    held = list(islice(frames, block + 1))    # one more, so that every block ends with a look
    height, width = held[0].shape[:2]
    while held:
        first = len(shots)
        shots += [counter.number(frame) for frame in held]
        _look(_first_looks(shots, first, every), held, first, detector, batch, finds)
        seen = [number for number in range(max(0, first - 1), len(shots)) if number in finds]
        for one, other in pairwise(seen):
            if shots[one] == shots[other] and not _agree(finds[one], finds[other]):
                _look(range(one + 1, other), held, first, detector, batch, finds)
        held.clear()                     # before the next ones come
        held = list(islice(frames, block))
    return _follow(finds, np.array(shots), (width, height))


def _first_looks(shots: Sequence[int], first: int, every: int) -> list[int]:
    """Return which frames of the block from `first` on are looked at in any case."""
    looks: set[int] = set()
    for shot, run in groupby(range(first, len(shots)), key=shots.__getitem__):
        numbers = list(run)
        here = {number for number in numbers if number % every == 0} | {numbers[-1]}
        if numbers[0] == 0 or shots[numbers[0] - 1] != shot:
            here.add(numbers[0])
            if len(here) < FEWEST:       # a face has to be found so often to be believed
                here.add(numbers[len(numbers) // 2])
        looks |= here
    return sorted(looks)


def _look(
    numbers: Iterable[int], held: Sequence[Frame], first: int, detector: Detector, batch: int,
    finds: dict[int, np.ndarray],
) -> None:
    """Put into `finds` what the detector sees in some frames of the block that begins with frame `first`."""
    rest = iter(numbers)
    while group := list(islice(rest, batch)):
        faces = detector.detect([held[number - first] for number in group])
        finds.update(zip(group, faces, strict=True))


def _agree(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether the largest, surest face of a look is there in another, or neither has any."""
    if not len(one) or not len(other):
        return len(one) == len(other)
    weight = (one[:, 2] - one[:, 0]) * (one[:, 3] - one[:, 1]) * one[:, 4]
    return bool(iou(one[weight.argmax()][None], other).max() >= AGREE)


def _follow(finds: dict[int, np.ndarray], shots: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    detections = Detections(tuple(finds.get(number, _NO_FACES) for number in range(len(shots))), shots)
    track = follow(detections, pads=Pads(0, 0, 0, 0), smooth=False, size=size, fps=FPS)
    boxes = track.boxes
    looked = np.zeros(len(boxes), bool)
    looked[list(finds)] = True
    boxes[looked & (track.score == 0)] = np.nan              # it was bridged, but nobody is there
    boxes[~(np.floor(boxes[:, 2:]) > np.floor(boxes[:, :2])).all(axis=1)] = np.nan
    return boxes
