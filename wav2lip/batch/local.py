"""Jobs on this machine: in this process, or in several of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import cast

from wav2lip.batch.child import GRACE, Lacks, Told, serve
from wav2lip.batch.job import Job, Outcome, failed
from wav2lip.batch.waiting import Turn, Waiting
from wav2lip.models.device import CALM, cores
from wav2lip.progress import Progress


def run_local(
    jobs: Iterable[Job], workers: int = 1, *, retries: int = 1, fail_fast: bool = False,
    progress: Progress | None = None,
) -> Generator[Outcome, None, None]:
    """Do jobs, and yield what became of each as soon as that is known. Closing the generator ends what runs.

    Args:
        jobs: taken as workers become free.
        workers: 1 works in this process; more are processes, started by "spawn": a script that calls this needs its
            `if __name__ == "__main__":`. One that dies takes only its job with it.
        retries: how often a job is tried again that failed for a reason that may be gone then.
        fail_fast: begin nothing any more once a job has failed; what runs is finished.
        progress: receives the words of all jobs as details, and what a result lacks of its source as a line.
    """
    waiting, progress = Waiting(jobs, retries, fail_fast), progress or Progress()
    return _here(waiting, progress) if workers == 1 else _crew(waiting, workers, progress)


def _here(waiting: Waiting, progress: Progress) -> Generator[Outcome, None, None]:
    worker = None
    while (turn := waiting.take()) is not None:
        # Here, not where there is nothing to do: it takes seconds.
        from wav2lip.batch.work import Worker

        worker = worker or Worker()
        told = Told(partial(_pass_on, progress, turn.job.where))
        last = waiting.settle(turn, worker.run(turn.job, told))
        if last is not None:
            yield last
    yield from waiting.given_up()


def _pass_on(progress: Progress, where: str, text: str) -> None:
    """Tell what a job has said: as a detail, but for what is lost in its result."""
    (progress.say if isinstance(text, Lacks) else progress.detail)(f"{where}: {text}")


def _crew(waiting: Waiting, workers: int, progress: Progress) -> Generator[Outcome, None, None]:
    members: list[_Member] = []
    threads = max(1, cores() // workers)
    try:
        while True:
            idle = [member for member in members if member.turn is None]
            while (idle or len(members) < workers) and (turn := waiting.take()) is not None:
                member = idle.pop() if idle else _Member(threads)
                if not member.give(turn):         # it has died of something while it had nothing to do
                    members.remove(member)
                    member.end()
                    member = _Member(threads)
                    member.give(turn)
                if member not in members:
                    members.append(member)
            busy = {member.pipe: member for member in members if member.turn is not None}
            if not busy:
                yield from waiting.given_up()
                return
            for pipe in wait(list(busy)):
                member = busy[cast(Connection, pipe)]
                turn, heard = member.hear()
                if isinstance(heard, str):
                    _pass_on(progress, turn.job.where, heard)
                    continue
                if not member.alive:
                    members.remove(member)
                last = waiting.settle(turn, heard)
                if last is not None:
                    yield last
    finally:
        _dismiss(members)


class _Member:
    """A worker in a process of its own.

    Args:
        threads: how many its networks may use.
    """

    def __init__(self, threads: int):
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.turn: Turn | None = None
        self.alive = True
        self._since = 0.0
        self.process = spawn.Process(target=serve, args=(theirs,), name="wav2lip-worker", daemon=True)
        # Before torch is imported there; one heap, as threads else keep what they have freed for themselves.
        with _environment(
            OMP_NUM_THREADS=str(threads), OPENCV_FOR_THREADS_NUM=str(threads), MALLOC_ARENA_MAX="1", **CALM
        ):
            self.process.start()
        theirs.close()

    def give(self, turn: Turn) -> bool:
        """Hand over a job; return whether the worker lives to take it."""
        self.turn, self._since = turn, time.perf_counter()
        try:
            self.pipe.send(turn.job)
        except OSError:
            return False
        return True

    def hear(self) -> tuple[Turn, Outcome | str]:
        """Return what the worker says: words of its job, or what became of it, be it that the worker died of it."""
        turn = self.turn
        assert turn is not None
        try:
            heard: Outcome | str = self.pipe.recv()
        except (EOFError, OSError):
            self.end()
            seconds = time.perf_counter() - self._since
            heard = failed(turn.job, f"The worker {self._death()} while it did this job.", seconds=seconds)
        if isinstance(heard, Outcome):
            self.turn = None
        return turn, heard

    def end(self) -> None:
        """Wait for the end of a process that has ended, or is told to; kill it where it takes too long."""
        self.alive = False
        self.pipe.close()
        self.process.join(GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()

    def _death(self) -> str:
        code = self.process.exitcode or 0
        if code < 0:
            name = signal.Signals(-code).name
            return "was killed, perhaps for want of memory," if name == "SIGKILL" else f"died of {name}"
        return f"ended with exit code {code}"


def _dismiss(members: Iterable[_Member]) -> None:
    """End workers: idle ones find that their pipe is closed, and others are told to drop what they do."""
    for member in members:
        if member.turn is not None:
            member.process.terminate()
        member.pipe.close()
    for member in members:
        member.end()


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Give processes that are started inside these variables, where the user has not set them."""
    missing = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)
