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
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from media_samples import make_video, run_ffmpeg

import wav2lip
from wav2lip.batch.agenda import Agenda
from wav2lip.batch.cluster import Share, joined, short_folder
from wav2lip.batch.crew import Call, Crew, Died
from wav2lip.batch.job import Job, Outcome, failed
from wav2lip.batch.on_ray import Cluster, run_on_ray
from wav2lip.batch.plan import Plan
from wav2lip.batch.ray_worker import RayWorker
from wav2lip.batch.waiting import Waiting
from wav2lip.cli import main
from wav2lip.errors import UsageError
from wav2lip.media.limits import VARIABLE, limits
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


def test_a_call_that_kills_its_worker_spoils_no_other(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "size=1k")           # since the nodes were started
    class Deadly:
        """An actor for which some calls are the last."""

        def start(self, limits: str) -> tuple[str, str]:
            import ray

            self._limits = limits
            return ray.get_runtime_context().get_node_id(), wav2lip.__version__

        def do(self, number: int, lost: bool) -> tuple[int, str]:
            if number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if number == 2:
                raise ValueError("two")
            return number, self._limits

        def stop(self) -> None:
            pass

    calls = [Call("do", (number,)) for number in range(4)]
    with joined(cluster.address) as ray:
        crew = Crew(ray, Deadly, Share(), None, Progress())
        said = crew.answers(lambda: calls.pop() if calls else None)
        answers = {call.arguments[0]: answer for call, answer in said}
        crew.dismiss()
    assert answers == {
        0: (0, "size=1k"), 1: Died("was killed, or crashed,"), 2: Died("met with ValueError: two"), 3: (3, "size=1k"),
    }


def test_a_job_that_kills_its_worker_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    given = Job("job 1", "face.mp4", None, str(tmp_path / "a.mp4"), OPTIONS)
    agenda = Agenda(Waiting([given], retries=1, fail_fast=False), long=6)
    for last in (False, True):
        call = agenda.following()
        assert call is not None
        assert call.method == "begin"
        outcome = agenda.settle(call, Died("was killed"))
        assert (outcome is not None) == last
    assert outcome is not None
    assert (outcome.key, outcome.status, outcome.exit_code, outcome.attempts) == (given.key, "failed", 1, 2)
    assert outcome.error == "The worker was killed while it did this job."
    assert agenda.following() is None


def test_a_long_job_is_given_out_in_parts_and_finished_by_one(tmp_path: Path) -> None:
    given = Job("job 1", "face.mp4", None, str(tmp_path / "a.mp4"), replace(OPTIONS, resume=False))
    agenda = Agenda(Waiting([given], retries=1, fail_fast=False), long=1)
    first = agenda.following()
    assert first is not None
    assert agenda.following() is None
    assert agenda.settle(first, Plan("folder", (3, 5))) is None
    parts = [agenda.following(), agenda.following()]
    assert [part and part.arguments[1:] for part in parts] == [(3, "folder"), (5, "folder")]
    assert agenda.following() is None                 # what is running may fail yet
    assert [agenda.settle(part, True) for part in parts if part] == [None, None]
    last = agenda.following()
    assert last is not None
    assert last.method == "finish"
    done = agenda.settle(last, Outcome("other", "job 1", "other", "done", frames=7))
    assert done is not None
    assert (done.key, done.output, done.frames, done.attempts) == (given.key, given.output, 7, 1)


def two_parts_begun(tmp_path: Path) -> tuple[Job, Agenda, Call, Call]:
    """Return a job of three parts that is being done, and two of its parts, which are being made."""
    given = Job("job 1", "face.mp4", None, str(tmp_path / "a.mp4"), OPTIONS)
    agenda = Agenda(Waiting([given], retries=0, fail_fast=False), long=1)
    first = agenda.following()
    assert first is not None
    agenda.settle(first, Plan("folder", (0, 1, 2)))
    one, other = agenda.following(), agenda.following()
    assert one is not None
    assert other is not None
    return given, agenda, one, other


