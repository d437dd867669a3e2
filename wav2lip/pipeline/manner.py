"""How the mouth behaves: whose appearance it copies, and what it does while nobody speaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wav2lip.faces.boxes import Pads
from wav2lip.faces.detector import Detector
from wav2lip.faces.track import FaceTrack
from wav2lip.pipeline.options import Silence, SyncOptions
from wav2lip.pipeline.reference import likeness, reference_from_file
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress

References = tuple[tuple[np.ndarray, float], ...]
"""Faces whose appearance is copied, uint8 (96, 96, 3) BGR, and how much each counts; together 1."""

FindClosed = Callable[[Source, FaceTrack, Progress, str], Mapping[int, np.ndarray]]
"""Finds, for a track, by shot a face whose mouth is closed, uint8 (96, 96, 3) BGR; the text is the device."""


@dataclass(frozen=True)
class Manner:
    """What becomes of each frame's mouth.

    Attributes:
        silence: what the mouth does while nobody speaks.
        closed: by shot, a face of it whose mouth is closed, uint8 (96, 96, 3) BGR.
        always: whether those are copied in speech too.
        given: a face that is copied instead, whatever is said.
    """

    silence: Silence = "model"
    closed: Mapping[int, np.ndarray] = field(default_factory=dict)
    always: bool = False
    given: np.ndarray | None = None

    def references(self, face: np.ndarray, shot: int, presence: float) -> References:
        """Return whose appearance is copied in a frame.

        Args:
            face: the frame's own, uint8 (96, 96, 3) BGR; a closed mouth is copied only as far as it is held alike.
            shot: which the frame belongs to.
            presence: how much somebody speaks, 0 to 1; in between one appearance passes into the other.
        """
        if self.given is not None:
            return ((self.given, 1.0),)
        closed = self.closed.get(shot)
        lent = 1.0 if self.always else 1.0 - presence if self.silence == "closed" else 0.0
        if closed is None or lent == 0:
            return ((face, 1.0),)
        lent *= likeness(face, closed)
        both = ((face, 1.0 - lent), (closed, lent))
        return tuple((reference, weight) for reference, weight in both if weight > 0)

    def opacity(self, presence: float) -> float:
        """Return how much of the generated mouth is shown."""
        return presence if self.silence == "source" else 1.0


def given_face(options: SyncOptions, detector: Detector | None) -> np.ndarray | None:
    """Return the face in the picture that `reference` names, uint8 (96, 96, 3) BGR; None where it names none.

    Raises:
        MediaError, NoFaceError: it cannot be read, or shows no face.
    """
    if not isinstance(options.reference, Path):
        return None
    return reference_from_file(options.reference, detector, Pads(*options.pads))


def choose_manner(
    source: Source, tracks: Iterable[FaceTrack], presences: Iterable[np.ndarray], options: SyncOptions,
    given: np.ndarray | None, device: str, progress: Progress, find_closed: FindClosed,
) -> Manner:
    """Find the faces whose appearance is copied.

    Args:
        source: the video.
        tracks: where the faces are in it that are synced, with other numbers for their shots.
        presences: how much somebody speaks in each frame of the result, for every stream of speech.
        options, device, progress: of the run.
        given: a face that is copied whatever is said.
        find_closed: looks for closed mouths, where they are needed.
    """
    silence, always = options.in_silence, options.reference == "closed"
    pauses = silence == "closed" and any((presence < 1).any() for presence in presences)
    if given is not None or not (always or pauses):
        return Manner(silence, given=given)
    closed: dict[int, np.ndarray] = {}
    for track in tracks:
        closed |= find_closed(source, track, progress, device)
    return Manner(silence, closed, always)
