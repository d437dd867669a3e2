"""What can be chosen about blending; apart from the rest, so that options need load nothing."""

from __future__ import annotations

from typing import Literal

Blend = Literal["soft", "hard", "poisson"]
Mask = Literal["box", "lower", "parsing"]
