"""Tracks of people as a file that can be edited: a box, or null, for every frame."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from wav2lip.cast.person_track import PersonTrack
from wav2lip.cast.selectors import parse_label
from wav2lip.cast.text import parse_json, placed, quoted, read_text
from wav2lip.cast.track_values import count, first_frames, numbers, picture_size, rate
from wav2lip.errors import UsageError
from wav2lip.media.whole import whole_file

FORMAT = "wav2lip-tracks"
VERSION = 1

_SMALLEST = 1           # pixel: less is no face, or a box in shares of the picture
_SAME_RATE = 1e-4       # of a rate: 29.97 is meant to be 30000/1001
_ALONE = ("boxes", "bounding_boxes")    # what other programs call the boxes of one person
_KINDS = 'a list of boxes [x1, y1, x2, y2] and nulls, {"boxes": such a list}, or what `wav2lip faces -o` writes'


@dataclass(frozen=True)
class TrackFile:
    """What a file of tracks says.

    Attributes:
        path: the file.
        fps: frames a second of its video; None where it does not say.
        size: width and height of the frames in pixels; None where it does not say.
        shots: the first frame of each shot, 0 first; None where it does not say.
        people: everyone in it, all with as many frames.
    """

    path: Path
    fps: Fraction | None
    size: tuple[int, int] | None
    shots: tuple[int, ...] | None
    people: tuple[PersonTrack, ...]

    @property
    def frames(self) -> int:
        """For how many frames it has a box or a null."""
        return len(self.people[0].boxes) if self.people else 0


def write_tracks(
    path: Path,
    tracks: Iterable[PersonTrack],
    *,
    video: str,
    fps: Fraction,
    frames: int,
    size: tuple[int, int],
    shots: Sequence[int],
) -> None:
    """Write tracks, rounded to a tenth of a pixel. The file appears whole or not at all.

    Each person is written before the next is asked for, and each box has a line of its own. A box of less than a pixel
    is written as null, since it cannot be read.

    Args:
        path: the file, JSON.
        tracks: of all people, each with a label of its own and `frames` boxes.
        video: the video's name, for whoever reads the file.
        fps: its frames a second.
        frames: how many it has.
        size: their width and height, in pixels.
        shots: the first frame of each shot.

    Raises:
        Wav2LipError: it cannot be written.
    """
    header = {
        "format": FORMAT, "version": VERSION, "video": video, "fps": str(fps), "frames": frames, "size": list(size),
        "shots": [int(shot) for shot in shots],
    }
    with whole_file(path) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
        file.write("{\n")
        file.writelines(f" {json.dumps(name)}: {json.dumps(value)},\n" for name, value in header.items())
        file.write(' "people": [')
        for number, track in enumerate(tracks):
            file.write(f'{"," if number else ""}\n  {{\n   "label": {json.dumps(track.label)},\n   "boxes": [')
            boxes = np.round(track.boxes, 1)
            seen = np.all(boxes[:, 2:] - boxes[:, :2] >= _SMALLEST, axis=1)     # not where there is NaN
            file.writelines(_lines(boxes, seen))
            if track.landmarks is not None:
                file.write('],\n   "landmarks": [')
                marks = np.round(track.landmarks, 1)
                file.writelines(_lines(marks, seen & np.isfinite(marks).all(axis=(1, 2))))
            file.write("]\n  }")
        file.write("\n ]\n}\n")


def _lines(rows: np.ndarray, known: np.ndarray) -> Iterator[str]:
    for number, row in enumerate(rows):
        # A list of finite numbers looks the same in Python as in JSON.
        yield f'{"," if number else ""}\n    {row.tolist() if known[number] else "null"}'


def read_tracks(path: Path) -> TrackFile:
    """Return the tracks of a file that `write_tracks` or a person wrote.

    What other lip-sync programs take is read too: a list of boxes and nulls, one for each frame, alone or as "boxes" or
    "bounding_boxes" of an object. It is person A's. Frames are counted from 0.

    Landmarks whose middle lies outside of their box are not believed: somebody has moved the box.

    Raises:
        UsageError: it is not JSON, or says something that cannot be: "track.json: person B, frame 17: ...".
        MediaError: it cannot be read, or is no text.
    """

    def packed(content: dict[str, Any]) -> Any:
        """Make arrays of a person's lists at once: as JSON an hour of everybody fills the memory."""
        if "label" not in content or "people" in content:
            return content
        with placed(str(path)):
            if not isinstance(content["label"], str):
                raise UsageError(f'"label" cannot be {quoted(content["label"])}; a person is called "A", "B" or "AA".')
            return _person(parse_label(content["label"]), content)

    content = parse_json(read_text(path), path, float, packed)
    with placed(str(path)):
        if isinstance(content, dict) and "people" in content:
            return _read_people(path, content)
        if isinstance(content, dict):
            content = next((content[name] for name in _ALONE if name in content), None)
        if isinstance(content, list):
            content = _person("A", {"boxes": content})
        if not isinstance(content, PersonTrack):
            raise UsageError(f"this is no file of tracks, which is {_KINDS}.")
        return TrackFile(path, None, None, None, (content,))


