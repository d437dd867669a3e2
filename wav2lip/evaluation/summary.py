"""Scores of many videos, side by side and summed up."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from wav2lip.evaluation.many import Line

LONG_TRACK = 100                     # frames of 25 a second: the original leaves out tracks that are not longer
LARGE_TRACK = 100                    # pixels: and those whose faces are not larger than that on average
IN_SYNC = 1                          # frames: an offset that counts as in sync
SHORT_NAMES: Mapping[str, Mapping[str, str]] = {
    "expert": {"offset": "expert_offset", "distance": "expert_distance", "confidence": "expert_confidence"},
    "syncnet_v2": {"offset": "syncnet_offset", "distance": "lse_d", "confidence": "lse_c"},
}
"""What a judge's figures are called where they stand beside others'."""

_SCALARS = ("seconds", "frames", "faces", "detector")


def means(lines: Iterable[Line]) -> dict[str, Any]:
    """Return the plain mean of every figure over the videos that have it, and the share of videos in sync.

    Source: a data set's score is the plain mean of its videos' values, as in Prajwal et al. 2020 (arXiv 2008.10010).
    """
    rows = [row(line) for line in lines if line.score]
    found: dict[str, Any] = {"videos": len(rows)}
    for name in columns(rows):
        values = [line[name] for line in rows if isinstance(line.get(name), int | float)]
        if name.endswith("_offset"):
            found[name.removesuffix("offset") + "in_sync"] = float(np.mean([abs(value) <= IN_SYNC for value in values]))
        elif values and name not in _SCALARS:
            found[name] = float(np.mean(values))
    return found


def track_means(lines: Iterable[Line]) -> dict[str, float]:
    """Return LSE-D and LSE-C as the original's script for real videos counts them: by long tracks of large faces.

    Returns:
        `track_lse_d`, `track_lse_c` and how many `tracks` there are; nothing without the original SyncNet.
    """
    found = [
        (track["syncnet_v2"]["distance"], track["syncnet_v2"]["confidence"])
        for line in lines if line.score
        for track in line.score["tracks"]
        if "syncnet_v2" in track and track["frames"] > LONG_TRACK and track["size"] > LARGE_TRACK
    ]
    if not found:
        return {}
    distance, confidence = np.mean(found, axis=0)
    return {"track_lse_d": float(distance), "track_lse_c": float(confidence), "tracks": len(found)}


def row(line: Line) -> dict[str, Any]:
    """Return a video's figures as one row: those of a judge with its name before them."""
    flat: dict[str, Any] = {"path": str(line.path)}
    if line.score is None:
        return {**flat, "error": line.error}
    flat |= {name: line.score[name] for name in _SCALARS}
    for judge, names in SHORT_NAMES.items():
        if judge in line.score:
            flat |= {short: line.score[judge][name] for name, short in names.items()}
    for prefix, part in (("", "picture"), ("reference_", "reference")):
        figures = line.score[part] or {}
        # How many frames there were is said above, and how many were large enough to be measured is in the JSON.
        flat |= {prefix + name: value for name, value in figures.items() if isinstance(value, float)}
    return flat


def columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of all figures of some rows, in the order in which they come."""
    return list(dict.fromkeys(name for flat in rows for name in flat))


def as_csv(lines: Iterable[Line]) -> str:
    """Return a table with one row a video and the names of its figures above."""
    rows = [row(line) for line in lines]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
