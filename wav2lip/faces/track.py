"""From what a detector finds in every frame to the one face that is synced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from wav2lip.errors import UsageError
from wav2lip.faces.boxes import Box, Pads, clamp, iou, pad, smooth_compat, smooth_landmarks
from wav2lip.faces.boxes import smooth as calm
from wav2lip.faces.detector import PLAIN, WITH_LANDMARKS

LONGEST_GAP = 0.5       # seconds without a find through which a face is thought to move on
LINK = 0.1              # IoU of boxes within that time that may be the same face
AGREE = 0.3             # IoU across a gap that makes the way between plausible, or a face that comes back the same
MEMORY = 5.0            # seconds after which a face that comes back counts as a new sight
FEWEST = 3              # finds that make a face believable in a longer shot
MOST_FACES = 20         # finds of a frame that are looked at, best first
NOBODY = -1


@dataclass(frozen=True)
class Detections:
    """What a detector found: the part of a track that costs time, and is cached.

    Attributes:
        faces: for each frame float32 (k, 5): x1, y1, x2, y2 in pixels and a score, best first; (k, 15) in every frame
            that shows a face where the detector knows landmarks, in the order of `Detector.detect`. None for a frame
            that was not looked at, because those around it tell.
        shots: int (n,), the shot each frame belongs to, counted from 0.
    """

    faces: tuple[np.ndarray | None, ...]
    shots: np.ndarray

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def columns(self) -> int:
        """What a find consists of: 5 numbers, or 15 with landmarks."""
        return next((faces.shape[1] for faces in self.faces if faces is not None and len(faces)), PLAIN)

    @property
    def looked(self) -> np.ndarray:
        """Which frames were looked at, bool (n,)."""
        return np.array([faces is not None for faces in self.faces], bool)

    def scaled(self, across: float, down: float) -> Detections:
        """Return the same in frames so many times as wide and high."""
        factor = np.array([across, down, across, down, 1, *[across, down] * 5], np.float32)
        return Detections(
            tuple(None if faces is None else faces * factor[: faces.shape[1]] for faces in self.faces), self.shots
        )

    def first(self, frames: int) -> Detections:
        """Return those of the first `frames` frames."""
        return Detections(self.faces[:frames], self.shots[:frames])


@dataclass(frozen=True)
class FaceTrack:
    """Where the face is in every frame: a few numbers each.

    Attributes:
        boxes: float64 (n, 4): x1, y1, x2, y2 in pixels, padded, smoothed and cut to the frame; NaN without a face.
        score: float (n,): the detector's, or between those of the frames around where it did not look; 0 without a face
            or where the face was overlooked.
        identity: int (n,): who it is, -1 for nobody.
        shot: int (n,), counted from 0.
        size: width and height of the frames, in pixels.
        landmarks: float64 (n, 5, 2): x, y in pixels of right eye, left eye, nose tip, right and left corner of the
            mouth, smoothed as the boxes are; NaN without a face. None where the detector knows none.
    """

    boxes: np.ndarray
    score: np.ndarray
    identity: np.ndarray
    shot: np.ndarray
    size: tuple[int, int]
    landmarks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def box(self, frame: int) -> Box | None:
        """Return the box in a frame, in whole pixels; None where there is no face."""
        row = self.boxes[frame]
        if np.isnan(row).any():
            return None
        box = Box(*(round(float(side)) for side in row))
        return box if box.width > 0 and box.height > 0 else None

    def place(self, frame: int) -> tuple[float, float, float, float] | None:
        """Return the box in a frame to fractions of a pixel, x1, y1, x2, y2; None where `box` has none."""
        if self.box(frame) is None:
            return None
        x1, y1, x2, y2 = map(float, self.boxes[frame])
        return x1, y1, x2, y2

    def landmarks_within(self, frame: int) -> np.ndarray | None:
        """Return the landmarks in a frame as shares of its box, (5, 2); None where they are not known."""
        if self.landmarks is None or self.box(frame) is None or np.isnan(self.landmarks[frame]).any():
            return None
        corner, end = self.boxes[frame, :2], self.boxes[frame, 2:]
        return np.asarray((self.landmarks[frame] - corner) / (end - corner))

    @property
    def found(self) -> int:
        """In how many frames there is a face."""
        return sum(self.box(frame) is not None for frame in range(len(self)))

    def first(self, frames: int) -> FaceTrack:
        """Return that of the first `frames` frames."""
        landmarks = None if self.landmarks is None else self.landmarks[:frames]
        return FaceTrack(
            self.boxes[:frames], self.score[:frames], self.identity[:frames], self.shot[:frames], self.size, landmarks
        )


def follow(
    detections: Detections, *, pads: Pads, smooth: bool = True, size: tuple[int, int], fps: Fraction | float
) -> FaceTrack:
    """Follow one person through the clip.

    In each shot that is the face with the most area times score over time, linked from frame to frame by overlap, so
    that a stranger with a better score in some frames is not jumped to. Who is seen beside that face is somebody
    else; who appears after it has gone may be the same person. Gaps of up to half a second are bridged.

    Args:
        detections: of every frame.
        pads: added to the boxes after smoothing.
        smooth: calm boxes and landmarks over time, never across a cut or a long gap.
        size: width and height of the frames.
        fps: frames a second.
    """
    n, longest, memory = len(detections), max(1, int(LONGEST_GAP * fps)), max(1, int(MEMORY * fps))
    places, score = np.full((n, detections.columns - 1), np.nan), np.zeros(n)    # box, and landmarks if there are any
    run = np.full(n, NOBODY)    # which uninterrupted sight of the face a frame belongs to
    runs, looked, found = 0, detections.looked, np.zeros(n, bool)
    for shot in np.unique(detections.shots):
        frames = np.flatnonzero((detections.shots == shot) & looked)
        for sight in _person(_sights(detections, frames, longest, memory), frames):
            numbers, rows = np.array(sight.frames), np.array(sight.boxes)
            places[numbers], score[numbers], found[numbers] = np.delete(rows, 4, axis=1), rows[:, 4], True
            for at, number in enumerate(numbers):
                bridged = at > 0 and _bridge(places, numbers[at - 1], number, longest)
                runs += not bridged
                first = numbers[at - 1] + 1 if bridged else number
                run[first : number + 1] = runs
                score[first:number] = np.linspace(score[first - 1], score[number], number - first + 2)[1:-1]
    score[looked & ~found] = 0    # those were overlooked
    boxes = places[:, :4]
    landmarks = places[:, 4:].reshape(n, -1, 2) if detections.columns == WITH_LANDMARKS else None
    if smooth:
        for at in range(1, runs + 1):
            here = run == at
            boxes[here] = calm(boxes[here], float(fps))
            if landmarks is not None:
                landmarks[here] = smooth_landmarks(landmarks[here], boxes[here], float(fps))
    boxes = clamp(pad(boxes, pads), size)
    nobody = ~((boxes[:, 2:] - boxes[:, :2]) > 0).all(axis=1)
    boxes[nobody] = np.nan
    if landmarks is not None:
        landmarks[nobody] = np.nan
    return FaceTrack(boxes, score, np.where(nobody, NOBODY, 0), detections.shots, size, landmarks)


def compat_track(detections: Detections, *, pads: Pads, smooth: bool, size: tuple[int, int]) -> FaceTrack:
    """Take the best-scoring face of every frame, truncated, padded and smoothed as the original program does.

    The original gives up at a frame without a face; here such frames stay without one, and smoothing sees the others
    as if they followed each other.
    """
    n = len(detections)
    best_first = {at: faces[0, :PLAIN] for at, faces in enumerate(detections.faces) if faces is not None and len(faces)}
    seen, best = np.array(list(best_first), int), np.array(list(best_first.values()), float).reshape(-1, PLAIN)
    width, height = size
    rows = pad(best[:, :4].clip(min=0).astype(np.int64), pads)
    # Only outwards, as the original: a box wholly outside the frame becomes empty, not valid.
    rows[:, :2] = rows[:, :2].clip(min=0)
    rows[:, 2:] = np.minimum(rows[:, 2:], [width, height])
    boxes, score, identity = np.full((n, 4), np.nan), np.zeros(n), np.full(n, NOBODY)
    boxes[seen] = smooth_compat(rows) if smooth else rows
    score[seen], identity[seen] = best[:, 4], 0
    return FaceTrack(boxes, score, identity, detections.shots, size)


def fixed_track(box: Sequence[int], frames: int, size: tuple[int, int], *, compat: bool = False) -> FaceTrack:
    """Take the same box in every frame.

    Args:
        box: top, bottom, left, right in pixels, as the user gives it.
        frames: how many frames there are.
        size: their width and height.
        compat: the box has to lie within the frame, as the original never clamps it; otherwise it is cut to the frame.

    Raises:
        UsageError: an empty box, or one outside the frame.
    """
    top, bottom, left, right = box
    width, height = size
    asked = np.array([[left, top, right, bottom]], float)
    inside = clamp(asked, size)
    x1, y1, x2, y2 = inside[0]
    if x2 <= x1 or y2 <= y1 or (compat and (inside != asked).any()):
        raise UsageError(
            f"The face box {top} {bottom} {left} {right} (top bottom left right) does not fit into frames of "
            f"{width}x{height} pixels. Give numbers with top < bottom <= {height} and left < right <= {width}."
        )
    return FaceTrack(
        np.repeat(inside, frames, axis=0), np.ones(frames), np.zeros(frames, int), np.zeros(frames, int), size
    )


@dataclass
class _Sight:
    """One face through one shot, as far as its boxes link up."""

    frames: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)    # (5,) each, or (15,)

    def weight(self, lasts: dict[int, float]) -> float:
        """Area times score, summed over time.

        Args:
            lasts: for how many frames each one that was looked at stands.
        """
        rows, times = np.array(self.boxes, float), np.array([lasts[number] for number in self.frames])
        return float(((rows[:, 2] - rows[:, 0]) * (rows[:, 3] - rows[:, 1]) * rows[:, 4] * times).sum())


def _sights(detections: Detections, frames: np.ndarray, longest: int, memory: int) -> list[_Sight]:
    """Link the finds of one shot into faces, best overlap first."""
    sights: list[_Sight] = []
    live: list[_Sight] = []
    for number in map(int, frames):
        faces = detections.faces[number]
        assert faces is not None, "only frames that were looked at"
        faces = faces[:MOST_FACES]
        live = [sight for sight in live if number - sight.frames[-1] <= memory]
        free = list(range(len(faces)))
        for at, face in _pairs(live, faces, number, longest):
            live[at].frames.append(number)
            live[at].boxes.append(faces[face])
            free.remove(face)
        new = [_Sight([number], [faces[face]]) for face in free]
        sights += new
        live += new
    return sights


def _pairs(sights: list[_Sight], faces: np.ndarray, number: int, longest: int) -> Iterator[tuple[int, int]]:
    """Yield (sight, find) for the finds of a frame that go on with an earlier face."""
    if not sights or not len(faces):
        return
    overlap = iou(np.array([sight.boxes[-1] for sight in sights]), faces)
    recent = np.array([number - sight.frames[-1] <= longest for sight in sights])
    overlap[overlap < np.where(recent, LINK, AGREE)[:, None]] = 0
    while overlap.max() > 0:
        at, face = (int(index) for index in np.unravel_index(overlap.argmax(), overlap.shape))
        yield at, face
        overlap[at], overlap[:, face] = 0, 0


def _person(sights: list[_Sight], frames: np.ndarray) -> list[_Sight]:
    """Return the sights of the shot's main face: the heaviest, and those that lie wholly before or after it.

    Args:
        sights: of the shot.
        frames: its frames that were looked at, ascending.
    """
    chosen: list[_Sight] = []
    believable = [sight for sight in sights if len(sight.frames) >= min(FEWEST, len(frames))]
    # Half of the way to the looks before and after; the outermost ones stand for their own side alone.
    half = np.pad(np.diff(frames) / 2, 1, constant_values=0.5)
    lasts = dict(zip(map(int, frames), half[:-1] + half[1:], strict=True))
    for sight in sorted(believable, key=lambda sight: sight.weight(lasts), reverse=True):
        if all(sight.frames[-1] < other.frames[0] or sight.frames[0] > other.frames[-1] for other in chosen):
            chosen.append(sight)
    return chosen


def _bridge(places: np.ndarray, before: int, after: int, longest: int) -> bool:
    """Fill the rows between two finds in a straight line, and return whether they belong together."""
    gap = after - before
    if gap > longest or iou(places[before, None], places[after, None])[0, 0] < (AGREE if gap > 1 else LINK):
        return False
    for number in range(before + 1, after):
        share = (number - before) / gap
        places[number] = (1 - share) * places[before] + share * places[after]
    return True
