"""Get a weights file from the network once: resumed, checked, and never in two halves."""

from __future__ import annotations

import http
import http.client
import os
import shutil
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wav2lip.errors import WeightsError
from wav2lip.models import foreign, store
from wav2lip.models.known import KnownFile

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
    exact: bool = True,
    check: bool = False,
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
        exact: whether `size` is exact; else it may be a tenth more or less.
        check: hash a file that is there, and download it again if it is another one.
        offline: forbid the network; None asks `$WAV2LIP_OFFLINE`.
        say: is told, once for each address, what is downloaded from where; without it there is no bar either.

    Raises:
        WeightsError: it could not be had, or what came is something else.
    """
    wanted = _Wanted(sha256.lower(), size, exact)
    if wanted.is_at(path, check):
        return path
    if store.offline(offline):
        state = "is not in" if not os.path.exists(path) else "is not whole in"
        raise WeightsError(
            f"{path.name} {state} {path.parent}, and the network must not be used (offline). {_by_hand(urls, path)}"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(path):
            if not wanted.is_at(path, check):    # another process may have brought it meanwhile
                _download(urls, path, wanted, say)
    except OSError as error:
        raise WeightsError(
            f"{path.name} could not be stored in {path.parent}: {_reason(error)}. "
            "Free some space there, or set WAV2LIP_CACHE to another folder."
        ) from error
    return path


def fetch_known(
    name: str,
    *,
    mirrors: Sequence[str] = (),
    check: bool = False,
    offline: bool | None = None,
    say: Say | None = None,
) -> Path:
    """Return a published file (a key of `KNOWN`) that ships or is in the cache folder, downloading it if need be.

    Args:
        name: a key of `KNOWN`.
        mirrors: addresses to try before those that are known.
        check: hash a file that is there, and download it again if it is another one.
        offline: forbid the network; None asks `$WAV2LIP_OFFLINE`.
        say: is told what is downloaded from where; without it there is no bar either.

    Raises:
        WeightsError: it is not there and could not be had, or its terms want the user to fetch it.
    """
    known = store.KNOWN[name]
    path = store.place_of(known)
    here = store.is_here(known)
    if here and (not check or known.sha256 is None or store.sha256_of(path) == known.sha256):
        return path
    urls = [*mirrors, *known.urls]
    if known.ships or known.sha256 is None or not urls:
        raise WeightsError(_left_to_the_user(known, path if here else None))
    return fetch(
        urls, path, sha256=known.sha256, size=known.size, exact=known.exact, check=check, offline=offline, say=say
    )


def adopt(name: str, file: Path) -> Path:
    """Put a published file (a key of `KNOWN`) that the user has into the cache folder, and return its path there.

    Raises:
        WeightsError: it is missing, or another file; nothing was copied then. Or it cannot be stored.
    """
    known = store.KNOWN[name]
    place = store.place_of(known)
    if known.ships:
        raise WeightsError(f"{known.file} comes with the program ({place}); leave out --from.")
    if not file.is_file():
        raise WeightsError(f"There is no file {file}. Check the path.")
    if known.sha256 is None:
        raise WeightsError(
            f"Nobody has published the SHA-256 of {known.file}, so {file} cannot be checked. Name it by its path."
        )
    part = place.with_name(f".{place.name}.{os.getpid()}.copy")
    try:
        already = place.exists() and place.samefile(file)
        if not already:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, part)
        # Of the copy, whatever happens to the user's file meanwhile.
        found = store.sha256_of(place if already else part)
        if found != known.sha256:
            raise WeightsError(
                f"{file} is not {known.file}: it is {_looks_like(file)} with the SHA-256 {found} instead of "
                f"{known.sha256}. Get it again as {known.source} says."
            )
        if not already:
            os.replace(part, place)
    except OSError as error:
        raise WeightsError(
            f"{file} could not be copied to {place}: {_reason(error)}. "
            "Free some space there, or set WAV2LIP_CACHE to another folder."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return place


@dataclass(frozen=True)
class _Wanted:
    """What a file must be: lower-case SHA-256, and bytes, exactly or about."""

    sha256: str
    size: int
    exact: bool

    @property
    def most(self) -> int:
        """Bytes after which it can only be another file."""
        return self.size if self.exact else self.size + self.size // 10

    def is_at(self, path: Path, check: bool) -> bool:
        """Return whether it is there. Its content was hashed when it came; its size tells most damage at no cost."""
        # Unlike a Path, os.path says no of what lies in a folder that is closed to us.
        if not os.path.isfile(path) or (self.exact and path.stat().st_size != self.size):
            return False
        return not check or self.is_in(path)

    def is_in(self, path: Path) -> bool:
        """Return whether a file has this content."""
        return store.sha256_of(path) == self.sha256


def _left_to_the_user(known: KnownFile, other: Path | None) -> str:
    """Say where a file comes from that the program does not download. `other`: what is in its place."""
    place = store.place_of(known)
    what = f"{other} is not {known.file}, by its SHA-256. It" if other else known.file
    if known.ships:
        return f"{what} comes with the program. Install the package again."
    check = f"; `wav2lip models get {known.name} --from FILE_OR_ADDRESS` does that, and checks it"
    return (
        f"{what} is not downloaded by the program ({known.terms}). Get it as {known.source} says and put it at {place}"
        f"{'' if known.sha256 is None else check}."
    )


def _download(urls: Sequence[str], path: Path, wanted: _Wanted, say: Say | None) -> None:
    part = path.with_name(path.name + ".part")
    problems = []
    for url in urls:
        if say:
            say(f"Downloading {path.name} ({wanted.size / 1e6:.0f} MB) from {url}")
        problem = _download_from(url, part, wanted, bar=say is not None)
        if problem is None:
            os.replace(part, path)
            return
        problems.append(f"{url}: {problem}")
    kept = f"{_size(part) / 1e6:.1f} MB are kept, and the same command goes on from there. " if _size(part) else ""
    raise WeightsError(f"{path.name} could not be downloaded ({'; '.join(problems)}). {kept}{_by_hand(urls, path)}")


def _download_from(url: str, part: Path, wanted: _Wanted, bar: bool) -> str | None:
    """Complete `part`, and return nothing; or return what went wrong."""
    problem = ""
    for _ in range(ATTEMPTS):
        had = _size(part)
        try:
            _go_on(url, part, wanted, bar)
        except urllib.error.HTTPError as error:
            problem = f"HTTP {error.code} {error.reason}"
            if not had or error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return problem
            if wanted.is_in(part):    # nothing was missing but the check
                return None
            part.unlink()    # longer than what the server has: a piece of something else
        except ValueError as error:    # what urllib says of an address that is none
            return f"{error}"
        except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
            problem = _reason(error)
            if _size(part) <= had:    # nothing gained: do not keep the user waiting
                return problem
        else:
            if wanted.is_in(part):
                return None
            problem = f"what came is not this file but {_looks_like(part)}"
            part.unlink()
            if not had:    # otherwise the old beginning may be at fault: once more from the start
                return problem
    return problem


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _go_on(url: str, part: Path, wanted: _Wanted, bar: bool) -> None:
    """Append to `part` until it is whole; a file of another length is left for the hash to refuse."""
    have = _size(part)
    if wanted.exact and have == wanted.size:
        return
    if have > wanted.most:
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": "wav2lip"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if have and not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
            have = 0    # the server sends the whole file again
        # Where it will end. A server that does not say is taken to have all of it, unless it tells the end by chunks.
        end = wanted.size if response.length is None else have + response.length
        untold = response.length is None and (response.chunked or not wanted.exact)
        with open(part, "ab") as file, _progress(part.stem, have, wanted.size, bar) as advance:
            file.truncate(have)
            # What has come is written at once: the rest of a block may never come.
            while have <= wanted.most and (untold or have < end) and (block := response.read1(BLOCK)):
                file.write(block)
                have += len(block)
                advance(len(block))
    if have < end and have <= wanted.most and not untold:
        raise ConnectionError(f"the connection broke after {have / 1e6:.1f} of {end / 1e6:.1f} MB")


@contextmanager
def _progress(name: str, have: int, size: int, wanted: bool) -> Iterator[Callable[[int], Any]]:
    """A progress bar for people; silence for logs."""
    if not wanted or not sys.stderr.isatty():
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
