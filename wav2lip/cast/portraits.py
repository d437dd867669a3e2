"""A few pictures of everybody: the sharp, large and frontal ones among moments spread over their time on screen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from wav2lip.cast.seen import Seen
from wav2lip.cast.survey import Survey
from wav2lip.evaluation.drawing import GROUND, resized
from wav2lip.media.clip import Frame
from wav2lip.media.pick import pick
from wav2lip.media.read import read_frames
from wav2lip.progress import Progress

APART = 10              # frames from one moment to the next, at least: neighbours look the same
MARGIN = 5              # of a part of somebody's time: a fifth at either end is left out, next to the other parts
NEAR = 3                # frames: of so near ones, nearly as good, the sharpest is taken
NEARLY = 0.9            # of the best one's worth
BORDER = 2              # frames from a cut that may belong to a dissolve
AROUND = 1.7            # times the face's longer side: what a picture shows
_LOOKED_AT = 96         # pixels: sharpness is told at one size


@dataclass(frozen=True)
class Portrait:
    """Somebody at some moment.

    Attributes:
        time: seconds.
        picture: uint8 (side, side, 3), BGR, the face in its middle.
    """

    time: Fraction
    picture: Frame


def portraits(
    survey: Survey, people: Sequence[Seen], *, most: int, side: int, progress: Progress
) -> list[list[Portrait]]:
    """Return pictures of people, in the order of time.

    Only frames around the chosen moments are decoded, and one is held at a time.

    Args:
        survey: of their clip.
        people: some of it.
        most: how many pictures of each; fewer of those who are seen shortly.
        side: of a picture, in pixels.
        progress: is told how far it is.

    Raises:
        MediaError: the clip cannot be decoded.
    """
    wanted: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for who, person in enumerate(people):
        for moment, rows in enumerate(_moments(survey, person, most)):
            for row in rows:
                wanted[int(person.frames[row])].append((who, moment, row))
    best: dict[tuple[int, int], tuple[float, Portrait]] = {}
    clip = survey.clip
    frames = pick(sorted(wanted), lambda start, count: read_frames(clip, start, count), jumping=clip.seekable)
    with progress.stage("Drawing the contact sheet", len(wanted)) as advance, closing(frames):
        for number, frame in frames:
            for who, moment, row in wanted[number]:
                box = people[who].boxes[row]
                sharp = _sharpness(frame, box)
                if (who, moment) not in best or sharp > best[who, moment][0]:
                    shown = cut_out(frame, box, side, clip.pixel_aspect)
                    best[who, moment] = sharp, Portrait(number / clip.fps, shown)
            advance(1)
    return [
        [portrait for (whose, _), (_, portrait) in sorted(best.items(), key=lambda item: item[0]) if whose == who]
        for who in range(len(people))
    ]


def cut_out(frame: Frame, box: np.ndarray, side: int, pixel_aspect: Fraction = Fraction(1)) -> Frame:
    """Return what is around a face, uint8 (side, side, 3), in square pixels; empty where it lies beyond the frame.

    Args:
        frame: uint8 (height, width, 3), BGR.
        box: of the face, x1, y1, x2, y2 in pixels.
        side: of the result, in pixels.
        pixel_aspect: width of a pixel of the frame over its height.
    """
    x1, y1, x2, y2 = map(float, box)
    high = max(2, round(AROUND * max((x2 - x1) * pixel_aspect, y2 - y1)))
    wide = max(2, round(high / pixel_aspect))
    left, right, before, behind = _within((x1 + x2) / 2, wide, frame.shape[1])
    top, bottom, above, below = _within((y1 + y2) / 2, high, frame.shape[0])
    shown = cv2.copyMakeBorder(
        frame[top:bottom, left:right], above, below, before, behind, cv2.BORDER_CONSTANT, value=GROUND
    )
    return resized(shown, (side, side))


def _within(centre: float, length: int, size: int) -> tuple[int, int, int, int]:
    """Return first and last + 1 pixel of a stretch, moved into the frame where it fits, and what is left over."""
    first = round(centre - length / 2)
    if length <= size:
        first = min(max(first, 0), size - length)
    last = first + length
    return max(first, 0), min(last, size), max(-first, 0), max(last - size, 0)


def _moments(survey: Survey, person: Seen, most: int) -> list[list[int]]:
    """Return for each moment the rows of a person that compete for it: one part of the time on screen after another."""
    count = min(most, 1 + (len(person.frames) - 1) // APART)
    worth = _worth(survey, person)
    moments = []
    for part in np.array_split(np.arange(len(person.frames)), count):
        inner = part[len(part) // MARGIN : len(part) - len(part) // MARGIN]
        best = int(inner[worth[inner].argmax()])
        near = np.abs(person.frames[part] - person.frames[best])
        good = part[(near % NEAR == 0) & (near <= NEAR) & (worth[part] >= NEARLY * worth[best])]
        moments.append([int(row) for row in good])
    return moments


def _worth(survey: Survey, person: Seen) -> np.ndarray:
    """Return how well each row of a person would show them, (m,): large, frontal, surely found, not near a cut."""
    side = np.sqrt((person.boxes[:, 2:] - person.boxes[:, :2]).prod(axis=1))
    turned = person.yaw
    frontal = 1.0 if turned is None else np.cos(np.radians(np.nan_to_num(turned))).clip(0.05)
    before, after = (np.clip(person.frames + step, 0, survey.frames - 1) for step in (-BORDER, BORDER))
    settled = np.where(survey.shots[before] == survey.shots[after], 1.0, 0.5)
    return np.asarray(side * frontal * settled * person.score.clip(0.05))


def _sharpness(frame: Frame, box: np.ndarray) -> float:
    """Return how much fine detail a face has."""
    x1, y1, x2, y2 = (round(float(side)) for side in box)
    face = cv2.cvtColor(resized(frame[y1:y2, x1:x2], (_LOOKED_AT, _LOOKED_AT)), cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(face, cv2.CV_32F).var())
