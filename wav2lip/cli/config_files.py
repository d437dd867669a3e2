"""Where defaults are written down: a project's file, the user's own, or the one that $WAV2LIP_CONFIG names."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from wav2lip.cast.text import read_text
from wav2lip.errors import MediaError, UsageError

VARIABLE = "WAV2LIP_CONFIG"
OF_A_PROJECT = "wav2lip.toml"

_PYPROJECT, _TABLE = "pyproject.toml", "wav2lip"
_ROOTS = (".git", ".hg", ".svn")


@dataclass(frozen=True)
class ConfigFile:
    """A file of defaults.

    Attributes:
        path: where it is.
        table: what it says.
        own: the user has written or named it; else it belongs to whoever made the folder.
    """

    path: Path
    table: dict[str, Any]
    own: bool


def config_files() -> list[ConfigFile]:
    """Return the files that count, the strongest first.

    Raises:
        UsageError: one cannot be read, or is not TOML.
    """
    named = os.environ.get(VARIABLE)
    if named:
        path = Path(os.path.expanduser(named))
        return [ConfigFile(path.absolute(), _table(path), own=True)]
    files = [found] if (found := _nearest()) is not None else []
    place = place_of_own()
    if os.path.isfile(place) and not any(place.samefile(file.path) for file in files):
        files.append(ConfigFile(place, _table(place), own=True))
    return files


def place_of_own() -> Path:
    """Return where the user's own file is, or would be."""
    if xdg := os.environ.get("XDG_CONFIG_HOME"):
        return Path(os.path.expanduser(xdg)) / "wav2lip" / "config.toml"
    if sys.platform == "win32" and (roaming := os.environ.get("APPDATA")):
        return Path(roaming) / "wav2lip" / "config.toml"
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support" / "wav2lip" / "config.toml"
    return _home() / ".config" / "wav2lip" / "config.toml"


def _nearest() -> ConfigFile | None:
    for folder in _folders():
        path = folder / OF_A_PROJECT
        if os.path.isfile(path):
            return ConfigFile(path, _table(path), own=False)
        path = folder / _PYPROJECT
        if os.path.isfile(path) and (table := _of_pyproject(path)) is not None:
            return ConfigFile(path, table, own=False)
    return None


def _folders() -> Iterator[Path]:
    """Yield the working folder and those above, up to a repository's or the user's own.

    Where there is neither it stays alone: a folder such as /tmp is everybody's.
    """
    try:
        here = Path.cwd()
    except OSError:                               # it has gone
        return
    path, home = [here, *here.parents], _home()
    roots = (folder for folder in path if folder == home or any(os.path.exists(folder / name) for name in _ROOTS))
    last = next(roots, here)
    yield from path[: path.index(last) + 1]


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:                          # a user whom the system does not know
        return Path(os.sep)


def _of_pyproject(path: Path) -> dict[str, Any] | None:
    """Return the table for this program; None where there is none, whatever else is wrong with the file."""
    try:
        tools = _table(path).get("tool", {})
    except UsageError:
        with suppress(OSError):
            if f"tool.{_TABLE}" in path.read_text(errors="replace"):
                raise
        return None
    table = tools.get(_TABLE) if isinstance(tools, dict) else None
    return table if isinstance(table, dict) else None


def _table(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        # Numbers as they are written: no digit of a frame rate is rounded.
        return tomllib.loads(read_text(path), parse_float=Decimal)
    except MediaError as error:
        raise UsageError(str(error)) from error
    except (tomllib.TOMLDecodeError, RecursionError, ArithmeticError) as error:
        raise UsageError(f"{path} is not TOML: {error or 'nested too deeply'}.") from error
