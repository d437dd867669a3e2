"""`wav2lip --version --json`: what an issue, or a program, wants to know of an installation."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from typing import Any

from wav2lip import __version__
from wav2lip.errors import Wav2LipError

_NOT_FOR_USERS = ("dev", "test")
_OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
_OF_EXTRA = re.compile(r"([A-Za-z0-9._-]+)\b.*;.*\bextra\s*==\s*['\"]([A-Za-z0-9._-]+)['\"]")


def versions() -> dict[str, Any]:
    """Return the versions of the program and of what it stands on; None for what is not there. Imports none of it."""
    return {
        "wav2lip": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": version_of("torch"),
        "opencv": next(filter(None, map(version_of, _OPENCV)), None),
        "ffmpeg": _ffmpeg(),
        "extras": extras(),
    }


def version_of(package: str) -> str | None:
    """Return which version of a package is installed; None for none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def extras() -> dict[str, bool]:
    """Return for each extra of this package whether all that it brings is installed."""
    try:
        needs = metadata.requires("wav2lip") or []
    except metadata.PackageNotFoundError:             # a source tree that was never installed
        needs = []
    found: dict[str, bool] = {}
    for need in needs:
        match = _OF_EXTRA.match(need)
        if match and match[2] not in _NOT_FOR_USERS:
            found[match[2]] = found.get(match[2], True) and version_of(match[1]) is not None
    return found


def _ffmpeg() -> dict[str, str] | None:
    from wav2lip.media.ffmpeg import binary, build

    try:
        program = binary()
        return {"path": program, "version": build(program).split()[2]}
    except Wav2LipError:
        return None
