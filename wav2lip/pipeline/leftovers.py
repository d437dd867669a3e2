"""What killed runs have left behind, and what the cache holds that nobody has asked for in a long time."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.alone import LOCK_PATTERN, alone, lock_of
from wav2lip.media.write import PART_PATTERN
from wav2lip.models.remembered import FOLDER
from wav2lip.models.store import cache_dir
from wav2lip.pipeline.folder import WORK_PATTERN, is_shared, output_named

QUIET = 600.0                               # seconds: what was written to since may be somebody's who is at work
DAY = 86400.0


@dataclass(frozen=True)
class Leftover:
    """Something that can go.

    Attributes:
        path: a file or a folder.
        what: it is.
        size: bytes.
        used: whether it belongs to somebody by now.
    """

    path: Path
    what: str
    size: int
    used: Callable[[Path], bool] = field(default=lambda path: False, repr=False, compare=False)

    def remove(self) -> None:
        """Remove it, unless a run has taken it up since it was found.

        Raises:
            Wav2LipError: it cannot be removed.
        """
        if not os.path.lexists(self.path) or self.used(self.path):
            return
        try:
            if self.path.is_dir():
                shutil.rmtree(self.path)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise Wav2LipError(f"{self.path} cannot be removed: {error.strerror}.") from error


def left_in(folder: Path) -> Iterator[Leftover]:
    """Yield what killed runs have left in a folder of results and the folders in it, but for hidden and linked ones.

    What belongs to a run that is at work is left out.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder.")
    for path, inner, _ in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from _left_beside(Path(path))


def _left_beside(folder: Path) -> Iterator[Leftover]:
    for work in sorted(folder.glob(WORK_PATTERN)):
        if work.is_dir() and not _at_work(work):
            yield Leftover(work, f"parts of {output_named(work) or 'a result'}", _size(work), _at_work)
    for part in sorted(folder.glob(PART_PATTERN)):
        if part.is_file() and not _busy(part):
            yield Leftover(part, "an unfinished file", _size(part), _busy)
    for lock in sorted(folder.glob(LOCK_PATTERN)):
        if lock.is_file() and not _held(lock):
            yield Leftover(lock, "a lock that nobody holds", _size(lock), _held)


def left_in_cache(days: float) -> Iterator[Leftover]:
    """Yield what is remembered of videos that no run has asked about for so many days, and what was never finished."""
    before = time.time() - days * DAY
    for entry in sorted((cache_dir() / FOLDER).glob("*")):
        with suppress(OSError):                 # somebody else may remove it
            state = entry.stat()
            if entry.suffix == ".tmp" and not _busy(entry):
                yield Leftover(entry, "an unfinished file", state.st_size)
            elif entry.suffix == ".npz" and max(state.st_atime, state.st_mtime) < before:
                yield Leftover(entry, "faces found in a video", state.st_size)


def _at_work(work: Path) -> bool:
    """Return whether somebody may be making parts in a work folder; those who share it do not hold its result."""
    name = output_named(work)
    if name is not None and _held(lock_of(work.parent / name)):
        return True
    return (name is None or is_shared(work)) and _busy(work)


def _held(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with alone(lock, "held"):
            return False
    except Wav2LipError:                        # also where it is somebody else's, and cannot be asked
        return True


def _busy(path: Path) -> bool:
    """Return whether something has been written to a file, or in a folder, lately."""
    newest = max((file.stat().st_mtime for file in [path, *path.glob("*")]), default=0.0)
    return time.time() - newest < QUIET


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
