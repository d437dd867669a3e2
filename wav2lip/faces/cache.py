"""Remember what was found in a video: the next run on it, with other sound, starts at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from wav2lip.faces.appearance import SIZE
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import PLAIN, WITH_LANDMARKS
from wav2lip.faces.memo import Memo
from wav2lip.models.remembered import content_digest, entry_of, recall, remember

FORMAT = 7              # counts up whenever an entry means something else
_NOT_LOOKED = -1        # for a count


def cached_detections(
    source: Path, settings: str, frames: int, compute: Callable[[Memo], Detections]
) -> Detections:
    """Return what is in the first frames of a video, from the cache folder if they were looked at before.

    Args:
        source: the video; its content is the key, not its name.
        settings: everything else that the answer depends on: how frames are read and what looks for faces.
        frames: how many frames are wanted. An entry made for more serves too; one made for fewer is replaced.
        compute: looks for faces, but for those that it is given; may give fewer frames than wanted if the video ends
            early.
    """
    key = FORMAT, settings, content_digest(source)
    entry = entry_of("detections", *key)
    cached = _read(entry, frames)
    if cached is not None:
        return cached
    memo = Memo(entry_of("looks so far", *key))
    try:
        detections = compute(memo)
    except BaseException:
        memo.keep()                     # whatever stopped it, the same call goes on from here
        raise
    _write(entry, detections, frames)
    memo.forget()
    return detections


def known_detections(source: Path, settings: str, frames: int) -> bool:
    """Return whether `cached_detections` would find its answer in the cache folder; the arguments are those of it."""
    return _read(entry_of("detections", FORMAT, settings, content_digest(source)), frames) is not None


def _read(entry: Path, frames: int) -> Detections | None:
    """Return an entry if it is whole and was made for at least `frames` frames."""
    found = recall(entry, "counts", "rows", "looks", "shots", "asked")
    if found is None:
        return None
    counts, rows, looks, shots, asked = found
    total = counts.clip(min=0).sum()
    whole = counts.ndim == 1 and shots.shape == counts.shape and asked.shape == ()
    whole = whole and rows.shape in ((total, PLAIN), (total, WITH_LANDMARKS)) and looks.shape == (total, SIZE)
    if not whole or asked < frames:
        return None
    ends = np.cumsum(counts.clip(min=0))

    def by_frame(values: np.ndarray) -> tuple[np.ndarray | None, ...]:
        pairs = zip(counts, ends, strict=True)
        return tuple(None if count == _NOT_LOOKED else values[end - count : end] for count, end in pairs)

    return Detections(by_frame(rows), shots, by_frame(looks)).first(frames)


def _write(entry: Path, detections: Detections, asked: int) -> None:
    empty = np.zeros((0, detections.columns), np.float32)
    assert detections.looks is not None, "those of a detector are described"
    looks = [look for look in detections.looks if look is not None]
    remember(
        entry,
        counts=np.array([_NOT_LOOKED if faces is None else len(faces) for faces in detections.faces], np.int32),
        rows=np.concatenate([empty, *(found for found in detections.faces if _any(found))]).astype(np.float32),
        looks=np.concatenate([np.zeros((0, SIZE), np.float16), *looks]),
        shots=detections.shots,
        asked=np.array(asked),
    )


def _any(faces: np.ndarray | None) -> bool:
    return faces is not None and len(faces) > 0
