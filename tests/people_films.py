"""Films of two people that tests compose: who is where in every frame is known, because each was looked at alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from media_samples import make_video

from wav2lip.faces.boxes import Pads, iou
from wav2lip.faces.detector import Detector, make_detector
from wav2lip.faces.look import look_at_clip
from wav2lip.faces.people import find_people
from wav2lip.faces.track import FaceTrack, track_of
from wav2lip.media.clip import Frame
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.progress import Progress
from wav2lip.training.heads import draw_head

FRAMES, FPS = 64, 25
EVERY = 3               # frames between two looks at a person alone, who hardly moves: the last is one, too
PANEL = (240, 192)      # width and height, in pixels, of a person's picture
WALL = (480, 192)       # of a film that shows two
AROUND = 0.25           # of a face's width: what a detector wants to see around it
CLEAR = 0.97            # of a face with that around it: seen so far, it has to be found
HIDDEN = 0.5            # of a face: seen less far, it need not be told from who is before it
GONE = 0.05             # of a face: seen less far, it must not be found


@dataclass(frozen=True)
class Someone:
    """A person alone: FRAMES pictures of PANEL's size, and the box of the face in each, float (FRAMES, 4)."""

    name: str
    frames: tuple[Frame, ...]
    boxes: np.ndarray


@dataclass(frozen=True)
class Put:
    """One of a film's frames shows a person's frame, its corner at x, y of the film's."""

    who: int
    frame: int
    x: int = 0
    y: int = 0


Layout = Callable[[int], Sequence[Put]]
"""The number of a frame -> what it shows, the last on top."""


@dataclass(frozen=True)
class Film:
    """A composed film.

    Attributes:
        layout: what each frame shows.
        size: width and height, in pixels.
        tilt: degrees by which all is turned.
        cuts: frames that follow a cut or a jump.
    """

    layout: Layout
    size: tuple[int, int] = WALL
    tilt: float = 0.0
    cuts: tuple[int, ...] = ()


def _moves(start: int, stop: int, first: int, last: int) -> Callable[[int], int]:
    """Return the way from one place to another between two frames."""
    return lambda n: round(float(np.interp(n, [first, last], [start, stop])))


def _in_turn(lengths: Sequence[int]) -> Layout:
    ends = np.cumsum(lengths)
    return lambda n: [Put(int(np.searchsorted(ends, n, side="right")) % 2, n)]


def _with_insert(n: int) -> Sequence[Put]:
    return [] if 20 <= n < 36 else [Put(int(n >= 52), n)]


def _away(n: int) -> Sequence[Put]:
    out, back = _moves(0, -PANEL[0], 14, 22), _moves(-PANEL[0], 0, 42, 50)
    return [Put(1, n, 240), Put(0, n, out(n) if n < 32 else back(n))]


def _half_covered(n: int) -> Sequence[Put]:
    there, back = _moves(0, 92, 14, 26), _moves(92, 0, 38, 50)
    return [Put(1, n, 200), Put(0, n, there(n) if n < 32 else back(n))]


def _walks_past(n: int) -> Sequence[Put]:
    return [Put(1, n, 120), Put(0, n, _moves(-200, 440, 0, FRAMES - 1)(n))]


FILMS = {
    "side by side": Film(lambda n: [Put(0, n), Put(1, n, 240)]),
    "sides swapped by a cut": Film(lambda n: [Put(n >= 31, n), Put(n < 31, n, 240)], cuts=(31,)),
    "sides swapped by walking": Film(
        lambda n: [Put(1, n, _moves(240, 0, 6, 57)(n)), Put(0, n, _moves(0, 240, 6, 57)(n))]
    ),
    "in turn": Film(_in_turn([15, 18, 15, 16]), PANEL, cuts=(15, 33, 48)),
    "in turn, briefly": Film(_in_turn([25, 6, 33]), PANEL, cuts=(25, 31)),
    "with an insert": Film(_with_insert, PANEL, cuts=(20, 36, 52)),
    "one leaves and returns": Film(_away),
    "tilted": Film(lambda n: [Put(0, n), Put(1, n, 240)], tilt=15),
    "half covered": Film(_half_covered),
    "one walks past": Film(_walks_past),
}


