"""Where the time of a run goes: every frame counted where it passes, and nothing changed by looking."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from media_samples import run_ffmpeg

import wav2lip
from wav2lip.cli import main
from wav2lip.cli.stages import stage_table
from wav2lip.media.ffmpeg import url
from wav2lip.models.precision import number_type
from wav2lip.pipeline.process import children, children_cpu, peak_memory, process_age
from wav2lip.pipeline.profile import Machine, Profile, StageCost
from wav2lip.pipeline.profiler import Profiler

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SIDE, FRAMES = 240, 13                   # pixels; half a second
OPTIONS = wav2lip.SyncOptions(device="cpu", detector="cascade", offline=True, silence="model")
GFLOP_A_FACE = 2.006                     # of the generator that ships


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("media")
    face, speech = folder / "face.mp4", folder / "speech.wav"
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-t", 0.6, "-vf", f"scale={SIDE}:{SIDE}", "-an", url(face))
    run_ffmpeg("-i", url(EXAMPLES / "speech.wav"), "-t", 0.5, url(speech))
    return face, speech


@pytest.fixture(scope="module")
def folder(media: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the results of the runs below are, which share a cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAV2LIP_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("wav2lip.models.peak.SECONDS", 0.05)
        yield tmp_path_factory.mktemp("results")


def profiled(media: tuple[Path, Path], output: Path) -> Profile:
    profiler = Profiler()
    return profiler.profile(wav2lip.sync(*media, output, OPTIONS, watch=profiler))


@pytest.fixture(scope="module")
def profile(media: tuple[Path, Path], folder: Path) -> Profile:
    """Of a run that has to find the face."""
    return profiled(media, folder / "watched.mp4")


@pytest.fixture(scope="module")
def second(media: tuple[Path, Path], folder: Path, profile: Profile) -> Profile:
    """Of a run that knows where the face is."""
    return profiled(media, folder / "again.mp4")


def test_every_frame_is_counted_where_it_passes(profile: Profile) -> None:
    names = ["load", "speech", "decode", "detect", "reference", "generate", "compose", "encode", "join"]
    assert [stage.name for stage in profile.stages] == names
    stages = {stage.name: stage for stage in profile.stages}
    frames = {"decode": 2 * FRAMES, "generate": FRAMES, "compose": FRAMES, "encode": FRAMES}
    assert {name: stage.frames for name, stage in stages.items() if stage.frames and name != "detect"} == frames
    assert 2 <= stages["detect"].frames < FRAMES                     # not every frame is looked at
    pixels = FRAMES * SIDE * SIDE
    assert stages["decode"].bytes == 3 * pixels + 1.5 * pixels       # as BGR for the detector, then as it is stored
    assert stages["compose"].bytes == stages["encode"].bytes == 1.5 * pixels
    assert stages["generate"].whole_flop == pytest.approx(GFLOP_A_FACE * 1e9 * FRAMES, rel=0.001)
    assert 0.7 < stages["generate"].flop / stages["generate"].whole_flop < 0.8     # of lower faces
    assert stages["generate"].number_format == str(number_type("auto", "cpu")).removeprefix("torch.")
    assert stages["detect"].flop == 0                                # the cascade is no network
    assert (profile.frames, profile.video_seconds) == (FRAMES, FRAMES / 25)


def test_the_times_add_up(profile: Profile) -> None:
    seconds = {stage.name: stage.seconds for stage in profile.stages}
    assert all(value > 0 for value in seconds.values())
    # What the thread of the caller does comes one after another.
    assert sum(seconds[name] for name in ("load", "detect", "reference", "encode")) <= profile.seconds
    assert sum(seconds[name] for name in ("generate", "compose", "speech")) <= profile.seconds
    assert sum(stage.cpu_seconds for stage in profile.stages) <= profile.cpu_seconds + 0.05   # ticks of the system's
    if sys.platform != "win32":
        assert profile.stage("decode").cpu_seconds > 0.01            # ffmpeg's, whose start takes as much
        assert profile.stage("encode").cpu_seconds > 0.01


def test_a_cached_track_is_not_looked_for(second: Profile) -> None:
    assert second.stage("detect") is None
    assert second.stage("decode").frames == FRAMES


def test_looking_changes_nothing(media: tuple[Path, Path], folder: Path, profile: Profile) -> None:
    wav2lip.sync(*media, folder / "alone.mp4", OPTIONS)
    assert (folder / "watched.mp4").read_bytes() == (folder / "alone.mp4").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_memory_of_both_programs_is_told(profile: Profile) -> None:
    assert profile.peak_memory > 100e6
    assert 10e6 < profile.peak_memory_ffmpeg < profile.peak_memory
    assert peak_memory(os.getpid()) >= profile.peak_memory


def test_a_profile_survives_json(profile: Profile) -> None:
    assert Profile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile


def test_the_command_prints_the_table_and_adds_the_profile_to_the_report(
    media: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wav2lip.models.peak.SECONDS", 0.05)
    face, speech = map(str, media)
    words = ["sync", "--face", face, "--audio", speech, "-o", str(tmp_path / "o.mp4"), "--detector", "cascade"]
    result = CliRunner().invoke(main, [*words, "--device", "cpu", "--offline", "--profile", "--json"])
    assert result.exit_code == 0, result.stderr
    profile = json.loads(result.stdout)["profile"]
    assert profile["stages"][0]["name"] == "start-up"
    by_name = {stage["name"]: stage for stage in profile["stages"]}
    assert by_name["generate"]["flop_per_second"] > 0
    assert by_name["generate"]["share_of_peak"] > 0
    assert by_name["encode"]["bytes_per_second"] > 0
    assert by_name["load"]["frames_per_second"] is None
    lines = [line.split() for line in result.stderr.splitlines()]
    assert ["stage", "frames", "seconds", "CPU", "s", "frames/s", "rate", "of", "peak"] in lines
    assert [line[0] for line in lines if line[1:2] == [str(FRAMES)]] == ["generate", "compose", "encode"]


def test_the_table_tells_rates_and_shares() -> None:
    machine = Machine(2, "cpu", {"float32": 100e9, "bfloat16": 400e9}, 10e9)
    profile = Profile(
        stages=(
            StageCost("start-up", 1.5, 1.25),
            StageCost("detect", 2.0, 1.0, 20, 400e9, "bfloat16"),
            StageCost("generate", 4.0, 3.0, 200, 200e9, "float32"),
            StageCost("encode", 0.5, 8.0, 200, 0.0, "", 2_000_000_000),    # ffmpeg's 8 s of two cores, not 0.5 s
        ),
        seconds=10.0, cpu_seconds=15.0, frames=200, video_seconds=8.0, peak_memory=800_000_000,
        peak_memory_ffmpeg=150_000_000, machine=machine, measuring=1.0,
    )
    assert stage_table(profile).splitlines() == [
        "stage      frames  seconds  CPU s  frames/s           rate  of peak",
        "start-up              1.50   1.25",
        "detect         20     2.00   1.00      10.0  200.0 GFLOP/s     50 %",
        "generate      200     4.00   3.00      50.0   50.0 GFLOP/s     50 %",
        "encode        200     0.50   8.00      50.0      0.50 GB/s      5 %",
        "elsewhere                    1.75",
        "whole run     200    10.00  15.00      20.0",
        "1.25 s for a second of video. Memory at its peak: 800 MB, and ffmpeg's 150 MB.",
        "Peaks, measured here: products of matrices on cpu 100 GFLOP/s (float32), 400 GFLOP/s (bfloat16); "
        "memory 10.0 GB/s; 2 cores.",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_process_knows_its_age() -> None:
    code = "import time; time.sleep(0.5); from wav2lip.pipeline.process import process_age as age; print(age())"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.5 <= float(answer.stdout) < process_age()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_children_are_seen_while_they_run_and_charged_when_they_have_ended() -> None:
    before = children_cpu()
    code = "x = sum(range(10_000_000)); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert child.pid in children(os.getpid())
        assert peak_memory(child.pid) > 1e6
        child.communicate(b"\n")
    assert child.pid not in children(os.getpid())
    assert peak_memory(child.pid) == 0
    assert children_cpu() - before > 0.05
