"""Edit lists: who says what when, in a file (.csv, .json or .srt)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

from wav2lip.cast.cue import Cue
from wav2lip.cast.edl_csv import csv_rows, csv_text
from wav2lip.cast.edl_json import json_rows, json_text
from wav2lip.cast.edl_row import Row
from wav2lip.cast.edl_srt import srt_rows, srt_text
from wav2lip.cast.selectors import parse_person
from wav2lip.cast.text import placed, quoted, read_text
from wav2lip.cast.times import in_full, parse_time
from wav2lip.errors import UsageError
from wav2lip.media.whole import whole_file

_Reader = Callable[[str, Path], Iterator[Row]]
_Writer = Callable[[Iterable[Row]], str]
FORMATS: dict[str, tuple[_Reader, _Writer]] = {
    ".csv": (csv_rows, csv_text),
    ".json": (json_rows, json_text),
    ".srt": (srt_rows, srt_text),
}

_NO_NAME = {"Cc", "Cs", "Zl", "Zp"}     # control signs, half characters, ends of lines: lists cannot hold them


def read_edits(path: Path) -> tuple[Cue, ...]:
    """Return the cues of an edit list, in its order. Recordings are looked for relative to the list's folder.

    Whether the cues make sense together, and in a video, is for `check_cues` to say.

    Raises:
        UsageError: its name has another ending, or a row is malformed: "edits.csv, line 7: ...".
        MediaError: it cannot be read, or is no text.
    """
    rows, _ = _format_of(path)
    return tuple(_cue(row, path.parent) for row in rows(read_text(path), path))


def write_edits(path: Path, cues: Iterable[Cue]) -> None:
    """Write an edit list that reads as the same cues; as .srt with times down to the millisecond.

    The file appears whole or not at all. Recordings in its folder are named relative to that, others in full.

    Raises:
        UsageError: its name has another ending; a recording has a name that a list cannot hold.
        Wav2LipError: it cannot be written.
    """
    _, text_of = _format_of(path)
    text = text_of([_row(f"edit {number}", cue, path.parent) for number, cue in enumerate(cues, 1)])
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="")


def _format_of(path: Path) -> tuple[_Reader, _Writer]:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise UsageError(f"{path} is not an edit list: its name has to end in {', '.join(FORMATS)}.") from None


def _cue(row: Row, folder: Path) -> Cue:
    with placed(row.where):
        if not row.start:
            raise UsageError("it has no start; write 0 for the beginning of the video.")
        if row.audio:
            _check_name(row.audio)
        elif row.skip:
            raise UsageError("it says where to start in a recording (from), but not in which: name the audio too.")
        return Cue(
            parse_time(row.start),
            parse_time(row.end) if row.end else None,
            parse_person(row.person) if row.person else None,
            folder / row.audio if row.audio else None,
            parse_time(row.skip) if row.skip else Fraction(0),
            row.where,
        )


def _row(where: str, cue: Cue, folder: Path) -> Row:
    audio = ""
    if cue.audio is not None:
        inside = cue.audio.is_relative_to(folder)
        audio = (cue.audio.relative_to(folder) if inside else cue.audio.absolute()).as_posix()
        with placed(where):
            _check_name(audio)
    end, skip = "" if cue.end is None else in_full(cue.end), in_full(cue.skip) if cue.skip else ""
    return Row(where, in_full(cue.start), end, cue.person or "", audio, skip)


def _check_name(audio: str) -> None:
    if audio != audio.strip() or any(unicodedata.category(sign) in _NO_NAME for sign in audio):
        raise UsageError(f"{quoted(audio)} is no name that a list can hold; rename the recording.")
