"""`wav2lip config`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import click

from wav2lip.cli.config_files import ConfigFile, config_files, place_of_own
from wav2lip.cli.run import reporting
from wav2lip.cli.settings import Setting, Words, commands, keys, settings, unknown_variables
from wav2lip.errors import UsageError


@click.command(context_settings={"max_content_width": 110})
@click.argument("command", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@reporting("nothing was changed")
def config(context: click.Context, command: tuple[str, ...], as_json: bool) -> None:
    """Show which defaults files and variables have set, and where each comes from; of a COMMAND, all that is in force.

    Files: wav2lip.toml, or [tool.wav2lip] in pyproject.toml, here or above in the same repository; then your own.
    WAV2LIP_CONFIG names another. They are checked all through.
    """
    parent = context.parent
    assert parent is not None
    program = parent.command
    assert isinstance(program, click.Group)
    wanted = dict(commands(program)).get(command)
    if wanted is None:
        raise UsageError(f"There is no command {' '.join(command)}; wav2lip --help lists them.")
    files = [] if parent.params["no_config"] else config_files()
    rows = list(_in_force(settings(program, files), command, wanted))
    unknown = unknown_variables(program)
    if as_json:
        read = [{"path": str(file.path), "own": file.own} for file in files]
        click.echo(json.dumps({"files": read, "values": rows, "unknown_variables": unknown}, indent=2, default=_plain))
    else:
        click.echo("\n".join(_in_words(rows, files, unknown)))


def _in_force(found: list[Setting], words: Words, command: click.Command) -> Iterator[dict[str, Any]]:
    """Yield the values in force: those that are set, and of a command that was asked for the other ones too."""
    seen = set()
    for one in found:
        if (one.command, one.name) not in seen and one.command[: len(words)] == words:
            seen.add((one.command, one.name))
            yield _row(one.command, one.key, one.said, one.origin)
    if not words or isinstance(command, click.Group):
        return
    context = click.Context(command)
    for key, (option, means) in keys(command).items():
        if means and (words, option.name) not in seen:
            seen.add((words, option.name))
            yield _row(words, key, option.to_info_dict()["default"], "default")
    context.close()


def _row(words: Words, key: str, value: Any, origin: str) -> dict[str, Any]:
    return {"command": " ".join(words), "key": key, "value": value, "from": origin}


def _plain(value: object) -> float | str:
    return float(value) if isinstance(value, Decimal) else str(value)


def _in_words(rows: list[dict[str, Any]], files: list[ConfigFile], unknown: list[str]) -> Iterator[str]:
    yield from (f"read: {file.path}" for file in files)
    if not any(file.own for file in files):
        yield f"your own would be: {place_of_own()}"
    cells = [
        (".".join([*row["command"].split(), row["key"]]), json.dumps(row["value"], default=_plain, ensure_ascii=False))
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for (key, value), row in zip(cells, rows, strict=True):
        yield f"{key:<{widths[0]}} = {value:<{widths[1]}}   {row['from']}"
    if not rows:
        yield "Nothing is set."
    if unknown:
        yield f"Variables that mean nothing: {', '.join(unknown)}"
