"""Who works, and what a frame costs each of them: what `benchmarks/scaling.py` gives the simulation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SEGMENT = 250                          # frames that are rendered into one part


@dataclass(frozen=True)
class Fleet:
    """Workers that are alike, and what they stand on. Seconds are those of a worker.

    Attributes:
        workers: how many.
        start: seconds until a worker can work: its process, the libraries, the weights.
        job: seconds that every job takes, however short.
        look: seconds a frame in the first pass, which finds the face.
        render: seconds a frame in the second.
        part: seconds that every segment takes, however short, where a job's segments are shared out.
        split: jobs of more frames than this are shared out; None for never.
        read: bytes a frame, in either pass.
        written: bytes a frame of the result.
        storage: bytes a second for all workers together.
        losses: lost workers an hour of each one's work.
        slow: share of workers that are slower than the others.
        slowness: how many times.
        seed: of what is left to chance.
    """

    workers: int
    start: float
    job: float
    look: float
    render: float
    part: float = 0.0
    split: int | None = None
    read: float = 0.0
    written: float = 0.0
    storage: float = math.inf
    losses: float = 0.0
    slow: float = 0.0
    slowness: float = 1.0
    seed: int = 0

    def shares(self, frames: int) -> bool:
        """Return whether a job is shared out."""
        return self.split is not None and frames > self.split

    def alone(self, frames: int) -> float:
        """Return the seconds that one worker takes for a job, once it is started, however slow the storage."""
        return self.job + frames * (self.look + self.render)

    def traffic(self, frames: int) -> float:
        """Return the bytes that a job moves: read twice, written as parts, and joined: read and written once more."""
        return frames * (2 * self.read + 3 * self.written)

    def bounds(self, jobs: Sequence[int]) -> dict[str, float]:
        """Return the seconds that no plan can be faster than, by what they are spent on.

        Args:
            jobs: frames of each.
        """
        longest = max(jobs)
        if self.shares(longest):
            spread = longest * self.render / self.workers
            alone = self.job + longest * self.look + max(spread, SEGMENT * self.render + self.part)
        else:
            alone = self.alone(longest)
        return {
            "start-up": self.start,
            "the longest job": alone,
            "workers": sum(map(self.alone, jobs)) / self.workers,
            "storage": sum(map(self.traffic, jobs)) / self.storage,
        }
