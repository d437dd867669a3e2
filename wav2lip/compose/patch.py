"""What travels between the frames and the generator: faces cut out, and faces on their way back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wav2lip.compose.place import Place

AnyFrame = Any
"""A `Picture`, or where the original is reproduced a `Frame`: uint8 (height, width, 3), BGR."""


class Cut(NamedTuple):
    """A face cut out of a frame, (96, 96, 3)."""

    source: np.ndarray        # float32, in the picture's own numbers
    face: np.ndarray          # uint8, BGR, as the generator sees it


class Patch(NamedTuple):
    """A generated face, and all that is needed to put it into its frame."""

    picture: AnyFrame
    place: Place
    source: np.ndarray        # float32 (96, 96, 3), the face as it was, in the picture's own numbers
    face: np.ndarray          # float32 (96, 96, 3) in [0, 255], BGR, as the generator made it
    opacity: float = 1.0      # how much of it is shown, 0 to 1
    number: int = 0           # of the frame in the source
    shot: int = 0             # which the frame belongs to
    landmarks: np.ndarray | None = None    # (5, 2), as shares of the place; None where they are not known
