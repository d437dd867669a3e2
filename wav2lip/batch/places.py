"""Which names mean the same file."""

from __future__ import annotations

import os
import sys
import unicodedata
from contextlib import suppress

from wav2lip.batch.remote import path_of, url_of

ALIKE = sys.platform in ("darwin", "win32")    # names that differ in case, or in how an é is composed, are one there


class Places:
    """Tells places of files, however these are named, and looks at every folder only once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return what all names of a place have in common: links to folders count as those, a URL is what it says.

        A file that is a link itself is not followed: a result replaces the link.
        """
        url = url_of(name)
        if url is not None:
            return os.path.normpath(url)
        folder, file = os.path.split(path_of(name))
        if folder not in self._folders:
            self._folders[folder] = os.path.normpath(folder or os.curdir)
            with suppress(OSError, ValueError):          # a zero byte: nothing is called so
                self._folders[folder] = os.path.realpath(folder)
        place = os.path.join(self._folders[folder], file)
        return unicodedata.normalize("NFC", place).casefold() if ALIKE else place

    def read(self, name: str) -> set[str]:
        """Return the places that are read where a file is: its own, and that to which it leads as a link."""
        path = path_of(name)
        with suppress(OSError, ValueError):
            if url_of(name) is None and os.path.islink(path):
                return {self.of(name), self.of(os.path.realpath(path))}
        return {self.of(name)}
