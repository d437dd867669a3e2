"""From recordings to training clips: find the face in every frame, cut it out, keep it with its sound."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from wav2lip.errors import MediaError, NoFaceError, UsageError, Wav2LipError
from wav2lip.faces.detector import Detector, make_detector
from wav2lip.faces.look import BATCH
from wav2lip.media.clip import VIDEO_SUFFIXES, Clip, Frame
from wav2lip.media.files import is_folder, is_hidden
from wav2lip.media.probe import probe
from wav2lip.media.read import read_at_rate
from wav2lip.media.sound import SAMPLE_RATE, pcm16, samples_from_first_frame
from wav2lip.models.syncnet import FPS
from wav2lip.training.layout import PART_PATTERN, TrainingClip, is_clip, write_clip
from wav2lip.training.locate import find_boxes
from wav2lip.training.pool import WorkerDied, run_all

DETECT_EVERY = 0.4                       # seconds, also at most: heads hardly move, boxes between are interpolated
FEWEST = 6                               # frames with a face that a clip needs: a window of 5, and a reference
HELD_BYTES = 192 << 20                   # of frames in memory: 32 at 1920×1080
REPORT = "report.jsonl"

NO_FACE, FEW_FACES, TOO_SHORT = "no face", f"fewer than {FEWEST} frames with a face", "too short"
NO_SOUND, UNREADABLE, FAILED = "no sound", "cannot be read", "failed"

_ABANDONED = 3600                        # seconds without a new file after which nobody works on an unfinished clip


class Job(NamedTuple):
    """A video, and the folder that its clip becomes."""

    video: Path
    folder: Path

    @property
    def name(self) -> str:
        """The clip's name with that of the folder it is in."""
        return f"{self.folder.parent.name}/{self.folder.name}"


