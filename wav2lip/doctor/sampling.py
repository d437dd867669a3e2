"""Who is in a source, told from some stretches of it, and how long it takes to look at all of it."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil

import numpy as np

from wav2lip.cast.selectors import WORDS
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.people import Person, find_people
from wav2lip.faces.shots import ShotCounter
from wav2lip.faces.sparse import detect_faces, distance
from wav2lip.faces.track import FaceTrack, compat_track, track_of
from wav2lip.media.clip import Frame
from wav2lip.media.geometry import fitting
from wav2lip.models.device import cores
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions, Who
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.who import ONLY, Cast, find_cast
from wav2lip.progress import Advance, Progress

LOOKING = 2.5           # seconds that looks may take together, about
LOOKS = 4               # that a stretch may have, for the plan
FEWEST, MOST = 4, 24    # stretches
AT_ONCE = 1 << 30       # pixels: of less than that every frame is decoded, of more the stretches alone
DECODED = 64            # frames that tell how fast frames come, where not all do


@dataclass(frozen=True)
class Sample:
    """What was seen in some stretches of a source.

    Attributes:
        numbers: int (n,), the frames of the source that were seen, ascending.
        detections: what is in them, as if they followed each other, in pixels of the source; each stretch is a shot of
            its own, at least.
        stretches: how many there are.
        total: how many frames the source has to be known for.
        cuts: between shots, in the frames of which that is known.
        judged: how many frames those are.
        first_seconds: until the first look was done: ffmpeg and a detector's first answer take longer.
        look_seconds: that a look takes.
        frame_seconds: that a frame takes to be decoded, as small as the detector sees it.
        every: frames from one look to the next at most.
    """

    numbers: np.ndarray
    detections: Detections
    stretches: int
    total: int
    cuts: int
    judged: int
    first_seconds: float
    look_seconds: float
    frame_seconds: float
    every: int

    @property
    def looks(self) -> int:
        """How many frames were looked at."""
        return int(self.detections.looked.sum())

    @property
    def shots(self) -> int:
        """About how many shots the source has."""
        return 1 + round(self.cuts * self.total / max(1, self.judged))

    @property
    def looks_needed(self) -> int:
        """About how many frames would be looked at in all of the source.

        Each stretch begins and ends with a look, which all but the last share with the next one.
        """
        rows = len(self.numbers) - self.stretches
        share = (self.looks - self.stretches) / rows if rows > 0 else 1.0
        return min(self.total, 1 + ceil(share * (self.total - 1)))

    @property
    def seconds(self) -> float:
        """How long it takes to find all faces: decoding and looking go on beside each other, as far as cores allow."""
        shorter, longer = sorted((self.looks_needed * self.look_seconds, self.total * self.frame_seconds))
        return self.first_seconds + longer + shorter * min(1.0, 2 / cores())

    @property
    def nearest(self) -> np.ndarray:
        """For each frame of the source the row of the frame seen that is nearest to it, int (total,)."""
        after = np.searchsorted(self.numbers, np.arange(self.total)).clip(max=len(self.numbers) - 1)
        before = (after - 1).clip(min=0)
        apart = np.abs(self.numbers[[before, after]] - np.arange(self.total))
        return np.asarray(np.where(apart[0] <= apart[1], before, after))


class SampledCast(Cast):
    """The people whom samples show. Who is who is not known for sure, nor who talks: then it is the first one."""

    def _choose(self, who: Who) -> str:
        if isinstance(who, str) and who != "talking":
            return who if who in self.labels or who not in WORDS else super()._choose(who)
        return self.labels[0] if self.labels else ONLY

    def track(self, who: Who, progress: Progress, device: str) -> FaceTrack:
        return super().track(self.person(who), progress, device)


class NotKnownError(Exception):
    """What is in a source was not found out before."""


class _Unread(Source):
    """A source of which nobody may read a frame."""

    def read_small(self, count: int, size: tuple[int, int], start: int = 0) -> Generator[Frame]:
        raise NotKnownError


def known_cast(source: Source, frames: int, options: SyncOptions, networks: Networks) -> Cast | None:
    """Return the people in a source where nobody has to look for them, as a box, a track or the cache tells; else None.

    Raises:
        UsageError, MediaError: as `find_cast`.
    """
    unread = _Unread(source.clip, source.geometry, source.stored, source.static)
    try:
        return find_cast(unread, frames, options, networks, Progress())
    except NotKnownError:
        return None


def sample(source: Source, frames: int, options: SyncOptions, detector: Detector, progress: Progress) -> Sample:
    """Look at stretches that are spread over the first frames of a source.

    Args:
        source: the video.
        frames: how many frames of it matter.
        options: of the run.
        detector: that it would use.
        progress: is told how far it is.

    Raises:
        MediaError: the video cannot be read.
    """
    size = source.size
    sparing = not options.compat and detector.long_side is not None
    small = fitting(size, detector.long_side) if sparing else size
    every = distance(source.fps) if sparing else 1
    start = time.perf_counter()
    with closing(source.read_small(1, small)) as first:
        frame = next(first, None)
    if frame is None:
        nothing = Detections((), np.zeros(0, np.int32))
        return Sample(np.zeros(0, int), nothing, 0, frames, 0, 0, 0.0, 0.0, 0.0, every)
    detector.detect([frame])
    begun = time.perf_counter()
    detector.detect([frame])
    stretches = _stretches(frames, every, time.perf_counter() - begun)
    whole = frames * small[0] * small[1] <= AT_ONCE and frames * source.clip.width * source.clip.height <= AT_ONCE
    looker = _Looker(detector, every, begun - start)
    with progress.stage("Looking at samples", len(stretches), "stretch") as advance:
        if whole or not source.clip.seekable or source.stored:
            frame_seconds = _all(source, frames if whole else stretches[-1].stop, small, stretches, looker, advance)
        else:
            frame_seconds = _some(source, small, stretches, looker, advance)
    return looker.sample(frames, frame_seconds, size, small)


def cast_of(found: Sample, source: Source, options: SyncOptions, detector: Detector) -> Cast:
    """Return who is in a source as far as samples tell; where somebody is between them is that of the nearest one."""
    pads, size, held = Pads(*options.pads), source.size, (options.tilt, options.max_yaw)
    if options.compat:
        best = compat_track(found.detections, pads=pads, smooth=options.smooth, size=size).at(found.nearest)
        return SampledCast(source, (ONLY,), detector.name, pads, *held, lambda label, pads: best)
    people = {one.label: one for one in people_in(found, source)}

    def make(label: str, pads: Pads) -> FaceTrack:
        sights = people[label].sights if label in people else ()
        track = track_of(sights, found.detections, pads=pads, smooth=options.smooth, size=size, fps=source.fps)
        return track.at(found.nearest)

    return SampledCast(source, tuple(people), detector.name, pads, *held, make)


def people_in(found: Sample, source: Source) -> list[Person]:
    """Return the people whom samples show, as `sync` would put their sights together."""
    return find_people(found.detections, source.fps)


class _Looker:
    """Looks at stretches one after the other, and times it."""

    def __init__(self, detector: Detector, every: int, first_seconds: float):
        self._detector, self._every, self._first_seconds = detector, every, first_seconds
        self._numbers: list[int] = []
        self._parts: list[Detections] = []
        self.seconds, self.judged, self.cuts = 0.0, 0, 0

    def look(self, first: int, frames: Sequence[Frame]) -> None:
        """Look at a stretch that begins with frame number `first`."""
        start = time.perf_counter()
        found = detect_faces(frames, self._detector, every=self._every, block=len(frames), batch=1)
        self.seconds += time.perf_counter() - start
        self._numbers += range(first, first + len(frames))
        self._parts.append(found)

    def sample(self, total: int, frame_seconds: float, size: tuple[int, int], small: tuple[int, int]) -> Sample:
        shots: list[np.ndarray] = []
        rows: list[np.ndarray | None] = []
        looks: list[np.ndarray | None] = []
        first = cuts = 0
        for part in self._parts:
            shots.append(part.shots + first)
            first += int(part.shots.max(initial=0)) + 1
            cuts += int(part.shots.max(initial=0))
            rows += part.faces
            looks += part.looks or ()
        detections = Detections(tuple(rows), np.concatenate([np.zeros(0, np.int32), *shots]), tuple(looks))
        judged, cuts = (self.judged, self.cuts) if self.judged else (len(rows), cuts)
        done = max(1, int(detections.looked.sum()))
        return Sample(
            np.array(self._numbers, int), detections.scaled(size[0] / small[0], size[1] / small[1]),
            len(self._parts), total, cuts, judged, self._first_seconds, self.seconds / done, frame_seconds, self._every,
        )


def _stretches(frames: int, every: int, look: float) -> list[range]:
    """Return the frames to be seen: from one look to the next, spread from the first frame to the last."""
    count = int(np.clip(LOOKING / max(LOOKS * look, 1e-6), FEWEST, MOST))
    length = min(frames, every + 1)
    if frames <= count * length:
        return [range(start, min(start + length, frames)) for start in range(0, frames, length)]
    starts = np.linspace(0, frames - length, count).astype(int)
    return [range(start, start + length) for start in starts.tolist()]


def _all(
    source: Source, frames: int, small: tuple[int, int], stretches: list[range], looker: _Looker, advance: Advance
) -> float:
    """Read all frames once; return the seconds that one takes."""
    counter, at, here = ShotCounter(), 0, 0
    held: list[Frame] = []
    start = time.perf_counter()
    with closing(source.read_small(frames, small)) as pictures:
        for number, frame in enumerate(pictures):
            looker.judged, looker.cuts = number + 1, counter.number(frame)
            if at < len(stretches) and number in stretches[at]:
                held.append(frame)
                if number == stretches[at].stop - 1:
                    looker.look(stretches[at].start, held)
                    held, at = [], at + 1
                    advance(1)
            here = number + 1
    if held:                                            # the file ends before
        looker.look(stretches[at].start, held)
    return max(0.0, time.perf_counter() - start - looker.seconds) / max(1, here)


def _some(
    source: Source, small: tuple[int, int], stretches: list[range], looker: _Looker, advance: Advance
) -> float:
    """Read the stretches alone; return the seconds that one frame of many takes."""
    for stretch in stretches:
        with closing(source.read_small(len(stretch), small, stretch.start)) as pictures:
            held = list(pictures)
        if held:
            looker.look(stretch.start, held)
        advance(1)
    middle = stretches[len(stretches) // 2].start
    with closing(source.read_small(DECODED, small, middle)) as pictures:
        times = [time.perf_counter() for _frame in pictures]
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
