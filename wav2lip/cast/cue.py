"""Who says what when: the rows of an edit list, and whether they make sense together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from wav2lip.cast.times import in_words
from wav2lip.errors import UsageError


@dataclass(frozen=True)
class Cue:
    """Somebody says something, for a while. Times are seconds on the video's clock, whose 0 is its first picture.

    Attributes:
        start: when it begins.
        end: when it is over; None at the end of the video.
        person: a label ("A"), or largest, center or talking; None is the person that is synced without being named.
        audio: the recording that is said. One that is named starts with the cue; None is that of the whole run, which
            starts with the video.
        skip: seconds of a named recording that are left out at its start.
        where: the place that the cue comes from, for errors: "edits.csv, line 3".
    """

    start: Fraction
    end: Fraction | None
    person: str | None
    audio: Path | None
    skip: Fraction = Fraction(0)
    where: str = field(default="", compare=False)


def check_cues(cues: Sequence[Cue], seconds: Fraction, tolerance: Fraction = Fraction(0)) -> None:
    """Refuse cues that cannot be meant.

    Args:
        cues: in any order.
        seconds: how long the video is.
        tolerance: by how much an end may lie beyond that, in seconds: as much as a frame lasts.

    Raises:
        UsageError: there is none; one ends before it has begun, or lies beyond the end of the video; two of the same
            person overlap.
    """
    if not cues:
        raise UsageError("The edit list is empty; it needs a row of start, end, person and audio for each edit.")
    placed = [(cue.where or f"edit {number}", cue) for number, cue in enumerate(cues, 1)]
    for where, cue in placed:
        if cue.start < 0:
            raise UsageError(f"{where}: it starts before the video does; the earliest start is 0s.")
        if cue.end is not None and cue.end <= cue.start:
            raise UsageError(f"{where}: its end, {in_words(cue.end)}, is not after its start, {in_words(cue.start)}.")
        if cue.start >= seconds:
            raise UsageError(f"{where}: it starts at {in_words(cue.start)}, {_beyond(seconds)}.")
        if cue.end is not None and cue.end > seconds + tolerance:
            raise UsageError(
                f"{where}: it ends at {in_words(cue.end)}, {_beyond(seconds)}; leave the end out to go on to the last "
                "frame."
            )
    busy: dict[str | None, tuple[str, Cue]] = {}
    for where, cue in sorted(placed, key=lambda pair: pair[1].start):
        if cue.person in busy:
            other, before = busy[cue.person]
            if before.end is None or cue.start < before.end:
                who = "the person that is not named" if cue.person is None else f"person {cue.person}"
                until = "the end" if before.end is None else in_words(before.end)
                raise UsageError(
                    f"{where}: it starts at {in_words(cue.start)}, but {who} is busy until {until} ({other}); one "
                    "person says one thing at a time."
                )
        busy[cue.person] = where, cue


def _beyond(seconds: Fraction) -> str:
    return f"but the video ends at {in_words(seconds)}"
