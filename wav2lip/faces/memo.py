"""What a detector has found so far, kept now and then: after a crash nobody looks at the same frames again."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from wav2lip.models.remembered import recall, remember

EVERY = 20.0    # seconds of looking that a crash may cost


class Memo:
    """The looks of a run that is not at its end yet.

    Args:
        entry: the file to keep them in; None keeps nothing.
    """

    def __init__(self, entry: Path | None = None):
        self._entry = entry
        self._found: dict[int, tuple[np.ndarray, np.ndarray]] = {} if entry is None else _read(entry)
        self._kept = time.monotonic()

    def recall(self, frame: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the faces in a frame and what they look like; None where nobody has looked."""
        return self._found.get(frame)

    def note(self, frame: int, faces: np.ndarray, looks: np.ndarray) -> None:
        """Take what is found in a frame.

        Args:
            frame: its number.
            faces: float32 (k, columns), as a detector gives them.
            looks: float16 (k, SIZE), as `describe` gives them.
        """
        if self._entry is None:
            return
        self._found[frame] = faces, looks
        if time.monotonic() - self._kept > EVERY:
            self.keep()

    def keep(self) -> None:
        """Write down what is found so far."""
        if self._entry is None or not self._found:
            return
        faces, looks = zip(*self._found.values(), strict=True)
        some = [one for one in faces if len(one)]
        remember(
            self._entry,
            frames=np.array(list(self._found), np.int64),
            counts=np.array([len(one) for one in faces], np.int32),
            rows=np.concatenate(some) if some else np.zeros((0, 0), np.float32),
            looks=np.concatenate(looks),
        )
        self._kept = time.monotonic()

    def forget(self) -> None:
        """Remove what was written down: the whole answer is known."""
        if self._entry is not None:
            with suppress(OSError):           # as a rule there is nothing
                self._entry.unlink()


def _read(entry: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    found = recall(entry, "frames", "counts", "rows", "looks")
    if found is None:
        return {}
    frames, counts, rows, looks = found
    if not (frames.shape == counts.shape and counts.sum() == len(rows) == len(looks)):
        return {}
    starts = np.cumsum(counts)[:-1]
    parts = zip(frames.tolist(), np.split(rows, starts), np.split(looks, starts), strict=True)
    return {frame: (faces, look) for frame, faces, look in parts}
