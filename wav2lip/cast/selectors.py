"""Who is meant: the texts of --person, --at and --voice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from wav2lip.cast.text import quoted
from wav2lip.cast.times import parse_time
from wav2lip.errors import UsageError
from wav2lip.paths import take_paths

WORDS = ("largest", "center", "talking")

_LABEL = re.compile(r"[A-Za-z]{1,3}")       # A .. Z, AA, AB, ...; three letters are enough for 18 278 people
_PLACE = re.compile(r"(.+):\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*,\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*")


@dataclass(frozen=True)
class At:
    """Whoever is seen at a time, in seconds, at a point, in pixels from the left and from the top."""

    time: Fraction
    x: float
    y: float


@dataclass(frozen=True)
class Voice:
    """A person and the recording that they say."""

    person: str
    path: Path

    def __post_init__(self) -> None:
        take_paths(self, "path")


def parse_label(text: str) -> str:
    """Return a person's label in capitals: A, B, ..., Z, AA, AB, ...

    Raises:
        UsageError: it is none.
    """
    label = text.strip()
    if not _LABEL.fullmatch(label):
        raise UsageError(f"{quoted(text)} is not a person's label, such as A, B or AA.")
    return label.upper()


def parse_person(text: str) -> str:
    """Return who is meant: a label in capitals, or largest, center or talking.

    Raises:
        UsageError: it is neither.
    """
    word = text.strip()
    if word.lower() in WORDS:
        return word.lower()
    if not _LABEL.fullmatch(word):
        raise UsageError(
            f"{quoted(text)} is not a person, who is a label, such as A or AA (`wav2lip faces` shows them), or one of "
            f"{', '.join(WORDS)}."
        )
    return word.upper()


def parse_at(text: str) -> At:
    """Return the place that a text means: 12.5s:640,360.

    Raises:
        UsageError: it is none.
    """
    found = _PLACE.fullmatch(text)
    if not found:
        raise UsageError(
            f"{quoted(text)} is not a point in the video, such as 12.5s:640,360 (a time, then pixels from the left and "
            "from the top)."
        )
    return At(parse_time(found[1]), float(found[2]), float(found[3]))


def parse_voice(text: str) -> Voice:
    """Return who says which recording: A=first.wav. The recording's name may hold more of the sign.

    Raises:
        UsageError: it is not a person and a recording.
    """
    person, sign, path = text.partition("=")
    if not sign or not path.strip():
        raise UsageError(f"{quoted(text)} is not a person and their recording, such as A=first.wav.")
    return Voice(parse_person(person), Path(path))
