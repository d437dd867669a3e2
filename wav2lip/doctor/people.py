"""Who is in a source, as far as that is known from before or samples tell."""

from __future__ import annotations

from collections.abc import Generator

from wav2lip.cast.selectors import WORDS
from wav2lip.doctor.sample import Sample
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detector import Detector
from wav2lip.faces.people import find_people
from wav2lip.faces.track import FaceTrack, compat_track, track_of
from wav2lip.media.clip import Frame
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions, Who
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.who import ONLY, Cast, find_cast
from wav2lip.progress import Progress


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


def cast_of(found: Sample, source: Source, options: SyncOptions, detector: Detector) -> Cast:
    """Return who is in a source as far as samples tell; where somebody is between them is that of the nearest one."""
    pads, size, held = Pads(*options.pads), source.size, (options.tilt, options.max_yaw)
    if options.compat:
        best = compat_track(found.detections, pads=pads, smooth=options.smooth, size=size).at(found.nearest)
        return SampledCast(source, (ONLY,), detector.name, pads, *held, lambda label, pads: best)
    people = {one.label: one for one in find_people(found.detections, source.fps)}

    def make(label: str, pads: Pads) -> FaceTrack:
        sights = people[label].sights if label in people else ()
        track = track_of(sights, found.detections, pads=pads, smooth=options.smooth, size=size, fps=source.fps)
        return track.at(found.nearest)

    return SampledCast(source, tuple(people), detector.name, pads, *held, make)
