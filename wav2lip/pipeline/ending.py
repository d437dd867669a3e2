"""How a process ends that is told to: by an exception, so that everything half-done is tidied up."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

SIGNALLED = 128    # and the signal's number: the exit code that shells give a process that a signal has ended


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


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    for number in ending_signals():
        signal.signal(number, signal.SIG_IGN)    # another one would disturb the tidying up, and SIGHUP comes twice
    sys.exit(SIGNALLED + signum)
