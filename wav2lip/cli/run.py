"""How commands end: one sentence and the right exit code for what can go wrong."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import click

from wav2lip.errors import Wav2LipError

INTERRUPTED = 130
TERMINATED = 143


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate the function of a command that can be repeated to go on: its errors become sentences and exit codes."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        tidy_when_terminated()
        try:
            command(*args, **kwargs)
        except Wav2LipError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted; the same command goes on from here.", err=True)
            sys.exit(INTERRUPTED)

    return run


def tidy_when_terminated() -> None:
    """Let SIGTERM end the program by an exception, so that everything half-done is tidied up."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED)
