"""Files by URL, such as s3://bucket/a.mp4: fsspec knows how to reach them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.extras import require

EXTRA = "ray"
BUFFER = 1 << 22    # bytes

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.:-]+?):(?P<slashes>//?)(?P<rest>.+)", re.DOTALL)
_HERE = re.compile(r"(?:file|local)://(?=/)", re.IGNORECASE)


def url_of(name: str | Path) -> str | None:
    """Return the URL that a name is, though it went through a Path; None for a path, which file:///a.mp4 is too."""
    found = _URL.fullmatch(str(name))
    if found is None or found["scheme"].lower() in ("file", "local"):
        return None
    return f"{found['scheme']}://{found['rest']}"    # a Path has lost the second slash


def path_of(name: str) -> str:
    """Return the path that a file:// URL names; other names are returned as they are."""
    return _HERE.sub("", name, count=1)


def exists(name: str) -> bool:
    """Tell whether a file is there, by path or URL.

    Raises:
        UsageError: fsspec, or what it needs for this kind of URL, is not installed.
        Wav2LipError: nobody can tell.
    """
    url = url_of(name)
    if url is None:
        return Path(path_of(name)).exists()
    files, there = _reach(url)
    with _telling(url, "looked for"):
        return bool(files.exists(there))


class Listings:
    """Tells which files are there, and looks into every folder of URLs only once."""

    def __init__(self) -> None:
        self._folders: dict[str, set[str]] = {}

    def has(self, name: str) -> bool:
        """Tell whether a file was there when its folder was first asked about; see `exists`."""
        url = url_of(name)
        if url is None:
            return exists(name)
        files, there = _reach(url)
        folder = files._parent(there)
        key = f"{url.partition('://')[0]}://{folder}"
        if key not in self._folders:
            with _telling(url, "looked for"):
                try:
                    self._folders[key] = set(files.ls(folder, detail=False))
                except FileNotFoundError:
                    self._folders[key] = set()
        return there in self._folders[key]


def has_wildcard(url: str) -> bool:
    """Tell whether a URL means several files; the ? of a web address does not mean any."""
    return "*" in url


def matching(url: str) -> list[str]:
    """Return the URLs of the files that a URL with a wildcard means, in order.

    Raises:
        MediaError: there are none.
        UsageError, Wav2LipError: as `exists`.
    """
    files, there = _reach(url)
    with _telling(url, "looked for"):
        found = sorted(name for name, about in files.glob(there, detail=True).items() if about["type"] == "file")
    if not found:
        raise MediaError(f"No file matches {url}.")
    before = url.removesuffix(there)           # with the host, which names there do not have
    return [before + name for name in found]


def fetch(url: str, path: Path) -> None:
    """Copy what a URL names into a new file.

    Raises:
        MediaError: it is not there.
        UsageError: as `exists`.
        Wav2LipError: it cannot be fetched.
    """
    files, there = _reach(url)
    with _telling(url, "fetched"):
        if files.isdir(there):
            raise FileNotFoundError(url)
        files.get_file(there, str(path))


def deliver(path: Path, url: str) -> None:
    """Copy a file to where a URL says, so that it appears there whole; fsspec knows how, for each kind of storage.

    Raises:
        UsageError: as `exists`.
        Wav2LipError: it cannot be written.
    """
    files, there = _reach(url)
    with _telling(url, "written"):
        with suppress(PermissionError):        # some may write into buckets, but not make any
            files.makedirs(files._parent(there), exist_ok=True)
        with files.transaction, path.open("rb") as source, files.open(there, "wb") as target:
            copyfileobj(source, target, BUFFER)


def remove(url: str) -> None:
    """Remove what a URL names.

    Raises:
        MediaError: it is not there.
        UsageError: as `exists`.
        Wav2LipError: it cannot be removed.
    """
    files, there = _reach(url)
    with _telling(url, "removed"):
        files.rm_file(there)


def _reach(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the file's name there."""
    core = require("fsspec.core", EXTRA)
    try:
        files, there = core.url_to_fs(url)
    except (ImportError, ValueError) as error:     # words of fsspec, such as: Install s3fs to access S3
        raise UsageError(f"{url} cannot be reached: {error}.") from error
    except Exception as error:
        raise Wav2LipError(f"{url} cannot be reached: {_in_words(error)}.") from error
    return files, there


@contextmanager
def _telling(url: str, done: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise MediaError(f"{url} is not there.") from error
    except Exception as error:                     # each kind of storage has errors of its own
        raise Wav2LipError(f"{url} could not be {done}: {_in_words(error)}.") from error


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(". :\n")
