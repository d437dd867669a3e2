"""Edit lists as subtitles: any subtitle editor shows them on the video and moves them about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import floor
from pathlib import Path

from wav2lip.cast.edl_row import Row
from wav2lip.cast.text import quoted
from wav2lip.cast.times import parse_time
from wav2lip.errors import UsageError

_EXAMPLE = "A, A: first.wav, or A: first.wav @ 1.5s to leave its first 1.5 s out"
_OPEN_END = "99:59:59,999"      # the latest time that subtitles know: the end of the video, whenever that is
_TIMES = re.compile(r"\s*(\S+)\s*-->\s*(\S+)(?:\s.*)?")     # behind them may be where the text is shown


def srt_rows(text: str, path: Path) -> Iterator[Row]:
    """Yield the rows: the times are the subtitle's; its text is the person, and, after a colon, the recording.

    Raises:
        UsageError: a malformed subtitle.
    """
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.strip():
            block.append((number, line.strip()))
        elif block:
            yield _row(block, path)
            block = []


def srt_text(rows: Iterable[Row]) -> str:
    """Return the rows as subtitles. Their times are whole milliseconds; one between two is written as the earlier.

    Raises:
        UsageError: a row is too short for that.
    """
    blocks = []
    for number, row in enumerate(rows, 1):
        start, end = _clock(parse_time(row.start)), _clock(parse_time(row.end)) if row.end else _OPEN_END
        if start == end:
            raise UsageError(f"{row.where}: it is too short for .srt, which knows milliseconds; write .csv instead.")
        audio = f": {row.audio}" if row.audio or not row.person else ""
        skip = f" @ {row.skip or '0s'}" if row.skip or " @ " in f" {row.audio}" else ""
        blocks.append(f"{number}\n{start} --> {end}\n{row.person}{audio.rstrip()}{skip}\n")
    return "\n".join(blocks)


def _row(block: list[tuple[int, str]], path: Path) -> Row:
    if block[0][1].isdecimal() and len(block) > 1:
        block = block[1:]
    line, times = block[0]
    where = f"{path}, line {line}"
    found = _TIMES.fullmatch(times)
    if not found:
        raise UsageError(
            f"{where}: {quoted(times)} is not the time of a subtitle, such as 00:00:03,000 --> 00:00:09,500."
        )
    if len(block) != 2:
        raise UsageError(f"{where}: a subtitle's text is one line that says who says what: {_EXAMPLE}.")
    text = block[1][1]
    person, _, said = text.partition(":")
    # The last @ is the one that counts, so that a name with such a sign in it can be written too.
    audio, sign, skip = said.rpartition(" @ ")
    if not sign:
        audio, skip = said, ""
    end = "" if found[2] == _OPEN_END else found[2]
    return Row(where, found[1], end, person.strip(), audio.strip(), skip.strip())


def _clock(seconds: Fraction) -> str:
    whole, thousandths = divmod(floor(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{thousandths:03}"
