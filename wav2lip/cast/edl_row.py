"""One row of an edit list, as it is written: what its three formats have in common."""

from __future__ import annotations

from dataclasses import dataclass

COLUMNS = ("start", "end", "person", "audio", "from")
EXAMPLE = "3s,9.5s,A,first.wav,1.5s"


@dataclass(frozen=True)
class Row:
    """The texts of a row, each "" where nothing is said; `skip` is the column "from"."""

    where: str
    start: str
    end: str = ""
    person: str = ""
    audio: str = ""
    skip: str = ""
