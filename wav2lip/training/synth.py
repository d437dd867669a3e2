"""Synthetic talking heads as video files: drawn people who say recordings, with the mouth's true curve beside them."""

from __future__ import annotations

import csv
import json
import os
import secrets
import shutil
import tempfile
import time
import wave
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.media.clip import VIDEO_SUFFIXES, Frame
from wav2lip.media.encoding import Encoding
from wav2lip.media.files import is_hidden
from wav2lip.media.sound import read_samples
from wav2lip.media.write import PART_PATTERN, VideoWriter, check_output
from wav2lip.speech.mel import SAMPLE_RATE
from wav2lip.training.articulation import Articulation, speech_to_articulation
from wav2lip.training.heads import draw_talking
from wav2lip.training.pool import WorkerDied, run_all
from wav2lip.training.splits import is_held_out
from wav2lip.training.voices import PROGRAM, talk

SOUNDS = frozenset({".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma"})
TRUTHS = (".csv", ".json")
SECONDS = 5.0                      # that a head talks when nobody says how long
ENCODING = Encoding(codec="h264", crf=15, preset="veryfast")

MANY_SECONDS, MANY_SIZE = 1.6, 224
"""Of each head of many: short, as a clip's worth is in its person; a face as large as the generator sees it."""

_TRIES = 20                        # recordings that are tried before a head gives up
_LOUD = 0.1                        # of a recording's loudest: what counts as speech
_BLOCK = SAMPLE_RATE // 100        # samples over which loudness is measured: 10 ms
_BEFORE = 0.1                      # seconds of an excerpt before the speech begins
_ABANDONED = 3600                  # seconds after which nobody works on an unfinished file

Track = Callable[[Iterator[Frame], int], Iterable[Frame]]


@dataclass(frozen=True)
class Drawing:
    """How heads are drawn.

    Attributes:
        size: height and width of the pictures, in pixels.
        fps: frames a second.
        seconds: how long a head talks at most; None is the whole recording.
    """

    size: int = 256
    fps: Fraction = Fraction(25)
    seconds: float | None = None


@dataclass(frozen=True)
class HeadJob:
    """A head of many: who, the file that it becomes, and the recordings that it may say, in the order to be tried."""

    identity: int
    output: Path
    recordings: tuple[Path, ...]


def head_name(identity: int) -> str:
    """Return the name of a drawn head's clip, which also decides whether the identity is held out."""
    return f"head-{identity:06d}"


def synthesize(
    identity: int, output: Path, how: Drawing, speech: Path | None = None, truth: Path | None = None,
    track: Track = lambda frames, total: frames,
) -> None:
    """Draw one head that says a recording, and write it with the sound.

    Args:
        identity: number of the person, and seed of what it says without a recording.
        output: the video; an existing one is replaced.
        how: size, rate, length.
        speech: any file with an audio track; None lets espeak-ng speak.
        truth: a .csv or .json that gets the curve that was drawn; see `write_truth`.
        track: is given the frames and their number, and passes them on.

    Raises:
        MediaError: the recording has no sound, or cannot be read.
        UsageError: an output is an input or makes no sense, or espeak-ng is needed and missing.
        Wav2LipError: an output cannot be written.
    """
    _check(output, speech, truth)
    if speech is None:
        samples = talk(np.random.default_rng([identity, 0x5A7]), how.seconds or SECONDS)
        curve = _write(identity, output, how, samples, track)
    else:
        samples = _read(speech, how.seconds)
        curve = _write(identity, output, how, samples, track, speech)
    if truth:
        write_truth(truth, curve, how.fps)