def check_tracks(file: TrackFile, frames: int, size: tuple[int, int], fps: Fraction | None) -> list[str]:
    """Refuse tracks that are not of a video.

    Args:
        file: the tracks.
        frames: how many frames the video has.
        size: their width and height, in pixels.
        fps: how many are shown in a second; None for a picture.

    Returns:
        What the user should know, a sentence each: that the tracks end before the video (see `PersonTrack.lasting`).

    Raises:
        UsageError: size, rate or length are another video's, or a box lies outside of the picture.
    """
    again = "`wav2lip faces -o` writes those of this video."
    with placed(str(file.path)):
        if file.size is not None and file.size != size:
            raise UsageError(f"its video is {_by(file.size)}, this one is {_by(size)}; {again}")
        if file.fps is not None and fps is not None and abs(file.fps - fps) > fps * Fraction(_SAME_RATE):
            raise UsageError(f"its video has {file.fps} frames a second, this one {fps}; {again}")
        if file.frames > frames:
            raise UsageError(f"it has boxes for {file.frames} frames, but the video has only {frames}; {again}")
        for person in file.people:
            # Comparisons with NaN are false: who is not seen is not outside.
            outside = (person.boxes[:, :2] >= size).any(axis=1) | (person.boxes[:, 2:] <= 0).any(axis=1)
            if outside.any():
                raise UsageError(
                    f"person {person.label}, frame {outside.argmax()}: the box lies outside of the picture, which is "
                    f"{_by(size)}."
                )
    if file.frames == frames:
        return []
    return [f"{file.path} has boxes for {file.frames} of {frames} frames; nobody is synced in the rest."]


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _read_people(path: Path, content: dict[str, Any]) -> TrackFile:
    if content.get("format", FORMAT) != FORMAT or content.get("version", VERSION) != VERSION:
        raise UsageError(
            f"it is {quoted(content.get('format', FORMAT))}, version {quoted(content.get('version', VERSION))}; this "
            f"program reads {FORMAT!r}, version {VERSION}."
        )
    listed = content["people"]
    if not isinstance(listed, list) or not listed:
        raise UsageError('"people" has to be a list of at least one {"label": "A", "boxes": [...]}.')
    people: list[PersonTrack] = []
    for number, person in enumerate(listed, 1):
        if not isinstance(person, PersonTrack):
            raise UsageError(f'number {number} of "people" has no "label", such as "A".')
        if person.label in (other.label for other in people):
            raise UsageError(f"two people are called {person.label}; give each a label of its own.")
        people.append(person)
    frames = count("frames", content["frames"]) if content.get("frames") is not None else len(people[0].boxes)
    for one in people:
        if len(one.boxes) != frames:
            raise UsageError(
                f"person {one.label} has {len(one.boxes)} boxes for {frames} frames; write null where nobody is seen."
            )
    return TrackFile(
        path,
        fps=None if content.get("fps") is None else rate(content["fps"]),
        size=None if content.get("size") is None else picture_size(content["size"]),
        shots=None if content.get("shots") is None else first_frames(content["shots"], frames),
        people=tuple(people),
    )


def _person(label: str, content: dict[str, Any]) -> PersonTrack:
    who = f"person {label}"
    boxes = numbers(who, "boxes", content.get("boxes"), (4,), "[x1, y1, x2, y2]")
    if not len(boxes):
        raise UsageError(f"{who}: there are no boxes; write one, or null, for every frame.")
    sides = boxes[:, 2:] - boxes[:, :2]
    small = (sides < _SMALLEST).any(axis=1)
    if small.any():
        frame = int(small.argmax())
        turned = (sides[frame] <= 0).any()
        why = "x2 has to be greater than x1, and y2 than y1" if turned else "boxes are in pixels, not in shares"
        raise UsageError(f"{who}, frame {frame}: {boxes[frame].tolist()} is less than a pixel wide or high; {why}.")
    if content.get("landmarks") is None:
        return PersonTrack(label, boxes)
    marks = numbers(who, "landmarks", content["landmarks"], (5, 2), "five points [x, y]")
    if len(marks) != len(boxes):
        raise UsageError(f"{who}: there are {len(boxes)} boxes, but {len(marks)} landmarks; leave the landmarks out.")
    middle = marks.mean(axis=1)
    inside = ((middle >= boxes[:, :2]) & (middle <= boxes[:, 2:])).all(axis=1)
    return PersonTrack(label, boxes, np.where(inside[:, None, None], marks, np.nan))
