"""Take a video's frames as they come, and gather what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wav2lip.errors import MediaError, NoFaceError
from wav2lip.evaluation.judges import Judge
from wav2lip.evaluation.picture import PictureMeter
from wav2lip.evaluation.results import Point, TrackScore, VideoScore
from wav2lip.evaluation.runs import Heard, Run
from wav2lip.evaluation.tables import summarise
from wav2lip.faces.track import FaceTrack
from wav2lip.media.clip import Clip, Frame
from wav2lip.media.read import nearest_frame
from wav2lip.media.sound import samples_from_first_frame
from wav2lip.models.syncnet import FPS, WINDOW_FRAMES

SHORTEST = 6                 # faces in a row that can be scored: two windows of 5, or one of the original SyncNet
SPAN, STEP = 50, 12          # windows (2 s) that a point of the curve over time sees, and from one point to the next


class Sight(NamedTuple):
    """Where the face is in a frame, and what each judge cuts; no places where the whole frame is the face."""

    stretch: int              # number of the uninterrupted sight that it belongs to
    shot: int
    box: np.ndarray
    places: Sequence[np.ndarray] | None


def sights(clip: Clip, track: FaceTrack | None, judges: Sequence[Judge]) -> Iterator[Sight | None]:
    """Yield where the face is in each frame at 25 a second, and no end of None after the last."""
    if track is None:
        yield from repeat(Sight(0, 0, np.array([0.0, 0.0, clip.width, clip.height]), None))
    assert track is not None
    numbers: list[int] = []
    while (number := nearest_frame(len(numbers), FPS, clip.fps)) < len(track):
        numbers.append(number)
    boxes, shots = track.boxes[numbers], track.shot[numbers]
    seen = ~np.isnan(boxes).any(axis=1)
    begins = seen & ~np.concatenate([[False], seen[:-1] & (shots[1:] == shots[:-1])])
    stretches = np.cumsum(begins) - 1
    places = [np.full((len(boxes), 4), np.nan) for _ in judges]
    for stretch in range(int(begins.sum())):
        here = seen & (stretches == stretch)
        for judge, place in zip(judges, places, strict=True):
            place[here] = judge.places(boxes[here])
    for at in range(len(boxes)):
        if seen[at]:
            yield Sight(int(stretches[at]), int(shots[at]), boxes[at], [place[at] for place in places])
        else:
            yield None
    yield from repeat(None)


class Watch:
    """Takes a video's frames at 25 a second, and gathers what is said of them."""

    def __init__(self, judges: Sequence[Judge], clip: Clip, picture: bool, reference: bool):
        self._judges = judges
        self._speech = [judge.speech(samples_from_first_frame(clip)) for judge in judges]
        self._heard = [Heard(speech) for speech in self._speech]
        self._meter = PictureMeter() if picture else None
        self._reference_meter = PictureMeter() if picture and reference else None
        self._runs: list[Run] = []
        self._last: Sight | None = None
        self._sides = np.zeros(2)    # widths and heights of the faces since the runs began, added up
        self._frames = self._faces = self._longest = 0
        self.compared = 0            # frames that there was something to compare with
        self._tracks: list[TrackScore] = []
        self._tables: dict[str, list[tuple[int, np.ndarray]]] = {judge.name: [] for judge in judges}

    def add(self, frame: Frame, truth: Frame | None, sight: Sight | None) -> None:
        """Take the next frame, what it should look like, and where the face is."""
        goes_on = sight is not None and self._last is not None and sight.stretch == self._last.stretch
        if not goes_on:
            self._end_runs()
        if sight is not None:
            if not self._runs:
                self._runs = [
                    Run(judge, heard, self._frames) for judge, heard in zip(self._judges, self._heard, strict=True)
                ]
            for number, (judge, run) in enumerate(zip(self._judges, self._runs, strict=True)):
                run.add(judge.cut(frame, sight.places[number]) if sight.places else judge.whole(frame))
            self._faces += 1
            self._sides += sight.box[2:] - sight.box[:2]
        self.compared += truth is not None
        box = sight.box if sight else None
        for meter, picture, other in ((self._meter, frame, truth), (self._reference_meter, truth, None)):
            if meter is not None and picture is not None:
                if not goes_on:
                    meter.cut()
                meter.add(picture, box, other)
        self._last = sight
        self._frames += 1

    def result(self, path: Path, frames: int, detector: str) -> VideoScore:
        """Return the score.

        Raises:
            NoFaceError: no face was seen long enough.
            MediaError: no face was seen while there was sound.
        """
        self._end_runs()
        if self._longest < SHORTEST:
            seen = f"only {self._longest} frames in a row" if self._longest else "not at all"
            raise NoFaceError(
                f"No face is seen long enough in {path} ({seen}, looked for with {detector}); {SHORTEST} frames are "
                "needed. Choose another --detector, or --cropped if the whole picture is the face."
            )
        if not all(self._tables.values()):
            raise MediaError(
                f"{path} has less than 0.25 s of sound where its face is seen, which is too little to be compared."
            )
        return VideoScore(
            path=path,
            frames=frames,
            faces=self._faces,
            detector=detector,
            sync={
                name: summarise(np.concatenate([table for _, table in tables])) for name, tables in self._tables.items()
            },
            tracks=tuple(self._tracks),
            over_time={name: tuple(_over_time(tables)) for name, tables in self._tables.items()},
            picture=self._meter.figures() if self._meter else None,
            reference=self._reference_meter.figures() if self._reference_meter else None,
        )

    def close(self) -> None:
        """Let go of the sound."""
        for speech in self._speech:
            close = getattr(speech, "close", None)
            if close is not None:
                close()

    def _end_runs(self) -> None:
        if not self._runs:
            return
        runs, self._runs = self._runs, []
        sides, self._sides = self._sides, np.zeros(2)
        faces, first = runs[0].faces, runs[0].first
        self._longest = max(self._longest, faces)
        if faces < SHORTEST:
            return
        sync = {}
        for judge, run in zip(self._judges, runs, strict=True):
            table = run.table()
            if len(table):
                self._tables[judge.name].append((first, table))
                sync[judge.name] = summarise(table)
        assert self._last is not None
        self._tracks.append(TrackScore(
            float(first / FPS), float((first + faces) / FPS), self._last.shot, faces, float(sides.max() / faces), sync
        ))


def _over_time(tables: Sequence[tuple[int, np.ndarray]]) -> Iterator[Point]:
    """Yield what windows of two seconds say, about twice a second; of less where the face is seen for less."""
    for first, table in tables:
        for start in range(0, max(1, len(table) - SPAN + 1), STEP):
            some = table[start : start + SPAN]
            score = summarise(some)
            middle = first + start + (len(some) + WINDOW_FRAMES - 1) / 2
            yield Point(middle / float(FPS), score.offset, score.confidence)
