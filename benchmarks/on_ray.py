"""How much more two nodes of a Ray cluster do than one, and whether their results are those of this machine alone.

    python benchmarks/on_ray.py [--jobs 12] [--seconds 4] [--kill] [FOLDER]

Each node is a raylet of its own on this machine, tied to one core with all that it starts; the head does no work. The
same list of jobs is done by one node and by two. Printed are the times that they took, with the start of the workers
and without, the ratio, and whether every result has the bytes that `wav2lip.sync` gives on one core. With --kill, the
list is done once more by two nodes, one of which is killed in the middle. Linux; needs two cores that have nothing
else to do, and the extra ray.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
CORES = sorted(os.sched_getaffinity(0))
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}
ONE_THREAD = ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "OPENBLAS_NUM_THREADS")


@contextmanager
def machines(count: int) -> Iterator[Any]:
    """Give a cluster with a head and so many nodes."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(True, head_node_args=NODE | {"num_cpus": 0, "include_dashboard": False, "_system_config": {
        "health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_failure_threshold": 3,
        "health_check_timeout_ms": 1000,
    }})
    try:
        cluster.nodes = []
        for core in CORES[:count]:
            os.sched_setaffinity(0, {core})           # what is started has it, too
            cluster.nodes.append(cluster.add_node(**NODE))
        os.sched_setaffinity(0, CORES)
        yield cluster
    finally:
        cluster.shutdown()


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--jobs", "count", default=12, show_default=True, help="How many jobs.")
@click.option("--seconds", default=4, show_default=True, help="How long each is.")
@click.option("--kill", is_flag=True, help="Kill a node in the middle, too.")
def main(folder: Path | None, count: int, seconds: int, kill: bool) -> None:
    """Compare two nodes with one."""
    short = tempfile.mkdtemp(prefix="w")              # names of sockets must be short
    os.environ |= {"RAY_TMPDIR": short, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token",
                   "RAY_AUTH_TOKEN": secrets.token_hex(32)} | dict.fromkeys(ONE_THREAD, "1")
    os.mkdir(os.path.join(short, "ray"))
    try:
        with tempfile.TemporaryDirectory() as temporary:
            compare(folder or Path(temporary), count, seconds, kill)
    finally:
        shutil.rmtree(short, ignore_errors=True)


def compare(folder: Path, count: int, seconds: int, kill: bool) -> None:
    import wav2lip
    from wav2lip.media.ffmpeg import QUIET, binary

    folder.mkdir(parents=True, exist_ok=True)
    audio = folder / "speech.wav"
    os.spawnv(os.P_WAIT, binary(), [binary(), *QUIET, "-y", "-stream_loop", "-1", "-i", str(EXAMPLES / "speech.wav"),
                                    "-t", str(seconds), str(audio)])
    options = wav2lip.SyncOptions(device="cpu", box=(55, 145, 40, 120), offline=True)
    jobs = [
        wav2lip.Job(f"job {n}", str(EXAMPLES / "face.mp4"), str(audio), f"{n}.mp4", replace(options, crf=15 + n))
        for n in range(count)
    ]
    times = {}
    for nodes in (1, 2):
        times[nodes] = timed(jobs, folder / f"{nodes}", nodes, kill=False)
    if kill:
        timed(jobs, folder / "killed", 2, kill=True)
    print(f"two nodes do {times[1] / times[2]:.2f} times as much as one")
    os.sched_setaffinity(0, CORES[:1])
    for job in jobs:
        wav2lip.sync(job.face, job.audio, folder / job.output, job.options)
    for place in ("1", "2", *(["killed"] if kill else [])):
        same = sum((folder / place / job.output).read_bytes() == (folder / job.output).read_bytes() for job in jobs)
        print(f"{place}: {same} of {count} results have the bytes of `wav2lip.sync`")


def timed(jobs: list[Any], folder: Path, nodes: int, kill: bool) -> float:
    """Do jobs, and return the seconds that they took with workers that have started."""
    from wav2lip.batch.on_ray import Cluster, run_on_ray

    with machines(nodes) as cluster:
        start, ends, done = time.perf_counter(), [], 0
        for outcome in run_on_ray([replace(job, output=str(folder / job.output)) for job in jobs],
                                  Cluster(cluster.address)):
            done += outcome.status == "done"
            ends.append(time.perf_counter() - start)
            if kill and len(ends) == len(jobs) // 3:
                cluster.nodes.pop().kill_raylet()
        # The first jobs wait for workers to start, and end at about the same time: one for each node.
        warm = (ends[-1] - ends[nodes - 1]) * len(jobs) / (len(jobs) - nodes)
        what = f"{nodes} nodes, one of them killed" if kill else f"{nodes} node{'s' * (nodes > 1)}"
        print(f"{what}: {done} of {len(jobs)} done in {ends[-1]:.1f} s; {warm:.1f} s with workers that run", flush=True)
    return warm


if __name__ == "__main__":
    main()
