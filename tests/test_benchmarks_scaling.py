"""The simulation behind docs/scaling.md: what can be told without it comes out of it, and it bounds what cannot."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wav2lip.errors import UsageError
from wav2lip.pipeline.profile import Machine, Profile, StageCost

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

import scaling
from scaling_costs import T4, Cost, documented, estimated, read_costs
from scaling_fleet import SEGMENT, Fleet
from scaling_model import simulate

FLEET = Fleet(workers=4, start=2.0, job=0.5, look=0.01, render=0.05)
SHORT = SEGMENT                                   # frames: one segment
ONE_SHORT = 0.5 + SHORT * 0.06                    # seconds, of a job
LONG = 40 * SEGMENT


def test_equal_jobs_take_turns() -> None:
    for jobs, turns in ((1, 1), (4, 1), (5, 2), (8, 2), (400, 100)):
        done = simulate(FLEET, [SHORT] * jobs)
        assert done.seconds == pytest.approx(2 + turns * ONE_SHORT)
        assert done.busy == pytest.approx(jobs * ONE_SHORT)
    assert (done.lost, done.wasted) == (0, 0)


def test_the_segments_of_a_long_job_are_shared_out_once_its_face_is_found() -> None:
    shared = replace(FLEET, split=10 * SEGMENT, part=0.25)
    looking, segment = 0.5 + LONG * 0.01, 0.25 + SEGMENT * 0.05
    assert simulate(shared, [LONG]).seconds == pytest.approx(2 + looking + 10 * segment)    # 40 of them, on 4 workers
    assert simulate(shared, [LONG, SHORT]).busy == pytest.approx(looking + 40 * segment + ONE_SHORT)
    assert simulate(FLEET, [LONG]).seconds == pytest.approx(2 + 0.5 + LONG * 0.06)          # nobody helps


def test_segments_in_bundles_take_as_long_as_one_by_one() -> None:
    shared = replace(FLEET, split=10 * SEGMENT, part=0.25)
    one, bundled = simulate(shared, [LONG] * 5), simulate(shared, [LONG] * 5, most_tasks=100)
    assert bundled.busy == pytest.approx(one.busy)
    assert one.seconds <= bundled.seconds == pytest.approx(one.seconds, rel=0.1)


def test_a_lost_worker_costs_at_most_the_segment_it_was_in() -> None:
    rendering = replace(FLEET, job=0.0, look=0.0, losses=20.0)
    segment = SEGMENT * rendering.render
    for fleet in (rendering, replace(rendering, split=SEGMENT)):
        for seed in range(5):
            done = simulate(replace(fleet, seed=seed), [LONG] * 8)
            assert done.lost > 0
            assert done.wasted < done.lost * segment
            assert done.busy - done.wasted == pytest.approx(8 * LONG * rendering.render)    # all was rendered, once


def test_a_worker_lost_while_it_looks_for_the_face_begins_that_again() -> None:
    looking = replace(FLEET, workers=1, job=0.0, look=1.0, render=0.0, losses=5.0, seed=1)
    done = simulate(looking, [SHORT] * 10)
    assert done.lost > 0
    assert done.busy - done.wasted == pytest.approx(10 * SHORT)
    assert done.seconds == pytest.approx(2 * (1 + done.lost) + done.busy)                   # and starts as often


def test_throughput_grows_with_the_workers_until_storage_bounds_it() -> None:
    jobs = [SHORT] * 2000
    fleet = replace(FLEET, read=50_000.0, written=50_000.0, storage=100e6)
    bounded = 2000 * fleet.traffic(SHORT) / fleet.storage
    seconds = [simulate(replace(fleet, workers=workers), jobs).seconds for workers in (5, 10, 20, 400)]
    assert seconds[0] / seconds[1] == pytest.approx(2, rel=0.02)
    assert seconds[1] / seconds[2] == pytest.approx(2, rel=0.02)
    assert seconds[3] == pytest.approx(2 + bounded, rel=0.02)
    assert max(fleet.bounds(jobs), key=fleet.bounds(jobs).__getitem__) == "workers"
    crowded = replace(fleet, workers=400).bounds(jobs)
    assert crowded["storage"] == max(crowded.values()) == pytest.approx(bounded)


def test_nothing_is_faster_than_its_bounds() -> None:
    for split in (None, 4 * SEGMENT):
        fleet = replace(FLEET, split=split, storage=30e6, read=4e4, written=4e4, losses=1.0, slow=0.2, slowness=2.0)
        for minutes in (1, 30, 300):
            jobs = scaling.lengths(minutes, 2.0, 1.0, seed=3)
            assert simulate(fleet, jobs).seconds >= max(fleet.bounds(jobs).values())


def test_slow_workers_do_less_and_hold_up_the_end() -> None:
    jobs = [SHORT] * 300
    slow = replace(FLEET, workers=10, slow=0.3, slowness=3.0, seed=2)
    fast, hampered = simulate(replace(slow, slow=0.0), jobs).seconds, simulate(slow, jobs).seconds
    assert fast < hampered < 3 * fast


def test_lengths_add_up_and_are_as_long_as_asked_for_on_average() -> None:
    jobs = scaling.lengths(5000, 2.0, 0.5, seed=0)
    assert sum(jobs) == 5000 * 60 * scaling.FPS
    assert sum(jobs) / len(jobs) == pytest.approx(2 * 60 * scaling.FPS, rel=0.05)
    assert set(scaling.lengths(10, 1.0, 0.0, seed=0)) == {60 * scaling.FPS}


def test_a_frame_takes_the_longest_of_cores_thread_and_gpu() -> None:
    cost = Cost(cores=0.06, serial=0.004, device=0.002)
    assert cost.on(1) == 0.06
    assert 0.06 / 2 < cost.on(2) < 0.06 / 1.8                                              # two in a team lose a little
    assert cost.on(64) == 0.004
    assert cost.on(64, workers_a_gpu=8) == 0.016


def profile(**changed: object) -> Profile:
    stages = (
        StageCost("start-up", 1.0, 0.9), StageCost("load", 0.5, 0.4), StageCost("speech", 0.1, 0.1),
        StageCost("decode", 3.0, 4.0, 200), StageCost("detect", 1.0, 1.0, 10), StageCost("generate", 5.0, 6.0, 100),
        StageCost("compose", 0.5, 0.4, 100), StageCost("encode", 2.0, 4.0, 100),
    )
    return Profile(**{
        "stages": stages, "seconds": 12.0, "cpu_seconds": 18.8, "frames": 100, "video_seconds": 4.0, "peak_memory": 0,
        "peak_memory_ffmpeg": 0, "machine": Machine(2, "cpu", {}, 0.0), "measuring": 0.0, **changed,
    })


def test_costs_are_read_from_what_bench_and_sync_write(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    for plain in ({"profile": profile().to_dict()}, {"modes": {"cold": {"profile": profile().to_dict()}}}):
        path.write_text(json.dumps(plain))
        costs = read_costs(path)
        assert costs.start == 1.5
        assert costs.look == Cost(pytest.approx((2.0 + 1.0) / 100), pytest.approx(0.01))      # half of the decoding
        assert costs.render == Cost(pytest.approx((0.1 + 2 + 6 + 2 + 0.4 + 4) / 100), pytest.approx(0.004))
    # On a GPU the stage that is in it longest counts: nobody has told how much of it is left over.
    path.write_text(json.dumps({"profile": profile(machine=Machine(8, "cuda", {}, 0.0)).to_dict()}))
    assert read_costs(path).render.device == pytest.approx(0.05)
    assert read_costs(path).look.device == pytest.approx(0.015)


def test_files_that_tell_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    known = profile(stages=tuple(stage for stage in profile().stages if stage.name != "detect"))
    for text in ("", "[]", "{}", json.dumps({"profile": known.to_dict()})):
        path.write_text(text)
        with pytest.raises(UsageError, match=r"bench\.json"):
            read_costs(path)
    with pytest.raises(UsageError):
        read_costs(tmp_path / "missing.json")


def test_a_gpu_without_an_encoder_leaves_it_to_the_cores() -> None:
    cpu = documented()
    without = estimated(replace(T4, encoded=0), cpu)
    assert without.render.cores > estimated(T4, cpu).render.cores + 0.01
    assert without.render.device < estimated(T4, cpu).render.device
    assert math.isclose(documented(7.93).render.cores - cpu.render.cores, 5.89 / 250 * (7.93 / 2.006 - 1))


def run(*words: str) -> Result:
    return CliRunner().invoke(scaling.main, [*words, "--minutes", "10", "--minutes", "1000"])


def test_the_command_prints_a_table_and_draws(tmp_path: Path) -> None:
    result = run("--price-per-hour", "0.1", "1", "--plot", str(tmp_path / "plot.png"))
    assert result.exit_code == 0, result.output
    head = next(line for line in result.stdout.splitlines() if line.lstrip().startswith("minutes"))
    assert head.split("  ")[-1] == "bound by"
    assert "price" in head
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    rows = {(row["minutes"], row["machines"]): row for row in json.loads(run("--json").stdout)}
    assert len(rows) == 2 * len(scaling.MACHINES)
    one, many = rows[1000, "16 cores"], rows[1000, "1000 × 16 cores"]
    assert one["price"] is None
    assert (one["bound"], many["bound"]) == ("workers", "storage")
    assert one["utilisation"] > 0.9 > many["utilisation"]
    assert {row["workers"] for row in json.loads(run("--json", "--threads", "16").stdout)} >= {1, 10, 100, 1000}
    result = run("--bench", str(tmp_path / "missing.json"))
    assert result.exit_code == 1
    assert "missing.json" in result.output
