"""Whether a file can be read at all: it is one, it ends, and it is there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from wav2lip.errors import MediaError
from wav2lip.media.limits import allow

LARGEST_LIST = 1 << 28     # bytes: 20 people in an hour of video; somebody's film is refused before it fills the memory

_SMALL = 1 << 30           # bytes: a file up to that may be all holes
_HOLES = 100               # of a larger one at least one part in so many has to be on the disk
_PIECES = 1000             # in which it may lie there


def check_file(path: Path) -> os.stat_result:
    """Refuse what is no file, and return what the system knows of it.

    Raises:
        MediaError: it is missing, a folder, a pipe or a device, or its name is none.
    """
    try:
        state = os.stat(path)
    except FileNotFoundError:
        raise MediaError(f"{path} does not exist.") from None
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:                   # a zero byte in the name
        raise MediaError(f"{path!s:.100} is not a file name: {error}.") from error
    if stat.S_ISDIR(state.st_mode):
        raise MediaError(f"{path} is a folder, not a file.")
    if not stat.S_ISREG(state.st_mode):           # a pipe is waited for, a device never ends
        raise MediaError(f"{path} is a pipe or a device, not a file; write what comes out of it to a file first.")
    return state


def is_there(path: Path) -> bool:
    """Return whether there is such a file; what cannot be a name is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):                 # too long, with zero bytes in it
        return False


def is_folder(path: Path) -> bool:
    """Return whether there is such a folder, as `is_there`."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_hidden(path: Path, folder: Path) -> bool:
    """Return whether a path below a folder leads through a hidden name, as what unfinished runs leave does."""
    return any(name.startswith(".") for name in path.relative_to(folder).parts)


def read_list(path: Path) -> bytes:
    """Return all of a file that people, or programs for them, write as text.

    Raises:
        MediaError: as `check_file`; it cannot be read, or is far too large.
    """
    check_file(path)
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_LIST + 1)
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(content) > LARGEST_LIST:
        raise MediaError(f"{path} is no list that people write: it is larger than {LARGEST_LIST >> 20} MB.")
    return content


def check_media_file(path: Path) -> None:
    """Refuse what is no file, too, or one that would be read for hours with nothing in it.

    Raises:
        MediaError: as `check_file`; it is larger than is allowed, or nearly all holes.
    """
    state = check_file(path)
    allow(path, size=state.st_size)
    try:
        if state.st_size > _SMALL and _stored(path, state) < state.st_size / _HOLES:
            raise MediaError(f"{path} is hardly there: nearly all of it is a hole (an unfinished download?).")
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error


def _stored(path: Path, state: os.stat_result) -> int:
    """Return about how many bytes of a file are on the disk, all where the system does not tell."""
    blocks = getattr(state, "st_blocks", state.st_size) * 512
    if blocks >= state.st_size / _HOLES or not hasattr(os, "SEEK_HOLE"):
        return state.st_size
    # What was just written may not be counted yet, and some file systems do not count at all.
    stored = at = 0
    with open(path, "rb") as file:
        for _ in range(_PIECES):
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:                       # there is no more
                return stored
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            stored += at - start
    return state.st_size
