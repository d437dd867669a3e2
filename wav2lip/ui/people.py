"""Who is in a video, as pictures to click on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from wav2lip.cast.find import CastOptions, survey_people
from wav2lip.cast.portraits import portraits
from wav2lip.cast.report import describe
from wav2lip.cast.sheet import MOST_PEOPLE
from wav2lip.cast.times import in_words
from wav2lip.media.probe import probe
from wav2lip.pipeline.options import SyncOptions
from wav2lip.progress import Progress

PICTURES = 3            # of each
SIDE = 160              # pixels of a picture


@dataclass(frozen=True)
class Shown:
    """Somebody who can be chosen.

    Attributes:
        label: what --person takes: "A", "B", ...
        caption: this and how long they are on screen.
        picture: a PNG of a few moments side by side.
    """

    label: str
    caption: str
    picture: Path


def who_is_there(video: Path, options: SyncOptions, folder: Path, progress: Progress) -> list[Shown]:
    """Return the people of a video, in the order of their labels.

    What the detector finds is remembered, so a sync after it starts at once.

    Args:
        video: to look at.
        options: which detector looks, and where it runs.
        folder: for the pictures; it is made.
        progress: is told how far it is.

    Raises:
        MediaError: the video cannot be read.
        WeightsError: the detector's weights are missing, broken or of another network.
        NoFaceError: there is nobody.
    """
    looking = CastOptions(
        detector=options.detector, detector_weights=options.detector_weights, device=options.device,
        offline=options.offline,
    )
    survey, _ = survey_people(probe(video), looking, progress)
    people = survey.people[:MOST_PEOPLE]
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for person, moments in zip(
        people, portraits(survey, people, most=PICTURES, side=SIDE, progress=progress), strict=True
    ):
        member, picture = describe(survey, person), folder / f"{person.label}.png"
        picture.write_bytes(cv2.imencode(".png", np.hstack([each.picture for each in moments]))[1].tobytes())
        found.append(Shown(person.label, f"{member.label}: {in_words(member.seconds)}, {member.share:.0%}", picture))
    return found
