"""How a process ends that is told to: by an exception, so that everything half-done is tidied up."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

SIGNALLED = 128    # and the signal's number: the exit code that shells give a process that a signal has ended

STDOUT, STDERR = 1, 2


def ending_signals() -> list[signal.Signals]:
    """Return SIGTERM, and SIGHUP of a terminal that goes away, where there is that and nobody ignores it, as nohup."""
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)    # Windows has none
    if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hangup]


def tidy_when_terminated() -> None:
    """Let these signals end the program by SystemExit, with 143 for SIGTERM and 129 for SIGHUP."""
    for number in ending_signals():
        signal.signal(number, _terminate)


def leave_to_parent() -> None:
    """Ignore signals that are sent to a whole group of processes, and are for the one that has started this one."""
    for number in (signal.SIGINT, *ending_signals()):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """Let the process end when the block has ended by SystemExit, threads are done and exit functions were called.

    Otherwise Python would take itself apart then, which takes a tenth of a second after PyTorch was imported.
    """
    codes: list[int] = []
    atexit.register(_leave, codes)    # the first one registered is the last one called
    try:
        yield
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            codes.append(end.code or 0)
        raise


def _leave(codes: list[int]) -> None:
    if not codes:
        return                        # a traceback, or words in the place of a code: Python ends as it does
    try:
        for said in (sys.stdout, sys.stderr):
            if said is not None:
                said.flush()
    except (OSError, ValueError):
        return                        # Python knows what to say to that
    os._exit(codes[-1])


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    for number in ending_signals():
        signal.signal(number, signal.SIG_IGN)    # another one would disturb the tidying up, and SIGHUP comes twice
    for said in (STDOUT, STDERR):
        leave_if_gone(said)
    sys.exit(SIGNALLED + signum)


def leave_if_gone(number: int) -> None:
    """Let what is still written to a file descriptor go nowhere if it is a terminal that is gone."""
    try:
        os.write(number, b"")
    except OSError:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
