"""Points and spans of time, as people write them: seconds, kept exact."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from wav2lip.cast.text import quoted
from wav2lip.errors import UsageError

_LONGEST = 100      # characters: more digits than that are no time
_MOST_DECIMALS = 9  # digits behind the point; what needs more is written as a ratio

_PLAIN = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(s|ms)?")
_CLOCK = re.compile(r"(?:([0-9]+):)?([0-9]+):([0-9]{1,2}(?:\.[0-9]+)?)")
_RATIO = re.compile(r"([0-9]+)\s*/\s*([0-9]+)\s*s?")


@dataclass(frozen=True)
class Span:
    """A stretch of time, in seconds: from `start` until just before `end`, or to the end where that is None."""

    start: Fraction
    end: Fraction | None


def parse_time(text: str) -> Fraction:
    """Return the seconds that a text means: 9.5, 9.5s, 250ms, 1:02.5, 1:02:03.25, 00:00:03,500, 1001/30000.

    The decimal sign may be a comma, as subtitles and half of Europe write it. Nothing is rounded.

    Raises:
        UsageError: it is not a time.
    """
    plain = text.strip().lower().replace(",", ".")
    if len(plain) <= _LONGEST:
        if found := _PLAIN.fullmatch(plain):
            return Fraction(found[1]) / (1000 if found[2] == "ms" else 1)
        if (found := _RATIO.fullmatch(plain)) and int(found[2]):
            return Fraction(int(found[1]), int(found[2]))
        if found := _CLOCK.fullmatch(plain):
            hours, minutes, seconds = int(found[1] or 0), int(found[2]), Fraction(found[3])
            if seconds < 60 and (minutes < 60 or found[1] is None):
                return 3600 * hours + 60 * minutes + seconds
    raise UsageError(f"{quoted(text)} is not a time, such as 9.5s, 250ms, 1:02.5 or 0:01:02.5.")


def parse_span(text: str) -> Span:
    """Return the span that a text means: `3s-9.5s`, `3s-` to the end, `-4s` from the beginning.

    Raises:
        UsageError: it is not a span, or its end is not after its start.
    """
    first, dash, last = (part.strip() for part in text.partition("-"))
    if not dash or not (first or last) or "-" in last:
        raise UsageError(
            f"{quoted(text)} is not a span of time, such as 3s-9.5s, 3s- (to the end) or -4s (from the beginning)."
        )
    start, end = parse_time(first or "0"), parse_time(last) if last else None
    if end is not None and end <= start:
        raise UsageError(f"The span {quoted(text)} ends before it has begun; write the earlier time first.")
    return Span(start, end)


def in_words(seconds: Fraction) -> str:
    """Return a time for people to read, to the millisecond: 0:03.50, 1:02:03.255."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}" if hours else str(minutes)
    return f"{clock}:{whole:02}.{f'{thousandths:03}'.removesuffix('0')}"


def in_full(seconds: Fraction) -> str:
    """Return a time for files: what `parse_time` makes the same number of, 3.5 or 1001/30000."""
    shifted = seconds * 10**_MOST_DECIMALS
    if shifted.denominator > 1:
        return f"{seconds.numerator}/{seconds.denominator}"
    whole, decimals = divmod(shifted.numerator, 10**_MOST_DECIMALS)
    return f"{whole}.{decimals:0{_MOST_DECIMALS}}".rstrip("0").removesuffix(".")
