"""What a preview tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wav2lip.preview.cells import Cell
from wav2lip.preview.sheet import Place


@dataclass(frozen=True)
class PreviewReport:
    """The result of a preview.

    Attributes:
        output: the picture or video.
        width, height: of it, in pixels.
        partly: whether faces were looked for around the moments only.
        seconds: that it took.
        cells: what is shown, and where its pictures are in the output, by name of the column.
    """

    output: Path
    width: int
    height: int
    partly: bool
    seconds: float
    cells: tuple[tuple[Cell, Mapping[str, Place]], ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return {
            "output": str(self.output),
            "width": self.width,
            "height": self.height,
            "partly": self.partly,
            "seconds": round(self.seconds, 3),
            "cells": [
                cell.to_dict() | {"pictures": {name: list(place) for name, place in places.items() if place[2]}}
                for cell, places in self.cells
            ],
        }
