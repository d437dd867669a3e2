"""Edit lists as tables: what spreadsheets write, with commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from wav2lip.cast.edl_row import COLUMNS, EXAMPLE, Row
from wav2lip.cast.text import quoted
from wav2lip.errors import UsageError

_SEPARATORS = ";\t,"    # whichever of them the first line holds: semicolons where commas are decimal signs


def csv_rows(text: str, path: Path) -> Iterator[Row]:
    """Yield the rows of a table. Its first line names the columns, in any order; start and end have to be there.

    Lines that are blank or start with # are passed over. Columns of other names are refused: one may be a typing error.

    Raises:
        UsageError: a malformed line.
    """
    columns: list[str] = []
    separator = ","
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip(' \t;,"') or line.lstrip(' "').startswith("#"):
            continue
        where = f"{path}, line {number}"
        if not columns:
            separator = next((sign for sign in _SEPARATORS if sign in line), separator)
            columns = _columns(where, _cells(where, line, separator))
            continue
        cells = _cells(where, line, separator)
        if any(cells[len(columns) :]):
            raise UsageError(
                f"{where}: it has {len(cells)} cells for the columns {', '.join(columns)}. A row looks like {EXAMPLE}; "
                'put a name with a comma in quotes ("a, b.wav").'
            )
        row = dict(zip(columns, cells, strict=False))
        yield Row(where, *(row.get(name, "") for name in COLUMNS))
    if not columns:
        raise UsageError(f"{path} is empty. Its first line has to be {','.join(COLUMNS)}, a row looks like {EXAMPLE}.")


def csv_text(rows: Iterable[Row]) -> str:
    """Return a table of the rows."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((row.start, row.end, row.person, row.audio, row.skip) for row in rows)
    return table.getvalue()


def _cells(where: str, line: str, separator: str) -> list[str]:
    # Line by line: a quotation mark that is never closed would else swallow the rest of the list.
    try:
        (cells,) = csv.reader([line], delimiter=separator, strict=True)
    except csv.Error as error:
        raise UsageError(f"{where}: it is not a row of a table ({error}); a row looks like {EXAMPLE}.") from error
    return [cell.strip() for cell in cells]


def _columns(where: str, cells: list[str]) -> list[str]:
    names = [cell.lower() for cell in cells]
    while names and not names[-1]:
        names.pop()
    unknown = next((name for name in names if name not in COLUMNS), None)
    if unknown is not None or "start" not in names or "end" not in names or len(set(names)) < len(names):
        why = "it does not" if unknown is None else f"{quoted(unknown)} is none of them"
        raise UsageError(
            f"{where}: the first line has to name the columns, {', '.join(COLUMNS)}, each once, with start and end "
            f"among them; {why}."
        )
    return names
