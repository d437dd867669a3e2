"""Bars of text, tables and heat maps of differences, and the pages that they and the pictures of videos make."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from wav2lip.media.clip import Frame

HOTTEST = 64                     # levels of 255: the top of the heat maps' scale, which is the same in every picture
WIDEST, HIGHEST = 3840, 2160     # pixels of a board: what players show (4K)
SMALL = 320                      # pixels: pictures smaller than half of it are enlarged by a whole number
NARROWEST = 280                  # pixels of a column, so that its words fit
LOWEST_LINE = 24                 # pixels of a line of text
LINES_ACROSS = 56                # the page's width over the height of a line: legible when the page is shown small
TABLE_LINES = 15                 # a table is at most 15 times as wide as its lines are high: value near name
GAP = 8                          # pixels between columns, and between rows
SHEET_WIDTH = 1920               # pixels that the columns of a contact sheet share
SHEET_HEIGHT = 480               # pixels: the highest picture of a contact sheet
TALL = 2                         # height over width: from here on a sheet's second half stands beside the first

Text = tuple[str, str]
"""What stands at the left and at the right end of a line."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_ALL_OF_UNICODE = int(cv2.__version__.split(".")[0]) >= 5    # before, OpenCV drew ASCII only
_TEXT_SHARE = 0.66               # of a line's height from the top of a capital to the foot of a g
_SMALLEST_TEXT = 0.75            # of the usual size: words that still do not fit are shortened
INK, _FAINT = (238, 238, 238), (170, 170, 170)
BAR, GROUND = (66, 56, 48), (24, 21, 19)


@dataclass(frozen=True)
class Column:
    """What is written about a picture.

    Attributes:
        title: stands in a bar over it.
        table: lines of it, each a name and a value.
        heat: it is a heat map, and has a legend.
    """

    title: str
    table: Sequence[Text] = ()
    heat: bool = False


@dataclass(frozen=True)
class Moment:
    """A row of a contact sheet.

    Attributes:
        time: seconds.
        pictures: one for each column, of `sheet_picture`'s size.
        notes: one for each heat map.
    """

    time: float
    pictures: Sequence[Frame]
    notes: Sequence[Text]


