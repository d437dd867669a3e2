"""A worker in a process of its own: jobs come through a pipe, outcomes go back, and it ends with its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from wav2lip.ending import tidy_when_terminated
from wav2lip.models.quick_import import import_torch
from wav2lip.progress import Progress

TERMINATED = 143
GRACE = 10.0                          # seconds for a job to tidy up after itself


class Lacks(str):
    """Words about what a result lacks that its source has."""


class Told(Progress):
    """Takes the words of a run, and gives them to a function."""

    def __init__(self, tell: Callable[[str], None]):
        self._tell = tell

    def loss(self, text: str) -> None:
        self._tell(Lacks(text))

    def say(self, text: str) -> None:
        self._tell(text)

    def detail(self, text: str) -> None:
        self._tell(text)


def serve(pipe: Connection) -> None:
    """Do jobs until there are no more. Words (str) come before the outcome of the job that they are about."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # Ctrl-C reaches the parent too, which says when to end
    tidy_when_terminated()
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()

    import_torch()
    from wav2lip.batch.work import Worker

    def tell(text: str) -> None:
        with suppress(OSError):                     # the last words of what is ended find nobody who listens
            pipe.send(text)

    worker, progress = Worker(), Told(tell)
    while True:
        try:
            pipe.send(worker.run(pipe.recv(), progress))
        except (EOFError, OSError):                 # the parent wants no more, or has ended
            return


def _end_with_parent() -> None:
    """End this process, tidily if it can, when its parent has ended, by whatever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(TERMINATED)
