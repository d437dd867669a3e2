"""`wav2lip doctor` as a command: a healthy clip, from its findings to what the run will take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from media_samples import run_ffmpeg

from wav2lip.cli import main
from wav2lip.doctor import trial
from wav2lip.media.ffmpeg import url
from wav2lip.models.store import cache_dir

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options for a short clip, of which few frames are tried."""
    monkeypatch.setattr(trial, "SECONDS", 0.1)
    monkeypatch.setattr(trial, "LEAST", 12)
    monkeypatch.chdir(tmp_path)
    face, speech = tmp_path / "in.mp4", tmp_path / "speech.wav"
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-t", 0.8, "-vf", "scale=240:240", "-an", url(face))
    run_ffmpeg("-i", url(EXAMPLES / "speech.wav"), "-t", 0.8, "-ac", 2, url(speech))
    return ["--face", str(face), "--audio", str(speech), "--detector", "cascade", "--device", "cpu"]


def command(name: str, *words: str) -> Result:
    return CliRunner().invoke(main, [name, *words])


def test_a_healthy_clip_is_usable_and_what_it_takes_is_foreseen(words: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    result = command("doctor", *words, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["usable"] is True
    notes = {finding["name"] for finding in told["findings"] if finding["level"] != "ok"}
    assert notes <= {"detector-weights", "disk", "cache-disk", "temporary-disk", "memory"}
    forecast = told["forecast"]
    assert forecast["work"]["frames"] == 20
    assert forecast["known"] is False
    assert forecast["total"] == pytest.approx(sum(forecast["seconds"].values()))
    assert all(forecast["seconds"][stage] > 0 for stage in ("start", "load", "faces", "frames", "joining"))
    assert sorted(tmp_path.iterdir()) == before           # nothing is written
    assert not list(cache_dir().glob("faces/*"))          # nor remembered

    assert command("sync", *words, "-o", str(tmp_path / "out.mp4"), "-q").exit_code == 0
    size = (tmp_path / "out.mp4").stat().st_size
    assert size / 2 < forecast["size"] < 2 * size

    again = command("doctor", *words, "-o", str(tmp_path / "out.mp4"))
    assert again.exit_code == 0, again.output
    assert "The faces are known from before." in again.stdout
    assert "will be replaced" in again.stdout
    assert again.stdout.splitlines()[-1].endswith("sync will work.")


def test_a_problem_ends_with_exit_code_1(words: list[str], tmp_path: Path) -> None:
    result = command("doctor", *words, "-o", str(tmp_path / "out.txt"), "-q")
    assert result.exit_code == 1
    assert "'.txt'" in result.stdout
    assert "Foreseen" not in result.stdout
    assert result.stdout.splitlines()[-1].endswith("sync would not work.")


def test_a_fixed_box_needs_no_detector(words: list[str]) -> None:
    result = command("doctor", *words[:4], "--box", "20", "220", "30", "200", "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["forecast"]["seconds"]["faces"] == 0
    assert any("--box says" in finding["text"] for finding in told["findings"])
