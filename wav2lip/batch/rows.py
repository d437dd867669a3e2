"""Jobs files as rows: tables that spreadsheets write (.csv), and objects line by line (.jsonl)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wav2lip.batch.columns import Columns, Value
from wav2lip.cast.text import placed, quoted, read_text
from wav2lip.errors import UsageError

CSV_EXAMPLE = "face,audio,output"
JSONL_EXAMPLE = '{"face": "a.mp4", "audio": "a.wav", "output": "out/a.mp4"}'

_SEPARATORS = ";\t,"    # whichever of them the first line holds


@dataclass(frozen=True)
class Row:
    """What a line says, by column; or in `wrong` why it cannot be understood."""

    where: str
    values: Mapping[str, Value] = field(default_factory=dict)
    wrong: str | None = None


def read_rows(path: Path, columns: Columns, text: str | None = None) -> Iterator[Row]:
    """Yield the rows of a jobs file. One that cannot be understood says so and spoils no other.

    Args:
        path: the file.
        columns: what rows may say.
        text: lines of JSON that are read instead of the file, whatever it is called.

    Raises:
        UsageError: its name has another ending; it has no rows; a table's first line names a column that is none.
        MediaError: it cannot be read, or is no text.
    """
    readers = {".csv": _csv_rows, ".tsv": _csv_rows, ".jsonl": _jsonl_rows, ".ndjson": _jsonl_rows}
    reader = readers.get(path.suffix.lower()) if text is None else _jsonl_rows
    if reader is None:
        raise UsageError(f"{path} is not a list of jobs: its name has to end in {', '.join(readers)}.")
    none = True
    for row in reader(read_text(path) if text is None else text, path, columns):
        none = False
        yield row
    if none:
        raise UsageError(f"{path} has no jobs. A table begins with {CSV_EXAMPLE}; a line of JSON is {JSONL_EXAMPLE}.")


def _csv_rows(text: str, path: Path, columns: Columns) -> Iterator[Row]:
    """Yield the rows of a table, whose first line names the columns; empty cells say nothing."""
    header: list[str] = []
    separator = ","
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip(' \t;,"') or line.startswith("#"):
            continue
        where = f"{path}, line {number}"
        if not header:
            separator = next((sign for sign in _SEPARATORS if sign in line), separator)
            with placed(where):
                header = _header(_cells(line, separator), columns)
            continue
        try:
            yield Row(where, _said(header, _cells(line, separator), columns))
        except UsageError as error:
            yield Row(where, wrong=str(error))


def _cells(line: str, separator: str) -> list[str]:
    # Line by line: a quotation mark that is never closed would else swallow the rest of the list.
    try:
        (cells,) = csv.reader([line], delimiter=separator, strict=True)
    except csv.Error as error:
        raise UsageError(f"this is not a row of a table ({error}).") from error
    return [cell.strip() for cell in cells]


def _header(cells: list[str], columns: Columns) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    header = [columns.column(cell) for cell in cells]
    twice = next((name for name in header if header.count(name) > 1 and name not in columns.several), None)
    if twice:
        raise UsageError(f"the column {twice} is there twice.")
    if "face" not in header:
        raise UsageError(f"the first line has to name the columns, and face among them: {CSV_EXAMPLE}, ...")
    return header


def _said(header: list[str], cells: list[str], columns: Columns) -> dict[str, Value]:
    """Return what the cells of a row say."""
    if any(cells[len(header) :]):
        raise UsageError(
            f"it has {len(cells)} cells for {len(header)} columns; put a name with a comma in quotes (\"a, b.wav\")."
        )
    said: dict[str, Value] = {}
    for name, cell in zip(header, cells, strict=False):
        if cell and name in columns.several:
            before = said.get(name, ())
            assert isinstance(before, tuple)
            said[name] = (*before, cell)
        elif cell:
            said[name] = cell
    return said


def _jsonl_rows(text: str, path: Path, columns: Columns) -> Iterator[Row]:
    """Yield an object from every line that is not blank; what is null in it is not said."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            yield Row(where, _from_object(line, columns))
        except UsageError as error:
            yield Row(where, wrong=str(error))


def _from_object(line: str, columns: Columns) -> dict[str, Value]:
    try:
        # Numbers as they are written: no digit of a frame rate is rounded.
        found = json.loads(line, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except (json.JSONDecodeError, RecursionError) as error:
        why = getattr(error, "msg", "nested too deeply")
        raise UsageError(f"this is not JSON: {why}; a job is {JSONL_EXAMPLE}.") from error
    if not isinstance(found, dict):
        raise UsageError(f"{quoted(found)} is not an object; a job is {JSONL_EXAMPLE}.")
    said: dict[str, Value] = {}
    for written, value in found.items():
        name = columns.column(written)
        if name in said:
            raise UsageError(f"it says {name} twice.")
        if value is not None:
            said[name] = _value(written, value, name in columns.several)
    return said


class _Number(str):
    """A number as it is written."""


def _value(written: str, value: Any, several: bool) -> Value:
    """Return a JSON value as an option takes it: four numbers are one text, a list of texts is one of many."""
    if isinstance(value, str):
        return (str(value),) if several else str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value) and several:
        return tuple(map(str, value))
    if isinstance(value, list) and len(value) > 1 and all(isinstance(item, _Number) for item in value):
        return ",".join(value)
    raise UsageError(f"{quoted(written)} cannot be {quoted(value)}.")
