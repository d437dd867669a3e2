"""Whether there is room where things are written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wav2lip.doctor.finding import Finding, note, ok, problem
from wav2lip.models.store import cache_dir

FULL, SCARCE = 100 << 20, 1 << 30     # bytes


def look_at_disk(output: Path | None) -> Iterator[Finding]:
    """Say how much room there is where results, remembered tracks and temporary files go.

    Args:
        output: the result; None for the current folder.
    """
    folder = Path.cwd() if output is None else output.absolute().parent
    places = [("disk", folder, "the result's folder"), ("cache-disk", cache_dir(), "the cache folder")]
    try:
        places.append(("temporary-disk", Path(tempfile.gettempdir()), "the folder for temporary files"))
    except OSError as error:
        yield problem("disk", "temporary-disk", f"{error.strerror}.", "Make room, or set TMPDIR to a folder with some.")
    for name, place, what in places:
        free, there = room(place)
        text = f"{free / 1e9:.1f} GB free in {what} ({place})."
        if name == "disk" and not os.access(there, os.W_OK | os.X_OK):
            yield problem("disk", name, f"{there} cannot be written to.", "Choose another place with -o.")
        elif free < FULL and name != "cache-disk":
            yield problem("disk", name, text, _advice(name))
        elif free < SCARCE:
            yield note("disk", name, text, _advice(name))
        else:
            yield ok("disk", name, text)


def room(place: Path) -> tuple[int, Path]:
    """Return the bytes that are free for a folder, which need not exist, and the folder above it that does."""
    there = place
    while not os.path.exists(there) and there != there.parent:
        there = there.parent
    return shutil.disk_usage(there).free, there


def look_at_room(output: Path, needed: float) -> Iterator[Finding]:
    """Say whether a result fits; parts and the whole lie beside each other at the end.

    Args:
        output: the result.
        needed: bytes of the result, as foreseen.
    """
    free, there = room(output.absolute().parent)
    if 2 * needed > free:
        yield problem(
            "disk", "disk",
            f"The result takes about {needed / 1e6:.0f} MB, and twice that while it is made; {there} has "
            f"{free / 1e6:.0f} MB free.", f"{_advice('disk')} A larger --crf makes it smaller.",
        )


def _advice(name: str) -> str:
    return {
        "disk": "Free some, or write elsewhere with -o; `wav2lip clean` removes what killed runs have left.",
        "cache-disk": "Free some, or set WAV2LIP_CACHE to another folder: downloads and face tracks are kept there.",
        "temporary-disk": "Free some, or set TMPDIR to another folder.",
    }[name]
