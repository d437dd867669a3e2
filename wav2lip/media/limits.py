"""How large media may be: strangers' files can claim, or unfold into, more than any machine has."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from functools import lru_cache
from math import ceil
from pathlib import Path

from wav2lip.errors import MediaError, UsageError

VARIABLE = "WAV2LIP_LIMITS"

_LARGEST = 10**18
_TEXT = re.compile(r"\s*([a-z]+)\s*=\s*([0-9]{1,18}(?:\.[0-9]{1,6})?)\s*([a-zA-Z]?)\s*")
_COUNTS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_TIMES = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Limits:
    """The most that one media file may have of anything.

    Attributes:
        pixels: of a picture, three times those of 8K.
        frames: of a video, at the constant rate that it gets, or as stored: a day at more than 100 a second.
        duration: seconds of a video or a sound.
        fps: frames a second.
        channels: of a sound.
        samplerate: Hz.
        streams: pictures, sounds, subtitles and data side by side.
        size: bytes of the file.
    """

    pixels: int = 100_000_000
    frames: int = 10_000_000
    duration: int = 86_400
    fps: int = 1000
    channels: int = 64
    samplerate: int = 1_000_000
    streams: int = 64
    size: int = 10**12


_WORDS = {
    "pixels": "pixels in a picture", "frames": "frames", "duration": "seconds", "fps": "frames a second",
    "channels": "channels of sound", "samplerate": "samples a second", "streams": "streams", "size": "bytes",
}


def parse_limits(text: str) -> Limits:
    """Return the limits that a text raises or lowers, such as `pixels=300M,duration=48h`; "" for the usual ones.

    Counts may end in k, M, G or T, thousands each; a duration in s, m, h or d.

    Raises:
        UsageError: a part of it is none.
    """
    return replace(Limits(), **dict(map(_part, filter(str.strip, text.split(",")))))


def _part(text: str) -> tuple[str, int]:
    found = _TEXT.fullmatch(text)
    units = _TIMES if found and found[1] == "duration" else _COUNTS
    if not found or found[1] not in _WORDS or found[3] not in units:
        raise UsageError(
            f"{text.strip()[:60]!r} is not a limit, such as pixels=300M or duration=48h; there are "
            f"{', '.join(field.name for field in fields(Limits))}."
        )
    value = int(Fraction(found[2]) * units[found[3]])
    if not 0 < value <= _LARGEST:
        raise UsageError(f"The limit {text.strip()[:60]!r} has to be at least 1, and at most {_LARGEST:.0e}.")
    return found[1], value


def limits() -> Limits:
    """Return those of this process, which `$WAV2LIP_LIMITS` raises or lowers.

    Raises:
        UsageError: the variable makes no sense.
    """
    return _parsed(os.environ.get(VARIABLE, ""))


@lru_cache
def _parsed(text: str) -> Limits:
    try:
        return parse_limits(text)
    except UsageError as error:
        raise UsageError(f"{VARIABLE}: {error}") from None


def allow(path: Path, **found: float | Fraction) -> None:
    """Refuse a file that has more of something than it may.

    Args:
        path: the file.
        found: what it has, by the names of `Limits`.

    Raises:
        MediaError: it has too much of one; the sentence names the option that allows it.
    """
    allowed: Mapping[str, int] = asdict(limits())
    for name, value in found.items():
        if value > allowed[name]:
            raise MediaError(
                f"{path} has {ceil(value):,} {_WORDS[name]}, more than the {allowed[name]:,} that are allowed; if you "
                f"trust it, raise that with --limit {name}={_rounded(name, value)}."
            )


def _rounded(name: str, value: float | Fraction) -> str:
    """Return a limit just above a value, as people write it."""
    units = {"h": 3600} if name == "duration" else {"G": 10**9, "M": 10**6, "k": 10**3}
    unit = next((unit for unit, worth in units.items() if value >= 10 * worth), "")
    return f"{ceil(value / units.get(unit, 1))}{unit}"
