"""Where one person is, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PersonTrack:
    """Where a person is.

    Attributes:
        label: the person's name: A, B, ..., Z, AA, ...
        boxes: float64 (n, 4): x1, y1, x2, y2 in pixels for every frame; NaN where the person is not seen.
        landmarks: float64 (n, 5, 2): x, y in pixels of right eye, left eye, nose tip, right and left corner of the
            mouth; NaN where they are not known. None where they never are.
    """

    label: str
    boxes: np.ndarray
    landmarks: np.ndarray | None = None

    def lasting(self, frames: int) -> PersonTrack:
        """Return the same for a longer video: the person is not seen in the frames that are added."""
        after = [(0, frames - len(self.boxes)), (0, 0), (0, 0)]
        boxes = np.pad(self.boxes, after[:2], constant_values=np.nan)
        landmarks = None if self.landmarks is None else np.pad(self.landmarks, after, constant_values=np.nan)
        return PersonTrack(self.label, boxes, landmarks)
