"""The options of `wav2lip sync` as columns of a jobs file: parsed and checked as on the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cast.text import quoted
from wav2lip.cli.sync import HOW_TO_PRINT, sync, sync_options
from wav2lip.errors import UsageError
from wav2lip.models.known import KNOWN

if TYPE_CHECKING:
    from wav2lip.batch.columns import Columns, Value

NOT_OF_A_JOB = {*HOW_TO_PRINT, "min_score"}
"""What is said of a run of the command, and not of its result."""

_PLACES = ("face", "audio", "output")
WORDS = {"reference": ("same", "closed"), "expert": ("shipped",)}
"""What stands for something else than a file, by the name of the option."""


def job_options() -> list[click.Parameter]:
    """Return the options of `wav2lip sync` that a job may have, without its places."""
    return [option for option in sync.params if option.name not in {*NOT_OF_A_JOB, *_PLACES}]


def columns(given: Mapping[str, Any]) -> Columns:
    """Return what rows may say.

    Args:
        given: what the command line says of all jobs, by name of `job_options`; rows win.
    """
    from wav2lip.batch.columns import Columns

    given = in_full(given)
    names = {place: place for place in _PLACES} | {"outfile": "output"}
    options: dict[str, tuple[click.Option, bool]] = {}
    for option in job_options():
        assert isinstance(option, click.Option)
        if not option.expose_value:           # for all jobs, or none
            continue
        for spelt, means in ((option.opts, True), (option.secondary_opts, False)):
            words = [word.removeprefix("--") for word in spelt if word.startswith("--")]
            names |= dict.fromkeys(words, words[0]) if words else {}
            options |= {word: (option, means) for word in words[:1]}

    def of_row(said: Mapping[str, Value], folder: Path) -> Any:
        values = dict(given)
        context = click.Context(sync)
        for column, value in said.items():
            option, means = options[column]
            values[option.name or ""] = converted(column, option, means, value, context, folder)
        return sync_options(values)

    return Columns(names, {name for name, (option, _) in options.items() if option.multiple}, of_row)


def converted(
    column: str, option: click.Option, means: bool, value: Value, context: click.Context, folder: Path
) -> Any:
    """Return what the command line would make of a value, with the paths in it relative to a folder."""
    flag = isinstance(option.type, click.types.BoolParamType)
    if isinstance(value, bool) and not flag:
        raise UsageError(f"{column} cannot be {quoted(value)}.")
    try:
        found = option.type_cast_value(context, value)
    except click.UsageError as error:
        raise UsageError(f"{column}: {error.message}") from error
    if flag:
        return found if means else not found
    return _within(option, found, folder)


def in_full(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the command line says of jobs with its paths in full, so that it means the same everywhere."""
    options = {option.name: option for option in job_options()}
    return {name: _within(options[name], value, Path()) for name, value in given.items()}


def _within(option: click.Parameter, value: Any, folder: Path) -> Any:
    """Return the value of an option with the paths in it relative to a folder."""
    if option.name == "voices":
        return tuple(replace(voice, path=_anchored(voice.path, folder)) for voice in value)
    if isinstance(value, tuple) and isinstance(option.type, click.Path):
        return tuple(_anchored(path, folder) for path in value)
    is_path = isinstance(option.type, click.Path) or option.name in WORDS
    if not is_path or value is None or str(value) in WORDS.get(option.name or "", ()):
        return value
    return _anchored(value, folder)


def _anchored(path: Path | str, folder: Path) -> Path:
    """Return a file that a row names; weights that are published may be meant by their name."""
    from wav2lip.batch.remote import url_of

    if url_of(path) is not None:
        return Path(path)
    full = folder / path
    known = str(path) in KNOWN and not full.is_file()
    return Path(path) if known or str(path).startswith("~") else Path(os.path.abspath(full))
