"""Jobs on a Ray cluster with two nodes on this machine: the same bytes as here, whoever is lost meanwhile."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from media_samples import make_video, run_ffmpeg

import wav2lip
from wav2lip.batch.cluster import Share
from wav2lip.batch.crew import Call, Crew, Died
from wav2lip.batch.job import Job
from wav2lip.batch.on_ray import Cluster, run_on_ray
from wav2lip.cli import main
from wav2lip.errors import UsageError
from wav2lip.pipeline.options import SyncOptions
from wav2lip.progress import Progress

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")

OPTIONS = SyncOptions(device="cpu", box=(8, 88, 8, 88), offline=True)
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}
SOON = {                                              # a lost node is missed after a second, not after half a minute
    "health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_failure_threshold": 2,
    "health_check_timeout_ms": 500,
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that does no work, and two nodes with one processor each."""
    folder = tempfile.mkdtemp(prefix="w")             # names of sockets must be short
    ours = {"RAY_TMPDIR": folder, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    before = {name: os.environ.get(name) for name in ours}
    os.environ |= ours
    os.mkdir(os.path.join(folder, "ray"))
    from ray.cluster_utils import Cluster as Machines

    machines = Machines(True, head_node_args=NODE | {"num_cpus": 0, "include_dashboard": False, "_system_config": SOON})
    try:
        machines.nodes = [machines.add_node(**NODE) for _ in range(2)]
        yield machines
    finally:
        machines.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second and three seconds of face and voice."""
    folder = tmp_path_factory.mktemp("clips")
    rows, columns = np.mgrid[0:96, 0:96]
    frames = [np.stack([rows + t, columns + t, rows + columns], axis=2).astype(np.uint8) for t in range(75)]
    make_video(folder / "short.mp4", frames[:12])
    make_video(folder / "long.mp4", frames)
    run_ffmpeg("-f", "lavfi", "-i", "sine=300:duration=0.5", folder / "short.wav")
    run_ffmpeg("-f", "lavfi", "-i", "sine=300:duration=3", folder / "long.wav")
    return folder


def jobs(clips: Path, folder: Path, count: int, length: str = "short") -> list[Job]:
    return [
        Job(f"job {number}", str(clips / f"{length}.mp4"), str(clips / f"{length}.wav"), str(folder / f"{number}.mp4"),
            OPTIONS)
        for number in range(count)
    ]


def plain_bytes(clips: Path, length: str = "short") -> bytes:
    output = clips / f"plain_{length}.mp4"
    if not output.exists():
        wav2lip.sync(clips / f"{length}.mp4", clips / f"{length}.wav", output, OPTIONS)
    return output.read_bytes()


def test_two_nodes_do_a_list_of_jobs_as_one_machine_does(cluster: Any, clips: Path, tmp_path: Path) -> None:
    table = tmp_path / "jobs.csv"
    rows = [f"{clips}/short.mp4,{clips}/short.wav,{number}.mp4" for number in range(5)]
    table.write_text("\n".join(["face,audio,output", *rows, f"{clips}/none.mp4,{clips}/short.wav,none.mp4"]))
    arguments = ["batch", str(table), "--ray", cluster.address, "--box", "8 88 8 88", "--device", "cpu", "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)                # Ray has said nothing between
    assert (report["done"], report["failed"]) == (5, 1)
    assert "none.mp4" in report["failures"][0]["error"]
    assert report["failures"][0]["attempts"] == 1
    for number in range(5):
        assert (tmp_path / f"{number}.mp4").read_bytes() == plain_bytes(clips)


def test_work_of_a_lost_node_is_done_by_others(cluster: Any, clips: Path, tmp_path: Path) -> None:
    class Heard(Progress):
        words = ""

        def say(self, text: str) -> None:
            self.words += text

    heard, outcomes = Heard(), []
    for outcome in run_on_ray(jobs(clips, tmp_path, 4, "long"), Cluster(cluster.address), progress=heard):
        if not outcomes:
            cluster.nodes.pop().kill_raylet()         # the other job has begun, or will begin there
        outcomes.append(outcome)
    assert sorted(outcome.output for outcome in outcomes) == [str(tmp_path / f"{number}.mp4") for number in range(4)]
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert "A node of the cluster was lost" in heard.words
    for number in range(4):
        assert (tmp_path / f"{number}.mp4").read_bytes() == plain_bytes(clips, "long")
