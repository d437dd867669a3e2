"""What files and variables say of the options of every command: checked, and with the name of who said it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from wav2lip.cli.columns import WORDS, converted
from wav2lip.cli.config_files import ConfigFile, place_of_own
from wav2lip.cli.config_values import value_of
from wav2lip.errors import UsageError
from wav2lip.models.known import KNOWN

PREFIX = "WAV2LIP"
NOT_OPTIONS = (
    "WAV2LIP_CACHE", "WAV2LIP_CONFIG", "WAV2LIP_FFMPEG", "WAV2LIP_LIMITS", "WAV2LIP_NO_CONFIG", "WAV2LIP_OFFLINE",
)
"""Variables that mean something of their own."""

_ONLY_THE_USER = {"audios", "c2pa-ta", "faces", "from", "host", "limit", "name", "ray", "try", "yes"}
"""What a stranger's file may not decide: who is asked on the network, what is allowed, what is removed."""

Words = tuple[str, ...]
"""The names of a command, as `("train", "gan")`; `()` for the program itself."""


@dataclass(frozen=True)
class Setting:
    """A value that somebody has set.

    Attributes:
        command: whose option it is.
        key: the option as it is spelt, without the dashes.
        name: the option, for click.
        said: the value as it was written.
        value: as the option takes it, with paths in full.
        origin: the file or the variable.
    """

    command: Words
    key: str
    name: str
    said: Any
    value: Any
    origin: str


def settings(program: click.Group, files: list[ConfigFile], only: str | None = None) -> list[Setting]:
    """Return all that is set, the strongest first; of several for one option only the first one counts.

    Args:
        program: the command line.
        files: the strongest first.
        only: the one command whose values are looked at; None for all. Keys are always checked.

    Raises:
        UsageError: a key that there is not, or a value that the option does not take.
    """
    found = list(_of_variables(program, only))
    for file in files:
        found += _of_table(program, (), file.table, file, only)
    return found


def default_map(found: list[Setting]) -> dict[str, Any]:
    """Return settings as click takes them."""
    tree: dict[str, Any] = {}
    for setting in reversed(found):
        node = tree
        for word in setting.command:
            node = node.setdefault(word, {})
        node[setting.name] = setting.value
    return tree


def commands(group: click.Command, words: Words = ()) -> Iterator[tuple[Words, click.Command]]:
    """Yield a command and all below it, with their names."""
    yield words, group
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, (*words, name))


def keys(command: click.Command) -> dict[str, tuple[click.Option, bool]]:
    """Return the options of a command that can be set, by every spelling: the option, and whether it means yes."""
    found: dict[str, tuple[click.Option, bool]] = {}
    for option in command.params:
        if isinstance(option, click.Option) and not option.is_eager:
            for spelt, means in ((option.opts, True), (option.secondary_opts, False)):
                found |= {word[2:]: (option, means) for word in spelt if word.startswith("--")}
    return found


def variables(program: click.Group) -> dict[str, tuple[Words, click.Command, str]]:
    """Return the variable of every option: WAV2LIP_SYNC_CRF."""
    return {
        "_".join([PREFIX, *words, key]).upper().replace("-", "_"): (words, command, key)
        for words, command in commands(program) for key in keys(command)
    }


def unknown_variables(program: click.Group) -> list[str]:
    """Return the variables that begin as the program's do, and mean nothing."""
    known = {*variables(program), *NOT_OPTIONS}
    return sorted(name for name in os.environ if name.startswith(f"{PREFIX}_") and name not in known)


def _of_variables(program: click.Group, only: str | None) -> Iterator[Setting]:
    for words, command in commands(program):
        for key, (option, means) in keys(command).items():
            named = [option.envvar] if isinstance(option.envvar, str) else option.envvar or ()
            for variable in named if key == option.opts[-1][2:] else ():
                if _counts(words, only) and (text := os.environ.get(variable)):
                    yield _setting(words, command, key, (option, means), text, Path(), variable)
    known = variables(program)
    for variable in filter(known.__contains__, os.environ):
        words, command, key = known[variable]
        text = os.environ[variable]
        if not text or not _counts(words, only):
            continue
        option, means = keys(command)[key]
        said = list(option.type.split_envvar_value(text)) if option.multiple else text
        yield _setting(words, command, key, (option, means), said, Path(), variable)


def _of_table(
    command: click.Command, words: Words, table: Mapping[str, Any], file: ConfigFile, only: str | None
) -> Iterator[Setting]:
    known = keys(command)
    below = command.commands if isinstance(command, click.Group) else {}
    for written, value in table.items():
        key = written.replace("_", "-")
        if key in below:
            if not isinstance(value, dict):
                raise UsageError(f"{file.path}: {key} is a command; its options stand in a table [{key}].")
            yield from _of_table(below[key], (*words, key), value, file, only)
            continue
        where = _where(file, words, written)
        if key not in known:
            import difflib

            near = difflib.get_close_matches(key, [*known, *below], n=1)
            kind = "command" if isinstance(value, dict) else "option"
            raise UsageError(f"{where}: there is no such {kind}{f'; did you mean {near[0]}?' if near else '.'}")
        if not file.own and key in _ONLY_THE_USER and not isinstance(known[key][0].type, click.Path):
            raise UsageError(f"{where}: only a file of your own may say that, which is {place_of_own()}.")
        if not _counts(words, only):
            continue
        setting = _setting(words, command, key, known[key], value, file.path.parent, where)
        if not file.own:
            for path in _paths(known[key][0], setting.value):
                _check_inside(path, file.path.parent, where)
        yield replace(setting, origin=str(file.path))


def _counts(words: Words, only: str | None) -> bool:
    return only is None or not words or words[0] == only


def _where(file: ConfigFile, words: Words, key: str) -> str:
    table = f"[{'.'.join(words)}] " if words else ""
    return f"{file.path}: {table}{key}"


def _setting(
    words: Words, command: click.Command, key: str, found: tuple[click.Option, bool], said: Any, folder: Path,
    where: str,
) -> Setting:
    option, means = found
    try:
        value = converted(key, option, means, value_of(said, option), click.Context(command), folder)
    except UsageError as error:
        raise UsageError(f"{where}: {str(error).removeprefix(f'{key}: ').rstrip('.')}.") from error
    return Setting(words, key, option.name or key, said, value, where)


def _paths(option: click.Option, value: Any) -> Iterator[Path]:
    """Yield the files that a value names."""
    for one in value if isinstance(value, tuple) else (value,):
        one = getattr(one, "path", one)           # of a voice
        known = isinstance(option.type, click.Path) and str(one) in (*KNOWN, *WORDS.get(option.name or "", ()))
        if isinstance(one, Path) and not known:
            yield one


def _check_inside(path: Path, folder: Path, where: str) -> None:
    """Refuse a file outside a folder: what a stranger's project says stays within it.

    Raises:
        UsageError: it is elsewhere.
    """
    try:
        inside = path.is_absolute() and path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        inside = False
    if not inside:
        raise UsageError(
            f"{where}: {path} is not inside the folder of the file; say that on the command line, or in "
            f"{place_of_own()}."
        )
