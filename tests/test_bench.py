"""`wav2lip bench`, from its parts to the whole of it on a clip of half a second."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from media_samples import run_ffmpeg

from wav2lip.benchmark import clip
from wav2lip.benchmark.bench import fill_cache
from wav2lip.benchmark.results import Bench, Mode, best_of, median_profile
from wav2lip.benchmark.runs import run
from wav2lip.cli import main
from wav2lip.errors import NoFaceError, Wav2LipError
from wav2lip.faces.cascade import CascadeDetector
from wav2lip.media.ffmpeg import url
from wav2lip.media.image import read_image
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.media.sound import read_samples
from wav2lip.pipeline.profile import Machine, Profile, StageCost
from wav2lip.progress import Progress
from wav2lip.speech.activity import energy_activity

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MACHINE = Machine(2, "cpu", {"float32": 100e9}, 10e9)


@pytest.fixture
def media(tmp_path: Path) -> list[str]:
    face, speech = tmp_path / "in.mp4", tmp_path / "speech.wav"
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-t", 0.6, "-vf", "scale=240:240", "-an", url(face))
    run_ffmpeg("-i", url(EXAMPLES / "speech.wav"), "-t", 0.5, url(speech))
    return ["--face", str(face), "--audio", str(speech)]


def bench(*words: object) -> Result:
    return CliRunner().invoke(main, ["bench", *map(str, words)])


def profile(seconds: float, generate: float, machine: Machine = MACHINE) -> Profile:
    made = StageCost("generate", generate, generate, 250, 1.5e12, "float32", whole_flop=2e12)
    stages = (StageCost("load", 1.0, 1.0), made)
    return Profile(stages, seconds, 2 * seconds, 250, 10.0, 500, 100, machine, 1.0)


def test_a_clip_is_measured_cold_and_warm_beside_a_plain_transcode(tmp_path: Path, media: list[str]) -> None:
    out, picture = tmp_path / "new" / "bench.json", tmp_path / "bench.png"
    words = ["--detector", "cascade", "--device", "cpu", "--runs", 1, "--json", out, "--plot", picture, "-q"]
    result = bench(*media, *words, "--", "--silence", "model", "--crf", "30")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""

    found = json.loads(out.read_text())
    assert (found["face"], found["size"], found["fps"]) == ("in.mp4", [240, 240], "25")
    assert found["options"] == ["--detector", "cascade", "--device", "cpu", "--silence", "model", "--crf", "30"]
    assert {"processor", "torch", "ffmpeg"} < set(found["about"])
    assert list(found["modes"]) == ["cold", "warm"]
    stages = {mode: [stage["name"] for stage in found["modes"][mode]["profile"]["stages"]] for mode in found["modes"]}
    assert "detect" in stages["cold"]
    assert "detect" not in stages["warm"]
    for mode in found["modes"].values():
        assert len(mode["seconds"]) == len(found["transcodes"]) == 1
        assert mode["profile"]["frames"] == 13
        assert mode["times_floor"] == pytest.approx(mode["median_seconds"] / mode["floor_seconds"])
        assert mode["floor_seconds"] > found["transcode_seconds"] > 0
        assert mode["times_video"] == pytest.approx(mode["median_seconds"] / 0.52)
        if sys.platform == "linux":
            assert mode["peak_memory"] > 100e6
    lines = result.stdout.splitlines()
    assert sum(line.startswith("whole run") for line in lines) == 2
    assert any(line.startswith("The whole run takes ") for line in lines)
    assert read_image(picture).shape == (550, 1100, 3)


def test_no_input_is_replaced_by_what_was_measured(media: list[str]) -> None:
    face, audio = Path(media[1]), Path(media[3])
    before = face.read_bytes(), audio.read_bytes()
    for words in (["--plot", face], ["--json", audio], ["--json", "x.png", "--plot", "x.png"], ["--json", face.parent]):
        assert bench(*media, *words).exit_code == 2
    assert (face.read_bytes(), audio.read_bytes()) == before


@pytest.mark.parametrize(
    "words", [["--dry-run"], ["--no-clobber"], ["--min-score", "1"], ["--face", "x.mp4"], ["-o", "x.mp4"]]
)
def test_what_is_no_measurement_is_refused(media: list[str], words: list[str]) -> None:
    result = bench(*media, "--", *words)
    assert result.exit_code == 2
    assert "cannot be measured" in result.stderr


def test_face_and_audio_go_together() -> None:
    result = bench("--face", "face.mp4")
    assert (result.exit_code, result.stderr) == (
        2, "Error: Name both --face and --audio, or neither: then a clip is drawn.\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--detector", "yunet"], "The yunet face detector needs its weights file"),
        (["--", "--crf", "much"], "'much' is not a valid integer"),
        (["--", "--mask", "parsing"], "The mask parsing needs a face-parsing network"),
        (["--", "--resize-factor", "2"], "is measured as a video in its own size"),
    ],
)
def test_what_a_run_would_refuse_is_refused_in_its_own_words(media: list[str], words: list[str], said: str) -> None:
    result = bench(*media, "--runs", 1, "-q", *words)
    assert result.exit_code in (2, 4)
    assert said in result.stderr
    assert result.stdout == ""


def test_a_picture_is_refused(tmp_path: Path, media: list[str]) -> None:
    picture = tmp_path / "face.png"
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-frames:v", 1, url(picture))
    result = bench("--face", picture, *media[2:], "-q")
    assert result.exit_code == 2
    assert "face.png is measured as a video" in result.stderr


def test_the_drawn_clip_shows_a_face_that_is_found_and_a_sound_that_is_speech(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip, "SECONDS", 0.2)
    video, _ = clip.make_clip(tmp_path, Progress())
    made = probe(video)
    assert (made.width, made.height, made.fps, made.frames, made.sound) == (1280, 720, 25, 5, None)
    monkeypatch.undo()
    frame = next(read_frames(made))
    box = CascadeDetector().detect([frame])[0][0]
    assert 400 < box[0] < box[2] < 900            # in the middle of the picture
    assert np.std(frame[:100, :100, 0].astype(float)) > 1      # grain, where the drawing is flat


def test_the_drawn_clips_sound_has_speech_and_pauses(tmp_path: Path) -> None:
    clip.write_wav(tmp_path / "speech.wav", clip.hum())
    samples = np.concatenate(list(read_samples(tmp_path / "speech.wav")))
    assert len(samples) == 10 * 16000
    speaks = energy_activity([samples])
    assert 0.5 < speaks.mean() < 0.95


def test_a_failed_run_says_what_the_program_said() -> None:
    program = "import sys; print('bar\\nError: No face was found.', file=sys.stderr); sys.exit({})"
    for code, kind in ((5, NoFaceError), (1, Wav2LipError)):
        with pytest.raises(Wav2LipError, match=r"^No face was found\.$") as caught:
            run([sys.executable, "-c", program.format(code)])
        assert type(caught.value) is kind


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_memory_of_a_process_and_those_below_it_is_seen() -> None:
    child = "held = bytearray(60_000_000); import time; time.sleep(0.8)"
    parent = f"held = bytearray(30_000_000); import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    done = run([sys.executable, "-c", parent], watched=True)
    assert 90e6 < done.memory < 200e6
    assert 30e6 < done.own_memory < 90e6
    assert done.seconds > 0.8


def test_a_child_that_is_just_being_started_does_not_count_its_parent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([100, 100, 200])                  # a look, the one that confirms it, and a child being started
    monkeypatch.setattr("wav2lip.benchmark.runs.resident", lambda pid: next(seen, 110))
    done = run([sys.executable, "-c", "import time; time.sleep(0.6)"], watched=True)
    assert done.memory == 110


def test_a_cold_cache_has_everything_but_tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    (own / "faces").mkdir(parents=True)
    (own / "faces" / "track.npz").touch()
    (own / "s3fd.pth").write_text("weights")
    monkeypatch.setenv("WAV2LIP_CACHE", str(own))
    cold = tmp_path / "cold"
    for _ in range(2):
        fill_cache(cold)
        assert [entry.name for entry in cold.iterdir()] == ["s3fd.pth"]
        assert (cold / "s3fd.pth").read_text() == "weights"
        (cold / "faces").mkdir()
    assert (own / "faces" / "track.npz").exists()
    assert (own / "s3fd.pth").exists()


def test_medians_are_of_each_figure_and_peaks_the_best() -> None:
    slow = Machine(2, "cpu", {"float32": 50e9, "bfloat16": 300e9}, 12e9)
    profiles = [profile(12, 5), profile(10, 7, slow), profile(11, 9)]
    machine = best_of([one.machine for one in profiles])
    assert machine == Machine(2, "cpu", {"float32": 100e9, "bfloat16": 300e9}, 12e9)
    middle = median_profile(profiles, machine)
    assert (middle.seconds, middle.stage("generate").seconds, middle.stage("load").seconds) == (11, 7, 1)


@pytest.fixture
def measured() -> Callable[[Profile], Bench]:
    def make(found: Profile) -> Bench:
        mode = Mode((found.seconds,), found, 0, 0)
        return Bench({}, "face.mp4", (1280, 720), Fraction(25), (), (4.0, 6.0, 5.0), {"warm": mode})

    return make


def test_a_run_is_held_against_the_transcode_and_the_generators_arithmetic(
    measured: Callable[[Profile], Bench]
) -> None:
    result = measured(profile(37.5, 30))
    assert result.floor("warm") == 5 + 2e12 / 100e9       # 25 s
    assert result.ratio("warm") == 1.5


def test_without_counted_arithmetic_there_is_no_floor(measured: Callable[[Profile], Bench]) -> None:
    found = profile(37.5, 30)
    result = measured(replace(found, stages=(found.stages[0], replace(found.stages[1], flop=0.0, number_format=""))))
    assert result.floor("warm") is None
    assert result.ratio("warm") is None
    assert result.to_dict()["modes"]["warm"]["floor_seconds"] is None
