"""What comes next on a cluster: jobs, and the parts of those that are long."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from wav2lip.batch.at_hand import absolute
from wav2lip.batch.crew import Call, Died
from wav2lip.batch.job import Outcome, failed
from wav2lip.batch.plan import Plan
from wav2lip.batch.waiting import Turn, Waiting


@dataclass(eq=False)
class _Effort:
    """A job that is being done.

    Attributes:
        turn: whose.
        begun: when.
        left: parts that nobody makes yet.
        running: how many are being made.
        over: whether it has failed; what is still running then does not count.
    """

    turn: Turn
    begun: float = field(default_factory=time.perf_counter)
    left: deque[int] = field(default_factory=deque)
    running: int = 0
    over: bool = False


@dataclass(eq=False)
class _Task(Call):
    effort: _Effort


class Agenda:
    """Gives out calls of `RayWorker`, and makes outcomes of the answers. Jobs that have begun come first.

    Args:
        waiting: the jobs.
        long: a job with more parts than that is shared.
    """

    def __init__(self, waiting: Waiting, long: int) -> None:
        self._waiting, self._long = waiting, long
        self._shared: dict[_Effort, str] = {}        # with the folders of their parts
        self._whole: deque[_Effort] = deque()        # to be finished

    def following(self) -> Call | None:
        """Return what is to be done next; None where there is nothing now."""
        if self._whole:
            return _task("finish", self._whole.popleft())
        for effort, folder in self._shared.items():
            if effort.left:
                effort.running += 1
                return _task("part", effort, effort.left.popleft(), folder)
        turn = self._waiting.take()
        return None if turn is None else _task("begin", _Effort(turn), self._long)

    def settle(self, call: Call, answer: Any) -> Outcome | None:
        """Take an answer; return the outcome of its job if that is the last word about it."""
        assert isinstance(call, _Task)
        effort = call.effort
        if isinstance(answer, Died):
            answer = failed(effort.turn.job, f"The worker {answer.why} while it did this job.")
        if call.method == "part":
            effort.running -= 1
        if effort.over:
            return None
        if isinstance(answer, Outcome):
            self._shared.pop(effort, None)
            effort.over = True
            job = effort.turn.job                    # workers know it by absolute paths
            seconds = time.perf_counter() - effort.begun
            return self._waiting.settle(
                effort.turn, replace(answer, key=job.key, where=job.where, output=job.output, seconds=seconds)
            )
        if isinstance(answer, Plan):
            effort.left.extend(answer.missing)
            self._shared[effort] = answer.folder
            return None
        if answer is False:
            effort.left.clear()                      # whoever finishes the job makes the rest of it
        if not effort.left and not effort.running:
            del self._shared[effort]
            self._whole.append(effort)
        return None


def _task(method: str, effort: _Effort, *more: Any) -> _Task:
    job = absolute(effort.turn.job)
    if effort.turn.tried:                            # what the first try has left is of this run
        job = replace(job, options=replace(job.options, resume=True))
    return _Task(method, (job, *more), effort)
