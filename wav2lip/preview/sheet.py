"""The contact sheet of a preview: a row for every moment under every setting."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np

from wav2lip.cast.times import in_words
from wav2lip.evaluation.drawing import BAR, GAP, GROUND, TALL, draw_text, resized
from wav2lip.media.clip import Frame
from wav2lip.preview.cells import COLUMNS, Cell

TITLES = ("source", "what the generator sees", "what is replaced", "result")
SIDES = (480, 384, 288, 192)     # pixels of a picture: whole numbers of the generator's 96
WIDEST, HIGHEST = 2600, 6000     # pixels of a sheet, where the pictures can be made so small
LOWEST_LINE = 26                 # pixels of a line of text

Place = tuple[int, int, int, int]
"""Where a picture is in the sheet: x, y, width, height in pixels."""


def draw_sheet(
    title: str, note: str, cells: Sequence[Cell], pixel_aspect: Fraction
) -> tuple[Frame, list[dict[str, Place]]]:
    """Return a sheet, and where in it the pictures of each cell are, by name of the column.

    Args:
        title: what is at its top.
        note: what has to be known of all of it; may be empty.
        cells: the rows, at least one; those of a moment follow each other.
        pixel_aspect: width of the frames' pixels over their height.

    Returns:
        uint8 (height, width, 3), BGR.
    """
    blocks = _blocks(cells)
    natural = max(max(cell.view.size) for cell in cells)
    side = next((side for side in SIDES if _fits(blocks, side, natural)), SIDES[-1])
    halves, line = _halves(blocks, side), _line(side)
    width = _width(side)
    height = max(_high(half, side) for half in halves)
    places: list[dict[str, Place]] = []
    columns: list[Frame] = []
    for at, half in enumerate(halves):
        page = np.full((height, width, 3), GROUND, np.uint8)
        _draw_half(page, half, side, line, pixel_aspect, at * (width + 4 * GAP), places)
        columns += [_empty(4 * GAP, height), page] if at else [page]
    body = np.hstack(columns)
    head = [draw_text(body.shape[1], line, (title, ""), ground=BAR)]
    if note:
        head.append(draw_text(body.shape[1], line, (note, "")))
    top = sum(line.shape[0] for line in head)
    moved = [{name: (x, y + top, wide, high) for name, (x, y, wide, high) in one.items()} for one in places]
    return np.vstack([*head, body]), moved


def _draw_half(
    page: Frame, rows: Sequence[Sequence[Cell]], side: int, line: int, pixel_aspect: Fraction, left: int,
    places: list[dict[str, Place]],
) -> None:
    """Draw moments into a page, and note where their pictures are in the sheet, in which it begins at column `left`."""
    top = GAP
    for at, title in enumerate(TITLES):
        x = at * (side + GAP)
        page[top : top + line, x : x + side] = draw_text(side, line, (title, ""), ground=BAR)
    top += line
    for moment in rows:
        for cell in moment:
            words = cell.setting, _words(cell)
            page[top : top + line] = draw_text(page.shape[1], line, words if cell.setting else words[::-1])
            top += line
            noted = {}
            for at, name in enumerate(COLUMNS):
                tile, (x, y, wide, high) = _tile(cell.pictures[at], side, pixel_aspect, crop=name == "crop")
                first = at * (side + GAP)
                page[top : top + side, first : first + side] = tile
                noted[name] = left + first + x, top + y, wide, high
            places.append(noted)
            top += side
        top += GAP


def _words(cell: Cell) -> str:
    """Return what is written about a moment."""
    words = [in_words(cell.moment.time), f"frame {cell.frame}", cell.moment.why]
    return "   ".join([*filter(None, words), *(["no face: left as it is"] if cell.box is None else [])])


def _tile(picture: Frame | None, side: int, pixel_aspect: Fraction, *, crop: bool) -> tuple[Frame, Place]:
    """Return a square with a picture in its middle, as large as it fits, and where in the square that is."""
    if picture is None:
        return _empty(side, side), (0, 0, 0, 0)
    if crop:
        pixel_by_pixel = cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST)
        return pixel_by_pixel, (0, 0, side, side)
    return fitted(picture, (side, side), pixel_aspect)


def fitted(picture: Frame, size: tuple[int, int], pixel_aspect: Fraction) -> tuple[Frame, Place]:
    """Return a picture as large as it fits into a size, in its middle, and where in that it is."""
    height, width = picture.shape[:2]
    seen = width * float(pixel_aspect)
    scale = min(size[0] / seen, size[1] / height)
    shown = resized(picture, (min(size[0], round(seen * scale)), min(size[1], round(height * scale))))
    page = _empty(*size)
    high, wide = shown.shape[:2]
    left, top = (size[0] - wide) // 2, (size[1] - high) // 2
    page[top : top + high, left : left + wide] = shown
    return page, (left, top, wide, high)


def _blocks(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Return the cells moment by moment."""
    blocks: list[list[Cell]] = []
    for cell in cells:
        if blocks and blocks[-1][0].moment == cell.moment:
            blocks[-1].append(cell)
        else:
            blocks.append([cell])
    return blocks


def _halves(blocks: list[list[Cell]], side: int) -> list[list[list[Cell]]]:
    """Return the moments in one column, or in two where one would be tall and narrow."""
    if len(blocks) == 1 or _high(blocks, side) < TALL * _width(side):
        return [blocks]
    half = (len(blocks) + 1) // 2
    return [blocks[:half], blocks[half:]]


def _width(side: int) -> int:
    return len(COLUMNS) * (side + GAP) - GAP


def _high(blocks: list[list[Cell]], side: int) -> int:
    line = _line(side)
    return GAP + line + sum(map(len, blocks)) * (line + side) + len(blocks) * GAP


def _line(side: int) -> int:
    """Return the height of a line of text in pixels: legible beside pictures of that size."""
    return max(LOWEST_LINE, side // 12)


def _fits(blocks: list[list[Cell]], side: int, natural: int) -> bool:
    """Return whether pictures may be so large: neither the sheet gets too large, nor are they enlarged beyond use."""
    halves = _halves(blocks, side)
    wide, high = len(halves) * _width(side), max(_high(half, side) for half in halves)
    return wide <= WIDEST and high <= HIGHEST and side <= max(2 * natural, SIDES[-2])


def _empty(width: int, height: int) -> Frame:
    return np.full((height, width, 3), GROUND, np.uint8)