@dataclass(frozen=True)
class ClipReport:
    """What became of a video.

    Attributes:
        name: of the clip, with the folder it is in.
        frames: at 25 a second; 0 where they were not counted.
        faceless: how many of them have no face.
        dropped: why there is no clip, in a few words; None if there is one.
        detail: the same as a sentence that names the file.
        already: whether the clip was there before.
    """

    name: str
    frames: int = 0
    faceless: int = 0
    dropped: str | None = None
    detail: str | None = None
    already: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the clip's line of the report: the same whether it was made now or before."""
        return {
            "name": self.name,
            "frames": self.frames,
            "frames_without_face": self.faceless,
            "seconds": float(self.frames / FPS),
            "dropped": self.dropped,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Preprocessing:
    """How videos are looked at.

    Attributes:
        detector, weights, device, offline: as `make_detector` takes them.
        detect_every: seconds between the frames that are looked at, at most 0.4; 0 for every frame.
        workers: how many processes.
    """

    detector: str = "auto"
    weights: Path | None = None
    device: str = "cpu"
    offline: bool | None = None
    detect_every: float = DETECT_EVERY
    workers: int = 1


def find_videos(videos: Path, out: Path) -> list[Job]:
    """Return the videos in a folder and in the folders in it, with where their clips go, sorted.

    `videos`/dir/name.mp4 becomes `out`/dir/name, and `videos`/name.mp4 becomes `out`/videos/name. The name goes up to
    the last dot; the original program cuts at the first, where a.1.mp4 and a.2.mp4 overwrite each other.

    Raises:
        UsageError: there is no such folder, no video in it, or two would become the same clip.
    """
    if not is_folder(videos):
        raise UsageError(f"{videos} is not a folder; name the one with the videos.")
    found: dict[Path, Path] = {}
    for path in sorted([*videos.glob("*"), *videos.glob("*/*")]):
        if path.suffix.lower() not in VIDEO_SUFFIXES or is_hidden(path, videos) or not path.is_file():
            continue
        folder = out / Path(os.path.abspath(path.parent)).name / path.stem    # a link has a name of its own
        other = found.setdefault(folder, path)
        if other != path:
            raise UsageError(f"{other} and {path} would both become the clip {folder}; rename one of them.")
    if not found:
        raise UsageError(f"There is no video in {videos}, nor in the folders in it.")
    return [Job(path, folder) for folder, path in found.items()]


def preprocess_all(
    jobs: Sequence[Job], out: Path, how: Preprocessing, say: Callable[[str], None],
    done: Callable[[ClipReport], object],
) -> list[ClipReport]:
    """Turn videos into training clips, and write `out`/report.jsonl, one line a clip.

    Clips that are there already are kept, also those of the original program; so an interrupted run is gone on with.
    What earlier runs reported of other clips in `out` stays in the report.

    Args:
        jobs: as `find_videos` gives them.
        out: the data set's folder.
        how: detector, device, processes.
        say: is told of the detector, and of videos that are left out.
        done: is given each report as it comes, in no order.

    Returns:
        A report for each job, in their order.

    Raises:
        WeightsError, UsageError: the detector cannot be had.
        Wav2LipError: `out` cannot be written to.
    """
    _tidy(out, jobs)
    reports: dict[str, ClipReport] = {}

    def add(report: ClipReport) -> None:
        reports[report.name] = report
        if report.detail:
            say(f"Left out: {report.detail}")
        done(report)

    missing = []
    for job in jobs:
        if is_clip(job.folder):
            add(_report_of(job))
        else:
            missing.append(job)
    with closing(_process(missing, how, say)) as processed:
        for report in processed:
            add(report)
    ordered = [reports[job.name] for job in jobs]
    _write_report(out / REPORT, ordered)
    return ordered


def _process(jobs: Sequence[Job], how: Preprocessing, say: Callable[[str], None]) -> Generator[ClipReport]:
    """Yield the report of each job as it is done."""
    if not jobs:
        return
    # Made here in any case, so that what is missing is said once and downloaded once.
    detector = make_detector(
        how.detector, weights=how.weights, device=how.device, compat=False, offline=how.offline, say=say
    )
    workers = min(how.workers, len(jobs))
    if workers < 2:
        for job in jobs:
            yield preprocess_video(job, detector, how)
        return
    settled = replace(how, detector=detector.name, offline=True)
    del detector
    with closing(run_all(jobs, partial(_make_worker, settled), workers)) as results:
        for job, result in results:
            if isinstance(result, WorkerDied):
                yield ClipReport(job.name, dropped=FAILED, detail=f"{job.video}: {result}.")
            else:
                yield result


def check_usable(reports: Sequence[ClipReport]) -> None:
    """Raise the error that says what was wrong with all videos, if there is not one usable clip.

    Raises:
        NoFaceError: some were looked at, and had too few faces.
        MediaError: all that was wrong is that they cannot be read or heard.
        Wav2LipError: nothing could be written.
    """
    reasons = {report.dropped for report in reports}
    if None in reasons:
        return
    if reasons & {NO_FACE, FEW_FACES}:
        raise NoFaceError("No video shows a face long enough; another --detector may find more.")
    if reasons <= {NO_SOUND, UNREADABLE, TOO_SHORT}:
        raise MediaError("No video could be used: training needs pictures and sound.")
    raise Wav2LipError("No clip could be made.")


def preprocess_video(job: Job, detector: Detector, how: Preprocessing) -> ClipReport:
    """Turn one video into a training clip, or say why that cannot be.

    Frame n of the clip is the picture whose time is nearest to n / 25 s after the first one's, whatever the video's
    rate. What follows the end of the sound is cut. Memory does not depend on the video's length, but for its sound:
    300 MB an hour.
    """
    try:
        return _preprocess(job, detector, how)
    except _Dropped as drop:
        return ClipReport(job.name, drop.frames, drop.faceless, drop.reason, f"{job.video}: {drop.reason}.")
    except MediaError as error:
        return ClipReport(job.name, dropped=UNREADABLE, detail=str(error))
    except Wav2LipError as error:
        return ClipReport(job.name, dropped=FAILED, detail=str(error))
    except Exception as error:           # whatever it is, the other clips shall not suffer
        return ClipReport(job.name, dropped=FAILED, detail=f"{job.video}: {type(error).__name__}: {error}.")


class _Dropped(Exception):
    def __init__(self, reason: str, frames: int = 0, faceless: int = 0):
        super().__init__(reason)
        self.reason, self.frames, self.faceless = reason, frames, faceless


def _preprocess(job: Job, detector: Detector, how: Preprocessing) -> ClipReport:
    clip = probe(job.video)
    if clip.sound is None:
        raise _Dropped(NO_SOUND)
    sound = _read_sound(clip)
    heard = ceil(Fraction(len(sound), SAMPLE_RATE) * FPS)
    if heard < FEWEST:
        raise _Dropped(TOO_SHORT)
    most = HELD_BYTES // (clip.width * clip.height * 3)      # frames that may be held
    every = max(1, min(round(how.detect_every * FPS), most))
    short = clip.duration * FPS <= most
    held = list(read_at_rate(clip, FPS, heard)) if short else []

    def frames() -> Iterator[Frame]:
        return iter(held) if short else read_at_rate(clip, FPS, heard)

    boxes = find_boxes(
        frames(), detector, every=every, block=max(1, most // every) * every,
        batch=BATCH[how.device.partition(":")[0]],
    )
    total, faceless = len(boxes), int(np.isnan(boxes[:, 0]).sum())
    if total < FEWEST:
        raise _Dropped(TOO_SHORT, total, faceless)
    if total - faceless < FEWEST:
        raise _Dropped(NO_FACE if faceless == total else FEW_FACES, total, faceless)
    faces = ((n, frame, boxes[n]) for n, frame in enumerate(frames()) if not np.isnan(boxes[n, 0]))
    return ClipReport(job.name, total, total - write_clip(job.folder, total, [sound], faces))


def _read_sound(clip: Clip) -> np.ndarray:
    """Return the clip's sound from its first picture on, int16 (samples,) at 16 kHz."""
    return np.concatenate([pcm16(block) for block in samples_from_first_frame(clip)])


def _make_worker(how: Preprocessing) -> Callable[[Job], ClipReport]:
    """Return what a process of the pool does with a video."""
    cv2.setNumThreads(1)                 # other libraries are told by the pool
    detector = make_detector(
        how.detector, weights=how.weights, device=how.device, compat=False, offline=how.offline, say=lambda text: None
    )
    return partial(preprocess_video, detector=detector, how=how)


def _report_of(job: Job) -> ClipReport:
    """Return the report of a clip that is there."""
    clip = TrainingClip(job.folder)
    try:
        return ClipReport(job.name, clip.frames, clip.frames - len(clip.numbers), already=True)
    except MediaError as error:
        return ClipReport(job.name, dropped=UNREADABLE, detail=str(error))


def _tidy(out: Path, jobs: Sequence[Job]) -> None:
    """Make the data set's folder, and remove what killed runs left in it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Wav2LipError(f"The folder {out} cannot be made: {error.strerror}.") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise Wav2LipError(f"The folder {out} cannot be written to.")
    for folder in {job.folder.parent for job in jobs}:
        for part in folder.glob(PART_PATTERN):
            with suppress(OSError):      # its maker may just have finished it
                if part.stat().st_mtime < time.time() - _ABANDONED:
                    shutil.rmtree(part)


def _write_report(path: Path, reports: Sequence[ClipReport]) -> None:
    """Write the report, with the lines that it has of other clips, sorted by name."""
    lines = {report.name: report.to_dict() for report in reports}
    with suppress(OSError, ValueError, KeyError, TypeError):     # none yet, or not ours
        for line in map(json.loads, path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()):
            lines.setdefault(line["name"], line)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        text = "".join(json.dumps(lines[name], ensure_ascii=False) + "\n" for name in sorted(lines))
        part.write_text(text, encoding="utf-8", errors="surrogateescape")    # names of files need not be Unicode
        os.replace(part, path)
    except OSError as error:
        raise Wav2LipError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
