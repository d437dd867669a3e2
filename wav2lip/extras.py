"""Packages that only some people need: found, or missed with a word on how to get them."""

from __future__ import annotations

import importlib
from types import ModuleType

from wav2lip.errors import UsageError


def require(module: str, extra: str) -> ModuleType:
    """Import a package of an optional extra.

    Args:
        module: its dotted name.
        extra: the extra of this package that brings it.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise    # it is there, and something that it needs is not
        raise UsageError(f"This needs {package}, which is not installed: pip install 'wav2lip[{extra}]'") from error
