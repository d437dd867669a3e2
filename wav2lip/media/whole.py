"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wav2lip.errors import Wav2LipError


@contextmanager
def whole_file(path: Path, called: Path | None = None) -> Iterator[Path]:
    """Give the name of a file to write beside `path`, which it becomes when the block ends without an error.

    Folders above it are made. The name ends as `path` does, and is found by `wav2lip.media.write.PART_PATTERN`.

    Args:
        path: the file.
        called: what an error calls it; None for its own name.

    Raises:
        Wav2LipError: it cannot be written.
    """
    # Not made from the file's name, which may be as long as names can be.
    part = path.absolute().parent / f".wav2lip-{secrets.token_hex(8)}.part{path.suffix}"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        yield part
        settle(part, path)
    except OSError as error:
        raise Wav2LipError(f"{called or path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            part.unlink()


def settle(part: Path, path: Path) -> None:
    """Give a finished file its name, so that after a power cut, too, it is there whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with open(part, "rb+") as file:
        os.fsync(file.fileno())           # its content first, then its name
    os.replace(part, path)
