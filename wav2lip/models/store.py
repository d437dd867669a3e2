"""Where weights lie on this machine, and the names that stand for them."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from wav2lip.errors import Wav2LipError, WeightsError
from wav2lip.models.known import DEMO_FILE, EXPERT_FILE, KNOWN, KnownFile

CACHE_VARIABLE = "WAV2LIP_CACHE"

LARGEST = 1 << 34        # bytes; no network that is known here has a tenth of that

_HASH_BLOCK = 1 << 20    # bytes


def cache_dir() -> Path:
    """Return the folder for downloads and face tracks; it need not exist yet.

    `$WAV2LIP_CACHE`, else `$XDG_CACHE_HOME/wav2lip`, else the system's own place for caches.
    """
    if own := os.environ.get(CACHE_VARIABLE):
        return _at_home(own, CACHE_VARIABLE)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return _at_home(xdg, "XDG_CACHE_HOME") / "wav2lip"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "wav2lip" / "cache"
    try:
        home = Path.home()
    except RuntimeError:
        raise Wav2LipError(f"Your home folder is not known; name a folder for the cache: {CACHE_VARIABLE}.") from None
    return home / "Library" / "Caches" / "wav2lip" if sys.platform == "darwin" else home / ".cache" / "wav2lip"


def _at_home(folder: str, variable: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise Wav2LipError(f"{variable} is {folder}, in a home folder that is not known; name it in full.") from None


def offline(asked: bool | None = None) -> bool:
    """Return whether the network must not be used: as `asked`, or where that is None, as `$WAV2LIP_OFFLINE` says."""
    if asked is not None:
        return asked
    return os.environ.get("WAV2LIP_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")


def place_of(known: KnownFile) -> Path:
    """Return where a published file lies, or would lie: with the program, or in the cache folder.

    Raises:
        WeightsError: it comes with the program, but not with this installation.
    """
    if known.file == DEMO_FILE:
        return demo_checkpoint()
    return expert_checkpoint() if known.file == EXPERT_FILE else cache_dir() / known.file


def is_here(known: KnownFile) -> bool:
    """Return whether a published file is on this machine, by its size: its content was hashed when it came."""
    try:
        path = place_of(known)
    except WeightsError:
        return False
    # Unlike a Path, os.path says no of what lies in a folder that is closed to us.
    return os.path.isfile(path) and (known.ships or known.may_have(path.stat().st_size))


def locate(given: str | os.PathLike[str]) -> Path:
    """Return the weights file that a path stands for, or the name of a published one.

    A file of that name in the current folder comes before the published one: a path means what it says.

    Args:
        given: a path, which need not exist, or a key of `KNOWN`.

    Raises:
        WeightsError: it is the name of a published file that is not on this machine, or can be no name.
    """
    try:
        path = Path(given).expanduser()
        there = path.is_file()
    except (OSError, RuntimeError, ValueError) as error:    # too long, of an unknown user, with zero bytes in it
        raise WeightsError(f"{os.fspath(given)} cannot be the name of a weights file: {error}.") from error
    known = KNOWN.get(str(path))
    if known is None or there:
        return path
    if is_here(known):
        return place_of(known)
    place = place_of(known)
    missing = "are not on this machine"
    if os.path.isfile(place):
        missing = f"are not whole: {place} has {place.stat().st_size:,} bytes instead of {known.size:,}"
    gets = "downloads them" if known.urls else "says how to get them"
    raise WeightsError(
        f"The weights {known.name} ({known.what}) {missing}. `wav2lip models get {known.name}` {gets}."
    )


def demo_checkpoint() -> Path:
    """Return the generator that ships with the program.

    Raises:
        WeightsError: this installation carries none.
    """
    return _shipped(DEMO_FILE, "--checkpoint")


def expert_checkpoint() -> Path:
    """Return the expert SyncNet that ships with the program.

    Raises:
        WeightsError: this installation carries none.
    """
    return _shipped(EXPERT_FILE, "--expert")


def _shipped(file: str, option: str) -> Path:
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "checkpoints", package.parent / "checkpoints"):    # installed; source checkout
        if (folder / file).is_file():
            return folder / file
    raise WeightsError(
        f"The weights that ship with wav2lip are not in this installation ({package / 'checkpoints' / file}). "
        f"Install the package again, or name others with {option}."
    )


def check_size(path: Path) -> None:
    """Refuse a file that is far too large for weights, before anybody reads or hashes all of it.

    Raises:
        WeightsError: it is.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise WeightsError(
            f"{path} has {size / 1e9:,.0f} GB, far more than any network that can be used here. Pass another file."
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