@dataclass(frozen=True)
class Truth:
    """A person in every frame.

    Attributes:
        boxes: of the face, float (FRAMES, 4); NaN where it is not.
        seen: how much of the face is seen, float (FRAMES,).
        clear: whether all of it and around it is seen, bool (FRAMES,).
    """

    boxes: np.ndarray
    seen: np.ndarray
    clear: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What became of a film's people.

    Attributes:
        tracks: by label, in order.
        truths: of the two people.
        owners: for every person the labels whose box was the person's own in some frame, with the number of frames.
    """

    tracks: dict[str, FaceTrack]
    truths: tuple[Truth, ...]
    owners: tuple[dict[str, int], ...]


@lru_cache
def detector(name: str, weights: Path | None = None) -> Detector:
    return make_detector(name, weights=weights, device="cpu", compat=False, offline=True, say=lambda text: None)


@lru_cache
def drawn(identity: int, eyes: Detector) -> Someone:
    """Return a drawn person, who speaks."""
    speech = np.abs(np.sin(np.arange(FRAMES) * 0.9)) * np.abs(np.sin(np.arange(FRAMES) * 0.17))
    width, height = PANEL
    frames = [draw_head(identity, float(opening), 0.0, n / FPS, width) for n, opening in enumerate(speech)]
    top = (width - height) // 2
    return _alone(f"drawn {identity}", [frame[top : top + height] for frame in frames], eyes)


@lru_cache
def recorded(path: Path, eyes: Detector) -> Someone:
    """Return a person of a recording, cut to PANEL's shape around the middle."""
    clip = probe(path)
    shape = np.array(PANEL) * min(clip.width / PANEL[0], clip.height / PANEL[1])
    left, top = ((clip.width, clip.height) - shape) / (2, 3)
    (x1, y1), (x2, y2) = (int(left), int(top)), np.add((int(left), int(top)), shape.astype(int))
    frames = [
        cv2.resize(frame[y1:y2, x1:x2], PANEL, interpolation=cv2.INTER_AREA)
        for frame in read_frames(clip, 0, FRAMES)
    ]
    return _alone(path.stem, frames, eyes)


def _alone(name: str, frames: Sequence[Frame], eyes: Detector) -> Someone:
    looked = range(0, FRAMES, EVERY)
    corners = np.array([faces[0, :4] for faces in eyes.detect([frames[n] for n in looked])])
    boxes = np.stack([np.interp(range(FRAMES), looked, corner) for corner in corners.T], axis=1)
    return Someone(name, tuple(frames), boxes)


def compose(film: Film, people: Sequence[Someone]) -> Iterator[Frame]:
    """Yield the film's frames."""
    width, height = film.size
    for n in range(FRAMES):
        picture = np.full((height, width, 3), 90, np.uint8)
        for put in film.layout(n):
            _paste(picture, people[put.who].frames[put.frame], put.x, put.y)
        if not film.layout(n):
            picture[:] = _landscape(width, height)
        yield picture if not film.tilt else cv2.warpAffine(picture, _turn(film), film.size, borderValue=(90, 90, 90))


