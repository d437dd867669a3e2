"""The program as a shell sees it: what all commands have in common."""

from __future__ import annotations

import json
from typing import Any

import click

from wav2lip import __version__
from wav2lip.cli.config_files import config_files
from wav2lip.cli.parameters import with_options
from wav2lip.cli.run import BROKEN_PIPE, leave_stdout
from wav2lip.cli.settings import default_map, settings
from wav2lip.cli.stderr import dressed, log_json
from wav2lip.errors import UsageError

_WITHOUT_CONFIG = ("completion", "config")    # a file that is wrong must not keep from finding out


VERSION = with_options(
    click.option("--version", is_flag=True, is_eager=True, help="Show the version and exit; with --json, all that "
                 "an issue should tell of an installation."),
    click.option("--json", "as_json", is_flag=True, is_eager=True, hidden=True),
)
CONFIG = click.option(
    "--no-config", is_flag=True, is_eager=True, envvar="WAV2LIP_NO_CONFIG", help="Read no files with defaults.",
)


class _Wrong(click.ClickException):
    """What a file or a variable says makes no sense: one sentence, without the usage of a command."""

    exit_code = UsageError.exit_code


class Shell(click.Group):
    """The group of all commands: it reads the defaults, and keeps the manners of stdout and stderr."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with dressed():
            return super().main(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--log-json" in args and not ctx.resilient_parsing:
            log_json()                            # now: a command line can be wrong before it is read so far
        rest = super().parse_args(ctx, args)
        if ctx.resilient_parsing:
            return rest
        if ctx.params["version"]:
            click.echo(_versions() if ctx.params["as_json"] else f"wav2lip, version {__version__}")
            ctx.exit()
        if ctx.params["as_json"]:
            ctx.fail("--json goes with --version here; write that of a command behind it.")
        return rest

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        helps = not set(ctx.help_option_names).isdisjoint(rest)
        if not (ctx.resilient_parsing or helps or name in _WITHOUT_CONFIG):
            self._set_defaults(ctx, name)
        return name, command, rest

    def _set_defaults(self, ctx: click.Context, command: str | None) -> None:
        """Let files and variables say what the command line does not."""
        try:
            found = settings(self, [] if ctx.params["no_config"] else config_files(), command)
        except UsageError as error:
            raise _Wrong(str(error)) from error
        ctx.default_map = default_map(found)
        if ctx.default_map.get("log_json"):
            log_json()

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            leave_stdout()
            ctx.exit(BROKEN_PIPE)


def _versions() -> str:
    from wav2lip.cli.version import versions

    return json.dumps(versions(), indent=2)
