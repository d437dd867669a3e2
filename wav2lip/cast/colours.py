"""One colour for each person, the same in every picture that is drawn of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""

# Okabe and Ito's, which people who see fewer colours tell apart, too; black is left out.
_PALETTE: Sequence[Colour] = (
    (0, 159, 230), (233, 180, 86), (115, 158, 0), (66, 228, 240), (167, 121, 204), (0, 94, 213), (178, 114, 0),
)
_DARK, _LIGHT = (24, 21, 19), (245, 245, 245)
_BRIGHT = 120       # levels of 255: from here on dark words are easier to read than light ones


@dataclass(frozen=True)
class Paint:
    """What somebody is drawn in: the colour, and that of words upon it."""

    colour: Colour
    ink: Colour


def paint_of(at: int) -> Paint:
    """Return what the `at`-th person, counted from 0, is drawn in; after seven the colours come again."""
    colour = _PALETTE[at % len(_PALETTE)]
    blue, green, red = colour
    bright = 0.114 * blue + 0.587 * green + 0.299 * red >= _BRIGHT
    return Paint(colour, _DARK if bright else _LIGHT)
