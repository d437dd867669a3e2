"""Who is in a clip, shot by shot: all that its pictures and lists are made from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from wav2lip.cast.seen import Seen, everybody, runs
from wav2lip.faces.detector import Detector
from wav2lip.faces.look import look_at_clip
from wav2lip.media.clip import Clip
from wav2lip.progress import Progress


@dataclass(frozen=True)
class Survey:
    """Who is seen in a clip.

    Attributes:
        clip: that was looked at.
        shots: int (n,): the shot that each frame belongs to, counted from 0; as many as the file really holds.
        people: in the order of their labels; none in a clip without a face.
    """

    clip: Clip
    shots: np.ndarray
    people: tuple[Seen, ...]

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.shots)

    @property
    def seconds(self) -> Fraction:
        """How long they last."""
        return self.frames / self.clip.fps

    @property
    def first_of_shots(self) -> list[int]:
        """The number of the first frame of every shot."""
        return [0, *(np.flatnonzero(np.diff(self.shots)) + 1).tolist()]

    @property
    def faceless(self) -> list[tuple[int, int]]:
        """First frames, and those after the last, of every stretch in which nobody is seen."""
        nobody = np.ones(self.frames, bool)
        for person in self.people:
            nobody[person.frames] = False
        return runs(np.flatnonzero(nobody))

    def shots_with(self, person: Seen) -> int:
        """Return in how many shots somebody is seen."""
        return len(np.unique(self.shots[person.frames]))


def survey_clip(clip: Clip, detector: Detector, device: str, progress: Progress) -> Survey:
    """Find out who is in a clip; what the detector found is remembered, for `sync` too.

    Args:
        clip: as `probe` describes it.
        detector: what looks.
        device: where it runs.
        progress: is told how far it is.

    Raises:
        MediaError: the clip cannot be decoded.
    """
    detections = look_at_clip(clip, clip.frames, detector, device, progress)
    people = tuple(everybody(detections, (clip.width, clip.height), clip.fps))
    return Survey(clip, detections.shots, people)
