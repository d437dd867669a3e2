"""The watch over one long job: it sees both programs' memory, and tells growth from a step."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

import hour

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def samples(growth: float) -> list[hour.Sample]:
    """Of an hour: 10 minutes of finding faces, then rendering with more memory, which grows by so many MB an hour."""
    finding = [hour.Sample(5.0 * n, 300.0, 100.0, 0.0, 5, 11) for n in range(120)]
    warming = [hour.Sample(600 + 5.0 * n, 300.0 + 8 * n, 400.0, 1.0 + n, 9, 15) for n in range(24)]
    later = [hour.Sample(720 + 5.0 * n, 500 + growth * 5 * n / 3600, 400.0, 25.0 + n, 9, 15) for n in range(576)]
    return finding + warming + later


def test_growth_is_told_from_the_step_between_the_passes() -> None:
    for growth in (0.0, 36.0):
        finding, rendering = hour.report(samples(growth))
        assert finding.startswith("finding faces: 595 s, +0.0 MB an hour; peak 400 MB, Python alone 300 MB")
        assert f"{growth:+.1f} MB an hour; peak {900 + growth * 0.8:.0f} MB" in rendering
        assert rendering.endswith("at most 9 files, 15 threads")


def test_a_short_pass_has_no_slope() -> None:
    assert [line.split(", ")[1].partition(";")[0] for line in hour.report(samples(0.0)[100:130])] == [
        "too short for a slope"
    ] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_job_is_watched_to_its_end(tmp_path: Path) -> None:
    words = ["--face", str(EXAMPLES / "face.mp4"), "--audio", str(EXAMPLES / "speech.wav"), "--hours", "0.0005"]
    words += ["--size", "320x240", "--every", "0.2"]
    words += ["--csv", str(tmp_path / "t.csv"), "--plot", str(tmp_path / "t.png")]
    fixed = ["--box", "20", "200", "80", "240", "--device", "cpu", "--silence", "model"]
    result = CliRunner().invoke(hour.main, [*words, "--", *fixed])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "t.csv").open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert max(row["python"] for row in rows) > 100
    assert max(row["ffmpeg"] for row in rows) > 5
    assert max(row["threads"] for row in rows) > 1


def test_what_the_program_says_when_it_fails_is_passed_on(tmp_path: Path) -> None:
    words = ["--face", str(EXAMPLES / "face.mp4"), "--audio", str(EXAMPLES / "speech.wav"), "--hours", "0.0001"]
    words += ["--size", "64x64", "--csv", str(tmp_path / "t.csv"), "--plot", str(tmp_path / "t.png")]
    result = CliRunner().invoke(hour.main, [*words, "--", "--box", "1", "2", "3"])
    assert result.exit_code == 1
    assert "wav2lip sync ended with code 2" in result.output
