"""Jobs on many workers, simulated event by event: the model behind `benchmarks/scaling.py`.

A worker takes one task at a time, the first that waits. A short job is one task; of a long one the face is found first,
then its segments wait for whoever is free, and when all are rendered somebody joins them. Storage is one queue: bytes
go through it at its bandwidth, beside the computing, and a task ends when both are done. A worker may be lost in a
task: the segments that it had finished stay, what it was in is done again, and a new worker starts in its place.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from scaling_fleet import SEGMENT, Fleet

Step = Literal["whole", "look", "part", "join"]


@dataclass(frozen=True)
class Done:
    """How it went.

    Attributes:
        seconds: from the start of the first worker until the last job is there.
        busy: seconds that the workers were in tasks, all together.
        wasted: those of them that were lost with a worker.
        lost: workers.
    """

    seconds: float
    busy: float
    wasted: float
    lost: int


@dataclass(frozen=True)
class Task:
    """A piece of work: `left` frames of a job, of which the face has been found or not."""

    step: Step
    job: int
    left: int
    looked: bool = False


class Event(NamedTuple):
    """What happens at a time: a worker is free, a task is done, or one that its worker was lost in waits again."""

    time: float
    number: int                        # events at the same time happen in the order in which they were foreseen
    worker: int | None = None
    done: Task | None = None
    again: Task | None = None


class Simulation:
    """One run of a fleet on jobs.

    Args:
        fleet: who works.
        jobs: frames of each.
        bundle: frames of a shared job that are one task.
    """

    def __init__(self, fleet: Fleet, jobs: Sequence[int], bundle: int = SEGMENT):
        self.fleet, self.jobs, self.bundle = fleet, jobs, bundle
        self.chance = random.Random(fleet.seed)
        self.speeds = [fleet.slowness if self.chance.random() < fleet.slow else 1.0 for _ in range(fleet.workers)]
        self.waiting = deque(
            Task("look" if fleet.shares(frames) else "whole", job, frames) for job, frames in enumerate(jobs)
        )
        self.idle: list[int] = []
        self.parts: dict[int, int] = {}                # by job: those that are not done yet
        self.events: list[Event] = []
        self.now = self.storage_free = self.busy = self.wasted = 0.0
        self.foreseen = self.lost = 0

    def run(self) -> Done:
        """Return how it goes."""
        for worker, speed in enumerate(self.speeds):
            self._foresee(self.fleet.start * speed, worker=worker)
        open_jobs = len(self.jobs)
        while open_jobs:
            event = heapq.heappop(self.events)
            self.now = event.time
            if event.done is not None:
                self.waiting.extendleft(self._after(event.done))    # what is begun is ended first
                open_jobs -= event.done.step in ("whole", "join")
            if event.again is not None:
                self.waiting.appendleft(event.again)
            if event.worker is not None:
                self.idle.append(event.worker)
            while self.idle and self.waiting:
                self._give(self.idle.pop(), self.waiting.popleft())
        return Done(self.now, self.busy, self.wasted, self.lost)

    def _after(self, task: Task) -> list[Task]:
        """Return what can be done now that a task is."""
        frames = self.jobs[task.job]
        if task.step == "look":
            parts = [Task("part", task.job, min(self.bundle, frames - at)) for at in range(0, frames, self.bundle)]
            self.parts[task.job] = len(parts)
            return parts
        if task.step == "part":
            self.parts[task.job] -= 1
            if not self.parts[task.job]:
                return [Task("join", task.job, frames)]
        return []

    def _costs(self, task: Task) -> tuple[float, float, float]:
        """Return the seconds before the first frame of a task is rendered, those a frame, and the bytes to be moved."""
        fleet, left, looked = self.fleet, task.left, task.looked
        if task.step == "look":
            return fleet.job + left * fleet.look, 0.0, left * fleet.read
        if task.step == "part":
            return math.ceil(left / SEGMENT) * fleet.part, fleet.render, left * (fleet.read + fleet.written)
        if task.step == "join":
            return 0.0, 0.0, left * 2 * fleet.written
        looking = 0.0 if looked else left * fleet.look
        return fleet.job + looking, fleet.render, left * ((2 - looked) * fleet.read + 3 * fleet.written)

    def _give(self, worker: int, task: Task) -> None:
        """Let a worker begin a task: it ends, or the worker is lost in it."""
        speed = self.speeds[worker]
        before, each, moved = self._costs(task)
        before, each = before * speed, each * speed
        self.storage_free = max(self.storage_free, self.now) + moved / self.fleet.storage
        seconds = max(before + task.left * each, self.storage_free - self.now)
        held = self.chance.expovariate(self.fleet.losses / 3600) if self.fleet.losses else math.inf
        if held >= seconds:
            self.busy += seconds
            self._foresee(seconds, worker=worker, done=task)
            return
        rendered = min(task.left, int(max(0.0, held - before) / each) // SEGMENT * SEGMENT) if each else 0
        looked = task.looked or (task.step == "whole" and held >= before)
        kept = rendered * each + (before if looked and not task.looked else 0.0)
        self.lost, self.busy, self.wasted = self.lost + 1, self.busy + held, self.wasted + held - kept
        self._foresee(held, again=replace(task, left=task.left - rendered, looked=looked))
        self._foresee(held + self.fleet.start * speed, worker=worker)

    def _foresee(
        self, seconds: float, *, worker: int | None = None, done: Task | None = None, again: Task | None = None
    ) -> None:
        self.foreseen += 1
        heapq.heappush(self.events, Event(self.now + seconds, self.foreseen, worker, done, again))


def simulate(fleet: Fleet, jobs: Sequence[int], most_tasks: int = 300_000) -> Done:
    """Return how long a fleet takes for jobs.

    Args:
        fleet: who works.
        jobs: frames of each, in the order in which they wait.
        most_tasks: with more segments than this to share out, several that follow each other are one task.
    """
    shared = sum(filter(fleet.shares, jobs))
    return Simulation(fleet, jobs, SEGMENT * max(1, math.ceil(shared / SEGMENT / most_tasks))).run()
