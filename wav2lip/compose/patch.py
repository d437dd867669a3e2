"""What travels between the frames and the generator: faces cut out, and faces on their way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from wav2lip.compose.place import Place

AnyFrame = Any
"""A `Picture`, or where the original is reproduced a `Frame`: uint8 (height, width, 3), BGR."""


class Cut(NamedTuple):
    """A face cut out of a frame."""

    source: Any               # what the compositor that cut it out wants back with the generated face
    face: np.ndarray          # uint8 (96, 96, 3), BGR, as the generator sees it


class Patch(NamedTuple):
    """A generated face, and all that is needed to put it into its frame."""

    picture: AnyFrame
    place: Place
    source: Any               # of the face's `Cut`
    face: Any                 # float32 (96, 96, 3) in [0, 255], BGR, as the generator made it: an array, or a tensor
    opacity: float = 1.0      # how much of it is shown, 0 to 1
    number: int = 0           # of the frame in the source
    shot: int = 0             # which the frame belongs to
    landmarks: np.ndarray | None = None    # (5, 2), as shares of the place; None where they are not known


Tell = Callable[[Patch, np.ndarray], object]
"""Takes a face on its way back, and its mask as a square of any size, float32 (s, s) in [0, 1]."""


class AnyCompositor(Protocol):
    """Cuts faces out of frames and puts generated ones back.

    Attributes:
        on_device: it wants generated faces as tensors, where the generator made them.
        tell: is told how much of each face is shown; None for nobody.
    """

    on_device: bool
    tell: Tell | None

    def cut_out(self, frames: Sequence[AnyFrame], places: Sequence[Place]) -> list[Cut]:
        """Return the face in every frame."""

    def lower(self, place: Place, landmarks: np.ndarray | None) -> bool:
        """Return whether only the rows of a generated face from `LOWER` on are looked at.

        Args:
            place: where it goes.
            landmarks: (5, 2), as shares of the place; None where they are not known.
        """

    def put_back(self, patches: Iterable[Patch]) -> Iterator[AnyFrame]:
        """Yield the frames of patches that follow each other with the faces in them, in order."""
