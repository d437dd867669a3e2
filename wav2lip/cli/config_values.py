"""From values of TOML to those that options take."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cast.text import quoted
from wav2lip.errors import UsageError

if TYPE_CHECKING:
    from wav2lip.batch.columns import Value


def value_of(said: Any, option: click.Option) -> Value:
    """Return a value of TOML as the command line has it, with the user's own folder written out, as a shell does.

    Raises:
        UsageError: it is of a kind that no option takes.
    """
    return _at_home(_value(said, option), option)


def _value(said: Any, option: click.Option) -> Value:
    """Return a value of TOML as an option takes it: four numbers are one text, a list of texts is one of many."""
    if isinstance(said, bool | str):
        return (said,) if option.multiple and isinstance(said, str) else said
    if isinstance(said, int | Decimal):
        return (str(said),) if option.multiple else str(said)
    if isinstance(said, list) and option.multiple:
        return tuple(_texts(one) if isinstance(one, list) else _text(one) for one in said)    # type: ignore[misc]
    if isinstance(said, list) and all(_is_number(one) for one in said):
        return ",".join(map(str, said))
    raise UsageError(f"it cannot be {quoted(said)}.")


def _at_home(value: Value, option: click.Option) -> Value:
    """Return a value with the user's own folder written out in names of files, as a shell does."""
    if not isinstance(option.type, click.Path):
        return value
    if isinstance(value, tuple):
        return tuple(map(os.path.expanduser, value))
    return os.path.expanduser(value) if isinstance(value, str) else value


def _texts(said: list[Any]) -> tuple[str, ...]:
    return tuple(map(_text, said))


def _text(said: Any) -> str:
    if not isinstance(said, str) and not _is_number(said):
        raise UsageError(f"it cannot have {quoted(said)} in it.")
    return str(said)


def _is_number(said: Any) -> bool:
    return isinstance(said, int | Decimal) and not isinstance(said, bool)
