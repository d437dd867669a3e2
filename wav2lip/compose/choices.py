"""What can be chosen about blending; apart from the rest, so that options need load nothing."""

from __future__ import annotations

from typing import Literal

from wav2lip.errors import UsageError

Blend = Literal["soft", "hard", "poisson"]
Mask = Literal["box", "lower", "parsing"]

LONGEST_LABEL = 100      # characters: a line of them is as wide as most pictures


def check_label(text: str) -> None:
    """Refuse what can be no line of text in a picture.

    Raises:
        UsageError: it is empty, of several lines, or far too long.
    """
    if not text.strip():
        raise UsageError("The visible label is empty; say with --visible-label what is to be read in the picture.")
    if len(text) > LONGEST_LABEL or not text.isprintable():
        raise UsageError(f"A visible label is a line of at most {LONGEST_LABEL} characters; this one has {len(text)}.")
