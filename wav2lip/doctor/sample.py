"""What was seen in some stretches of a source, and what that tells of all of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from wav2lip.faces.detections import Detections
from wav2lip.models.device import cores


@dataclass(frozen=True)
class Sample:
    """What was seen in some stretches of a source.

    Attributes:
        numbers: int (n,), the frames of the source that were seen, ascending.
        detections: what is in them, as if they followed each other, in pixels of the source; each stretch is a shot of
            its own, at least.
        stretches: how many there are.
        total: how many frames the source has to be known for.
        cuts: between shots, in the frames of which that is known.
        judged: how many frames those are.
        first_seconds: until the first look was done: ffmpeg and a detector's first answer take longer.
        look_seconds: that a look takes.
        frame_seconds: that a frame takes to be decoded, as small as the detector sees it.
        every: frames from one look to the next at most.
    """

    numbers: np.ndarray
    detections: Detections
    stretches: int
    total: int
    cuts: int
    judged: int
    first_seconds: float
    look_seconds: float
    frame_seconds: float
    every: int

    @property
    def looks(self) -> int:
        """How many frames were looked at."""
        return int(self.detections.looked.sum())

    @property
    def shots(self) -> int:
        """About how many shots the source has."""
        return 1 + round(self.cuts * self.total / max(1, self.judged))

    @property
    def looks_needed(self) -> int:
        """About how many frames would be looked at in all of the source.

        Each stretch begins and ends with a look, which all but the last share with the next one.
        """
        rows = len(self.numbers) - self.stretches
        share = (self.looks - self.stretches) / rows if rows > 0 else 1.0
        return min(self.total, 1 + ceil(share * (self.total - 1)))

    @property
    def seconds(self) -> float:
        """How long it takes to find all faces: decoding and looking go on beside each other, as far as cores allow."""
        shorter, longer = sorted((self.looks_needed * self.look_seconds, self.total * self.frame_seconds))
        return self.first_seconds + longer + shorter * min(1.0, 2 / cores())

    @property
    def nearest(self) -> np.ndarray:
        """For each frame of the source the row of the frame seen that is nearest to it, int (total,)."""
        after = np.searchsorted(self.numbers, np.arange(self.total)).clip(max=len(self.numbers) - 1)
        before = (after - 1).clip(min=0)
        apart = np.abs(self.numbers[[before, after]] - np.arange(self.total))
        return np.asarray(np.where(apart[0] <= apart[1], before, after))
