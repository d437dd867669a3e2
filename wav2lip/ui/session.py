"""A visitor's own folder: their uploads and results, and nothing else, until they leave."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.ui.running import Running

LONGEST_NAME = 110          # bytes: the names of a result and its record, made of two of these, still fit
FORGOTTEN = 3600.0          # seconds after which an upload goes that no visitor has

_UPLOADED = re.compile(r"[0-9a-f]{64}")      # the folder that an upload comes in, named after its content
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f]")


class Session:
    """What belongs to one visitor, which is one open page.

    Args:
        root: the folder that holds everybody's.
    """

    def __init__(self, root: Path):
        self.root = root
        self.folder = root / f"visitor-{secrets.token_urlsafe(16)}"
        self.asked = False                   # for something that is done in its turn
        self.running: Running[Any] | None = None
        self.showing = False                 # something that is made, and is being made ready to be seen
        self.labels: list[str] = []          # of the people who were found last
        self._files: dict[str, tuple[Path, Path]] = {}     # by role: the upload, and the visitor's own name for it
        self._results = 0

    @property
    def busy(self) -> bool:
        """Whether something that the visitor asked for may still read their files."""
        return self.asked or self.showing or self.running is not None

    def adopt(self, role: str, upload: Mapping[str, Any]) -> Path:
        """Return the visitor's own file of an upload, under the name that it has on their machine.

        Args:
            role: what it is for, such as "face"; a visitor has one file for each.
            upload: what the browser says of it: `path` where it came in, and `orig_name`.

        Raises:
            UsageError: it is not an upload, or not there any more.
        """
        came = Path(str(upload.get("path") or ""))
        inside = came.parent.parent == self.root and _UPLOADED.fullmatch(came.parent.name)
        path = self.folder / role / _name(str(upload.get("orig_name") or came.name))
        if self._files.get(role) == (came, path) and path.is_file():
            return path                      # whatever became of the upload: others may have sent the same, and left
        if not inside or came.name == ".." or came.is_symlink() or not came.is_file():
            raise UsageError("This file is not there any more; upload it again.")
        self.drop(role)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(came, path)              # the browser plays the one, and nobody can change the other's name
        except OSError as error:
            raise Wav2LipError(f"{path.name} cannot be kept: {error.strerror}.") from error
        self._files[role] = came, path
        return path

    def drop(self, role: str) -> None:
        """Remove the file that the visitor had for something, and the upload if nobody else has it."""
        came, path = self._files.pop(role, (None, None))
        mine = False
        if came is not None and path is not None:
            with suppress(OSError):
                mine = path.samefile(came)   # not where somebody sent the same since: that is theirs
        shutil.rmtree(self.folder / role, ignore_errors=True)
        if came is not None and mine:
            with suppress(OSError):
                if came.stat().st_nlink == 1:
                    came.unlink()
                    came.parent.rmdir()

    def results(self) -> Path:
        """Return the folder for the next result; the same as before until `keep` was called."""
        return self.folder / "results" / str(self._results)

    def keep(self) -> None:
        """Keep the result that is there, and nothing that was there before."""
        shutil.rmtree(self.folder / "results" / str(self._results - 1), ignore_errors=True)
        self._results += 1

    def told(self, sentence: str) -> str:
        """Return a sentence with the names that the visitor knows their files by, without commands for the owner."""
        sentence = re.sub(r"; `wav2lip clean[^`]*` removes [^.]*", "", sentence)
        return re.sub(re.escape(str(self.folder)) + r"/(results/)?[^/\s]+/", "", sentence)

    def close(self) -> None:
        """Stop what is running, and remove everything."""
        if self.running is not None:
            self.running.stop()
            self.running.wait()
        for role in list(self._files):
            self.drop(role)
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """Everybody who has the page open.

    Args:
        root: the folder that holds everything; whoever makes it removes it.
    """

    def __init__(self, root: Path):
        self.root = root
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()

    def of(self, page: str) -> Session:
        """Return the session of a page, by the word that it is known by."""
        with self._lock:
            return self._open.setdefault(page, Session(self.root))

    def end(self, page: str) -> None:
        """End the session of a page that was closed, and remove uploads that nobody has taken up."""
        with self._lock:
            session = self._open.pop(page, None)
        if session is not None:
            session.close()
        self._sweep()

    def close(self) -> None:
        """End all of them."""
        for page in list(self._open):
            self.end(page)

    def _sweep(self) -> None:
        for entry in self.root.iterdir():
            with suppress(OSError):
                if time.time() - entry.stat().st_mtime <= FORGOTTEN:
                    continue
                if entry.is_file():          # an upload that broke off
                    entry.unlink()
                elif _UPLOADED.fullmatch(entry.name) and all(each.stat().st_nlink == 1 for each in entry.iterdir()):
                    shutil.rmtree(entry)


def _name(given: str) -> str:
    """Return the name of a file without anything that could lead elsewhere."""
    name = _UNSAFE.sub("", given.replace("\\", "/").rpartition("/")[2])
    stem, dot, ending = name.rpartition(".")
    while len(name.encode()) > LONGEST_NAME and (stem or ending):
        stem, ending = (stem[:-1], ending) if stem else (stem, ending[:-1])
        name = f"{stem}{dot}{ending}"
    return name if name.strip(". ") else "file"
