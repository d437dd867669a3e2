"""Score one video: do lips and speech belong together, and what is the picture like?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wav2lip.errors import MediaError, NoFaceError, UsageError
from wav2lip.evaluation.judges import Judge, load_judges
from wav2lip.evaluation.picture import PictureFigures, PictureMeter
from wav2lip.evaluation.runs import Heard, Run
from wav2lip.evaluation.tables import SyncScore, summarise
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detector import Detector, make_detector
from wav2lip.faces.look import BATCH, look_for_faces
from wav2lip.faces.track import FaceTrack, follow
from wav2lip.media.clip import Clip, Frame
from wav2lip.media.prefetch import prefetch
from wav2lip.media.probe import probe
from wav2lip.media.read import nearest_frame, read_at_rate, read_frames
from wav2lip.media.sound import samples_from_first_frame
from wav2lip.models.device import choose_device
from wav2lip.models.syncnet import FPS, WINDOW_FRAMES
from wav2lip.progress import Progress

SHORTEST = 6                 # faces in a row that can be scored: two windows of 5, or one of the original SyncNet
SPAN, STEP = 50, 12          # windows (2 s) that a point of the curve over time sees, and from one point to the next
WAITING_BYTES = 32 << 20     # of frames between two stages


@dataclass(frozen=True)
class EvaluationOptions:
    """How videos are scored.

    Attributes:
        syncnet: weights of the original SyncNet (syncnet_v2.model), for LSE-D and LSE-C; None leaves them out.
        expert: weights of an expert SyncNet; None for the one that ships.
        cropped: the whole frame is the face, as in LRS; nothing is looked for.
        picture: measure the picture too.
        detector, detector_weights, offline: as `make_detector` takes them.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
    """

    syncnet: Path | None = None
    expert: Path | None = None
    cropped: bool = False
    picture: bool = True
    detector: str = "auto"
    detector_weights: Path | None = None
    device: str = "auto"
    offline: bool = False


@dataclass(frozen=True)
class TrackScore:
    """One uninterrupted sight of the face.

    Attributes:
        start, end: seconds after the first frame.
        shot: counted from 0.
        frames: at 25 a second.
        sync: by judge.
    """

    start: float
    end: float
    shot: int
    frames: int
    sync: dict[str, SyncScore]

    def to_dict(self) -> dict[str, Any]:
        return {
            "start": round(self.start, 3), "end": round(self.end, 3), "shot": self.shot, "frames": self.frames,
            **_dicts(self.sync),
        }


@dataclass(frozen=True)
class Point:
    """What a judge says of two seconds: the middle in seconds after the first frame, the offset and the confidence."""

    time: float
    offset: int
    confidence: float


@dataclass(frozen=True)
class VideoScore:
    """What was measured in a video.

    Attributes:
        path: the file.
        frames: at 25 a second.
        faces: how many of them show the face.
        detector: what found it; "cropped" where the frame is the face.
        sync: by judge ("expert", "syncnet_v2"): all tracks together, every window counting the same.
        tracks: each sight of the face.
        over_time: by judge, about two points a second.
        picture: figures of the picture; None where they were not asked for.
        reference: those of the video that it was compared with.
    """

    path: Path
    frames: int
    faces: int
    detector: str
    sync: dict[str, SyncScore]
    tracks: tuple[TrackScore, ...] = ()
    over_time: dict[str, tuple[Point, ...]] = field(default_factory=dict)
    picture: PictureFigures | None = None
    reference: PictureFigures | None = None

    @property
    def seconds(self) -> float:
        """How long the picture lasts."""
        return float(self.frames / FPS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "path": str(self.path),
            "seconds": round(self.seconds, 3),
            "frames": self.frames,
            "faces": self.faces,
            "detector": self.detector,
            **_dicts(self.sync),
            "picture": asdict(self.picture) if self.picture else None,
            "reference": asdict(self.reference) if self.reference else None,
            "tracks": [track.to_dict() for track in self.tracks],
            "over_time": {
                name: [[round(point.time, 3), point.offset, round(point.confidence, 4)] for point in points]
                for name, points in self.over_time.items()
            },
        }


class Evaluator:
    """Scores videos one after the other, with networks that are loaded once.

    Args:
        options: how.
        progress: is told of detectors and downloads, and how far each video is.

    Raises:
        WeightsError: weights are missing, broken or of another network.
        UsageError: options that make no sense.
    """

    def __init__(self, options: EvaluationOptions, progress: Progress):
        self.options = options
        self._progress = progress
        self.device = choose_device(options.device)
        self.judges = load_judges(options.syncnet, options.expert, self.device)
        self._detector: Detector | None = None
        if not options.cropped:
            self._detector = make_detector(
                options.detector, weights=options.detector_weights, device=self.device, compat=False,
                offline=options.offline or None, say=progress.say,
            )

    @property
    def fingerprint(self) -> str:
        """What changes whenever the same video could get another score."""
        looks = self._detector.fingerprint if self._detector else "cropped"
        return " | ".join([looks, f"picture={self.options.picture}", *(judge.fingerprint for judge in self.judges)])

    def score(self, path: Path, reference: Path | None = None) -> VideoScore:
        """Score a video.

        Args:
            path: the video, with its sound.
            reference: a video of the same size that shows what it should look like.

        Raises:
            MediaError: a file cannot be read, has no sound, or is too short.
            NoFaceError: no face is seen long enough.
            UsageError: the reference is of another size, or a picture.
        """
        clip = _open(path)
        truth = _open_reference(reference, clip) if reference else None
        track = self.find(clip)
        return score_clip(
            clip, track, self.judges, self._progress, detector=self._detector.name if self._detector else "cropped",
            picture=self.options.picture, reference=truth,
        )

    def faces(self, path: Path) -> Iterator[tuple[Frame, np.ndarray]]:
        """Yield the frames of a video, at 25 a second, that show the face, with its box x1, y1, x2, y2 in pixels.

        Raises:
            MediaError: the file cannot be read.
        """
        clip = probe(path)
        track = self.find(clip)
        with closing(read_at_rate(clip, FPS)) as frames:
            for frame, sight in zip(frames, _sights(clip, track, []), strict=False):
                if sight is not None:
                    yield frame, sight.box

    def find(self, clip: Clip) -> FaceTrack | None:
        """Return where the face is in every frame of a video; None where the whole frame is the face."""
        if self._detector is None:
            return None
        detections = look_for_faces(
            clip.path, clip.frames, lambda: read_frames(clip), self._detector, self._progress,
            batch=BATCH[self.device.partition(":")[0]], waiting=_waiting(clip),
        )
        return follow(detections, pads=Pads(0, 0, 0, 0), size=(clip.width, clip.height), fps=clip.fps)


def evaluate(
    path: Path, options: EvaluationOptions | None = None, progress: Progress | None = None,
    reference: Path | None = None,
) -> VideoScore:
    """Score one video; `Evaluator` scores many.

    Args, Returns, Raises:
        As `Evaluator` and its `score`.
    """
    return Evaluator(options or EvaluationOptions(), progress or Progress()).score(Path(path), reference)


def score_clip(
    clip: Clip, track: FaceTrack | None, judges: Sequence[Judge], progress: Progress, *, detector: str,
    picture: bool = True, reference: Clip | None = None,
) -> VideoScore:
    """Score a video whose face has been found; memory does not grow with its length, but for 125 bytes a frame.

    Args:
        clip: with sound.
        track: the face in every frame at the clip's own rate; None where the whole frame is the face.
        judges: compare lips and speech.
        progress: is told how far it is.
        detector: what found the face.
        picture: measure the picture too.
        reference: of the same size.

    Raises:
        MediaError: it is too short, or cannot be read.
        NoFaceError: no face is seen long enough.
    """
    waiting = _waiting(clip)
    frames = 0
    with progress.stage("Scoring", int(clip.frames * FPS / clip.fps)) as advance, ExitStack() as stack:
        watch = stack.enter_context(closing(_Watch(judges, clip, picture, reference is not None)))
        watched = stack.enter_context(closing(prefetch(read_at_rate(clip, FPS), waiting)))
        truths: Iterator[Frame | None] = repeat(None)
        if reference:
            truths = chain(stack.enter_context(closing(prefetch(read_at_rate(reference, FPS), waiting))), truths)
        for frame, truth, sight in zip(watched, truths, _sights(clip, track, judges), strict=False):
            watch.add(frame, truth, sight)
            frames += 1
            advance(1)
        if frames < SHORTEST:
            raise MediaError(
                f"{clip.path} is too short to be scored: {frames} frames at 25 a second, and {SHORTEST} are needed."
            )
        return watch.result(clip.path, frames, detector)


class _Sight(NamedTuple):
    """Where the face is in a frame, and what each judge cuts; no places where the whole frame is the face."""

    stretch: int              # number of the uninterrupted sight that it belongs to
    shot: int
    box: np.ndarray
    places: Sequence[np.ndarray] | None


def _sights(clip: Clip, track: FaceTrack | None, judges: Sequence[Judge]) -> Iterator[_Sight | None]:
    """Yield where the face is in each frame at 25 a second, and no end of None after the last."""
    if track is None:
        yield from repeat(_Sight(0, 0, np.array([0.0, 0.0, clip.width, clip.height]), None))
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
            yield _Sight(int(stretches[at]), int(shots[at]), boxes[at], [place[at] for place in places])
        else:
            yield None
    yield from repeat(None)


class _Watch:
    """Takes a video's frames at 25 a second, and gathers what is said of them."""

    def __init__(self, judges: Sequence[Judge], clip: Clip, picture: bool, reference: bool):
        self._judges = judges
        self._speech = [judge.speech(samples_from_first_frame(clip)) for judge in judges]
        self._heard = [Heard(speech) for speech in self._speech]
        self._meter = PictureMeter() if picture else None
        self._reference_meter = PictureMeter() if picture and reference else None
        self._runs: list[Run] = []
        self._last: _Sight | None = None
        self._frames = self._faces = self._longest = 0
        self._tracks: list[TrackScore] = []
        self._tables: dict[str, list[tuple[int, np.ndarray]]] = {judge.name: [] for judge in judges}

    def add(self, frame: Frame, truth: Frame | None, sight: _Sight | None) -> None:
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
            raise MediaError(f"{path} has no sound where its face is seen, so there is nothing to compare.")
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
            float(first / FPS), float((first + faces) / FPS), self._last.shot, faces, sync
        ))


