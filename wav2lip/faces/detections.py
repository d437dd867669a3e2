"""What a detector found in a clip: the part of a track that costs time, and is cached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wav2lip.faces.detector import PLAIN


@dataclass(frozen=True)
class Detections:
    """The faces in the frames of a clip, and its shots.

    Attributes:
        faces: for each frame float32 (k, 5): x1, y1, x2, y2 in pixels and a score, best first; (k, 15) in every frame
            that shows a face where the detector knows landmarks, in the order of `Detector.detect`. None for a frame
            that was not looked at, because those around it tell.
        shots: int (n,), the shot each frame belongs to, counted from 0.
        looks: for each frame float16 (k, d), what each of its faces looks like (`faces.appearance`); None for a frame
            that was not looked at. None altogether where nobody described them.
    """

    faces: tuple[np.ndarray | None, ...]
    shots: np.ndarray
    looks: tuple[np.ndarray | None, ...] | None = None

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def columns(self) -> int:
        """What a find consists of: 5 numbers, or 15 with landmarks."""
        return next((faces.shape[1] for faces in self.faces if faces is not None and len(faces)), PLAIN)

    @property
    def looked(self) -> np.ndarray:
        """Which frames were looked at, bool (n,)."""
        return np.array([faces is not None for faces in self.faces], bool)

    def scaled(self, across: float, down: float) -> Detections:
        """Return the same in frames so many times as wide and high."""
        factor = np.array([across, down, across, down, 1, *[across, down] * 5], np.float32)
        faces = tuple(None if faces is None else faces * factor[: faces.shape[1]] for faces in self.faces)
        return Detections(faces, self.shots, self.looks)

    def first(self, frames: int) -> Detections:
        """Return those of the first `frames` frames."""
        return Detections(self.faces[:frames], self.shots[:frames], self.looks and self.looks[:frames])