def test_one_worker_makes_the_rest_of_a_job_where_parts_of_others_would_not_match(tmp_path: Path) -> None:
    _given, agenda, one, other = two_parts_begun(tmp_path)
    agenda.settle(one, False)
    assert agenda.following() is None
    agenda.settle(other, True)
    last = agenda.following()
    assert last is not None
    assert last.method == "finish"


def test_parts_of_a_job_that_has_failed_do_not_count(tmp_path: Path) -> None:
    given, agenda, one, other = two_parts_begun(tmp_path)
    failure = agenda.settle(one, failed(given, "It is broken.", 3))
    assert failure is not None
    assert failure.error == "It is broken."
    assert agenda.settle(other, True) is None
    assert agenda.following() is None


def test_there_is_room_for_as_many_workers_as_their_shares_allow() -> None:
    nodes = [
        {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0}}, {"Alive": True, "Resources": {"CPU": 4.0}},
        {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
    ]
    assert Share(cpus=1).slots(nodes) == 12
    assert Share(cpus=3).slots(nodes) == 3
    assert Share(cpus=1, gpus=0.3).slots(nodes) == 6
    assert Share(cpus=0, gpus=0.1).slots(nodes) == 20
    for cpus, gpus in ((0, 0), (-1, 0), (1, 1.5), (1, -1)):
        with pytest.raises(UsageError, match="A worker cannot have"):
            Share(cpus, gpus)


def test_a_cluster_of_this_machine_goes_with_the_program(clips: Path, tmp_path: Path) -> None:
    temporary = Path(tempfile.mkdtemp(prefix="w"))
    command = [sys.executable, "-m", "wav2lip", "batch", "--faces", str(clips / "long.mp4"), "--audios",
               str(clips / "long.wav"), "-o", str(tmp_path), "--ray", "local", "--workers", "1", "--box", "8 88 8 88",
               "--device", "cpu", "--silence", "source", "--json"]
    running = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    try:
        process = subprocess.Popen(
            command, env=running | {"TMPDIR": str(temporary)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and not list(tmp_path.glob(".wav2lip-*.work/0*.mp4")):
            time.sleep(0.01)
        process.terminate()
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 143, stderr
        assert stdout == ""
        assert "RAY" not in stderr.upper()            # it has no words of its own
        assert list(temporary.iterdir()) == []
        # To go on from; or it had come to its end meanwhile.
        assert {path.suffix for path in tmp_path.iterdir()} in ({".jsonl", ".work"}, {".jsonl", ".mp4", ".json"})
        assert list(tmp_path.rglob(".*.part*")) == []
        assert run_ps(str(temporary)) == []
    finally:
        shutil.rmtree(temporary)


def run_ps(words: str) -> list[str]:
    """Return the command lines of processes with these words in them."""
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if words in line]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999", "nobody.invalid:6379", "nonsense"])
def test_an_address_without_a_cluster_is_refused_at_once(address: str) -> None:
    with pytest.raises(UsageError, match="No Ray cluster"), joined(address):
        pass


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
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.mp4", "0.mp4.wav2lip.json", "1.mp4", "1.mp4.wav2lip.json",
    ]
    for job in wanted:
        assert Path(job.output).read_bytes() == plain_bytes(job)


def test_the_names_of_rays_sockets_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/scratch/batch/job_1234567/tmp")
    assert short_folder() == "/tmp"
    monkeypatch.setattr(tempfile, "tempdir", "/var/tmp")
    assert short_folder() is None


def test_limits_of_the_command_come_after_those_of_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wav2lip.batch.ray_worker._context", lambda: SimpleNamespace(get_node_id=lambda: "node"))
    monkeypatch.setenv(VARIABLE, "pixels=9k,size=1k")
    assert RayWorker().start("pixels=1M") == ("node", wav2lip.__version__)
    assert (limits().pixels, limits().size) == (1_000_000, 1000)