def plan_heads(identities: Iterable[int], folder: Path, speech: Path | None) -> list[HeadJob]:
    """Return the heads of a folder, and who may say what.

    With recordings, every other head says one of them, and all do where espeak-ng is missing. Heads that are held out
    from training by their name say recordings that are held out by theirs, the others the rest, so that what is
    trained on is never what is judged by.

    Args:
        identities: numbers of the people.
        folder: where `head-000007.mp4` and so on go.
        speech: a folder of recordings, sounds or videos, looked through with all that is in it.

    Raises:
        UsageError: there is no such folder, no recording in it, or somebody is left with nothing to say.
    """
    recordings = find_recordings(speech) if speech else []
    sides = {side: [path for path in recordings if is_held_out(path.stem) == side] for side in (True, False)}
    voices = shutil.which(PROGRAM) is not None
    jobs = []
    for identity in identities:
        name = head_name(identity)
        held = is_held_out(name)
        chosen: tuple[Path, ...] = ()
        if speech and (identity % 2 or not voices):
            order = np.random.default_rng([identity, 0x5A9]).permutation(len(sides[held]))
            chosen = tuple(sides[held][n] for n in order[:_TRIES])
        if not chosen and not voices:
            kind = "is held out" if held else "is not held out"
            lacking = f" {name} {kind} from training by its name, and no recording in {speech} is." if speech else ""
            raise UsageError(
                f"Drawn heads without a recording speak with {PROGRAM}, which is missing.{lacking} "
                f"Install it (apt install {PROGRAM}), or give {'more' if speech else 'a folder of'} recordings with "
                "--speech."
            )
        jobs.append(HeadJob(identity, folder / f"{name}.mp4", chosen))
    return jobs


