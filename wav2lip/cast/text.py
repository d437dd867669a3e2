"""Text files that people edit: read whole, with a sentence for everything that is none."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wav2lip.errors import MediaError, UsageError
from wav2lip.media.files import read_list

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxlevel = 2


def quoted(value: object) -> str:
    """Return a value as an error shows it: in quotes, on one line, a long one shortened."""
    return _short.repr(value)


def read_text(path: Path) -> str:
    """Return what a text file says, without a byte order mark and with every end of line as one line feed.

    Raises:
        MediaError: it cannot be read, is no text in UTF-8, or far too large.
    """
    content = read_list(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MediaError(f"{path} is not a text file in UTF-8; save it as such (Excel: CSV UTF-8).") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_json(
    text: str, path: Path, number: Callable[[str], Any], thing: Callable[[dict[str, Any]], Any] | None = None
) -> Any:
    """Return what a JSON file holds.

    Args:
        text: its content.
        path: its name, for errors.
        number: makes something of each number as it is written, which may be NaN, Infinity or 1e999 too.
        thing: makes something of each object as soon as it is read.

    Raises:
        UsageError: it is not JSON, or nested too deeply; or what `thing` raises.
    """
    try:
        return json.loads(text, parse_int=number, parse_float=number, parse_constant=number, object_hook=thing)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}, line {error.lineno}: this is not JSON: {error.msg}.") from error
    except RecursionError as error:
        raise UsageError(f"{path} is nested too deeply to be a list.") from error


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Say in a UsageError from inside where it happened."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
