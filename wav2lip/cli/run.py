"""How commands end: one sentence and the right exit code for what can go wrong."""

from __future__ import annotations

import functools
import gc
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import click

from wav2lip.errors import Wav2LipError

INTERRUPTED = 130
TERMINATED = 143


Command = Callable[..., None]


def reporting(interrupted: str) -> Callable[[Command], Command]:
    """Return a decorator for the function of a command: its errors become sentences and exit codes.

    Args:
        interrupted: what Ctrl-C means for what was done until then.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(*args: Any, **kwargs: Any) -> None:
            tidy_when_terminated()
            try:
                command(*args, **kwargs)
            except Wav2LipError as error:
                click.echo(f"Error: {error}", err=True)
                sys.exit(error.exit_code)
            except KeyboardInterrupt:
                click.echo(f"Interrupted; {interrupted}.", err=True)
                sys.exit(INTERRUPTED)

        return run

    return decorate


reported = reporting("the same command goes on from here")


def tidy_when_terminated() -> None:
    """Let SIGTERM end the program by an exception, so that everything half-done is tidied up."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED)


@contextmanager
def importing() -> Iterator[None]:
    """Import what is heavy inside, and never look for garbage in it: a second of every run, at its start and end."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
