"""What runs in the cluster: an actor that keeps its networks from job to job, and ends tidily when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wav2lip import __version__
from wav2lip.batch.job import Job, Outcome
from wav2lip.progress import Advance, Progress


class RayWorker:
    """An actor's work; `wav2lip.batch.crew` calls its methods, one at a time."""

    def __init__(self) -> None:
        from wav2lip.batch.work import Worker

        self._worker = Worker()

    def start(self) -> tuple[str, str]:
        """Return the node that it is on, and the version of this package there."""
        return _context().get_node_id(), __version__

    def run(self, job: Job) -> Outcome:
        """Do a job; see `Worker.run`."""
        return self._worker.run(job, StoppedByRay())

    def stop(self) -> None:
        """Leave nothing behind."""
        self._worker.close()


class StoppedByRay(Progress):
    """Tells nobody anything, but ends the run when its caller has cancelled it: Ray does not interrupt an actor."""

    @contextmanager
    def stage(self, name: str, total: int, unit: str = "frame") -> Iterator[Advance]:
        """Enter a stage; see `Progress`."""
        context = _context()

        def advance(count: int) -> None:
            if context.is_canceled():
                raise KeyboardInterrupt("the job was cancelled")

        yield advance


def _context() -> Any:
    import ray

    return ray.get_runtime_context()
