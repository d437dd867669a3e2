"""One at a time: what two runs would spoil for each other, one of them refuses to begin."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wav2lip.errors import UsageError, Wav2LipError

LOCK_PATTERN = ".wav2lip-*.lock"
"""Glob of the files that killed runs may leave where they wrote."""


def lock_of(output: Path) -> Path:
    """Return the file that is held by whoever writes an output."""
    # Not made from the output's name, which may be as long as names can be.
    name = hashlib.blake2b(os.fsencode(output.absolute().name), digest_size=8).hexdigest()
    return output.absolute().parent / f".wav2lip-{name}.lock"


@contextmanager
def alone(lock: Path, refusal: str) -> Iterator[None]:
    """Hold a lock file while the block runs. The system lets go of it when the process ends, however it ends.

    Args:
        lock: a file of its own, in a folder that is there; it is made, and goes again.
        refusal: what to say where somebody else holds it.

    Raises:
        UsageError: somebody else holds it.
        Wav2LipError: it cannot be made.
    """
    from filelock import FileLock, Timeout

    held = FileLock(lock, timeout=0)
    try:
        held.acquire()
    except Timeout:
        if not lock.exists():             # some file systems say the same where nothing can be written
            raise Wav2LipError(f"{lock.parent} cannot be written to.") from None
        raise UsageError(refusal) from None
    except OSError as error:
        raise Wav2LipError(f"{lock.parent} cannot be written to: {error.strerror or error}.") from error
    try:
        yield
    finally:
        with suppress(OSError):
            os.unlink(lock)               # while it is held: nobody else can have taken it
        held.release()
