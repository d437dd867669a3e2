"""A line of text as a mask: which font of this machine has its letters, and what they look like."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from wav2lip.errors import UsageError

_SUFFIXES = (".ttf", ".otf", ".ttc")
_NO_LETTERS = "lastresort"                       # fonts of that name have a frame with a number for every letter
_MOST_FONTS = 3000                               # that are looked at: somebody may collect them
_PLAIN = ("sans", "arial", "segoe", "helvetica", "regular", "gothic", "hei")    # upright letters of even strokes
_FANCY = ("mono", "serif", "bold", "italic", "oblique", "light", "thin", "condensed", "black", "narrow", "math")
_PROBE = 20                                      # pixels: of letters that are only compared
_NOBODYS = "\uffff"                              # a character that no font has
_SHAPED = ("R", "AL", "AN")                      # written from right to left
_MARKS = ("Mn", "Mc")                            # that stand on, under or before their letter

AnyFont = ImageFont.FreeTypeFont


def letters(text: str, size: int) -> np.ndarray:
    """Return a line of text as it is drawn.

    Args:
        text: without control characters.
        size: of its letters, in pixels.

    Returns:
        float32 (rows, columns), how much of each pixel is covered, 0 to 1; as high for all texts of one font.

    Raises:
        UsageError: no font of this machine has all letters, or they need an arrangement that cannot be made here.
    """
    font = _font(_font_for(text), size)
    left, _, right, _ = font.getbbox(text)
    ascent, descent = font.getmetrics()
    picture = Image.new("L", (max(1, int(right - left)), ascent + descent))
    ImageDraw.Draw(picture).text((-left, 0), text, fill=255, font=font)
    return np.asarray(picture, np.float32) / 255


@lru_cache
def _font_for(text: str) -> Path | None:
    """Return the first font that has all letters of a text; None for the one that comes with Pillow."""
    shaped = any(unicodedata.bidirectional(one) in _SHAPED or unicodedata.category(one) in _MARKS for one in text)
    if shaped and not (features.check("raqm") and features.check("fribidi")):
        raise UsageError(
            f"The letters of {text!r} have to be arranged, which needs Raqm and FriBiDi, and Pillow has not found them "
            "here; install libfribidi, or write the label in other letters."
        )
    if not _missing(None, text):
        return None
    for path in _fonts():
        try:
            if not _missing(path, text):
                return path
        except OSError:                           # no font, or one of coloured pictures
            continue
    lacking = "".join(dict.fromkeys(_missing(None, text)))
    raise UsageError(
        f"No font of this machine can write {lacking!r}, which is in the visible label; install one that can (such as "
        "fonts-noto), or write the label in other letters."
    )


def _missing(path: Path | None, text: str) -> list[str]:
    """Return the letters of a text that a font does not have."""
    font = _font(path, _PROBE, ImageFont.Layout.BASIC)
    nobodys = _drawn(font, _NOBODYS)
    return [one for one in text if not one.isspace() and _drawn(font, one) in (nobodys, b"")]


def _drawn(font: AnyFont, letter: str) -> bytes:
    mask = font.getmask(letter)
    return bytes(mask) + repr(mask.size).encode() if mask.size[0] else b""


def _font(path: Path | None, size: int, layout: ImageFont.Layout | None = None) -> AnyFont:
    if path is not None:
        return ImageFont.truetype(path, size, layout_engine=layout)
    font = ImageFont.load_default(size)
    if not isinstance(font, AnyFont):
        raise UsageError("This Pillow was built without FreeType and cannot draw a visible label; install it with pip.")
    return font


@lru_cache
def _fonts() -> tuple[Path, ...]:
    """Return the font files of this machine, plain ones first, in an order that does not depend on the disk's."""
    found = sorted({path for folder in folders() for path in _files(folder)}, key=lambda path: (_rank(path), path.name))
    return tuple(found[:_MOST_FONTS])


def _files(folder: Path) -> Iterator[Path]:
    for top, _, names in os.walk(folder):
        for name in names:
            if name.lower().endswith(_SUFFIXES) and not name.lower().startswith(_NO_LETTERS):
                yield Path(top, name)


def _rank(path: Path) -> int:
    name = path.stem.lower()
    return sum(word in name for word in _FANCY) * 2 - any(word in name for word in _PLAIN)


def folders() -> list[Path]:
    """Return where this system keeps its fonts."""
    home, get = Path.home(), os.environ.get
    if sys.platform == "win32":
        return [Path(get("WINDIR", r"C:\Windows"), "Fonts"), home / "AppData/Local/Microsoft/Windows/Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    shared = get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    return [Path(get("XDG_DATA_HOME") or home / ".local/share", "fonts"), home / ".fonts",
            *(Path(place, "fonts") for place in shared.split(":") if place)]
