"""What the commands that score videos share: their options, and how figures are put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.parameters import DETECTOR, LIMIT, WEIGHTS, with_options

if TYPE_CHECKING:
    from wav2lip.evaluation.score import EvaluationOptions

FILE = click.Path(path_type=Path)

DETECTION = with_options(
    LIMIT,
    DETECTOR,
    click.option("--cropped", is_flag=True, help="The whole frame is the face, as in LRS: look for none."),
    click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]|mps", help="Where to run."),
    click.option("--offline", is_flag=True, envvar="WAV2LIP_OFFLINE", help="Never reach for the network."),
)
SYNCNET = click.option(
    "--syncnet", type=WEIGHTS, help="Weights of the original SyncNet (syncnet_v2.model), for LSE-D and LSE-C."
)
EXPERT = click.option("--expert", type=WEIGHTS, help="Weights of the expert SyncNet.  [default: the one that ships]")

JUDGES = {"expert": ("distance", "confidence"), "syncnet_v2": ("LSE-D", "LSE-C")}
UNITS = {"psnr": " dB", "mouth_psnr": " dB"}


def evaluation_options(given: Mapping[str, Any], **more: Any) -> EvaluationOptions:
    """Return what the options of a command say about scoring; `more` adds to them."""
    from wav2lip.evaluation.score import EvaluationOptions

    names = ("expert", "detector", "detector_weights", "cropped", "device", "offline")
    return EvaluationOptions(**{name: given[name] for name in names}, **more)


def describe(score: Mapping[str, Any]) -> str:
    """Return a video's score, as `VideoScore.to_dict` gives it, in a few lines."""
    found = score["detector"]
    seen = "the whole frame is the face" if found == "cropped" else (
        f"a face in {score['faces']} of {score['frames']} frames at 25 a second ({found})"
    )
    lines = [f"{score['path']}: {score['seconds']:.1f} s, {seen}"]
    lines += [f"  {name:<11} {sync_in_words(name, score[name])}" for name in JUDGES if name in score]
    for name in ("picture", "reference"):
        if score[name]:
            lines.append(f"  {name:<11} {_figures(score[name])}")
    if len(score["tracks"]) > 1:
        for track in score["tracks"]:
            lines.append(f"  {track['start']:.2f} to {track['end']:.2f} s, shot {track['shot']}")
            lines += [f"    {name:<9} {sync_in_words(name, track[name])}" for name in JUDGES if name in track]
    return "\n".join(lines)


def offset_in_words(late_ms: int) -> str:
    """Return what an offset means: `in sync`, `sound 80 ms late`."""
    if not late_ms:
        return "in sync"
    return f"sound {abs(late_ms)} ms {'late' if late_ms > 0 else 'early'}"


def table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Return rows of figures as text, a column for each name."""
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(line[at]) for line in [names, *cells]) for at in range(len(names))]

    def line(words: Sequence[str]) -> str:
        first, *rest = (
            word.rjust(width) if at else word.ljust(width)
            for at, (word, width) in enumerate(zip(words, widths, strict=True))
        )
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([line(names), *map(line, cells)])


def sync_in_words(name: str, sync: Mapping[str, Any]) -> str:
    """Return what a judge says, as `SyncScore.to_dict` gives it, in a line."""
    distance, confidence = JUDGES[name]
    words = f"{sync['offset']:+d} frames ({offset_in_words(sync['sound_late_ms'])})"
    return f"offset {words:<32}{distance} {sync['distance']:.3f}   {confidence} {sync['confidence']:.3f}"


def _figures(figures: Mapping[str, float | None]) -> str:
    return "   ".join(
        f"{name.replace('_', ' ')} {value:.3f}{UNITS.get(name, '')}"
        for name, value in figures.items() if isinstance(value, float)
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
