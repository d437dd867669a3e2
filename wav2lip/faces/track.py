"""Where one face is in every frame: a few numbers each, made from what a detector found or from what a user says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

import numpy as np

from wav2lip.errors import UsageError
from wav2lip.faces.appearance import LEAN
from wav2lip.faces.boxes import Box, Pads, clamp, pad, smooth_compat, smooth_landmarks
from wav2lip.faces.boxes import smooth as calm
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import PLAIN, WITH_LANDMARKS
from wav2lip.faces.pose import facing, steady, straightened, yaw
from wav2lip.faces.pose import tilt as leaning
from wav2lip.faces.sights import Sight, longest_gap, plausible

NOBODY = -1


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
        lean: float (n,), how far the face leans as its pixels tell, in radians clockwise, steadied; NaN where nobody
            knows. None where nobody looked for that.
        angle: float (n,), radians clockwise by which the face is turned back when it is cut out; None for upright.
        facing: float (n,), how much of a generated face is shown, 0 to 1; None for all.
    """

    boxes: np.ndarray
    score: np.ndarray
    identity: np.ndarray
    shot: np.ndarray
    size: tuple[int, int]
    landmarks: np.ndarray | None = None
    lean: np.ndarray | None = None
    angle: np.ndarray | None = None
    facing: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def box(self, frame: int) -> Box | None:
        """Return the box in a frame, in whole pixels; None where there is no face."""
        row = self.boxes[frame]
        if np.isnan(row).any():
            return None
        box = Box(*(round(float(side)) for side in row))
        return box if box.width > 0 and box.height > 0 else None

    def place(self, frame: int) -> tuple[float, float, float, float, float] | None:
        """Return the box in a frame to fractions of a pixel, x1, y1, x2, y2, and its angle; None without a face."""
        if self.box(frame) is None:
            return None
        x1, y1, x2, y2 = map(float, self.boxes[frame])
        return x1, y1, x2, y2, 0.0 if self.angle is None else float(self.angle[frame])

    def landmarks_at(self, frame: int) -> np.ndarray | None:
        """Return the landmarks in a frame in pixels, (5, 2); None where they are not known."""
        if self.landmarks is None or self.box(frame) is None or np.isnan(self.landmarks[frame]).any():
            return None
        return np.asarray(self.landmarks[frame])

    def posed(self, *, tilt: bool, max_yaw: float) -> FaceTrack:
        """Return the same with how the face is held, by its pixels and its landmarks, as far as either tells.

        Args:
            tilt: turn back a face that leans.
            max_yaw: degrees; a face that is turned further aside is not shown.
        """
        lean = self.lean
        if lean is not None and self.landmarks is not None:
            # Detectors' landmarks stay behind a head that leans: pixels come first, where they tell.
            lean = np.where(np.isnan(lean), leaning(self.landmarks), lean)
        elif self.landmarks is not None:
            lean = leaning(self.landmarks)
        angle = straightened(lean) if tilt and lean is not None else None
        shown = None if self.landmarks is None else facing(yaw(self.landmarks), max_yaw)
        return replace(self, angle=angle, facing=shown)

    def _by_frame(self) -> dict[str, np.ndarray]:
        """Return all that it has a row of for every frame, by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    @property
    def seen(self) -> np.ndarray:
        """Which frames have a box, bool (n,)."""
        whole = np.rint(self.boxes)    # NaN compares as false
        return np.asarray((whole[:, 2] > whole[:, 0]) & (whole[:, 3] > whole[:, 1]))

    @property
    def found(self) -> int:
        """In how many frames there is a face."""
        return int(self.seen.sum())

    def first(self, frames: int) -> FaceTrack:
        """Return that of the first `frames` frames."""
        return self.at(np.arange(min(frames, len(self))))

    def at(self, numbers: np.ndarray) -> FaceTrack:
        """Return a track of these frames, int (m,), in this order."""
        return replace(self, **{name: values[numbers] for name, values in self._by_frame().items()})

    def renumbered(self, by: int) -> FaceTrack:
        """Return the same with other numbers for the shots, each larger by `by`."""
        return replace(self, shot=self.shot + by)

    def only(self, frames: np.ndarray) -> FaceTrack:
        """Return the same without the face in all frames but some, bool (n,)."""
        landmarks = None if self.landmarks is None else np.where(frames[:, None, None], self.landmarks, np.nan)
        return replace(
            self, boxes=np.where(frames[:, None], self.boxes, np.nan), score=np.where(frames, self.score, 0),
            identity=np.where(frames, self.identity, NOBODY), landmarks=landmarks,
        )


def track_of(
    sights: Sequence[Sight], detections: Detections, *, pads: Pads, smooth: bool = True, size: tuple[int, int],
    fps: Fraction | float,
) -> FaceTrack:
    """Return where one person's face is in every frame of a clip. Gaps of up to half a second are bridged.

    Args:
        sights: of the person; never two at a time.
        detections: in which they were found.
        pads: added to the boxes after smoothing.
        smooth: calm boxes and landmarks over time, never across a cut or a long gap.
        size: width and height of the frames.
        fps: frames a second.
    """
    n, longest = len(detections), longest_gap(fps)
    places, score = np.full((n, detections.columns - 1), np.nan), np.zeros(n)    # box, and landmarks if there are any
    run = np.full(n, NOBODY)    # which uninterrupted sight of the face a frame belongs to
    runs, found, lean = 0, np.zeros(n, bool), np.full(n, np.nan)
    for sight in sights:
        numbers, rows = np.array(sight.frames), np.array(sight.finds)
        if sight.looks:
            lean[numbers] = np.array(sight.looks)[:, LEAN]
        places[numbers], score[numbers], found[numbers] = np.delete(rows, 4, axis=1), rows[:, 4], True
        for at, number in enumerate(numbers):
            bridged = at > 0 and _bridge(places, numbers[at - 1], number, longest)
            runs += not bridged
            first = numbers[at - 1] + 1 if bridged else number
            run[first : number + 1] = runs
            score[first:number] = np.linspace(score[first - 1], score[number], number - first + 2)[1:-1]
    score[detections.looked & ~found] = 0    # those were overlooked
    boxes = places[:, :4]
    landmarks = places[:, 4:].reshape(n, -1, 2) if detections.columns == WITH_LANDMARKS else None
    for at in range(1, runs + 1):
        lean[run == at] = steady(lean[run == at], float(fps))
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
    leans = None if detections.looks is None else lean
    return FaceTrack(boxes, score, np.where(nobody, NOBODY, 0), detections.shots, size, landmarks, leans)


def given_track(
    boxes: np.ndarray, landmarks: np.ndarray | None, starts: Sequence[int], frames: int, *, pads: Pads,
    size: tuple[int, int],
) -> FaceTrack:
    """Take the boxes that somebody has made, as they are but for the pads.

    Args:
        boxes: float (m, 4): x1, y1, x2, y2 in pixels, NaN without a face; frames after the last have none.
        landmarks: float (m, 5, 2) as those of `FaceTrack`, or None.
        starts: the first frame of each shot, ascending.
        frames: how many frames there are.
        pads: added to the boxes.
        size: width and height of the frames.
    """
    rows = np.full((frames, 4), np.nan)
    rows[: len(boxes)] = clamp(pad(boxes[:frames], pads), size)
    points = None
    if landmarks is not None:
        points = np.full((frames, 5, 2), np.nan)
        points[: len(landmarks)] = landmarks[:frames]
    there = ~np.isnan(rows).any(axis=1)
    shot = np.searchsorted(np.asarray(starts, int), np.arange(frames), side="right").clip(1) - 1
    return FaceTrack(rows, there.astype(float), np.where(there, 0, NOBODY), shot, size, points)


def joined(tracks: Sequence[FaceTrack], which: np.ndarray) -> FaceTrack:
    """Return a track that is in each frame one of several.

    Args:
        tracks: of equally many frames, with other numbers for their shots.
        which: int (n,), the track that counts; -1 for none, where the face is missing.
    """
    chosen, numbers = which.clip(0), np.arange(len(which))
    rows: dict[str, Any] = {}
    for name in tracks[0]._by_frame():
        values = [getattr(track, name) for track in tracks]
        known = all(value is not None for value in values)    # what one of them does not tell, all do not
        rows[name] = np.stack(values)[chosen, numbers] if known else None
    return replace(tracks[0], **rows).only(which >= 0)


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


def _bridge(places: np.ndarray, before: int, after: int, longest: int) -> bool:
    """Fill the rows between two finds in a straight line, and return whether they belong together."""
    gap = after - before
    if not plausible(places[before], places[after], gap, longest):
        return False
    for number in range(before + 1, after):
        share = (number - before) / gap
        places[number] = (1 - share) * places[before] + share * places[after]
    return True
