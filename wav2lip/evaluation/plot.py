"""A video's score as a picture: confidence and offset along the clip, and the distance at every shift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wav2lip.evaluation.figures import new_figure, save_figure
from wav2lip.evaluation.results import VideoScore
from wav2lip.evaluation.tables import REACH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (11.0, 7.0)           # inches, of 100 pixels


def draw_score(score: VideoScore, out: Path) -> None:
    """Draw how a video scores along its length, 1100 x 700 pixels.

    Above the confidence of each judge, in the middle the offset it finds, each from two seconds around; cuts are
    dotted, stretches without a face are grey. Below, the mean distance of the whole video by shift.

    Args:
        score: of the video.
        out: the PNG, replaced if it is there.

    Raises:
        UsageError: matplotlib is not installed.
        Wav2LipError: the picture cannot be written.
    """
    figure = new_figure(SIZE, "evaluate")
    # Each judge's confidence has a scale of its own.
    rows = len(score.sync) + 2
    panels = list(figure.subplots(rows, 1, squeeze=False).flat)
    *confidences, offset, curve = panels
    for axes, name in zip(confidences, score.sync, strict=True):
        points = score.over_time[name]
        for times, _, values in _sights(score, name):
            axes.plot(times, values, marker=".", color=_colour(score, name))
        axes.axhline(score.sync[name].confidence, color=_colour(score, name), linewidth=0.8, linestyle="--")
        axes.set_ylabel(f"confidence\n{name}")
        axes.set_ylim(0, 1.15 * max([score.sync[name].confidence, *(p.confidence for p in points)]))
    for name in score.over_time:
        for times, offsets, _ in _sights(score, name):
            offset.plot(times, offsets, drawstyle="steps-mid", marker=".", color=_colour(score, name))
    offset.set_ylabel("offset, frames")
    offset.set_ylim(-REACH - 1, REACH + 1)
    offset.set_xlabel("seconds")
    for axes in (*confidences, offset):
        axes.set_xlim(0, score.seconds)
        _mark_tracks(axes, score)
        axes.grid(alpha=0.3)
    _draw_curves(curve, score)
    # Names of files are no mathematics, and need not be Unicode.
    figure.suptitle(_title(score).encode("utf-8", "replace").decode(), parse_math=False)
    save_figure(figure, out)


def _draw_curves(axes: Axes, score: VideoScore) -> None:
    shifts = np.arange(-REACH, REACH + 1)
    for number, (name, sync) in enumerate(score.sync.items()):
        own = axes if number == 0 else axes.twinx()
        own.plot(-shifts, sync.curve, color=_colour(score, name), marker=".")
        own.axvline(sync.offset, color=_colour(score, name), linewidth=0.8, linestyle="--")
        own.set_ylabel(f"distance\n{name}", color=_colour(score, name))
    axes.set_xlabel("if the sound were ahead of the lips by so many frames")
    axes.grid(alpha=0.3)


def _sights(score: VideoScore, name: str) -> Iterator[np.ndarray]:
    """Yield times, offsets and confidences (3, n) of each sight of the face: no line leads from one to the next."""
    for track in score.tracks:
        found = [
            (point.time, point.offset, point.confidence)
            for point in score.over_time[name] if track.start <= point.time < track.end
        ]
        if found:
            yield np.array(found).T


def _mark_tracks(axes: Axes, score: VideoScore) -> None:
    """Dot the cuts, and shade where no face is seen."""
    for start, end in _gaps(score):
        axes.axvspan(start, end, color="0.9")
    for before, after in zip(score.tracks, score.tracks[1:], strict=False):
        if before.shot != after.shot:
            axes.axvline(after.start, color="0.4", linestyle=":", linewidth=1)


def _gaps(score: VideoScore) -> Iterable[tuple[float, float]]:
    end = 0.0
    for track in score.tracks:
        if track.start > end:
            yield end, track.start
        end = track.end
    if end < score.seconds:
        yield end, score.seconds


def _colour(score: VideoScore, name: str) -> str:
    return f"C{list(score.sync).index(name)}"


def _title(score: VideoScore) -> str:
    parts = [
        f"{name}: offset {sync.offset:+d}, distance {sync.distance:.3f}, confidence {sync.confidence:.3f}"
        for name, sync in score.sync.items()
    ]
    return "\n".join([score.path.name, *parts])
