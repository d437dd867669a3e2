"""Names of files as callers from Python give them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def take_paths(options: Any, *names: str) -> None:
    """Make attributes paths that were given as strings, or as anything else that names a file; None stays None.

    Args:
        options: a dataclass that is being made, frozen or not.
        names: of its attributes.
    """
    for name in names:
        value = getattr(options, name)
        if isinstance(value, str | os.PathLike) and not isinstance(value, Path):
            object.__setattr__(options, name, Path(value))
