"""How commands end: one sentence and the right exit code for what can go wrong."""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from wav2lip.ending import tidy_when_terminated
from wav2lip.errors import Wav2LipError
from wav2lip.models.device import CALM

INTERRUPTED = 130
BROKEN_PIPE = 141

_ARENA_MAX = -8    # glibc's number for the most heaps that threads get


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
            except BrokenPipeError:               # whoever reads what is printed has had enough
                raise
            except OSError as error:              # a disk or a file that goes away, where nobody looked for it
                click.echo(f"Error: {error}.", err=True)
                sys.exit(Wav2LipError.exit_code)
            except KeyboardInterrupt:
                click.echo(f"Interrupted; {interrupted}.", err=True)
                sys.exit(INTERRUPTED)
            except Exception as error:
                if not _is_shortage(error):
                    raise
                click.echo(f"Error: {too_little_memory(error)}", err=True)
                sys.exit(Wav2LipError.exit_code)

        return run

    return decorate


reported = reporting("the same command goes on from here")


def _is_shortage(error: Exception) -> bool:
    """Return whether an error means too little memory, in PyTorch's words, too, which is not imported to find out."""
    if isinstance(error, MemoryError) or "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from wav2lip.models.memory import is_shortage

    return is_shortage(error)


def too_little_memory(error: Exception) -> str:
    """Return the sentence for a machine that has too little memory."""
    said = str(error).partition("\n")[0]
    wanted = f" ({said})" if said else ""
    return f"This machine has too little memory{wanted}; end other programs, or make the pictures smaller."


def one_line(text: str) -> str:
    """Return a text without what would break the line or steer a terminal: files bring names and texts of their own."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def leave_stdout() -> None:
    """Let what is still to be written to stdout go nowhere: nobody reads it, and the end of the program is quiet."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def calm() -> None:
    """Give libraries that are not imported yet the environment `CALM`, but for what the user's says."""
    for name, value in CALM.items():
        os.environ.setdefault(name, value)


@contextmanager
def importing() -> Iterator[None]:
    """Import what is heavy inside, and never look for garbage in it: a second of every run, at its start and end."""
    _share_memory()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _share_memory() -> None:
    """Let threads share what they have freed: glibc else keeps some for each, 100 MB in a run. Nothing elsewhere."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)    # musl has none
        if mallopt is not None:
            mallopt(_ARENA_MAX, 1)
