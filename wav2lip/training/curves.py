"""The curves of a training run as a picture: losses, held-out clips, settings, each in a panel of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wav2lip.evaluation.figures import new_figure, save_figure
from wav2lip.training.log import EVALUATION, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (12.0, 8.0)          # inches, of 100 pixels: 1200 x 800
NOISY = 60                  # points: from here on a running mean is drawn over the line
SMOOTHING = 0.05            # of the points are averaged in it
LOG_SPAN = 20               # highest over lowest value: from here on the axis is logarithmic

_LOSSES = "Training losses"
_MOUTH = "Held-out clips: errors, of 255"
_HELD_OUT = "Held-out clips: other figures"
_SETTINGS = "Settings"
_PANELS = (_LOSSES, _MOUTH, _HELD_OUT, _SETTINGS)
_PANEL_OF = {
    **dict.fromkeys((f"{EVALUATION}{name}" for name in ("right", "wrong", "copy", "colour", "teacher")), _MOUTH),
    **dict.fromkeys((f"{EVALUATION}{name}" for name in ("l1", "mouth", "tint")), _MOUTH),
    **dict.fromkeys((f"{EVALUATION}cubic_{name}" for name in ("l1", "mouth", "tint")), _MOUTH),
    **dict.fromkeys(("rate", "sync_weight", "strength"), _SETTINGS),
}


def draw_curves(rows: Sequence[Row], out: Path) -> None:
    """Draw the log of a run, 1200 x 800 pixels; the file appears whole or not at all.

    Args:
        rows: as `read_log` gives them.
        out: the PNG, replaced if it is there. Without a single figure in the log nothing is written.

    Raises:
        UsageError: matplotlib is not installed.
        Wav2LipError: the picture cannot be written.
    """
    figure = new_figure(SIZE, "train")
    panels = _panels(rows)
    if not panels:
        return
    across = 1 if len(panels) == 1 else 2
    grid = list(figure.subplots(-(-len(panels) // across), across, squeeze=False).flat)
    for axes, (title, curves) in zip(grid, panels.items(), strict=False):
        _draw_panel(axes, title, curves)
        axes.set_xlim(0, 1.02 * max(1, rows[-1]["step"]))
    for axes in grid[len(panels) :]:
        axes.remove()
    save_figure(figure, out)


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of the `width` values around each one, of fewer at the ends."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.minimum(np.arange(len(values)) + width // 2 + 1, len(values))
    starts = np.maximum(np.arange(len(values)) - (width - 1) // 2, 0)
    means: np.ndarray = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def _panels(rows: Sequence[Row]) -> dict[str, dict[str, np.ndarray]]:
    """Return the curves of each panel by name: (2, points), steps and values, without what is not a number."""
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for name in row.keys() - {"step", "seconds"}:
            points.setdefault(name, []).append((row["step"], row[name]))
    panels: dict[str, dict[str, np.ndarray]] = {title: {} for title in _PANELS}
    for name in sorted(points):
        curve = np.array(points[name]).T
        curve = curve[:, np.isfinite(curve[1])]
        if curve.size:
            held_out = _HELD_OUT if name.startswith(EVALUATION) else _LOSSES
            panels[_PANEL_OF.get(name, held_out)][name] = curve
    return {title: curves for title, curves in panels.items() if curves}


def _draw_panel(axes: Axes, title: str, curves: dict[str, np.ndarray]) -> None:
    for number, (name, (steps, values)) in enumerate(curves.items()):
        colour = f"C{number}"
        few = len(values) < NOISY
        line = values
        if not few and title != _SETTINGS:
            axes.plot(steps, values, color=colour, alpha=0.3, linewidth=0.7)
            line = smoothed(values, round(SMOOTHING * len(values)))
        label = f"{name.removeprefix(EVALUATION)}  {line[-1]:.4g}"
        axes.plot(steps, line, color=colour, label=label, linewidth=1.8, marker="." if few else "")
    everything = np.concatenate([curve[1] for curve in curves.values()])
    if everything.min() > 0 and everything.max() > LOG_SPAN * everything.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_title(title)
    axes.set_xlabel("step")
    axes.locator_params(axis="x", nbins=5)
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)    # beside the curves, not over them
