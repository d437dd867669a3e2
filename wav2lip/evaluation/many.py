"""Score many videos one after the other, and keep what is done."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wav2lip.errors import Wav2LipError
from wav2lip.evaluation.results import VideoScore
from wav2lip.evaluation.score import Evaluator

JOURNAL = "journal.jsonl"
NEEDED = {"key", "path", "seconds", "frames", "faces", "detector", "picture", "reference", "tracks"}


@dataclass(frozen=True)
class Line:
    """What became of one video.

    Attributes:
        path: the video.
        score: as `VideoScore.to_dict` gives it; None where it could not be scored.
        error: why not, as a sentence.
        exit_code: what the command line ends with for such an error; 0 without one.
    """

    path: Path
    score: dict[str, Any] | None = None
    error: str | None = None
    exit_code: int = 0


def score_all(
    paths: Sequence[Path], references: Sequence[Path | None], evaluator: Evaluator, journal: Path | None,
    done: Callable[[Line, VideoScore | None], object], *, again: Callable[[Path], bool] = lambda path: False,
) -> list[Line]:
    """Score videos one after the other; one that cannot be scored does not stop the others.

    Args:
        paths: the videos.
        references: what each is compared with, or None.
        evaluator: scores.
        journal: a file that gets a line for each video as it is done; what it says of a video that has not changed
            since, scored in the same way, is taken from it. None keeps nothing.
        done: is given each line as it comes, with the whole score where it was measured now.
        again: says of a video that it has to be scored in any case.

    Raises:
        Wav2LipError: the journal cannot be written.
    """
    known = _read_journal(journal)
    lines = []
    for path, reference in zip(paths, references, strict=True):
        key = _key(evaluator.fingerprint, path, reference)
        score = None
        if key in known and not again(path):
            line = Line(path, known[key])
        else:
            try:
                score = evaluator.score(path, reference)
                line = Line(path, score.to_dict())
            except Wav2LipError as error:
                line = Line(path, error=str(error), exit_code=error.exit_code)
            if journal and line.score:
                _append(journal, {"key": key, **line.score})
        lines.append(line)
        done(line, score)
    return lines


def _key(fingerprint: str, path: Path, reference: Path | None) -> str:
    """Return what changes with the video, its reference, or how they are scored."""
    stamps = []
    for file in (path, reference):
        try:
            status = os.stat(file) if file else None
        except OSError:
            status = None
        stamps.append((str(file), status and status.st_size, status and status.st_mtime_ns))
    return hashlib.blake2b(f"{fingerprint} {stamps}".encode(), digest_size=16).hexdigest()


def _read_journal(journal: Path | None) -> dict[str, dict[str, Any]]:
    if journal is None or not journal.exists():
        return {}
    try:
        return {score.pop("key"): score for score in _whole_lines(journal)}
    except OSError as error:
        raise Wav2LipError(f"{journal} cannot be read: {error.strerror}.") from error


def _whole_lines(journal: Path) -> Iterator[dict[str, Any]]:
    with open(journal, encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue             # cut off when a run was killed
            if isinstance(line, dict) and line.keys() >= NEEDED:
                yield line


def _append(journal: Path, line: dict[str, Any]) -> None:
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        with open(journal, "ab+") as file:
            # A line that a killed run left unfinished ends here.
            if file.tell() and _last_byte(file) != b"\n":
                file.write(b"\n")
            file.write(json.dumps(line, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
    except OSError as error:
        raise Wav2LipError(f"{journal} cannot be written: {error.strerror}.") from error


def _last_byte(file: io.BufferedRandom) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)
