"""Words that are drawn into every frame, at the bottom left, white on dark, so that they can be read on any picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from PIL import Image

from wav2lip.compose.lettering import letters
from wav2lip.errors import UsageError
from wav2lip.media.palette import Palette
from wav2lip.media.picture import Picture

SHARE = 0.04                                     # of the picture's shorter side: how large letters are
SMALLEST = 10                                    # pixels: letters that can still be read
LEAST_SHARE = 0.02                               # and in larger pictures
PADDING, MARGIN = 0.35, 0.5                      # of the size of letters: within the dark box, and around it
DARK = 0.6                                       # how much the box covers
_ALIGNED = 4                                     # pixels: no chroma is shared by more, each way


@dataclass(frozen=True)
class Label:
    """A label as it is drawn into pictures of one size and kind.

    Attributes:
        rows, columns: where it is.
        kept: for each plane float32 (rows, columns), how much stays of the picture there.
        added: for each plane the same, the numbers that are added to that.
    """

    rows: slice
    columns: slice
    kept: tuple[np.ndarray, ...] = field(repr=False)
    added: tuple[np.ndarray, ...] = field(repr=False)

    def draw(self, picture: Picture) -> Picture:
        """Return a picture with the label in it; the one that is given stays as it is."""
        planes = []
        for number, (plane, kept, added) in enumerate(zip(picture.planes, self.kept, self.added, strict=True)):
            across, down = picture.pixels.steps(number)
            drawn = plane.copy()
            there = drawn[_shrunk(self.rows, down), _shrunk(self.columns, across)]
            there[...] = np.rint(there * kept + added)
            planes.append(drawn)
        return Picture(tuple(planes), picture.pixels)

    @property
    def content(self) -> bytes:
        """All that decides what it looks like: fonts are not the same everywhere."""
        places = repr((self.rows, self.columns)).encode()
        return places + b"".join(part.tobytes() for part in (*self.kept, *self.added))


def make_label(text: str, palette: Palette, width: int, height: int, pixel_aspect: Fraction) -> Label:
    """Return a label for pictures.

    Args:
        text: one line.
        palette: what the pictures' numbers mean.
        width, height: of the pictures, in pixels.
        pixel_aspect: width of a pixel over its height.

    Raises:
        UsageError: the line is too long for such pictures, or its letters cannot be drawn on this machine.
    """
    cover = _fitting(text, width, height, pixel_aspect)
    rows, columns = cover.shape
    margin = _margin(min(width, height))
    top = (height - margin - rows) // _ALIGNED * _ALIGNED
    left = -(-margin // _ALIGNED) * _ALIGNED
    white, black = (palette.from_bgr(np.full(3, level, np.float32)) for level in (255, 0))
    box = np.full(cover.shape, DARK, np.float32)
    kept, added = (1 - box) * (1 - cover), [box * (1 - cover) * black[at] + cover * white[at] for at in range(3)]
    if palette.pixels.alpha:
        added.append((1 - kept) * (2**palette.pixels.depth - 1))    # what is under the label shows through as it did
    steps = [palette.pixels.steps(number) for number in range(len(added))]
    return Label(
        slice(top, top + rows), slice(left, left + columns),
        tuple(_averaged(kept, *step) for step in steps),
        tuple(_averaged(part, *step) for part, step in zip(added, steps, strict=True)),
    )


def _fitting(text: str, width: int, height: int, pixel_aspect: Fraction) -> np.ndarray:
    """Return how letters, as large as they may be, cover the box, whose sides are multiples of what chroma shares."""
    shorter = min(width, height)
    size, least = max(SMALLEST, round(SHARE * shorter)), max(SMALLEST, round(LEAST_SHARE * shorter))
    room, high = width - 2 * _margin(shorter) - _ALIGNED, height - _margin(shorter)
    while True:
        drawn = letters(text, size)
        if pixel_aspect != 1:
            drawn = _stretched(drawn, float(1 / pixel_aspect))
        padding = round(PADDING * size)
        rows, columns = (-(-(side + 2 * padding) // _ALIGNED) * _ALIGNED for side in drawn.shape)
        if columns <= room and rows <= high:
            break
        if size == least:
            raise UsageError(
                f"The visible label is too long for pictures of {width}×{height}: {text!r} takes {columns}×{rows} "
                "pixels in the smallest letters that can be read. Say it shorter."
            )
        size = max(least, min(size - 1, int(size * room / columns)))
    cover = np.zeros((rows, columns), np.float32)
    top, left = (rows - drawn.shape[0]) // 2, (columns - drawn.shape[1]) // 2
    cover[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return cover


def _margin(shorter: int) -> int:
    return round(MARGIN * max(SMALLEST, SHARE * shorter))


def _stretched(cover: np.ndarray, factor: float) -> np.ndarray:
    rows, columns = cover.shape
    size = max(1, round(columns * factor)), rows
    return np.clip(np.asarray(Image.fromarray(cover).resize(size, Image.Resampling.BICUBIC)), 0, 1)


def _averaged(values: np.ndarray, across: int, down: int) -> np.ndarray:
    """Return values, (rows, columns), for a plane whose numbers are shared by several pixels."""
    rows, columns = values.shape
    shared = values.reshape(rows >> down, 1 << down, columns >> across, 1 << across)
    return np.ascontiguousarray(shared.mean(axis=(1, 3)), np.float32)


def _shrunk(where: slice, step: int) -> slice:
    return slice(where.start >> step, where.stop >> step)
