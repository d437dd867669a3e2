"""Get a weights file from the network once: resumed, checked, and never in two halves."""

from __future__ import annotations

import http
import http.client
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wav2lip.errors import WeightsError
from wav2lip.models import foreign, store

TIMEOUT = 10          # seconds without an answer or a byte
ATTEMPTS = 5          # per address: a cut connection is taken up again where it broke
BLOCK = 256 * 1024    # bytes

Say = Callable[[str], None]


def fetch(
    urls: Sequence[str],
    path: Path,
    *,
    sha256: str,
    size: int,
    offline: bool | None = None,
    say: Say | None = None,
) -> Path:
    """Download a file unless it is there, and return its path.

    What has arrived is kept beside it as `.part`, and the next call goes on from there. A second process that wants
    the same file waits for the first.

    Args:
        urls: where it can be had, best first.
        path: where it goes; it appears there whole and checked, or not at all.
        sha256: of its content, hexadecimal.
        size: bytes.
        offline: forbid the network; None asks `$WAV2LIP_OFFLINE`.
        say: is told, once, what is downloaded from where.

    Raises:
        WeightsError: it could not be had, or what came is something else.
    """
    if _is_there(path, size):
        return path
    if store.offline() if offline is None else offline:
        raise WeightsError(
            f"{path.name} is not in {path.parent}, and the network must not be used (offline). {_by_hand(urls, path)}"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(path):
            if not _is_there(path, size):    # another process may have brought it meanwhile
                _download(urls, path, sha256, size, say)
    except OSError as error:
        raise WeightsError(
            f"{path.name} could not be stored in {path.parent}: {_reason(error)}. "
            "Free some space there, or set WAV2LIP_CACHE to another folder."
        ) from error
    return path


def fetch_known(name: str, *, offline: bool | None = None, say: Say | None = None) -> Path:
    """Return a published file (a key of `store.KNOWN`) in the cache folder, downloading it if need be.

    Args:
        name: a key of `store.KNOWN`.
        offline: forbid the network; None asks `$WAV2LIP_OFFLINE`.
        say: is told what is downloaded from where.

    Raises:
        WeightsError: it is not there and could not be had, or its terms want the user to fetch it.
    """
    known = store.KNOWN[name]
    path = store.cache_dir() / known.file
    if path.is_file() and known.may_have(path.stat().st_size):
        return path
    if not known.urls:
        raise WeightsError(
            f"{known.file} is not downloaded by the program ({known.terms}). "
            f"Get it as {known.source} says and put it at {path}."
        )
    return fetch(known.urls, path, sha256=known.sha256, size=known.size, offline=offline, say=say)


def _is_there(path: Path, size: int) -> bool:
    # The content was hashed when it came; later the size alone tells a damaged file at no cost.
    return path.is_file() and path.stat().st_size == size


def _download(urls: Sequence[str], path: Path, sha256: str, size: int, say: Say | None) -> None:
    part = path.with_name(path.name + ".part")
    problems = []
    for url in urls:
        if say:
            say(f"Downloading {path.name} ({size / 1e6:.0f} MB) from {url}")
        problem = _download_from(url, part, sha256, size)
        if problem is None:
            os.replace(part, path)
            return
        problems.append(f"{url}: {problem}")
    raise WeightsError(f"{path.name} could not be downloaded ({'; '.join(problems)}). {_by_hand(urls, path)}")


def _download_from(url: str, part: Path, sha256: str, size: int) -> str | None:
    """Complete `part`, and return nothing; or return what went wrong."""
    problem = ""
    for _ in range(ATTEMPTS):
        had = _size(part)
        try:
            _go_on(url, part, size)
        except urllib.error.HTTPError as error:
            problem = f"HTTP {error.code} {error.reason}"
            if not had or error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return problem
            part.unlink()    # longer than what the server has: a piece of something else
        except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
            problem = _reason(error)
            if _size(part) <= had:    # nothing gained: do not keep the user waiting
                return problem
        else:
            if store.sha256_of(part) == sha256.lower():
                return None
            problem = f"what came is not this file but {_looks_like(part)}"
            part.unlink()
            if not had:    # otherwise the old beginning may be at fault: once more from the start
                return problem
    return problem


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _go_on(url: str, part: Path, size: int) -> None:
    """Append to `part` until it has `size` bytes; a file of another length is left for the hash to refuse."""
    have = _size(part)
    if have == size:
        return
    if have > size:
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": "wav2lip"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if have and not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
            have = 0    # the server sends the whole file again
        with open(part, "ab") as file, _progress(part.stem, have, size) as bar:
            file.truncate(have)
            while have <= size and (block := response.read(BLOCK)):
                file.write(block)
                have += len(block)
                bar(len(block))
    if have < size and response.length:    # the server promised more than came
        raise ConnectionError(f"the connection broke after {have / 1e6:.1f} of {size / 1e6:.1f} MB")


@contextmanager
def _progress(name: str, have: int, size: int) -> Iterator[Callable[[int], Any]]:
    """A progress bar for people; silence for logs."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(desc=name, initial=have, total=size, unit="B", unit_scale=True, unit_divisor=1000) as bar:
        yield bar.update


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold the lock beside `path`, waiting while another process has it; it is released however a process ends."""
    with open(path.with_name(path.name + ".lock"), "ab") as lock:
        if sys.platform == "win32":
            import msvcrt
            import time

            while True:
                try:
                    msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
                    break
                except OSError:
                    time.sleep(0.5)
        else:
            import fcntl

            with suppress(OSError):    # some network folders know no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _by_hand(urls: Sequence[str], path: Path) -> str:
    return f"Get it from {' or '.join(urls)} by other means and put it at {path}."


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__


def _looks_like(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(foreign.HEAD)
    return f"{'an HTML page' if foreign.is_web_page(head) else 'another file'} of {path.stat().st_size:,} bytes"
