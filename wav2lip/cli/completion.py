"""`wav2lip completion`."""

from __future__ import annotations

import os
import stat
import sys

import click
from click.shell_completion import get_completion_class

VARIABLE = "_WAV2LIP_COMPLETE"
PLACES = {
    "bash": "~/.local/share/bash-completion/completions/wav2lip",
    "zsh": "a file called _wav2lip in a folder of $fpath, such as ~/.zfunc/_wav2lip",
    "fish": "~/.config/fish/completions/wav2lip.fish",
}
NOW = {
    "bash": 'eval "$(wav2lip completion bash)"', "zsh": 'eval "$(wav2lip completion zsh)"',
    "fish": "wav2lip completion fish | source",
}


@click.command()
@click.argument("shell", type=click.Choice(list(PLACES)))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options, files and names of weights."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(click.get_current_context().find_root().command, {}, "wav2lip", VARIABLE).source())
    if not _into_a_pipe():
        click.echo(f"For always: write it to {PLACES[shell]}. For now: {NOW[shell]}", err=True)


def _into_a_pipe() -> bool:
    """Return whether a shell takes it at once, and is not to be disturbed by words."""
    try:
        return stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
    except OSError:                               # no file at all
        return False
