"""Jobs on a Ray cluster with two nodes on this machine: the same bytes as here, whoever is lost meanwhile."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from media_samples import make_video, run_ffmpeg

import wav2lip
from wav2lip.batch.job import Job
from wav2lip.batch.on_ray import Cluster, run_on_ray
from wav2lip.cli import main
from wav2lip.pipeline.options import SyncOptions
from wav2lip.progress import Progress

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")

OPTIONS = SyncOptions(device="cpu", box=(8, 88, 8, 88), offline=True, silence="source")
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
    """A third of a second of face and voice, and 24 seconds in which somebody speaks but now and then."""
    folder = tmp_path_factory.mktemp("clips")
    rows, columns = np.mgrid[0:96, 0:96]
    frames = [np.stack([rows + t % 50, columns, rows + columns], axis=2).astype(np.uint8) for t in range(600)]
    make_video(folder / "short.mp4", frames[:8])
    make_video(folder / "long.mp4", frames)
    run_ffmpeg("-f", "lavfi", "-i", "sine=300:duration=0.32", folder / "short.wav")
    run_ffmpeg("-f", "lavfi", "-i", "aevalsrc='lt(mod(t,8),0.4)*sin(1000*t)':d=24:s=16000", folder / "long.wav")
    return folder


def jobs(clips: Path, folder: Path, count: int, length: str = "short") -> list[Job]:
    return [
        Job(f"job {number}", str(clips / f"{length}.mp4"), str(clips / f"{length}.wav"), str(folder / f"{number}.mp4"),
            replace(OPTIONS, crf=20 + number))
        for number in range(count)
    ]


def plain_bytes(job: Job) -> bytes:
    output = Path(job.output).with_suffix(".plain.mp4")
    wav2lip.sync(job.face, job.audio, output, job.options)
    return output.read_bytes()


def test_two_nodes_do_a_list_of_jobs_as_one_machine_does(cluster: Any, clips: Path, tmp_path: Path) -> None:
    table, wanted = tmp_path / "jobs.csv", jobs(clips, tmp_path, 5)
    rows = [f"{job.face},{job.audio},{Path(job.output).name},{job.options.crf}" for job in wanted]
    table.write_text("\n".join(["face,audio,output,crf", *rows, f"{clips}/none.mp4,{clips}/short.wav,none.mp4,"]))
    options = ["--box", "8 88 8 88", "--device", "cpu", "--silence", "source", "--json"]
    result = CliRunner().invoke(main, ["batch", str(table), "--ray", cluster.address, *options])
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)                # Ray has said nothing between
    assert (report["done"], report["failed"]) == (5, 1), report["failures"]
    assert "none.mp4" in report["failures"][0]["error"]
    assert report["failures"][0]["attempts"] == 1
    for job in wanted:
        assert Path(job.output).read_bytes() == plain_bytes(job)


def test_work_of_a_lost_node_is_done_by_others(cluster: Any, clips: Path, tmp_path: Path) -> None:
    """One raylet is killed while both nodes make parts of the same long job."""
    class Heard(Progress):
        words = ""

        def say(self, text: str) -> None:
            self.words += text

    heard, lost = Heard(), cluster.nodes.pop()

    def lose() -> None:
        while len(list(tmp_path.glob(".wav2lip-*.work/*.mp4"))) < 1:
            time.sleep(0.01)
        lost.kill_raylet()

    threading.Thread(target=lose, daemon=True).start()
    wanted = jobs(clips, tmp_path, 2, "long")
    outcomes = list(run_on_ray(wanted, Cluster(cluster.address, long=1), progress=heard))
    assert sorted(outcome.output for outcome in outcomes) == [job.output for job in wanted]
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert "A node of the cluster was lost" in heard.words
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.mp4", "1.mp4"]
    for job in wanted:
        assert Path(job.output).read_bytes() == plain_bytes(job)