def truth_of(film: Film, people: Sequence[Someone], who: int) -> Truth:
    """Return where a person's face is."""
    boxes, seen, clear = np.full((FRAMES, 4), np.nan), np.zeros(FRAMES), np.zeros(FRAMES, bool)
    for n in range(FRAMES):
        puts = list(film.layout(n))
        for at, put in enumerate(puts):
            if put.who != who:
                continue
            box = people[who].boxes[put.frame] + [put.x, put.y, put.x, put.y]
            above = puts[at + 1 :]
            around = box + AROUND * (box[2] - box[0]) * np.array([-1, -1, 1, 1])
            panel = np.array([put.x, put.y, put.x + PANEL[0], put.y + PANEL[1]])
            around = np.concatenate([np.maximum(around, panel)[:2], np.minimum(around, panel)[2:]])
            seen[n] = _seen(box, film.size, above)
            clear[n] = _seen(around, film.size, above) >= CLEAR
            if film.tilt:
                middle = _turn(film) @ [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 1]
                half = (box[2:] - box[:2]) / 2
                box = np.concatenate([middle - half, middle + half])
            boxes[n] = box
    return Truth(boxes, seen, clear)


def show(
    film: Film, people: Sequence[Someone], eyes: Detector, folder: Path, fps: Fraction | int = FPS
) -> Outcome:
    """Write a film, and find the people in it."""
    path = make_video(folder / "film.mkv", compose(film, people), fps, ["-c:v", "libx264", "-crf", "16"])
    clip = probe(path)
    detections = look_at_clip(clip, clip.frames, eyes, "cpu", Progress())
    tracks = {
        one.label: track_of(one.sights, detections, pads=Pads(0, 0, 0, 0), size=film.size, fps=clip.fps)
        for one in find_people(detections, clip.fps)
    }
    truths = tuple(truth_of(film, people, who) for who in range(len(people)))
    owners = tuple(
        {label: count for label, track in tracks.items() if (count := int((agreement(track, truth) >= 0.5).sum()))}
        for truth in truths
    )
    return Outcome(tracks, truths, owners)


def agreement(track: FaceTrack, truth: Truth) -> np.ndarray:
    """Return the intersection over union of box and truth in every frame; 0 where either is missing."""
    both = track.seen & ~np.isnan(truth.boxes).any(axis=1)
    found = np.zeros(FRAMES)
    for n in np.flatnonzero(both):
        found[n] = iou(track.boxes[n, None], truth.boxes[n, None])[0, 0]
    return found


def switches(outcome: Outcome) -> int:
    """Return how often a label goes over from one person to another."""
    count = 0
    for track in outcome.tracks.values():
        here = np.array([np.where(truth.seen >= HIDDEN, agreement(track, truth), 0) for truth in outcome.truths])
        whose = here.argmax(axis=0)[here.max(axis=0) >= 0.5]
        count += sum(int(one != other) for one, other in pairwise(whose))
    return count


def _paste(picture: Frame, part: Frame, x: int, y: int) -> None:
    height, width = picture.shape[:2]
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + part.shape[1], width), min(y + part.shape[0], height)
    if right > left and bottom > top:
        picture[top:bottom, left:right] = part[top - y : bottom - y, left - x : right - x]


def _seen(box: np.ndarray, size: tuple[int, int], above: Sequence[Put]) -> float:
    """Return how much of a box is in a film's frame and under none of the panels above."""
    x1, y1, x2, y2 = (round(float(side)) for side in box)
    rows, columns = np.mgrid[y1:y2, x1:x2]
    there = (rows >= 0) & (rows < size[1]) & (columns >= 0) & (columns < size[0])
    for put in above:
        inside = (columns >= put.x) & (columns < put.x + PANEL[0]) & (rows >= put.y) & (rows < put.y + PANEL[1])
        there &= ~inside
    return float(there.mean())


def _landscape(width: int, height: int) -> Frame:
    rows, columns = np.mgrid[0:height, 0:width]
    hills = height * (0.6 + 0.1 * np.sin(columns / 40) + 0.05 * np.sin(columns / 11))
    sky = np.stack([230 - rows * 0.2, 180 - rows * 0.1, 140 + rows * 0.3], axis=2)
    return np.where((rows > hills)[..., None], (40, 110, 60), sky).astype(np.uint8)


def _turn(film: Film) -> np.ndarray:
    width, height = film.size
    return cv2.getRotationMatrix2D((width / 2, height / 2), film.tilt, 0.85)
