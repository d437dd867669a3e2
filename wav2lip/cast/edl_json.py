"""Edit lists as JSON: a list of objects, alone or as "edits" of another."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from wav2lip.cast.edl_row import COLUMNS, Row
from wav2lip.cast.text import parse_json, quoted
from wav2lip.errors import UsageError

_TIMES = ("start", "end", "from")
_EXAMPLE = '{"start": 3, "end": 9.5, "person": "A", "audio": "first.wav"}'


class _Number(str):
    """A number as it is written, so that no digit of it is rounded; a small exponent is written out."""

    def __new__(cls, text: str) -> _Number:
        # Scripts that add up seconds give 5.6e-17. Larger exponents would be written out for a long time.
        exponent = text.lower().partition("e")[2]
        return super().__new__(cls, f"{Decimal(text):f}" if 0 < len(exponent) <= 3 else text)


def json_rows(text: str, path: Path) -> Iterator[Row]:
    """Yield the rows, which are counted from 1. Times may be numbers of seconds or texts; what is null is not said.

    Raises:
        UsageError: it is not JSON, no list, or has a malformed row.
    """
    edits = parse_json(text, path, _Number)
    if isinstance(edits, dict):
        edits = edits.get("edits")
    if not isinstance(edits, list):
        raise UsageError(f'{path} is neither a list nor {{"edits": a list}} of rows such as {_EXAMPLE}.')
    for number, edit in enumerate(edits, 1):
        where = f"{path}, row {number}"
        if not isinstance(edit, dict):
            raise UsageError(f"{where}: {quoted(edit)} is not an object, such as {_EXAMPLE}.")
        for name, value in edit.items():
            if name not in COLUMNS:
                raise UsageError(f"{where}: there is no {quoted(name)} in an edit; it has {', '.join(COLUMNS)}.")
            fits = isinstance(value, str) and (name in _TIMES or not isinstance(value, _Number))
            if not fits and value is not None:
                raise UsageError(f"{where}: {quoted(name)} cannot be {quoted(value)}; a row looks like {_EXAMPLE}.")
        yield Row(where, *(str(edit.get(name) or "") for name in COLUMNS))


def json_text(rows: Iterable[Row]) -> str:
    """Return the rows as JSON, one in every line."""
    lines = []
    for row in rows:
        texts = (_number(row.start), _number(row.end), row.person, row.audio, _number(row.skip))
        said = {name: text for name, text in zip(COLUMNS, texts, strict=True) if text != ""}
        lines.append(json.dumps(said, ensure_ascii=False))
    return "[\n " + ",\n ".join(lines) + "\n]\n" if lines else "[]\n"


def _number(time: str) -> Any:
    """Return a time as a number if JSON's numbers hold it exactly."""
    try:
        number = json.loads(time)
    except ValueError:
        return time
    return number if json.dumps(number) == time else time
