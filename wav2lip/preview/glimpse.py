"""A scout that looks at no more than the moments need, and chooses them where nobody has named any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from wav2lip.cast.times import in_words
from wav2lip.errors import NoFaceError, UsageError
from wav2lip.faces.cache import known_detections
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.look import Way
from wav2lip.faces.parts import joined_parts, look_at_part, spread
from wav2lip.faces.sparse import frames_to_see
from wav2lip.faces.track import FaceTrack
from wav2lip.pipeline.hearing import Heard
from wav2lip.pipeline.lane import Lane, Part
from wav2lip.pipeline.manner import Manner
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.prepare import extension
from wav2lip.pipeline.scout import Scout
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.speech import Speech
from wav2lip.pipeline.timeline import runs
from wav2lip.pipeline.who import Cast, find_cast, frames_at_a_time, frames_to_know, look_at_source
from wav2lip.preview.choosing import SHARES, candidates, chosen
from wav2lip.preview.moments import Moment, Wish
from wav2lip.progress import Progress

AROUND = Fraction(1)     # seconds before and after a moment in which faces are looked for: boxes are then off by 0.4 %
MOSTLY = 0.5             # of the frames: where the moments need more, all are looked at
SHORT = 15               # seconds: of a clip that lasts no longer, too
NEIGHBOURS = 2           # frames before and after one that its mask may depend on

_HEARD = (
    "silence", "vad", "compat", "tail", "person", "at", "ranges", "audio_start", "keep_audio", "voices", "mix",
    "edits", "strict",
)


@dataclass
class Glimpse(Scout):
    """Looks at a few moments, which are the same for all settings that it is asked about, one after the other.

    Attributes:
        wish: what is wanted.
        moments: what is shown; chosen for the first of the settings.
        partly: whether faces were looked for around the moments only: their boxes may then be off by a little.
    """

    wish: Wish
    moments: tuple[Moment, ...] = ()
    partly: bool = False
    _heard: dict[Any, tuple[Script, list[Heard]]] = field(default_factory=dict, repr=False)
    _seen: dict[Any, Detections] = field(default_factory=dict, repr=False)
    _windows: dict[int, dict[int, np.ndarray]] = field(default_factory=dict, repr=False)
    _stretches: list[np.ndarray] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.moments = tuple(Moment(time, self.wish.seconds) for time in self.wish.times)

    def hear(
        self, audio: Path | None, source: Source, options: SyncOptions, progress: Progress
    ) -> tuple[Script, list[Heard]]:
        key = (source.fps, source.frames, source.still, *(getattr(options, name) for name in _HEARD))
        if key not in self._heard:
            self._heard[key] = super().hear(audio, source, options, progress)
        return self._heard[key]

    def cast(
        self, heard: tuple[Script, Sequence[Heard]], source: Source, options: SyncOptions, networks: Networks,
        progress: Progress,
    ) -> Cast:
        talking = any(line.who == "talking" for line in heard[0].lines)
        if source.still or options.strict or talking:
            return super().cast(heard, source, options, networks, progress)
        frames = frames_to_know(heard[0], source, options)
        return find_cast(source, frames, options, networks, progress, partial(self._look, heard))

    def manner(
        self, source: Source, tracks: Sequence[FaceTrack], lanes: Sequence[Lane], numbers: np.ndarray,
        presences: Sequence[np.ndarray], options: SyncOptions, given: np.ndarray | None, device: str,
        progress: Progress,
    ) -> Manner:
        """Return what becomes of the mouths in the moments: nobody looks for a closed one that they do not need."""
        check_moments(self.moments, len(numbers), source.fps)
        if not self.moments:
            self.moments = chosen(
                self.wish, self._stretches, lanes, numbers, presences, source.fps, self._windows_at
            )
        wanted = [frame for frame in self._frames(source.fps) if frame < len(numbers)]
        if options.reference != "closed":
            wanted = [frame for frame in wanted if any(presence[frame] < 1 for presence in presences)]
        here = [Lane(_only(lane.parts, wanted), lane.speech) for lane in lanes]
        used = [track for track in tracks if any(part.track is track for lane in here for part in lane.parts)]
        told = [presence[wanted] for presence in presences]
        return super().manner(source, used, here, numbers, told, options, given, device, progress)

    def windows(self, speech: Speech) -> dict[int, np.ndarray]:
        """Return the mel windows (80, 16) of the frames that are shown, and of those beside them, by their numbers."""
        return self._windows_at(speech, self._frames(speech.fps))

    def _windows_at(self, speech: Speech, frames: Sequence[int]) -> dict[int, np.ndarray]:
        known = self._windows.setdefault(id(speech), {})
        missing = [frame for frame in frames if frame not in known and frame < speech.frames]
        if missing:
            known |= speech.windows_at(missing)
        return known

    def _frames(self, fps: Fraction) -> list[int]:
        """Return the frames that are shown and those beside them, ascending."""
        beside = [_beside(moment.frames(fps)) for moment in self.moments]
        return sorted({frame for part in beside for frame in part})

    def _asked(self, fps: Fraction, frames: int) -> list[np.ndarray]:
        """Return the frames of each moment that is fixed, up to so many; nothing where they are yet to be chosen."""
        return [np.arange(moment.frames(fps).start, min(moment.frames(fps).stop, frames)) for moment in self.moments]

    def _look(
        self, heard: tuple[Script, Sequence[Heard]], source: Source, frames: int, detector: Detector,
        options: SyncOptions, device: str, progress: Progress,
    ) -> Detections:
        """Look for faces around the moments, or in all of a clip where that is hardly more, or known already."""
        way = Way.of(source.size, source.fps, detector, sparing=not options.compat)
        seen = frames_to_see(frames, source.frames, way.every)
        described = way.described(source.settings, detector)
        batch = frames_at_a_time(options, device)
        plan = runs(frames, heard[0].frames, extension(source, options))
        numbers = np.array([number for run in plan for number in run.frames()])
        check_moments(self.moments, len(numbers), source.fps)
        if seen <= SHORT * source.fps or known_detections(source.clip.path, described, seen):
            return look_at_source(source, frames, detector, options, device, progress)
        parts: list[range] = []
        faced: dict[int, np.ndarray] = {}
        for share in SHARES:
            some = self._asked(source.fps, len(numbers))
            some = some or candidates(self.wish, heard[1], source.fps, len(numbers), share)
            tried = {at: here for at, here in enumerate(some) if at not in faced}
            around = [_around(numbers[here], source.fps) for here in tried.values()]
            parts = joined_parts([*parts, *around], seen, way.every)
            if sum(map(len, parts)) > MOSTLY * seen:
                return look_at_source(source, frames, detector, options, device, progress)
            with progress.stage("Finding faces", sum(map(len, parts))) as advance:
                for part in parts:
                    if (described, part) not in self._seen:
                        found = look_at_part(part, way, source.read_small, detector, batch, advance)
                        self._seen[described, part] = found
            spread_out = spread({part: self._seen[described, part] for part in parts}, seen)
            faced |= {at: here for at, here in tried.items() if _any_face(spread_out, numbers[here])}
            if self.moments or len(faced) == len(some):
                break
        if not any(faces is not None and len(faces) for faces in spread_out.faces):
            raise NoFaceError(
                f"No face was found in {source.clip.path} around {len(parts)} moments (looked for with "
                f"{detector.name}). Name others with --times, or choose another --detector."
            )
        self.partly, self._stretches = True, [faced[at] for at in sorted(faced)]
        return spread_out


def check_moments(moments: Sequence[Moment], frames: int, fps: Fraction) -> None:
    """Refuse moments that begin after the end of a result of so many frames."""
    late = next((moment for moment in moments if moment.frames(fps).start >= frames), None)
    if late is not None:
        raise UsageError(
            f"The result lasts until {in_words(frames / fps)}; there is nothing to see at {in_words(late.time)}. "
            "Choose an earlier time with --times."
        )


def _beside(frames: range) -> range:
    return range(max(0, frames.start - NEIGHBOURS), frames.stop + NEIGHBOURS)


def _around(numbers: np.ndarray, fps: Fraction) -> range:
    """Return the frames of the source in which faces are looked for, for the sake of some of them."""
    reach = ceil(AROUND * fps)
    return range(int(numbers.min()) - reach, int(numbers.max()) + reach + 1)


def _any_face(found: Detections, numbers: np.ndarray) -> bool:
    return any(len(faces) > 0 for faces in map(found.faces.__getitem__, map(int, numbers)) if faces is not None)


def _only(parts: Sequence[Part], frames: Sequence[int]) -> tuple[Part, ...]:
    return tuple(
        Part(range(frame, frame + 1), part.track) for part in parts for frame in frames if frame in part.frames
    )
