"""Where one shot ends and the next begins."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from wav2lip.media.clip import Frame

THUMBNAIL = (64, 36)    # pixels: small enough that motion within a shot averages out
CUT = 27.0              # mean change of hue, saturation and value, of 255: the usual threshold of content detectors
SMALL_CUT = 10.0        # enough where the frames before hardly change: two people before the same wall
SUDDEN = 4.0            # times the largest of those changes, at least
BEFORE = 5              # changes that are looked back at, two at least


class ShotCounter:
    """Numbers the shots of a stream of frames."""

    def __init__(self) -> None:
        self._shot = 0
        self._last: np.ndarray | None = None
        self._changes: deque[float] = deque(maxlen=BEFORE)    # within the shot

    def number(self, frame: Frame) -> int:
        """Return the shot that the next frame belongs to, counted from 0."""
        small = cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA)
        picture = cv2.cvtColor(small, cv2.COLOR_BGR2HSV_FULL).astype(np.int16)
        if self._last is not None:
            change = _change(self._last, picture)
            if self._is_cut(change):
                self._shot += 1
                self._changes.clear()
            else:
                self._changes.append(change)
        self._last = picture
        return self._shot

    def _is_cut(self, change: float) -> bool:
        # A cut replaces the whole picture from one frame to the next; motion and light change part of it, or go on.
        if change > CUT:
            return True
        return len(self._changes) > 1 and change > SMALL_CUT and change > SUDDEN * max(self._changes)


def _change(before: np.ndarray, after: np.ndarray) -> float:
    difference = np.abs(after - before)
    hue = np.minimum(difference[..., 0], 256 - difference[..., 0])    # a circle
    # The hue of a grey pixel is noise.
    hue = hue * np.minimum(before[..., 1], after[..., 1]) / 255
    return float((hue + difference[..., 1] + difference[..., 2]).mean() / 3)
