"""How a long job is shared."""

from __future__ import annotations

from dataclasses import dataclass

LONG = 6    # parts: a job with more is shared, as everybody who shares it has to look at its inputs first


@dataclass(frozen=True)
class Plan:
    """What is left of a long job: the numbers of its parts, and the name of the folder in which they are."""

    folder: str
    missing: tuple[int, ...]
