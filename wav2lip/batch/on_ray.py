"""Jobs done by a Ray cluster: as many workers as it has room for, on whatever machines it has at the time."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass

from wav2lip.batch.agenda import Agenda
from wav2lip.batch.cluster import Share, joined
from wav2lip.batch.crew import Crew
from wav2lip.batch.job import Job, Outcome
from wav2lip.batch.plan import LONG
from wav2lip.batch.ray_worker import RayWorker
from wav2lip.batch.waiting import Waiting
from wav2lip.progress import Progress


@dataclass(frozen=True)
class Cluster:
    """Which cluster, and what of it is used.

    Attributes:
        address: "auto" for the one that this machine belongs to, host:port, or "local" for this machine alone.
        cpus: processors for each worker, which is also how many threads it computes with.
        gpus: GPUs for each worker, from 0 to 1; None for one each where the cluster has any.
        workers: most workers at a time; None for as many as there is room for.
        long: a job that has more parts (of some ten seconds) than that is shared by several workers.
    """

    address: str = "auto"
    cpus: float = 1.0
    gpus: float | None = None
    workers: int | None = None
    long: int = LONG


def run_on_ray(
    jobs: Iterable[Job], cluster: Cluster, *, retries: int = 1, fail_fast: bool = False,
    progress: Progress | None = None,
) -> Generator[Outcome, None, None]:
    """Do jobs on a cluster, and yield what became of each as soon as that is known. Closing the iterator ends them.

    Args:
        jobs: taken as workers become free, with paths that every node can reach, or URLs.
        cluster: which. A job whose node is lost is done again elsewhere, however often that happens.
        retries: how often a job is tried again that failed for a reason that may be gone then, or killed its worker.
        fail_fast: begin nothing any more once a job has failed; what runs is finished.
        progress: receives words about the cluster.

    Raises:
        UsageError: there is no such cluster, or no room in it for a worker.
        Wav2LipError: workers cannot start there.
    """
    waiting, progress = Waiting(jobs, retries, fail_fast), progress or Progress()
    agenda = Agenda(waiting, cluster.long)
    with joined(cluster.address) as ray:
        gpus = float(ray.cluster_resources().get("GPU", 0) > 0) if cluster.gpus is None else cluster.gpus
        crew = Crew(ray, RayWorker, Share(cluster.cpus, gpus), cluster.workers, progress)
        try:
            for call, answer in crew.answers(agenda.following):
                outcome = agenda.settle(call, answer)
                if outcome is not None:
                    yield outcome
            yield from waiting.given_up()
        finally:
            crew.dismiss()