def _over_time(tables: Sequence[tuple[int, np.ndarray]]) -> Iterator[Point]:
    """Yield what windows of two seconds say, about twice a second; of less where the face is seen for less."""
    for first, table in tables:
        for start in range(0, max(1, len(table) - SPAN + 1), STEP):
            some = table[start : start + SPAN]
            score = summarise(some)
            middle = first + start + (len(some) + WINDOW_FRAMES - 1) / 2
            yield Point(middle / float(FPS), score.offset, score.confidence)


def _open(path: Path) -> Clip:
    clip = probe(path)
    if clip.image:
        raise MediaError(f"{path} is a picture; give a video with sound.")
    if clip.sound is None:
        raise MediaError(f"{path} has no audio track, so there is no speech to compare the lips with.")
    return clip


def _open_reference(path: Path, clip: Clip) -> Clip:
    truth = probe(path)
    if (truth.width, truth.height) != (clip.width, clip.height):
        raise UsageError(
            f"The reference {path} is {truth.width}x{truth.height} pixels and {clip.path} {clip.width}x{clip.height}; "
            "only videos of one size can be compared."
        )
    return truth


def _waiting(clip: Clip) -> int:
    """Return how many frames may wait between two stages."""
    return max(2, WAITING_BYTES // (3 * clip.width * clip.height))


def _dicts(sync: dict[str, SyncScore]) -> dict[str, Any]:
    return {name: score.to_dict() for name, score in sync.items()}
