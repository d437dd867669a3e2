"""Pass 1: who is in the source, and where each of them is in every frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wav2lip.cast.selectors import WORDS, At
from wav2lip.cast.times import in_words
from wav2lip.errors import UsageError
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.look import BATCH, look_for_faces
from wav2lip.faces.people import find_people
from wav2lip.faces.track import FaceTrack, compat_track, fixed_track, given_track, joined, track_of
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions, Who
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.tracks import fitting_tracks
from wav2lip.progress import Progress

ONLY = "A"    # the label of somebody who is alone
NO_PADS = Pads(0, 0, 0, 0)

Look = Callable[[Source, int, Detector, SyncOptions, str, Progress], Detections]
"""Finds faces as `look_at_source` does."""


@dataclass
class Cast:
    """The people in the first frames of a source. Where somebody is, is worked out when it is asked for.

    Attributes:
        source: the video.
        labels: of the people, the one who is synced by default first; empty where there is no face at all.
        found_by: what found them: a detector's name, "box" or "track".
        pads: that boxes for syncing have.
        tilt, max_yaw: as for `FaceTrack.posed`.
    """

    source: Source
    labels: tuple[str, ...]
    found_by: str
    pads: Pads
    tilt: bool
    max_yaw: float
    _make: Callable[[str, Pads], FaceTrack] = field(repr=False)
    _chosen: dict[Who, str] = field(default_factory=dict, repr=False)

    def track(self, who: Who, progress: Progress, device: str) -> FaceTrack:
        """Return where somebody is in each of the frames; shots are numbered apart from those of other people's tracks.

        Raises:
            UsageError: there is nobody of that name, or at that place.
        """
        if who == "talking":
            return self._talking(progress, device)
        return self._numbered(self.person(who))

    def person(self, who: Who) -> str:
        """Return the label of somebody, the first one's where there is nobody at all; "talking" may be anybody."""
        if who not in self._chosen:
            self._chosen[who] = self._choose(who)
        return self._chosen[who]

    def _choose(self, who: Who) -> str:
        if who == "talking":
            return who
        if len(self.labels) == 0:
            return ONLY
        if who is None:
            # A file of tracks may have been edited; others are in order.
            return max(self.labels, key=self._on_screen) if self.found_by == "track" else self.labels[0]
        if isinstance(who, At):
            return self._at(who)
        if who in ("largest", "center"):
            tracks = {label: self._make(label, NO_PADS) for label in self.labels}
            # Of a track file's people some may be in other frames only.
            seen = {label: track for label, track in tracks.items() if track.seen.any()} or tracks
            if who == "largest":
                return max(seen, key=lambda label: float(np.nanmedian(_area(seen[label]))))
            return min(seen, key=lambda label: float(np.nanmedian(self._off_center(seen[label]))))
        if who not in self.labels:
            raise UsageError(
                f"There is no person {who} in {self.source.clip.path}, only {', '.join(self.labels)}; "
                "`wav2lip faces` shows who they are."
            )
        return who

    def _numbered(self, label: str) -> FaceTrack:
        track = self._make(label, self.pads).posed(tilt=self.tilt, max_yaw=self.max_yaw)
        at = self.labels.index(label) if label in self.labels else 0
        return track.renumbered(at * (int(track.shot.max(initial=0)) + 1))

    def _at(self, at: At) -> str:
        """Return the label of the one whose face covers a point; of several the one who is nearest to it."""
        number = 0 if self.source.still else int(at.time * self.source.fps)
        near: dict[str, float] = {}
        elsewhere = []
        for label in self.labels:
            track = self._make(label, NO_PADS)
            place = track.place(number) if number < len(track) else None
            if place is None:
                continue
            x1, y1, x2, y2, _angle = place
            if x1 <= at.x <= x2 and y1 <= at.y <= y2:
                near[label] = float(np.hypot((x1 + x2) / 2 - at.x, (y1 + y2) / 2 - at.y))
            elsewhere.append(f"{label} at {(x1 + x2) / 2:.0f},{(y1 + y2) / 2:.0f}")
        if near:
            return min(near, key=lambda label: near[label])
        seen = f"seen there: {', '.join(elsewhere)}" if elsewhere else "no face is seen at that time"
        raise UsageError(
            f"Nobody is at {at.x:g},{at.y:g} in {self.source.clip.path} at {in_words(at.time)} ({seen})."
        )

    def _on_screen(self, label: str) -> int:
        return int(self._make(label, NO_PADS).seen.sum())

    def _off_center(self, track: FaceTrack) -> np.ndarray:
        boxes = track.boxes
        return np.asarray(np.hypot(*((boxes[:, :2] + boxes[:, 2:]) / 2 / self.source.size - 0.5).T))

    def _talking(self, progress: Progress, device: str) -> FaceTrack:
        from wav2lip.cast.talking import who_talks

        if self.source.still or self.source.settings:
            raise UsageError(
                "Who is talking is found out in the video as it is; leave out --static, --crop, --resize-factor and "
                "--rotate, or name the person."
            )
        if not self.labels:
            return self._numbered(ONLY)
        tracks = [self._make(label, NO_PADS) for label in self.labels]
        talks = who_talks(self.source.clip, tracks, progress, device)
        return joined([self._numbered(label) for label in self.labels], talks)


