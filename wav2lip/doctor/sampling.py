"""Look at stretches of a source, and see how long it takes to look at all of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing

import numpy as np

from wav2lip.doctor.sample import Sample
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.look import Way
from wav2lip.faces.shots import ShotCounter
from wav2lip.faces.sparse import detect_faces
from wav2lip.media.clip import Frame
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.source import Source
from wav2lip.progress import Advance, Progress

LOOKING = 2.5           # seconds that looks may take together, about
LOOKS = 4               # that a stretch may have, for the plan
FEWEST, MOST = 4, 24    # stretches
AT_ONCE = 1 << 30       # pixels: of less than that every frame is decoded, of more the stretches alone
DECODED = 64            # frames that tell how fast frames come, where not all do
READING = 5.0           # seconds after which no further stretch is read: a jump may decode ten seconds for nothing


def sample(
    source: Source, frames: int, options: SyncOptions, detector: Detector, batch: int, progress: Progress
) -> Sample:
    """Look at stretches that are spread over the first frames of a source.

    Args:
        source: the video.
        frames: how many frames of it matter.
        options: of the run.
        detector: that it would use.
        batch: frames that the detector gets at a time.
        progress: is told how far it is.

    Raises:
        MediaError: the video cannot be read.
    """
    size = source.size
    way = Way.of(size, source.fps, detector, sparing=not options.compat)
    small, every = way.small, way.every
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
    looker = _Looker(detector, every, batch, begun - start)
    with progress.stage("Looking at samples", len(stretches), "stretch") as advance:
        if whole or not source.clip.seekable or source.stored:
            frame_seconds = _all(source, frames if whole else stretches[-1].stop, small, stretches, looker, advance)
        else:
            frame_seconds = _some(source, small, stretches, looker, advance)
    return looker.sample(frames, frame_seconds, size, small)


class _Looker:
    """Looks at stretches one after the other, and times it."""

    def __init__(self, detector: Detector, every: int, batch: int, first_seconds: float):
        self._detector, self._every, self._batch, self._first_seconds = detector, every, batch, first_seconds
        self._parts: list[tuple[int, Detections]] = []
        self.seconds, self.judged, self.cuts = 0.0, 0, 0

    def look(self, first: int, frames: Sequence[Frame]) -> None:
        """Look at a stretch that begins with frame number `first`."""
        start = time.perf_counter()
        found = detect_faces(frames, self._detector, every=self._every, block=len(frames), batch=self._batch)
        self.seconds += time.perf_counter() - start
        self._parts.append((first, found))

    def sample(self, total: int, frame_seconds: float, size: tuple[int, int], small: tuple[int, int]) -> Sample:
        numbers: list[int] = []
        shots: list[np.ndarray] = []
        rows: list[np.ndarray | None] = []
        looks: list[np.ndarray | None] = []
        shot = cuts = 0
        for start, part in sorted(self._parts, key=lambda pair: pair[0]):
            numbers += range(start, start + len(part))
            shots.append(part.shots + shot)
            shot += int(part.shots.max(initial=0)) + 1
            cuts += int(part.shots.max(initial=0))
            rows += part.faces
            looks += part.looks or ()
        detections = Detections(tuple(rows), np.concatenate([np.zeros(0, np.int32), *shots]), tuple(looks))
        judged, cuts = (self.judged, self.cuts) if self.judged else (len(rows), cuts)
        done = max(1, int(detections.looked.sum()))
        return Sample(
            np.array(numbers, int), detections.scaled(size[0] / small[0], size[1] / small[1]),
            len(self._parts), total, cuts, judged, self._first_seconds, self.seconds / done, frame_seconds, self._every,
        )


def _stretches(frames: int, every: int, look: float) -> list[range]:
    """Return the frames to be seen: from one look to the next, spread from the first frame to the last."""
    count = int(np.clip(LOOKING / max(LOOKS * look, 1e-6), FEWEST, MOST))
    length = min(frames, every + 1 if every > 1 else 1)
    if frames <= count * length:
        return [range(start, min(start + length, frames)) for start in range(0, frames, length)]
    starts = np.linspace(0, frames - length, count).astype(int)
    return [range(start, start + length) for start in starts.tolist()]


def spread(stretches: Sequence[range]) -> list[range]:
    """Return stretches in an order of which every beginning is spread over all of them: first, last, middle, ..."""
    left, order = [(0, len(stretches) - 1)], [0, len(stretches) - 1]
    while left:
        first, last = left.pop(0)
        middle = (first + last) // 2
        if last - first > 1:
            order.append(middle)
            left += [(first, middle), (middle, last)]
    return [stretches[at] for at in dict.fromkeys(order)]


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
    """Read as many stretches as there is time for; return the seconds that one frame of many takes."""
    end = time.perf_counter() + READING
    for done, stretch in enumerate(spread(stretches)):
        if done >= FEWEST and time.perf_counter() - looker.seconds > end:
            break
        with closing(source.read_small(len(stretch), small, stretch.start)) as pictures:
            held = list(pictures)
        if held:
            looker.look(stretch.start, held)
        advance(1)
    middle = stretches[len(stretches) // 2].start
    with closing(source.read_small(DECODED, small, middle)) as pictures:
        times = [time.perf_counter() for _frame in pictures]
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
