"""The part of a frame around a face, as a person sees it."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np

from wav2lip.compose.blend import HALF
from wav2lip.compose.choices import Blend
from wav2lip.compose.patch import AnyFrame
from wav2lip.compose.place import Place, Region, extent
from wav2lip.media.clip import Frame
from wav2lip.media.palette import Palette
from wav2lip.media.picture import BGR, Picture
from wav2lip.preview.making import Face

AROUND = 1.4            # times the longer side of what is shown
GRID = 4                # pixels: the coarsest grid that any chroma is stored on
TINT = (60, 160, 255)   # BGR of the masks
TINTED = 0.55           # how much of it is seen where the mask is 1
_EDGE = 0.5             # of the mask: where its line is drawn


class View(NamedTuple):
    """Rows top to bottom and columns left to right of a frame."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def around(cls, box: tuple[float, float, float, float], size: tuple[int, int], pixel_aspect: Fraction) -> View:
        """Return what is around a box, square as it is seen, and no larger than the frame.

        Args:
            box: x1, y1, x2, y2 in pixels.
            size: width and height of the frame.
            pixel_aspect: width of a pixel over its height.
        """
        x1, y1, x2, y2 = box
        high = AROUND * max((x2 - x1) * float(pixel_aspect), y2 - y1)
        high = min(high, size[0] * float(pixel_aspect), size[1])
        left, right = _stretch((x1 + x2) / 2, high / float(pixel_aspect), size[0])
        top, bottom = _stretch((y1 + y2) / 2, high, size[1])
        return cls(top, bottom, left, right)

    def holds(self, box: tuple[float, float, float, float]) -> bool:
        """Return whether all of a box is to be seen."""
        x1, y1, x2, y2 = box
        return self.left <= x1 and self.top <= y1 and x2 <= self.right and y2 <= self.bottom

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.right - self.left, self.bottom - self.top

    def seen(self, frame: AnyFrame, palette: Palette) -> Frame:
        """Return what a frame shows there, uint8 (height, width, 3), BGR.

        Args:
            frame: a picture, or BGR.
            palette: what the picture's numbers mean.
        """
        if not isinstance(frame, Picture):
            return np.ascontiguousarray(frame[self.top : self.bottom, self.left : self.right])
        planes: list[np.ndarray] = []
        for number, plane in enumerate(frame.planes[:3]):
            across, down = frame.pixels.steps(number)
            part = plane[self.top >> down : -(-self.bottom >> down), self.left >> across : -(-self.right >> across)]
            if planes and part.shape != planes[0].shape:
                part = cv2.resize(part, planes[0].shape[::-1], interpolation=cv2.INTER_LINEAR)
            planes.append(part)
        return np.rint(palette.to_bgr(np.stack(planes, axis=2))).astype(np.uint8)

    def masked(self, picture: Frame, faces: Iterable[Face], blend: Blend) -> Frame:
        """Return what `seen` gave with the masks laid over it.

        Args:
            picture: uint8 (height, width, 3).
            faces: whose masks they are.
            blend: how the faces are put back: with an edge or softly.
        """
        whole = np.zeros(picture.shape[:2], np.float32)
        for face in faces:
            whole = np.maximum(whole, face.patch.opacity * self._mask(face, hard=blend == "hard"))
        shown = picture + TINTED * whole[..., None] * (np.array(TINT, np.float32) - picture)
        out = np.rint(shown).astype(np.uint8)
        outlines, _ = cv2.findContours((whole >= _EDGE).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, outlines, -1, TINT, max(1, round(picture.shape[0] / 240)), cv2.LINE_AA)
        return out

    def _mask(self, face: Face, *, hard: bool) -> np.ndarray:
        """Return how much of a face is shown in every pixel of the view."""
        picture = as_picture(face.patch.picture)
        width, height = picture.size
        within = extent(face.mask)
        region = None if within is None else Region.around(face.patch.place, within, picture)
        frame = np.zeros((height, width), np.float32)
        if region is not None:
            shown = region.sample(face.mask, 0)
            frame[region.part(0)] = (shown >= HALF) if hard else shown
        return frame[self.top : self.bottom, self.left : self.right]


def as_picture(frame: AnyFrame) -> Picture:
    """Return a picture, or a BGR frame as one."""
    return frame if isinstance(frame, Picture) else Picture(tuple(frame[..., part] for part in (1, 0, 2)), BGR)


def bounds(place: Place) -> tuple[float, float, float, float]:
    """Return x1, y1, x2, y2 of all that a face covers, in pixels, however it leans."""
    x, y = zip(*(place.point(across, down) for across in (0.0, 1.0) for down in (0.0, 1.0)), strict=True)
    return min(x), min(y), max(x), max(y)


def _stretch(centre: float, length: float, size: int) -> tuple[int, int]:
    """Return first and last + 1 pixel of a stretch, moved into the frame and on the grid as far as it fits."""
    length = min(round(length / GRID + 0.5) * GRID, size)
    first = min(max(round((centre - length / 2) / GRID) * GRID, 0), size - length)
    first = first // GRID * GRID
    return first, min(first + length, size)