def frames_to_know(script: Script, source: Source, options: SyncOptions) -> int:
    """Return of how many frames it has to be known who is in them.

    A label is given by all of the video, as `wav2lip faces` looks at it; else what is shown will do.
    """
    named = any(line.who is not None and line.who not in WORDS for line in script.lines)
    return source.frames if named or options.whole else min(source.frames, script.frames)


def frames_at_a_time(options: SyncOptions, device: str) -> int:
    """Return how many frames the detector gets at a time."""
    return options.face_det_batch_size or BATCH[device.partition(":")[0]]


def look_at_source(
    source: Source, frames: int, detector: Detector, options: SyncOptions, device: str, progress: Progress
) -> Detections:
    """Return what a detector sees in the first `frames` frames of a source, and in a few more, looking at all of them.

    Args:
        device: where the detector runs.
        source, options, progress: of the run.
    """
    return look_for_faces(
        source.clip.path,
        frames,
        source.frames,
        source.size,
        source.fps,
        source.read_small,
        detector,
        progress,
        settings=source.settings,
        batch=frames_at_a_time(options, device),
        sparing=not options.compat,
    )


def find_cast(
    source: Source, frames: int, options: SyncOptions, networks: Networks, progress: Progress,
    look: Look = look_at_source,
) -> Cast:
    """Find out who is in the first `frames` frames of a source.

    Args:
        look: finds the faces.
        source, options, networks, progress: of the run.

    Raises:
        UsageError: a fixed box outside the frame, or a track file that does not fit.
        MediaError: a track file that cannot be read.
    """
    pads, size, held = Pads(*options.pads), source.size, (options.tilt, options.max_yaw)
    if options.track is not None:
        return _from_file(source, frames, options.track, options, progress)
    detector = networks.detector
    if options.has_box or detector is None:
        fixed = fixed_track(options.box, frames, size, compat=options.compat)
        return Cast(source, (ONLY,), "box", pads, *held, lambda label, pads: fixed)
    detections = look(source, frames, detector, options, networks.device, progress)
    if options.compat:
        best = compat_track(detections, pads=pads, smooth=options.smooth, size=size)
        return Cast(source, (ONLY,), detector.name, pads, *held, lambda label, pads: best)
    people = {one.label: one for one in find_people(detections, source.fps)}

    def make(label: str, pads: Pads) -> FaceTrack:
        sights = people[label].sights if label in people else ()
        track = track_of(sights, detections, pads=pads, smooth=options.smooth, size=size, fps=source.fps)
        return track.first(frames)

    return Cast(source, tuple(people), detector.name, pads, *held, make)


def _from_file(source: Source, frames: int, path: Path, options: SyncOptions, progress: Progress) -> Cast:
    given = fitting_tracks(source, path, progress)
    people = {one.label: one for one in given.people}

    def make(label: str, pads: Pads) -> FaceTrack:
        one = people[label]
        return given_track(one.boxes, one.landmarks, given.shots or (0,), frames, pads=pads, size=source.size)

    return Cast(source, tuple(people), "track", Pads(*options.pads), options.tilt, options.max_yaw, make)


def _area(track: FaceTrack) -> np.ndarray:
    return np.asarray((track.boxes[:, 2:] - track.boxes[:, :2]).prod(axis=1))
