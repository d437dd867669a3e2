"""Workers of a cluster that come and go: every call is answered, whoever is lost meanwhile."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from wav2lip import __version__
from wav2lip.batch.cluster import Share
from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.limits import VARIABLE
from wav2lip.progress import Progress

LOOK = 2.0         # seconds between looks at which nodes there are
WAIT = 900.0       # seconds without any worker: a cloud may need minutes for a machine
TIDY = 10.0        # seconds in which interrupted workers may tidy up
STILLBORN = 5      # workers, one after the other, that die while they start


@dataclass(eq=False)
class Call:
    """Something for a worker to do: a method of its actor, which is told besides whether a node was lost over it."""

    method: str
    arguments: tuple[Any, ...]
    lost: bool = field(default=False, init=False)


@dataclass(frozen=True)
class Died:
    """The answer to a call whose worker died of it, or so it seems: its node is still there."""

    why: str


@dataclass(eq=False)
class _Worker:
    actor: Any
    node: str | None = None      # known once it has started
    call: Call | None = None


class Crew:
    """As many actors as there is room for, each with one call at a time, so that nothing queues up in the cluster."""

    def __init__(self, ray: Any, actor: type, share: Share, most: int | None, progress: Progress) -> None:
        self._ray, self._share, self._most, self._progress = ray, share, most, progress
        # Ray's own restarts would wait for room of their own, and go on for ever where a job kills its worker.
        self._actor = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_restarts=0, max_task_retries=0)(actor)
        self._first: deque[Call] = deque()
        self._busy: dict[Any, _Worker] = {}
        self._idle: list[_Worker] = []
        self._lost: set[str | None] = {None}
        self._stillborn = 0
        self._looked = self._served = float("-inf")
        self._room = 0

    def answers(self, following: Callable[[], Call | None]) -> Iterator[tuple[Call, Any]]:
        """Have calls done, and yield each with its answer, or with `Died`. Those whose node is lost are done again.

        Args:
            following: gives the next one when somebody is free; None where there is none now. It is asked again after
                every answer.

        Raises:
            UsageError: no node has room for a worker.
            Wav2LipError: workers cannot start.
        """
        self._served = time.monotonic()
        while True:
            self._hand_out(following)
            if not self._first and not any(worker.call for worker in self._busy.values()):
                return
            ready, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=LOOK)
            for reference in ready:
                worker = self._busy.pop(reference)
                call, worker.call = worker.call, None
                answer = self._answer(reference, worker, call)
                if call is not None and answer is not None:
                    yield call, answer

    def _hand_out(self, following: Callable[[], Call | None]) -> None:
        """Give everybody something to do; what `_first` holds then waits for a worker."""
        while True:
            if not self._first:
                upcoming = following()
                if upcoming is None:
                    return
                self._first.append(upcoming)
            if not self._idle:
                self._hire()
                return
            worker = self._idle.pop()
            worker.call = self._first.popleft()
            self._send(worker, worker.call.method, *worker.call.arguments, worker.call.lost)

    def _hire(self) -> None:
        """Start workers where nodes have come or others have gone."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        self._room = self._share.slots(self._ray.nodes())
        wanted = max(1, self._room if self._most is None else min(self._room, self._most))
        for _ in range(wanted - len(self._busy) - len(self._idle)):
            # Nodes have environments of their own, from before the command.
            self._send(_Worker(self._actor.remote()), "start", os.environ.get(VARIABLE, ""))
        if any(worker.node for worker in self._busy.values()):
            self._served = now
        elif now - self._served > WAIT:
            raise UsageError(
                f"For {WAIT / 60:g} minutes no node of the cluster had {self._share.cpus:g} processors and "
                f"{self._share.gpus:g} GPUs to spare; `ray status` shows what there is."
            )

    def _send(self, worker: _Worker, method: str, *arguments: Any) -> None:
        self._busy[getattr(worker.actor, method).remote(*arguments)] = worker

    def _answer(self, reference: Any, worker: _Worker, call: Call | None) -> Any:
        """Return the answer to a call, None where it is to be done again or the worker has just started."""
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(reference)
        except errors.RayTaskError as error:      # of our own code; `Worker` lets none through
            if call is None:
                self._cannot_start(str(error))
            self._idle.append(worker)
            return Died(f"met with {type(error.cause).__name__}: {error.cause}")
        except errors.RayError as error:
            self._let_go(worker)
            if getattr(error, "actor_init_failed", False):
                self._cannot_start(str(error))
            if self._is_lost(worker, error):
                if worker.node not in self._lost:
                    self._lost.add(worker.node)
                    self._progress.say("A node of the cluster was lost; what its workers did is done by others.")
                if call is not None:
                    call.lost = True
                    self._first.appendleft(call)
                return None
            self._progress.detail(str(error))
            if call is None:
                self._stillborn += 1
                if self._stillborn >= STILLBORN:
                    self._cannot_start(str(error))
                return None
            return Died(_reason(error))
        self._idle.append(worker)
        if call is None:
            (worker.node, version), self._stillborn = answer, 0
            if version != __version__:
                self._cannot_start(f"{version} is on one of them, and {__version__} here.")
            return None
        return answer

    def _is_lost(self, worker: _Worker, error: Any) -> bool:
        if isinstance(error, self._ray.exceptions.ActorUnavailableError) or getattr(error, "preempted", False):
            return True
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        return "node has died" in str(error) or (worker.node is not None and worker.node not in alive)

    def _let_go(self, worker: _Worker) -> None:
        self._looked = float("-inf")      # somebody else may come at once
        self._ray.kill(worker.actor)

    def _cannot_start(self, why: str) -> NoReturn:
        last = why.strip().rpartition("\n")[2]
        raise Wav2LipError(f"Workers of the cluster cannot start; every node needs this version of wav2lip. {last}")

    def dismiss(self) -> None:
        """End all workers: those at work drop what they do, and everybody has a moment to tidy up."""
        for reference, worker in self._busy.items():
            if worker.call is not None:
                self._ray.cancel(reference)
        everybody = [*self._busy.values(), *self._idle]
        ends = [worker.actor.stop.remote() for worker in everybody if worker.node is not None]
        if ends:
            self._ray.wait(ends, num_returns=len(ends), timeout=TIDY)
        for worker in everybody:
            self._ray.kill(worker.actor)
        self._busy, self._idle = {}, []


def _reason(error: Exception) -> str:
    if type(error).__name__ == "OutOfMemoryError":
        return "was stopped, as its node had no memory left,"
    return "was killed, or crashed,"
