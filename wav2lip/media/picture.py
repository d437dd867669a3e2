"""A picture as a video stores it: planes of numbers, with the bits and the chroma that they have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Pixels:
    """How the numbers of a picture are laid out: planes of luma, blue and red chroma, or of green, blue and red.

    Attributes:
        depth: bits of a number, 8 to 16.
        across, down: the chroma has one number for every 2**across columns and every 2**down rows.
        rgb: green, blue and red instead of luma and chroma.
        alpha: a fourth plane says how opaque each pixel is.
    """

    depth: int = 8
    across: int = 0
    down: int = 0
    rgb: bool = False
    alpha: bool = False

    @property
    def name(self) -> str:
        """ffmpeg's name of the planar format."""
        suffix = "" if self.depth == 8 else f"{self.depth}le"
        if self.rgb:
            return f"gbr{'a' if self.alpha else ''}p{suffix}"
        return f"yuv{'a' if self.alpha else ''}{_CHROMA[self.across, self.down]}p{suffix}"

    @property
    def dtype(self) -> np.dtype:
        return np.dtype("u1" if self.depth == 8 else "<u2")

    @property
    def unshared(self) -> Pixels:
        """The same with a number of chroma for every pixel, so that all planes can be treated alike."""
        return replace(self, across=0, down=0)

    def steps(self, plane: int) -> tuple[int, int]:
        """Return (across, down) of a plane: how often its columns and rows are halved."""
        return (self.across, self.down) if plane in (1, 2) else (0, 0)

    def shapes(self, width: int, height: int) -> list[tuple[int, int]]:
        """Return (rows, columns) of every plane of a picture of that size; an odd side rounds the chroma up."""
        return [(-(-height >> down), -(-width >> across)) for across, down in map(self.steps, range(3 + self.alpha))]

    def bytes(self, width: int, height: int) -> int:
        """Return how many bytes a picture of that size takes."""
        return sum(rows * columns for rows, columns in self.shapes(width, height)) * self.dtype.itemsize


_CHROMA = {(0, 0): "444", (1, 0): "422", (1, 1): "420", (0, 1): "440", (2, 0): "411", (2, 2): "410"}
BGR = Pixels(rgb=True)


class Picture(NamedTuple):
    """One picture, upright. Planes are uint8, or uint16 beyond 8 bits, (rows, columns), in the order of `Pixels`."""

    planes: tuple[np.ndarray, ...]
    pixels: Pixels

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.planes[0].shape
        return width, height

    @classmethod
    def of(cls, data: np.ndarray, pixels: Pixels, width: int, height: int) -> Picture:
        """Return the picture in uint8 (bytes,), one plane after the other as ffmpeg gives them; they share memory."""
        planes, end = [], 0
        for rows, columns in pixels.shapes(width, height):
            start, end = end, end + rows * columns * pixels.dtype.itemsize
            planes.append(data[start:end].view(pixels.dtype).reshape(rows, columns))
        return cls(tuple(planes), pixels)

    def copy(self) -> Picture:
        """Return a picture of its own memory."""
        return Picture(tuple(plane.copy() for plane in self.planes), self.pixels)


@lru_cache
def planar(name: str) -> Pixels:
    """Return the planar layout that holds all that a pixel format of ffmpeg's can.

    Packed and semi-planar formats keep every number; grey and palettes become green, blue and red.

    Args:
        name: ffmpeg's, such as "yuv420p", "nv12", "p010le", "rgba", "gray".
    """
    from av import VideoFormat

    try:
        layout = VideoFormat(name, 64, 64)
        colours = [part for part in layout.components if not part.is_alpha]
        alpha = len(colours) < len(layout.components) and not layout.has_palette
        depth = max((part.bits for part in colours), default=8)
    except ValueError:
        return BGR
    depth = next((known for known in (8, 10, 12, 16) if known >= depth), 16)
    if layout.is_rgb or layout.has_palette or len(colours) < 3 or name.startswith("xyz"):
        return Pixels(depth, rgb=True, alpha=alpha)
    across, down = (64 // layout.chroma_width(64)).bit_length() - 1, (64 // layout.chroma_height(64)).bit_length() - 1
    if alpha and (across, down) not in ((0, 0), (1, 0), (1, 1)):
        across, down = 0, 0
    if alpha and depth == 12 and down:
        depth = 16                                # 4:2:0 with alpha is not known in 12 bits
    return Pixels(depth, across, down, alpha=alpha)
