"""What was measured, as a picture: where the time of cold and warm runs goes, and what they are held against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wav2lip.benchmark.results import Bench, Mode
from wav2lip.evaluation.figures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (11.0, 5.5)           # inches, of 100 pixels
THICK = 0.38                 # of the distance between two stages


def draw_bench(bench: Bench, out: Path) -> None:
    """Draw the seconds of every stage, 1100 x 550 pixels, beside those of a plain transcode.

    Args:
        bench: what was measured.
        out: the PNG, replaced if it is there.

    Raises:
        UsageError: matplotlib is not installed.
        Wav2LipError: the picture cannot be written.
    """
    figure = new_figure(SIZE, "evaluate")
    longest = max(mode.profile.seconds for mode in bench.modes.values())
    panels = list(figure.subplots(1, len(bench.modes), squeeze=False).flat)
    for axes, (name, mode) in zip(panels, bench.modes.items(), strict=True):
        _draw_mode(axes, mode)
        axes.axvline(bench.transcode, color="0.3", linestyle=":", label=f"plain transcode {bench.transcode:.1f} s")
        if (floor := bench.floor(name)) is not None:
            axes.axvline(floor, color="0.3", linestyle="--", label=f"and the generator's arithmetic {floor:.1f} s")
        axes.axvline(mode.profile.seconds, color="C3", label=f"whole run {mode.profile.seconds:.1f} s")
        axes.set_xlim(0, 1.05 * longest)
        axes.set_xlabel("seconds")
        axes.set_title(name)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False, ncols=2)
    width, height = bench.size
    figure.suptitle(
        f"{mode.profile.video_seconds:.1f} s of {width}×{height} at {float(bench.fps):g} frames a second, "
        f"{bench.about['processor']}, {mode.profile.machine.cores} cores"
    )
    save_figure(figure, out)


def _draw_mode(axes: Axes, mode: Mode) -> None:
    names = [stage.name for stage in mode.profile.stages]
    at = range(len(names))
    held, computed = ([getattr(stage, what) for stage in mode.profile.stages] for what in ("seconds", "cpu_seconds"))
    axes.barh([y - THICK / 2 for y in at], held, THICK, label="seconds in the stage")
    axes.barh([y + THICK / 2 for y in at], computed, THICK, label="CPU seconds")
    axes.set_yticks(list(at), names)
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
