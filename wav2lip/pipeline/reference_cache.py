"""Remember the closed mouths of a video: the next run on it, with other sound, does not look for them again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from wav2lip.faces.track import FaceTrack
from wav2lip.models.generator import FACE_SIZE
from wav2lip.models.remembered import content_digest, entry_of, recall, remember
from wav2lip.pipeline.source import Source

FORMAT = 3    # counts up whenever another face would be chosen

FaceByShot = dict[int, np.ndarray]
"""By number of the shot, uint8 (96, 96, 3), BGR."""


def cached_references(
    source: Source, track: FaceTrack, expert: Path, device: str, compute: Callable[[], FaceByShot]
) -> FaceByShot:
    """Return the closed mouth of every shot, from the cache folder if they were looked for before.

    Args:
        source: the video; its content is the key, not its name, and how its frames are seen.
        track: the face in its frames.
        expert: weights of what hears how well a face fits silence.
        device: where it runs; others round otherwise.
        compute: looks for them.
    """
    entry = entry_of(
        "closed mouths", FORMAT,
        content_digest(source.clip.path), source.settings, source.colour, source.pixels, source.size,
        track.boxes.tobytes(), track.score.tobytes(), track.shot.tobytes(),
        b"" if track.angle is None else track.angle.tobytes(),
        content_digest(expert), device.partition(":")[0],
    )
    found = _read(entry)
    if found is None:
        found = compute()
        empty = np.zeros((0, FACE_SIZE, FACE_SIZE, 3), np.uint8)
        faces = np.concatenate([empty, *(face[None] for face in found.values())])
        remember(entry, shots=np.array(list(found), np.int64), faces=faces)
    return found


def _read(entry: Path) -> FaceByShot | None:
    found = recall(entry, "shots", "faces")
    if found is None:
        return None
    shots, faces = found
    if faces.dtype != np.uint8 or shots.ndim != 1 or faces.shape != (len(shots), FACE_SIZE, FACE_SIZE, 3):
        return None
    return dict(zip(map(int, shots), faces, strict=True))
