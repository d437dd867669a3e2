"""A lip-sync that says how well it went, and fails where it did not go well enough."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from media_samples import run_ffmpeg

from wav2lip.cli import main
from wav2lip.evaluation.score import EvaluationOptions, evaluate
from wav2lip.media.ffmpeg import url

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def inputs(tmp_path: Path) -> list[object]:
    face, speech = tmp_path / "face.mp4", tmp_path / "speech.wav"
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-t", 1, "-vf", "scale=200:200", "-an", url(face))
    run_ffmpeg("-i", url(EXAMPLES / "speech.wav"), "-t", 1.6, url(speech))
    return ["--face", face, "--audio", speech, "-o", tmp_path / "out.mkv", "--codec", "ffv1", "--no-smooth", "-q"]


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["sync", "--detector", "cascade", "--device", "cpu", *map(str, words)])


def test_the_score_is_printed_and_is_that_of_the_finished_video(inputs: list[object], tmp_path: Path) -> None:
    result = run(*inputs, "--score")
    assert result.exit_code == 0, result.output
    score = result.stderr.splitlines()[-1]
    assert score.startswith("Sync: offset ")
    assert result.stdout == f"{tmp_path / 'out.mkv'}\n"
    report = json.loads(run(*inputs, "--score", "--json").stdout)
    # 40 frames, of which the last 15 are played backwards: one sight of the face.
    assert report["sync"]["windows"] == 36
    assert f"confidence {report['sync']['confidence']:.3f}" in score
    alone = evaluate(tmp_path / "out.mkv", EvaluationOptions(detector="cascade", picture=False)).sync["expert"]
    assert report["sync"]["confidence"] == pytest.approx(alone.confidence, abs=0.1)
    assert report["sync"]["distance"] == pytest.approx(alone.distance, abs=0.1)


def test_where_it_starts_over_is_another_sight(inputs: list[object]) -> None:
    report = json.loads(run(*inputs, "--score", "--json", "--extend", "loop").stdout)
    assert report["sync"]["windows"] == (25 - 4) + (15 - 4)


def test_without_asking_nothing_is_scored(inputs: list[object]) -> None:
    report = json.loads(run(*inputs, "--json").stdout)
    assert report["sync"] is None
    assert "score" not in report["seconds"]


def test_a_result_below_the_least_score_ends_with_6_and_is_kept(inputs: list[object], tmp_path: Path) -> None:
    result = run(*inputs, "--min-score", "0.99")
    assert result.exit_code == 6
    assert result.stderr.splitlines()[-1].startswith("Error: In ")
    assert "--min-score asks for 0.99" in result.stderr
    assert (tmp_path / "out.mkv").exists()
    assert run(*inputs, "--min-score", "0").exit_code == 0


def test_a_result_that_cannot_be_scored_is_kept_and_not_good_enough(inputs: list[object], tmp_path: Path) -> None:
    run_ffmpeg("-i", url(EXAMPLES / "speech.wav"), "-t", 0.16, url(tmp_path / "short.wav"))
    short = [tmp_path / "short.wav" if word == tmp_path / "speech.wav" else word for word in inputs]
    result = run(*[word for word in short if word != "-q"], "--score")
    assert result.exit_code == 0
    assert "could not be scored" in result.stderr
    assert (tmp_path / "out.mkv").exists()
    assert run(*short, "--min-score", "0").exit_code == 6


def test_a_fixed_box_is_scored_where_it_is(inputs: list[object]) -> None:
    report = json.loads(run(*inputs, "--score", "--json", "--box", 40, 160, 55, 145).stdout)
    assert report["detector"] == "box"
    assert np.isfinite(report["sync"]["confidence"])
