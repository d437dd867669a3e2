"""Score many videos, keep what is done, and sum up."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.evaluation.score import Evaluator, VideoScore
from wav2lip.media.clip import VIDEO_SUFFIXES

LIST_SUFFIXES = (".txt", ".lst")
JOURNAL = "journal.jsonl"
LONG_TRACK = 100                     # frames of 25 a second: the original leaves out tracks that are not longer
IN_SYNC = 1                          # frames: an offset that counts as in sync
_SCALARS = ("seconds", "frames", "faces", "detector")


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


def find_videos(inputs: Iterable[Path]) -> list[Path]:
    """Return the videos that are meant: files, those in folders and the folders in them, those that lists name.

    A list is a text file (.txt, .lst) with a path in every line, relative to the list's folder. The order is that of
    the inputs, within a folder by name; nothing comes twice.

    Raises:
        UsageError: a folder or a list has no video in it.
        MediaError: an input does not exist.
    """
    found: dict[Path, None] = {}
    for path in inputs:
        found |= dict.fromkeys(_videos(path))
    return list(found)


def _videos(path: Path) -> list[Path]:
    if path.is_dir():
        inside = sorted(
            inner for inner in path.rglob("*")
            if inner.suffix.lower() in VIDEO_SUFFIXES and not inner.name.startswith(".") and inner.is_file()
        )
        if not inside:
            raise UsageError(f"There is no video in the folder {path}.")
        return inside
    if not path.exists():
        raise MediaError(f"{path} does not exist.")
    if path.suffix.lower() not in LIST_SUFFIXES:
        return [path]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The list {path} cannot be read: {error}.") from None
    listed = [path.parent / line.strip() for line in lines if line.strip()]
    if not listed:
        raise UsageError(f"The list {path} is empty; it needs the path of a video in every line.")
    return listed


def find_references(paths: Sequence[Path], reference: Path | None) -> list[Path | None]:
    """Return the video that each one is compared with: the one that is given, or that of the same name in a folder.

    Raises:
        UsageError: there is no reference for a video, or one for several.
    """
    if reference is None:
        return [None] * len(paths)
    if not reference.is_dir():
        if len(paths) > 1:
            raise UsageError(f"{reference} is one reference for {len(paths)} videos; name a folder with one for each.")
        return [reference]
    by_name: dict[str, Path] = {}
    for path in _videos(reference):
        other = by_name.setdefault(path.stem, path)
        if other != path:
            raise UsageError(f"{other} and {path} have the same name; a reference is found by its name alone.")
    missing = next((path for path in paths if path.stem not in by_name), None)
    if missing:
        raise UsageError(f"The folder {reference} has no reference for {missing.name}: it needs a video of that name.")
    return [by_name[path.stem] for path in paths]


def unlike_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Return a name for each video that no other has: its own, with as many folders before it as that takes."""
    depth = 1
    while True:
        names = {path: "-".join(path.with_suffix("").parts[-depth:]).replace("/", "") for path in paths}
        if len(set(names.values())) == len(names) or depth > max(len(path.parts) for path in paths):
            return names
        depth += 1


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


def means(lines: Iterable[Line]) -> dict[str, Any]:
    """Return the plain mean of every figure over the videos that have it, and the share of videos in sync.

    Source: a data set's score is the plain mean of its videos' values, as in Prajwal et al. 2020 (arXiv 2008.10010).
    """
    rows = [row(line) for line in lines if line.score]
    found: dict[str, Any] = {"videos": len(rows)}
    for name in columns(rows):
        values = [line[name] for line in rows if isinstance(line.get(name), int | float)]
        if name.endswith("_offset"):
            found[name.removesuffix("offset") + "in_sync"] = float(np.mean([abs(value) <= IN_SYNC for value in values]))
        elif values and name not in _SCALARS:
            found[name] = float(np.mean(values))
    return found


def track_means(lines: Iterable[Line]) -> dict[str, float]:
    """Return LSE-D and LSE-C as the original's script for real videos counts them: every long track is one value.

    Returns:
        `track_lse_d`, `track_lse_c` and how many `tracks` there are; nothing without the original SyncNet.
    """
    found = [
        (track["syncnet_v2"]["distance"], track["syncnet_v2"]["confidence"])
        for line in lines if line.score
        for track in line.score["tracks"] if track["frames"] > LONG_TRACK and "syncnet_v2" in track
    ]
    if not found:
        return {}
    distance, confidence = np.mean(found, axis=0)
    return {"track_lse_d": float(distance), "track_lse_c": float(confidence), "tracks": len(found)}


def row(line: Line) -> dict[str, Any]:
    """Return a video's figures as one row: those of a judge with its name before them."""
    flat: dict[str, Any] = {"path": str(line.path)}
    if line.score is None:
        return {**flat, "error": line.error}
    flat |= {name: line.score[name] for name in _SCALARS}
    for judge, names in SHORT_NAMES.items():
        if judge in line.score:
            flat |= {short: line.score[judge][name] for name, short in names.items()}
    for prefix, part in (("", "picture"), ("reference_", "reference")):
        flat |= {prefix + name: value for name, value in (line.score[part] or {}).items() if value is not None}
    return flat


SHORT_NAMES: Mapping[str, Mapping[str, str]] = {
    "expert": {"offset": "expert_offset", "distance": "expert_distance", "confidence": "expert_confidence"},
    "syncnet_v2": {"offset": "syncnet_offset", "distance": "lse_d", "confidence": "lse_c"},
}
"""What a judge's figures are called where they stand beside others'."""


def columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of all figures of some rows, in the order in which they come."""
    return list(dict.fromkeys(name for flat in rows for name in flat))


def as_csv(lines: Iterable[Line]) -> str:
    """Return a table with one row a video and the names of its figures above."""
    rows = [row(line) for line in lines]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


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
            if isinstance(line, dict) and "key" in line:
                yield line


def _append(journal: Path, line: dict[str, Any]) -> None:
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        with open(journal, "ab+") as file:
            # A line that a killed run left unfinished ends here.
            if file.tell() and _last_byte(file) != b"\n":
                file.write(b"\n")
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise Wav2LipError(f"{journal} cannot be written: {error.strerror}.") from error


def _last_byte(file: io.BufferedRandom) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)
