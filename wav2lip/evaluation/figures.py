"""Figures as PNG files: made without a screen, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wav2lip.extras import require
from wav2lip.media.whole import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(size: tuple[float, float], extra: str) -> Figure:
    """Return an empty figure of a size in inches, of 100 pixels each.

    Args:
        size: width and height.
        extra: the extra of this package that brings matplotlib to those who want this figure.

    Raises:
        UsageError: matplotlib is not installed.
    """
    require("matplotlib", extra)
    from matplotlib.figure import Figure  # not pyplot, which looks for a screen

    return Figure(figsize=size, dpi=100, layout="constrained")


def save_figure(figure: Figure, out: Path) -> None:
    """Write a figure; the file appears whole or not at all.

    Raises:
        Wav2LipError: it cannot be written.
    """
    with whole_file(out) as part:
        figure.savefig(part, format="png")
