"""Answers that take long to find, remembered in the cache folder: files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np

from wav2lip.models.store import cache_dir, sha256_of

FOLDER = "faces"    # in the cache folder: what was found in videos
_DIGESTING = Lock()


def content_digest(path: Path) -> str:
    """Return a digest of a file's content, hexadecimal. A file that has not changed since is not read again."""
    state = path.stat()
    with _DIGESTING:    # who asks while another reads the file waits for the answer
        return _digest(path.absolute(), (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns))


def entry_of(*key: object) -> Path:
    """Return the file for an answer; it need not exist yet.

    Args:
        key: all that the answer depends on, as bytes or as what its text tells, with a number that counts up whenever
            the same key means another answer.
    """
    digest = hashlib.blake2b(digest_size=20)
    for part in key:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(f"{len(data)}:".encode() + data)
    return cache_dir() / FOLDER / f"{digest.hexdigest()}.npz"


def recall(entry: Path, *names: str) -> list[np.ndarray] | None:
    """Return the arrays of an entry by their names; None where there is none, or it is damaged."""
    try:
        with np.load(entry, allow_pickle=False) as file:
            return [file[name] for name in names]
    except Exception:    # numpy and zipfile raise many kinds for damaged files
        return None


def remember(entry: Path, **arrays: np.ndarray) -> None:
    """Store an entry, whole or not at all. One that cannot be written is no error: it only saves time."""
    temporary = None
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=entry.parent, suffix=".tmp", delete=False) as file:
            temporary = Path(file.name)
            np.savez_compressed(file, **arrays)    # type: ignore[arg-type]
        os.replace(temporary, entry)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@lru_cache
def _digest(path: Path, state: tuple[int, ...]) -> str:
    return sha256_of(path)
