"""A pass over the frames of the result in which one mouth at a time is synced."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np

from wav2lip.cast.times import in_words
from wav2lip.compose.patch import AnyFrame
from wav2lip.compose.place import Place, landmarks_in
from wav2lip.errors import UsageError
from wav2lip.faces.track import FaceTrack, joined
from wav2lip.pipeline.hearing import Heard
from wav2lip.pipeline.lips import Moment
from wav2lip.pipeline.options import Who
from wav2lip.pipeline.script import Line
from wav2lip.pipeline.speech import Speech
from wav2lip.pipeline.who import Cast
from wav2lip.progress import Progress

Said = tuple[FaceTrack | None, np.ndarray, float]
"""The track that is synced in a frame, or None; its mel window, float32 (80, 16); how much somebody speaks, 0 to 1."""


@dataclass(frozen=True)
class Part:
    """Frames of the result in which one track is synced."""

    frames: range
    track: FaceTrack


@dataclass(frozen=True)
class Lane:
    """What is synced to one stream of speech: parts of the result, one after the other.

    Attributes:
        parts: at least one, in order; they do not overlap.
        speech: that they say.
    """

    parts: tuple[Part, ...]
    speech: Speech

    def tracks(self, length: int) -> Iterator[FaceTrack | None]:
        """Yield the track that is synced in each of so many frames of the result; None where nobody is."""
        here = 0
        for part in self.parts:
            yield from (None for _ in range(here, part.frames.start))
            yield from (part.track for _ in part.frames)
            here = part.frames.stop
        yield from (None for _ in range(here, length))

    def said(self, presence: np.ndarray, first: int) -> Generator[Said]:
        """Yield what is said in each frame of the result, and whose track is synced, from number `first` on.

        Args:
            presence: how much somebody speaks in each frame of the result, of `speech`.
            first: at least 0.
        """
        with closing(self.speech.windows()) as windows:
            yield from islice(zip(self.tracks(len(presence)), windows, map(float, presence), strict=False), first, None)

    def moments(self, frames: Iterable[tuple[int, AnyFrame]], said: Iterable[Said]) -> Iterator[Moment]:
        """Yield all that each frame of the result is made from.

        Args:
            frames: those of the result so far, with their numbers in the source.
            said: what is said in them, as `said` gives it; what is left over stays.
        """
        for (number, frame), (track, mel, present) in zip(frames, said, strict=False):
            if track is None:
                yield Moment(frame, None, mel, present, number)
                continue
            found = track.box(number) if self.speech.compat else track.place(number)
            place = None if found is None else Place(*found)
            landmarks = None if place is None else track.landmarks_at(number)
            yield Moment(
                frame, place, mel, present, number, int(track.shot[number]),
                None if landmarks is None or place is None else landmarks_in(place, landmarks),
                1.0 if track.facing is None else float(track.facing[number]),
            )

    def shown(self, numbers: np.ndarray) -> FaceTrack:
        """Return where the face that is synced is in the frames of the result.

        Args:
            numbers: int (n,), which frame of the source each of them shows.
        """
        tracks = unique(part.track for part in self.parts)
        which = np.full(len(numbers), -1)
        for part in self.parts:
            which[part.frames.start : part.frames.stop] = next(at for at, one in enumerate(tracks) if one is part.track)
        return joined([track.at(numbers) for track in tracks], which)


def make_lanes(heard: Sequence[Heard], cast: Cast, progress: Progress, device: str) -> list[Lane]:
    """Find out who says each line, and where that person is.

    Args:
        heard: the lines, and the streams of speech that they are said in.
        cast: who is there.
        progress, device: of the run.

    Raises:
        UsageError: there is no such person, or one person has two lines at a time.
    """

    @cache
    def track(who: Who) -> FaceTrack:
        return cast.track(who, progress, device)

    lines = [line for one, _speech in heard for line in one]
    if cast.labels:          # else all of them are nobody
        _check_turns(lines, cast)
    if len(cast.labels) > 1 and any(line.who is None for line in lines):
        progress.say(
            f"{len(cast.labels)} people are in {cast.source.clip.path.name}; of those in what is shown the one on "
            "screen longest is synced (--person chooses; `wav2lip faces` shows them)."
        )
    fps = cast.source.fps
    return [Lane(tuple(Part(line.frames(fps), track(line.who)) for line in one), speech) for one, speech in heard]


def unique(tracks: Iterable[FaceTrack]) -> list[FaceTrack]:
    """Return every track once."""
    return list({id(track): track for track in tracks}.values())


def used(track: FaceTrack, lanes: Iterable[Lane], numbers: np.ndarray) -> FaceTrack:
    """Return a track without the face in shots of which nothing is synced.

    Args:
        track: of one of the lanes' parts.
        lanes: all of them.
        numbers: int (n,), which frame of the source each frame of the result shows.
    """
    frames = [numbers[part.frames.start : part.frames.stop] for lane in lanes for part in lane.parts
              if part.track is track]
    shots = np.unique(track.shot[np.concatenate(frames)])
    return track.only(np.isin(track.shot, shots))


def _check_turns(lines: Iterable[Line], cast: Cast) -> None:
    speaking: dict[str, Line] = {}
    for line in sorted(lines, key=lambda line: line.start):
        person = cast.person(line.who)
        before = speaking.get(person)
        if before is not None and line.start < before.end:
            raise UsageError(
                f"{person} would say {before.recording} and {line.recording} at the same time, from "
                f"{in_words(line.start)} on; choose other people or other times."
            )
        speaking[person] = line
