"""From what asks for a batch to its jobs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from wav2lip.batch.columns import PLACES, Columns, Value
from wav2lip.batch.files import expand
from wav2lip.batch.job import Job, Outcome
from wav2lip.batch.rows import Row, read_rows
from wav2lip.cast.text import quoted
from wav2lip.errors import UsageError, Wav2LipError


def read_jobs(path: Path, results: Path, columns: Columns, text: str | None = None) -> list[Job | Outcome]:
    """Return the jobs of a file (.csv, .jsonl), in its order. A row that cannot be understood is a job that failed.

    Args:
        path: the file; what it names is relative to its folder.
        results: the folder for outputs without one.
        columns: what rows may say.
        text: lines of JSON that are read instead of the file.

    Raises:
        UsageError: its name has another ending; it has no rows; a table's first line names a column that is none.
        MediaError: it cannot be read, or is no text.
    """
    return list(_jobs(read_rows(path, columns, text), path.parent, results, columns))


def _jobs(rows: Iterable[Row], folder: Path, results: Path, columns: Columns) -> Iterator[Job | Outcome]:
    for row in rows:
        try:
            if row.wrong is not None:
                raise UsageError(row.wrong)
            yield from list(_of_row(row.where, row.values, folder, results, columns))
        except Wav2LipError as error:
            yield _refused(row, str(error), error.exit_code)
        except Exception as error:        # as for jobs: what nobody has thought of spoils no other row
            yield _refused(row, f"{type(error).__name__}: {error} (this should not happen)", Wav2LipError.exit_code)


def _refused(row: Row, sentence: str, exit_code: int) -> Outcome:
    key = hashlib.blake2b(row.where.encode(errors="replace"), digest_size=16).hexdigest()
    return Outcome(key, row.where, "", "failed", exit_code, sentence)


def _of_row(
    where: str, values: Mapping[str, Value], folder: Path, results: Path, columns: Columns
) -> Iterator[Job]:
    for value in values.values():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                _check(text)
    face, audio, output = (_name(column, values.get(column)) for column in PLACES)
    if face is None:
        raise UsageError("it names no face.")
    said = {column: value for column, value in values.items() if column not in PLACES}
    yield from expand(where, face, audio, output, columns.options(said, folder), folder, results)


def _name(column: str, value: Value | None) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{column} is not the name of a file.")
    return value


def _check(text: str) -> None:
    """Refuse what no file can be called: no option is."""
    try:
        broken = b"\0" in os.fsencode(text)
    except UnicodeEncodeError:
        broken = True
    if broken:
        raise UsageError(f"{quoted(text)} is no text: it has a zero byte or half a character.")
