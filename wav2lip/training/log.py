"""The log of a training run: `log.jsonl` for programs, `log.csv` for spreadsheets, the same rows in both."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path

from wav2lip.errors import Wav2LipError

JSONL = "log.jsonl"
CSV = "log.csv"
EVALUATION = "eval_"    # prefix of the figures that come from held-out clips

Row = dict[str, float]
"""`step`, `seconds` of training so far, then figures by name. What is not a number stays in the log as NaN."""


class TrainingLog:
    """Appends rows to the log of a run.

    Args:
        folder: of the run, which is there.
        resume_at: the step that training continues from, 0 for a new run. Later rows, of a run that was killed, are
            dropped, so that the log is that of a run without interruption.

    Raises:
        Wav2LipError: here and in `write`, when the log cannot be written.
    """

    def __init__(self, folder: Path, resume_at: int = 0):
        self._jsonl, self._csv = folder / JSONL, folder / CSV
        self._rows: list[Row] = []
        if resume_at and self._jsonl.exists():
            self._rows = [row for row in read_log(self._jsonl) if row["step"] <= resume_at]
        self._began = time.monotonic() - (self._rows[-1]["seconds"] if self._rows else 0)
        _replace(self._jsonl, "".join(map(_json_line, self._rows)))
        self._columns = ["step", "seconds"]
        self._widen(self._rows)
        _replace(self._csv, self._table())

    def rows(self) -> list[Row]:
        """Return all rows of the log."""
        return list(self._rows)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Add one row.

        Args:
            step: the number of steps done.
            figures: by name; they may differ from row to row.
        """
        row: Row = {"step": step, "seconds": round(time.monotonic() - self._began, 1)}
        row |= {name: _short(value) for name, value in figures.items()}
        self._rows.append(row)
        _append(self._jsonl, _json_line(row))
        if self._widen([row]):
            _replace(self._csv, self._table())
        else:
            _append(self._csv, self._csv_lines([row]))

    def _widen(self, rows: list[Row]) -> bool:
        """Add the columns that these rows bring, and return whether there are any."""
        before = len(self._columns)
        known = dict.fromkeys(self._columns)
        for row in rows:
            known |= dict.fromkeys(row)
        self._columns = list(known)
        return len(self._columns) > before

    def _table(self) -> str:
        return ",".join(self._columns) + "\n" + self._csv_lines(self._rows)

    def _csv_lines(self, rows: list[Row]) -> str:
        text = io.StringIO()
        csv.DictWriter(text, self._columns, lineterminator="\n").writerows(rows)
        return text.getvalue()


def read_log(path: Path) -> list[Row]:
    """Return the rows of a `log.jsonl`, of a run that may be going on or have been cut off in the middle of a line.

    Raises:
        Wav2LipError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Wav2LipError(f"The training log {path} cannot be read: {error.strerror}.") from error
    rows = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
            rows.append({str(name): math.nan if value is None else value for name, value in row.items()})
        except (ValueError, AttributeError):
            continue    # half a line, from a power cut
    return [row for row in rows if {"step", "seconds"} <= row.keys()]


def _short(value: float) -> float:
    """Return a figure to six digits; infinity is NaN, because JSON knows neither."""
    return float(f"{value:.6g}") if math.isfinite(value) else math.nan


def _json_line(row: Row) -> str:
    return json.dumps({name: None if math.isnan(value) else value for name, value in row.items()}) + "\n"


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Wav2LipError(f"The training log {path} cannot be written: {error.strerror}.") from error


def _append(path: Path, text: str) -> None:
    try:
        with open(path, "a", encoding="utf-8") as file:    # one write: a killed run leaves whole lines
            file.write(text)
    except OSError as error:
        raise Wav2LipError(f"The training log {path} cannot be written: {error.strerror}.") from error