class Board:
    """Pictures in rows, each with its title over it and the rest of its words under it, as one frame of a video.

    What never changes is drawn once.

    Args:
        rows: what the columns of each row are; the rows are centred.
        width, height: pixels of a picture as it is meant to be seen. All are scaled alike where the page would be
            larger than 3840×2160, and enlarged where they are tiny.

    Attributes:
        size: (width, height) of the page, both even.
        picture: (width, height) of every picture in it.
        places: where the pictures are, as (x, y) of their upper left corners, row by row.
    """

    def __init__(self, rows: Sequence[Sequence[Column]], width: int, height: int):
        across = max(len(row) for row in rows)
        under = [max(len(column.table) + 2 * column.heat for column in row) for row in rows]
        self.picture, line = _board_sizes(len(rows), across, sum(under), width, height)
        self._cell, self._line = max(self.picture[0], NARROWEST), line
        page_width = across * (self._cell + GAP) - GAP
        page_height = sum(line * (1 + lines) + self.picture[1] + GAP for lines in under) - GAP
        self.size = page_width + page_width % 2, page_height + page_height % 2
        self._page = np.full((self.size[1], self.size[0], 3), GROUND, np.uint8)
        self.places: list[tuple[int, int]] = []
        self._notes: list[tuple[int, int]] = []
        top = 0
        for row, lines in zip(rows, under, strict=True):
            left = (page_width - len(row) * (self._cell + GAP) + GAP) // 2
            for column in row:
                self._draw_column(column, left, top)
                left += self._cell + GAP
            top += line * (1 + lines) + self.picture[1] + GAP

    def _draw_column(self, column: Column, left: int, top: int) -> None:
        self._put(draw_text(self._cell, self._line, (column.title, ""), ground=BAR), left, top)
        self.places.append((left + (self._cell - self.picture[0]) // 2, top + self._line))
        under = top + self._line + self.picture[1]
        if column.heat:
            self._notes.append((left, under))
            self._put(draw_legend(self._cell, self._line), left, under + self._line)
            under += 2 * self._line
        self._put(draw_table(self._cell, self._line, column.table, len(column.table)), left, under)

    def draw(self, pictures: Iterable[Frame], notes: Iterable[Text]) -> Frame:
        """Return a page, uint8 (height, width, 3).

        Args:
            pictures: one for each place, of size `picture`.
            notes: one for each heat map, written under it.
        """
        page = self._page.copy()
        for picture, (left, top) in zip(pictures, self.places, strict=True):
            self._put(picture, left, top, page)
        for note, (left, top) in zip(notes, self._notes, strict=True):
            self._put(draw_text(self._cell, self._line, note), left, top, page)
        return page

    def _put(self, part: Frame, left: int, top: int, page: Frame | None = None) -> None:
        target = self._page if page is None else page
        target[top : top + part.shape[0], left : left + part.shape[1]] = part


def sheet_picture(columns: int, width: int, height: int) -> tuple[int, int]:
    """Return (width, height) of every picture of a contact sheet whose originals are seen in that size."""
    return _scaled(width, height, _scale_to_fit(width, height, SHEET_WIDTH // columns, SHEET_HEIGHT))


def draw_sheet(columns: Sequence[Column], moments: Sequence[Moment]) -> Frame:
    """Return a contact sheet: titles and tables, then a row of pictures for every moment, under its time.

    Args:
        columns: what is in each; the heat maps' tables and legends stand in the head too.
        moments: at least one. Where the page would be tall and narrow the later half stands beside the earlier.

    Returns:
        uint8 (height, width, 3).
    """
    sheet = _draw_rows(columns, moments)
    height, width = sheet.shape[:2]
    if height < TALL * width or len(moments) == 1:
        return sheet
    half = (len(moments) + 1) // 2
    left, right = _draw_rows(columns, moments[:half]), _draw_rows(columns, moments[half:])
    right = np.vstack([right, _empty(width, left.shape[0] - right.shape[0])])
    return np.hstack([left, _empty(4 * GAP, left.shape[0]), right])


def _draw_rows(columns: Sequence[Column], moments: Sequence[Moment]) -> Frame:
    cell = max(moments[0].pictures[0].shape[1], NARROWEST)
    width = len(columns) * (cell + GAP) - GAP
    line = _line_height(width)
    lines = max(len(column.table) + column.heat for column in columns)
    rows = [_side_by_side([_sheet_head(column, cell, line, lines) for column in columns])]
    for moment in moments:
        notes = iter(moment.notes)
        texts = [next(notes) if column.heat else ("", "") for column in columns]
        texts[0] = (f"{moment.time:.2f} s", "")
        strip = _side_by_side([draw_text(cell, line, text) for text in texts])
        pictures = _side_by_side([_centred(picture, cell) for picture in moment.pictures])
        rows += [_empty(width, GAP), strip, pictures]
    return np.vstack(rows)


def draw_text(
    width: int, height: int, text: Text, *, ground: tuple[int, int, int] = GROUND, faint: bool = False,
    ink: tuple[int, int, int] = INK,
) -> Frame:
    """Return a line of text, uint8 (height, width, 3): smaller or shortened in the middle where it would not fit.

    Args:
        width, height: pixels.
        text: what stands at the left and the right.
        ground: its background, BGR.
        faint: whether the left is less bright than the right.
        ink: what it is written in, BGR.
    """
    line = np.full((height, width, 3), ground, np.uint8)
    left, right = map(_drawable, text)
    scale, margin = _scale(height), height // 3
    room = width - 2 * margin - (height if left and right else 0)
    needed = _width(left, scale) + _width(right, scale)
    if needed > room:
        scale *= max(_SMALLEST_TEXT, room / needed)
    right = _shortened(right, max(room // 2, room - _width(left, scale)), scale)
    left = _shortened(left, room - _width(right, scale), scale)
    _write(line, left, margin, scale, _FAINT if faint else ink)
    _write(line, right, width - margin - _width(right, scale), scale, ink)
    return line


def text_width(height: int, text: str) -> int:
    """Return how wide a line of `draw_text` has to be, in pixels, for words at its left to have their usual size."""
    return 2 * (height // 3) + _width(_drawable(text), _scale(height))


def draw_table(width: int, line: int, table: Sequence[Text], lines: int) -> Frame:
    """Return names at the left and values at the right, uint8 (lines * line, width, 3), the last lines empty."""
    page = _empty(width, line * lines)
    near = min(width, TABLE_LINES * line)
    for number, text in enumerate(table):
        page[number * line : (number + 1) * line, :near] = draw_text(near, line, text, faint=True)
    return page


def draw_legend(width: int, height: int) -> Frame:
    """Return the scale of `heat_map` with its ends, uint8 (height, width, 3)."""
    ends = "0", f"{HOTTEST}+ of 255"
    legend = draw_text(width, height, ends)
    scale, margin = _scale(height), height // 3
    first = 2 * margin + _width(ends[0], scale)
    last = width - 2 * margin - _width(ends[1], scale)
    ramp = np.linspace(0, HOTTEST, last - first).round().astype(np.uint8)
    edge = height // 4
    legend[edge : height - edge, first:last] = heat_map(np.repeat(ramp[None, :, None], 3, axis=2))
    return legend


def heat_map(difference: Frame) -> Frame:
    """Return a difference in colours: black where there is none, by way of red to pale yellow from 64 levels on.

    Args:
        difference: absolute, uint8 (height, width, 3); the mean of the three colours is shown.

    Returns:
        uint8 (height, width, 3), in the colours of "Inferno".
    """
    heat = cv2.transform(difference, np.full((1, 3), 255 / HOTTEST / 3, np.float32))
    return cv2.applyColorMap(heat.reshape(difference.shape[:2]), cv2.COLORMAP_INFERNO)


def resized(frame: Frame, size: tuple[int, int]) -> Frame:
    """Return a frame in another size (width, height); the frame itself when it has that size."""
    height, width = frame.shape[:2]
    if (width, height) == size:
        return frame
    smaller = size[0] < width or size[1] < height
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def _board_sizes(rows: int, across: int, under: int, width: int, height: int) -> tuple[tuple[int, int], int]:
    """Return (width, height) of a board's pictures and the height of its lines, of which `under` are below pictures."""
    widest = (WIDEST - (across - 1) * GAP) // across
    scale = _scale_to_fit(width, height, widest, HIGHEST)
    line = _line_height(across * (_scaled(width, height, scale)[0] + GAP))
    highest = (HIGHEST - line * (rows + under) - (rows - 1) * GAP) // rows
    picture = _scaled(width, height, _scale_to_fit(width, height, widest, max(1, highest)))
    return picture, min(line, _line_height(across * (max(picture[0], NARROWEST) + GAP)))


def _scale_to_fit(width: int, height: int, widest: int, highest: int) -> float:
    return min(max(1, SMALL // max(width, height)), widest / width, highest / height)


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, int(width * scale)), max(1, int(height * scale))


def _line_height(page_width: int) -> int:
    return max(LOWEST_LINE, page_width // LINES_ACROSS)


def _sheet_head(column: Column, width: int, line: int, lines: int) -> Frame:
    title = draw_text(width, line, (column.title, ""), ground=BAR)
    legend = [draw_legend(width, line)] if column.heat else []
    return np.vstack([title, draw_table(width, line, column.table, lines - len(legend)), *legend])


def _side_by_side(parts: Sequence[Frame]) -> Frame:
    gap = _empty(GAP, parts[0].shape[0])
    return np.hstack([part for number, piece in enumerate(parts) for part in ([gap, piece] if number else [piece])])


def _centred(picture: Frame, width: int) -> Frame:
    height, own = picture.shape[:2]
    left = (width - own) // 2
    return np.hstack([_empty(left, height), picture, _empty(width - own - left, height)])


def _empty(width: int, height: int) -> Frame:
    return np.full((height, width, 3), GROUND, np.uint8)


def _drawable(text: str) -> str:
    """Return the text in one line of letters that this OpenCV has."""
    if not _ALL_OF_UNICODE:
        text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
        text = text.encode("ascii", "replace").decode()
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _shortened(text: str, room: int, scale: float) -> str:
    """Return as much of the beginning and the end of a text as fits in `room` pixels."""
    if _width(text, scale) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        end = kept // 2
        shorter = text[: kept - end] + "..." + text[len(text) - end :]
        if _width(shorter, scale) <= room:
            return shorter
    return ""


def _write(line: Frame, text: str, left: int, scale: float, ink: tuple[int, int, int]) -> None:
    capital, foot = _extent(scale)
    place = left, (line.shape[0] + capital - foot) // 2
    cv2.putText(line, text, place, _FONT, scale, ink, _weight(scale), cv2.LINE_AA)


def _width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, _FONT, scale, _weight(scale))[0][0]) if text else 0


def _weight(scale: float) -> int:
    return 1 if _ALL_OF_UNICODE else max(1, round(2 * scale))


@functools.cache
def _scale(height: int) -> float:
    """Return the size of text, in OpenCV's terms, for a line of some pixels; its fonts differ between versions."""
    return _TEXT_SHARE * height * 10 / sum(_extent(10))


@functools.cache
def _extent(scale: float) -> tuple[int, int]:
    """Return how many pixels text reaches above and below the line that it stands on."""
    (_, capital), foot = cv2.getTextSize("Hg", _FONT, scale, 1)
    return capital, foot
