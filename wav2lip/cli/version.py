"""`wav2lip --version --json`: what an issue, or a program, wants to know of an installation."""

from __future__ import annotations

import platform
from typing import Any

from wav2lip import __version__
from wav2lip.errors import Wav2LipError
from wav2lip.extras import packages_of_extras, version_of

_OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")


def versions() -> dict[str, Any]:
    """Return the versions of the program and of what it stands on; None for what is not there. Imports none of it."""
    return {
        "wav2lip": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": version_of("torch"),
        "opencv": next(filter(None, map(version_of, _OPENCV)), None),
        "ffmpeg": _ffmpeg(),
        "extras": {extra: all(map(version_of, packages)) for extra, packages in packages_of_extras().items()},
    }


def _ffmpeg() -> dict[str, str] | None:
    from wav2lip.media.ffmpeg import binary, build

    try:
        program = binary()
        return {"path": program, "version": build(program).split()[2]}
    except Wav2LipError:
        return None
