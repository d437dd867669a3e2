"""Work spread over processes, where one that dies takes only its own item with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar, cast

from wav2lip.ending import leave_to_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PATIENCE = 10.0                         # seconds that a process gets to tidy up when it is no longer wanted


class WorkerDied(Exception):
    """A process ended in the middle of its work: killed, out of memory, or crashed in native code."""


def run_all(
    items: Sequence[Item], make: Callable[[], Callable[[Item], Result]], workers: int
) -> Generator[tuple[Item, Result | WorkerDied]]:
    """Work through items in several processes, and yield each with its result as it is done, in no order.

    Closing the iterator, or an error around it, ends the processes; they leave their `with` and `finally` blocks first.

    Args:
        items: what to work on; each is pickled.
        make: called once in each process; what it returns does the work. It must be picklable, and so must results.
        workers: how many processes, each with one thread.
    """
    waiting = list(reversed(items))
    busy: dict[Connection, _Worker[Item]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = _Worker(make, waiting.pop())
                busy[worker.connection] = worker
            for ready in wait(list(busy)):
                connection = cast(Connection, ready)    # on Windows it is of another class
                worker = busy[connection]
                item = worker.item
                try:
                    result = connection.recv()
                except (EOFError, OSError):
                    del busy[connection]
                    yield item, WorkerDied(f"its process ended with {worker.end()}")
                    continue
                if waiting:
                    worker.give(waiting.pop())
                else:
                    del busy[connection]
                    worker.end()
                yield item, result
    finally:
        for worker in busy.values():
            worker.process.terminate()
        for worker in busy.values():
            worker.end()


class _Worker(Generic[Item]):
    """A process, our end of the pipe to it, and the item it works on."""

    def __init__(self, make: Callable[[], Callable[[Item], Any]], item: Item):
        context = multiprocessing.get_context("spawn")    # forking a process with threads, or with CUDA, is not safe
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, make), daemon=True)
        with _one_thread():
            self.process.start()
        theirs.close()
        self.give(item)

    def give(self, item: Item) -> None:
        self.item = item
        with suppress(OSError):                           # it died: the next receiving tells
            self.connection.send(item)

    def end(self) -> str:
        """Wait until the process is gone, with force if it must be, and return how it ended."""
        self.connection.close()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        return f"exit code {code}" if code >= 0 else f"signal {-code}"


def _serve(connection: Connection, make: Callable[[], Callable[[Any], Any]]) -> None:
    leave_to_parent()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))    # by which it ends us
    work = make()
    with suppress(EOFError, OSError):                     # the parent is done with us, or gone
        while True:
            connection.send(work(connection.recv()))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes that are started inside use one thread each; libraries read this when they are loaded."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
