"""Options as JSON can hold them, and back."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from wav2lip.errors import UsageError
from wav2lip.models.known import KNOWN
from wav2lip.pipeline.options import OF_THE_RUN, WEIGHTS, SyncOptions


def plain(options: SyncOptions) -> dict[str, Any]:
    """Return the options that are not as they are by default, but for those of the run, with paths in full."""
    usual = SyncOptions()
    said = {field.name: getattr(options, field.name) for field in fields(options) if field.name not in OF_THE_RUN}
    return {name: _plain(value, name in WEIGHTS) for name, value in said.items() if value != getattr(usual, name)}


def options_of(said: dict[str, Any]) -> SyncOptions:
    """Return the options that `plain` made these of.

    Raises:
        UsageError: one of them is unknown, or cannot be what it says.
    """
    kinds = get_type_hints(SyncOptions)
    unknown = [name for name in said if name not in kinds]
    if unknown:
        raise UsageError(f"This version of wav2lip has no option {unknown[0]}.")
    found = {}
    for name, value in said.items():
        try:
            found[name] = _made(kinds[name], value)
        except (TypeError, ValueError, KeyError, ZeroDivisionError) as error:
            raise UsageError(f"{value!r} cannot be the option {name}.") from error
    return SyncOptions(**found)


def _plain(value: Any, weights: bool = False) -> Any:
    """Return a value as JSON can hold it. Weights are found by a known name and below ~, too; no other file is."""
    if isinstance(value, Path):
        named = weights and str(value) in KNOWN and not value.is_file()
        return str(value) if named else os.path.abspath(os.path.expanduser(value) if weights else value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Fraction) else value


def _made(kind: Any, value: Any) -> Any:
    """Return the value of a kind that `_plain` made this of.

    Raises:
        TypeError, ValueError, KeyError, ZeroDivisionError: it cannot be one.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        for one in inner:
            try:
                return _made(one, value)
            except (TypeError, ValueError, KeyError):
                continue
        raise TypeError(value)
    if origin is Literal:
        if value not in inner:
            raise ValueError(value)
        return value
    if origin is tuple:
        items = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_made(one, item) for one, item in zip(items, value, strict=True))
    if is_dataclass(kind):
        kinds, make = get_type_hints(kind), cast(Callable[..., Any], kind)
        return make(**{name: _made(kinds[name], value[name]) for name in kinds})
    if kind is NoneType:
        if value is not None:
            raise TypeError(value)
        return None
    if kind in (Path, Fraction):
        if not isinstance(value, str):
            raise TypeError(value)
        return kind(value)
    if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool) != (kind is bool):
        raise TypeError(value)
    return kind(value)
