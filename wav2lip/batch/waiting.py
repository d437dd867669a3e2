"""Which job comes next, and which comes again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from wav2lip.batch.job import Job, Outcome


@dataclass(frozen=True)
class Turn:
    """A job, and how often it has been tried before."""

    job: Job
    tried: int = 0


class Waiting:
    """Jobs in their order, then those that are tried again.

    Args:
        jobs: taken one by one.
        retries: how often a job is tried again that failed for a reason that may be gone then.
        fail_fast: give nothing out any more once a job has failed for good.
    """

    def __init__(self, jobs: Iterable[Job], retries: int, fail_fast: bool):
        self._jobs = iter(jobs)
        self._again: deque[tuple[Turn, Outcome]] = deque()    # with how they ended the last time
        self._retries, self._fail_fast = retries, fail_fast
        self._stopped = False

    def take(self) -> Turn | None:
        """Return whose turn it is; None where nobody waits now."""
        if self._stopped:
            return None
        job = next(self._jobs, None)
        if job is not None:
            return Turn(job)
        return self._again.popleft()[0] if self._again else None

    def settle(self, turn: Turn, outcome: Outcome) -> Outcome | None:
        """Return the outcome of a turn if it is the job's last word; None where the job comes again."""
        tried = turn.tried + 1
        if outcome.may_pass and tried <= self._retries and not self._stopped:
            self._again.append((Turn(turn.job, tried), outcome))
            return None
        self._stopped |= self._fail_fast and outcome.status == "failed"
        return replace(outcome, attempts=tried)

    def given_up(self) -> Iterator[Outcome]:
        """Yield what became of jobs that wait for another try when nothing is given out any more."""
        while self._again:
            turn, outcome = self._again.popleft()
            yield replace(outcome, attempts=turn.tried)
