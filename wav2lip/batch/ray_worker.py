"""What runs in the cluster: an actor that keeps its networks from job to job, and ends tidily when it is told to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from wav2lip import __version__
from wav2lip.batch.job import Job, Outcome
from wav2lip.batch.plan import Plan
from wav2lip.media.limits import VARIABLE
from wav2lip.progress import Advance, Progress


class RayWorker:
    """An actor's work; `wav2lip.batch.crew` calls its methods, one at a time."""

    def __init__(self) -> None:
        # Not where the cluster is only called: it takes seconds.
        from wav2lip.batch.parts import PartWorker

        self._worker = PartWorker()

    def start(self, limits: str) -> tuple[str, str]:
        """Return the node that it is on, and the version of this package there.

        Args:
            limits: those of the command, as in `VARIABLE`; they come after the node's own.
        """
        os.environ[VARIABLE] = ",".join([os.environ.get(VARIABLE, ""), limits])
        return _context().get_node_id(), __version__

    def begin(self, job: Job, long: int, lost: bool) -> Outcome | Plan:
        """Begin a job; see `PartWorker`. `lost` is whether somebody began before whose node was lost."""
        if lost:
            self._worker.wait_for(job)
            job = replace(job, options=replace(job.options, resume=True))
        return self._worker.begin(job, long, StoppedByRay())

    def part(self, job: Job, number: int, folder: str, lost: bool) -> bool | Outcome:
        """Make a part of a job; see `PartWorker`."""
        return self._worker.part(job, number, folder, StoppedByRay())

    def finish(self, job: Job, lost: bool) -> Outcome:
        """Put the parts of a job together; see `PartWorker`."""
        if lost:
            self._worker.wait_for(job)
        return self._worker.finish(job, StoppedByRay())

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
