"""How the command line spells what somebody has chosen: the way back from values to words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from wav2lip.cast.selectors import At, Voice
from wav2lip.cast.times import Span, in_full


def spelled(command: click.Command, values: Mapping[str, Any]) -> list[str]:
    """Return the fewest words after which a command has these values: what is as it is by default is left out.

    Args:
        command: whose options and arguments they are.
        values: by name, as click gives them to the command's function; what is missing is as it is by default.
    """
    words: list[str] = []
    arguments: list[str] = []
    for parameter in command.params:
        name = parameter.name or ""
        if name not in values or values[name] == default_of(parameter, command):
            continue
        if isinstance(parameter, click.Option):
            words += _option(parameter, values[name])
        else:
            arguments += [text_of(value) for value in _each(parameter, values[name])]
    guarded = ["--", *arguments] if any(word.startswith("-") for word in arguments) else arguments
    return words + guarded


def default_of(parameter: click.Parameter, command: click.Command) -> Any:
    """Return the value of a parameter of a command that nobody says anything about."""
    default = parameter.to_info_dict()["default"]    # None where there is none, whichever click it is
    if default is None:
        return () if parameter.multiple else None
    return parameter.type_cast_value(click.Context(command), default)


def text_of(value: Any) -> str:
    """Return the text of which click makes this value of an option."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Fraction):
        return in_full(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, Span):
        return f"{in_full(value.start)}-" + ("" if value.end is None else in_full(value.end))
    if isinstance(value, At):
        return f"{in_full(value.time)}:{text_of(value.x)},{text_of(value.y)}"
    if isinstance(value, Voice):
        return f"{value.person}={value.path}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, int | str | Path) else _refused(value)


def _option(option: click.Option, value: Any) -> Iterator[str]:
    name = next((word for word in option.opts if word.startswith("--")), option.opts[0])
    if option.is_flag:
        yield name if value else option.secondary_opts[0]
        return
    for each in _each(option, value):
        text = text_of(each)
        if text.startswith("-"):
            yield f"{name}={text}"
        else:
            yield from (name, text)


def _each(parameter: click.Parameter, value: Any) -> tuple[Any, ...]:
    return tuple(value) if parameter.multiple or parameter.nargs != 1 else (value,)


def _refused(value: Any) -> str:
    raise TypeError(f"nobody has said how {type(value).__name__} is spelled")
