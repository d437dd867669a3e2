"""Packages that only some people need: found, or missed with a word on how to get them."""

from __future__ import annotations

import importlib
import re
from types import ModuleType

from wav2lip.errors import UsageError

_FOR_DEVELOPERS = ("docs", "test", "dev")
_OF_EXTRA = re.compile(r"""^([A-Za-z0-9][A-Za-z0-9._-]*).*\bextra\s*==\s*['"]([\w-]+)['"]""")


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
        raise UsageError(f'This needs {package}, which is not installed: pip install "wav2lip[{extra}]"') from error


def packages_of_extras() -> dict[str, list[str]]:
    """Return the packages that each extra for users brings, by its name, as this installation declares them."""
    from importlib import metadata

    try:
        declared = metadata.requires("wav2lip") or []
    except metadata.PackageNotFoundError:             # a source tree that was never installed
        return {}
    extras: dict[str, list[str]] = {}
    for match in filter(None, map(_OF_EXTRA.match, declared)):
        package, extra = match.groups()
        if extra not in _FOR_DEVELOPERS and package != "wav2lip":
            extras.setdefault(extra, []).append(package)
    return extras


def version_of(package: str) -> str | None:
    """Return which version of a package is installed; None for none. It is not imported."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
