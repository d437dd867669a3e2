"""Find out who is in a video, and show it: a contact sheet, tracks, an overlay, the beginning of an edit list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wav2lip.cast.cue import Cue
from wav2lip.cast.edl import FORMATS, write_edits
from wav2lip.cast.overlay import write_overlay
from wav2lip.cast.person_track import PersonTrack
from wav2lip.cast.report import CastReport, describe
from wav2lip.cast.seen import in_time
from wav2lip.cast.sheet import write_sheet
from wav2lip.cast.survey import Survey, survey_clip
from wav2lip.cast.track_file import write_tracks
from wav2lip.errors import NoFaceError, UsageError
from wav2lip.faces.detector import make_detector
from wav2lip.media.clip import Clip
from wav2lip.media.encoding import Encoding, check_encoding
from wav2lip.media.probe import probe
from wav2lip.media.results import prepare_results
from wav2lip.models.device import choose_device
from wav2lip.paths import take_paths
from wav2lip.progress import Progress

PAUSE = 1.0      # seconds: somebody who is away for less is thought to go on speaking


@dataclass(frozen=True)
class CastOptions:
    """Options of `wav2lip.find_people`. A result that is None is not written.

    Attributes:
        sheet: a PNG of the people and their time on screen.
        tracks: a JSON file of every face's boxes, to be edited and given to `sync`.
        overlay: a copy of the video with the boxes drawn in.
        edits: a .csv, .json or .srt with a row for each time that somebody is on screen: `sync` lacks the recordings.
        detector: which face detector; "auto" is S3FD when its weights can be had, else the cascade.
        detector_weights: weights file of the detector.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        offline: never reach for the network.
        clobber: replace existing results.
    """

    sheet: Path | None = None
    tracks: Path | None = None
    overlay: Path | None = None
    edits: Path | None = None
    detector: str = "auto"
    detector_weights: Path | None = None
    device: str = "auto"
    offline: bool = False
    clobber: bool = True

    def __post_init__(self) -> None:
        take_paths(self, "sheet", "tracks", "overlay", "edits", "detector_weights")


def find_people(
    video: str | os.PathLike[str], options: CastOptions | None = None, progress: Progress | None = None
) -> CastReport:
    """Find out who is in a video or picture.

    What the detector found is remembered: the next time, and `sync` on the same file, start at once.

    Args:
        video: to look at.
        options: what to write, and how to look.
        progress: receives words and progress; None for silence.

    Raises:
        UsageError: options that make no sense, or a result that is an input or another result.
        MediaError: the video cannot be read.
        WeightsError: the detector's weights are missing, broken or of another network.
        NoFaceError: no face in the whole video; then nothing is written.
        Wav2LipError: a result cannot be written.
    """
    video, options, progress = Path(video), options or CastOptions(), progress or Progress()
    clip = probe(video)
    _prepare(video, options)
    survey, detector = survey_people(clip, options, progress)
    labels = ", ".join(person.label for person in survey.people)
    progress.detail(f"In {survey.frames} frames there are {labels} ({detector}).")
    if options.sheet:
        write_sheet(options.sheet, survey, progress)
    if options.tracks:
        write_tracks(
            options.tracks, _tracks(survey), video=video.name, fps=clip.fps, frames=survey.frames,
            size=(clip.width, clip.height), shots=survey.first_of_shots,
        )
    if options.edits:
        write_edits(options.edits, first_cues(survey))
    if options.overlay:
        write_overlay(options.overlay, survey, progress)
    return CastReport(
        video=video,
        fps=clip.fps,
        frames=survey.frames,
        width=clip.width,
        height=clip.height,
        detector=detector,
        people=tuple(describe(survey, person) for person in survey.people),
        shots=tuple(first / clip.fps for first in survey.first_of_shots),
        faceless=tuple(in_time(stretch, clip.fps) for stretch in survey.faceless),
        sheet=options.sheet,
        tracks=options.tracks,
        overlay=options.overlay,
        edits=options.edits,
    )


def survey_people(clip: Clip, options: CastOptions, progress: Progress) -> tuple[Survey, str]:
    """Return who is in a video, one person at least, and the name of the detector that found them.

    Args:
        clip: the video.
        options: how to look.
        progress: receives words and progress.

    Raises:
        MediaError: the video cannot be read.
        WeightsError: the detector's weights are missing, broken or of another network.
        NoFaceError: there is nobody.
    """
    device = choose_device(options.device)
    detector = make_detector(
        options.detector, weights=options.detector_weights, device=device, compat=False,
        offline=options.offline or None, say=progress.say,
    )
    survey = survey_clip(clip, detector, device, progress)
    if not survey.people:
        raise NoFaceError(
            f"No face was found in {clip.path} ({survey.frames} frames, looked for with {detector.name}). "
            "Choose another --detector."
        )
    return survey, detector.name


def first_cues(survey: Survey) -> list[Cue]:
    """Return the beginning of an edit list: a row for each person and time on screen, in the order of time."""
    fps = survey.clip.fps
    cues = []
    for person in survey.people:
        for stretch in person.stretches(int(PAUSE * fps)):
            span = in_time(stretch, fps)
            cues.append(Cue(span.start, span.end, person.label, None))
    return sorted(cues, key=lambda cue: cue.start)


def _tracks(survey: Survey) -> Iterator[PersonTrack]:
    """Yield the people with a row for every frame, one at a time: together they would fill the memory."""
    for person in survey.people:
        boxes = np.full((survey.frames, 4), np.nan)
        boxes[person.frames] = person.boxes
        landmarks = None
        if person.landmarks is not None:
            landmarks = np.full((survey.frames, 5, 2), np.nan)
            landmarks[person.frames] = person.landmarks
        yield PersonTrack(person.label, boxes, landmarks)


def _prepare(video: Path, options: CastOptions) -> None:
    """Make sure, before any work is done, that the results have names that fit, and can be written."""
    kinds = {
        "--sheet": (options.sheet, (".png",)),
        "-o": (options.tracks, (".json",)),
        "--edl": (options.edits, tuple(FORMATS)),
    }
    for option, (path, endings) in kinds.items():
        if path is not None and path.suffix.lower() not in endings:
            raise UsageError(f"{option} {path}: its name must end in {' or '.join(endings)}.")
    if options.overlay is not None:
        check_encoding(options.overlay, Encoding())
    results = {option: path for option, (path, _) in kinds.items()} | {"--overlay": options.overlay}
    prepare_results(
        {option: path for option, path in results.items() if path is not None},
        [path for path in (video, options.detector_weights) if path is not None],
        clobber=options.clobber,
    )