def find_recordings(folder: Path) -> list[Path]:
    """Return all sounds and videos in a folder and the folders in it, sorted.

    Raises:
        UsageError: it is not a folder, or there are none.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; for many heads, name one with recordings.")
    found = sorted(
        path for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES | SOUNDS and not is_hidden(path, folder) and path.is_file()
    )
    if not found:
        raise UsageError(f"There is no sound and no video in {folder}.")
    return found


def synthesize_many(
    jobs: Sequence[HeadJob], how: Drawing, workers: int, done: Callable[[int], object] = lambda number: None
) -> int:
    """Draw many heads, in processes with one thread each; those whose file is there are kept.

    Args:
        jobs: as `plan_heads` gives them.
        how: size, rate, length.
        workers: how many processes.
        done: is told how many more are there.

    Returns:
        How many were drawn now.

    Raises:
        Wav2LipError: the folder cannot be written to, or some heads could not be drawn; the others are there.
    """
    missing = [job for job in jobs if not job.output.exists()]
    for folder in {job.output.parent for job in missing}:
        _make_folder(folder)
        _tidy(folder)
    done(len(jobs) - len(missing))
    failed: list[str] = []
    with closing(run_all(missing, partial(_make_worker, how), max(1, min(workers, len(missing))))) as results:
        for job, trouble in results:
            if isinstance(trouble, WorkerDied):
                failed.append(f"{job.output.name}: {trouble}.")
            elif trouble:
                failed.append(trouble)
            done(1)
    if failed:
        raise Wav2LipError(f"{len(failed)} of {len(jobs)} heads could not be drawn; the first: {failed[0]}")
    return len(missing)


def write_truth(path: Path, curve: Articulation, fps: Fraction) -> None:
    """Write the mouth of every frame: frame, time in seconds, opening in [0, 1], width in [-1, 1].

    Args:
        path: .csv with a line of names first, or .json with a list of objects.
        curve: what was drawn.
        fps: frames a second.

    Raises:
        Wav2LipError: it cannot be written.
    """
    mouths = zip(curve.opening.tolist(), curve.width.tolist(), strict=True)
    rows = [
        {"frame": n, "time": round(float(n / fps), 6), "opening": round(opening, 6), "width": round(width, 6)}
        for n, (opening, width) in enumerate(mouths)
    ]
    part = path.with_name(f".wav2lip-{secrets.token_hex(8)}.part{path.suffix}")
    try:
        with open(part, "w", newline="", encoding="utf-8") as file:
            if path.suffix.lower() == ".json":
                json.dump(rows, file, indent=1)
            else:
                table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
                table.writeheader()
                table.writerows(rows)
        os.replace(part, path)
    except OSError as error:
        raise Wav2LipError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def excerpt(samples: np.ndarray, seconds: float, random: np.random.Generator) -> np.ndarray | None:
    """Return a part of a recording that begins where somebody speaks, with a silent end where it is too short.

    Args:
        samples: mono float32 (samples,) at 16 kHz.
        seconds: how long.
        random: draws where.

    Returns:
        float32 (seconds · 16000,), or None if the recording is silent.
    """
    blocks = len(samples) // _BLOCK
    loudness = np.sqrt((samples[: blocks * _BLOCK].reshape(blocks, _BLOCK) ** 2).mean(axis=1))
    loud = np.flatnonzero(loudness > _LOUD * loudness.max(initial=0)) * _BLOCK
    if not len(loud):
        return None
    length = round(seconds * SAMPLE_RATE)
    starts = loud[(loud == loud[0]) | (loud + length <= loud[-1])]
    start = max(0, int(random.choice(starts)) - round(_BEFORE * SAMPLE_RATE))
    part = samples[start : start + length]
    return np.pad(part, (0, length - len(part)))


def _make_worker(how: Drawing) -> Callable[[HeadJob], str | None]:
    """Return what a process of the pool does with a head: None, or a sentence about why it could not."""
    import cv2

    cv2.setNumThreads(1)

    def work(job: HeadJob) -> str | None:
        try:
            _write(job.identity, job.output, how, _words(job, how.seconds or SECONDS))
        except Wav2LipError as error:
            return str(error)
        return None

    return work


def _words(job: HeadJob, seconds: float) -> np.ndarray:
    """Return what a head of many says, float32 (samples,) at 16 kHz."""
    random = np.random.default_rng([job.identity, 0x5A7])
    if not job.recordings:
        return talk(random, seconds)
    trouble = f"{job.recordings[0]} is silent."
    for path in job.recordings:
        try:
            words = excerpt(_read(path, None), seconds, random)
        except MediaError as error:
            trouble = str(error)
            continue
        if words is not None:
            return words
    raise MediaError(f"{job.output.name} has nothing to say: no recording that it tried has speech. {trouble}")


def _read(path: Path, seconds: float | None) -> np.ndarray:
    samples = np.concatenate(list(read_samples(path)))
    return samples if seconds is None else samples[: max(1, round(seconds * SAMPLE_RATE))]


def _write(
    identity: int, output: Path, how: Drawing, samples: np.ndarray, track: Track = lambda frames, total: frames,
    sound: Path | None = None,
) -> Articulation:
    """Write a head that says samples, with a file's sound or, without one, with the samples; return its mouth."""
    curve = speech_to_articulation(samples, float(how.fps))
    with tempfile.TemporaryDirectory(prefix="wav2lip-") as folder:
        limit = how.seconds
        if sound is None:
            sound, limit = Path(folder) / "speech.wav", None
            write_wav(sound, samples)
        writer = VideoWriter(
            output, width=how.size, height=how.size, fps=how.fps, sound=sound, encoding=ENCODING, duration_limit=limit
        )
        with writer:
            for frame in track(draw_talking(identity, curve, float(how.fps), how.size), len(curve)):
                writer.write(frame)
    return curve


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write samples in [-1, 1], float (samples,) at 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes())


def _check(output: Path, speech: Path | None, truth: Path | None) -> None:
    """Find out before the work begins whether the outputs can be written, and make their folders."""
    if speech is not None and speech.is_dir():
        raise UsageError(f"{speech} is a folder; one head says one recording (--count draws many).")
    if truth is not None and truth.suffix.lower() not in TRUTHS:
        raise UsageError(f"The truth is written as {' or '.join(TRUTHS)}, not as {truth.name}.")
    for path in (output, truth):
        if path is None:
            continue
        if speech is not None and path.exists() and speech.exists() and path.samefile(speech):
            raise UsageError(f"The output {path} is also the recording; choose another name.")
        if path.is_dir():
            raise UsageError(f"The output {path} is a folder; give the name of a file, or --count for many heads.")
        _make_folder(path.absolute().parent)
    check_output(output, ENCODING)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Wav2LipError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Wav2LipError(f"The folder {folder} cannot be written to.")


def _tidy(folder: Path) -> None:
    """Remove what killed runs left."""
    for part in folder.glob(PART_PATTERN):
        with suppress(OSError):        # its maker may just have finished it
            if part.stat().st_mtime < time.time() - _ABANDONED:
                part.unlink()
