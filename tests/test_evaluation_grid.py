"""The metric on real recordings: what is in sync is found to be, a moved sound is found and put right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wav2lip.cli import main
from wav2lip.evaluation.judges import EXPERT
from wav2lip.evaluation.score import EvaluationOptions, Evaluator
from wav2lip.media.probe import probe
from wav2lip.media.shift import shift_sound
from wav2lip.progress import Progress
from wav2lip.training.splits import is_held_out

SHIFTS = (-10, -6, -2, 3, 7, 10)     # frames of 25 a second: up to 400 ms

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def clips(shared: Path) -> list[Path]:
    """Three sentences that nothing was trained on."""
    return [path for path in sorted((shared / "data" / "grid" / "s1").glob("*.mp4")) if is_held_out(path.stem)][:3]


@pytest.fixture
def detection(shared: Path) -> list[str]:
    return ["--detector", "yunet", "--detector-weights", str(shared / "data" / "detectors" / "yunet.onnx")]


def test_a_moved_sound_is_found_and_scores_worse_where_it_was_not(
    clips: list[Path], detection: list[str], tmp_path: Path
) -> None:
    options = EvaluationOptions(
        picture=False, detector="yunet", detector_weights=Path(detection[3]), device="cpu"
    )
    evaluator = Evaluator(options, Progress())
    for number, path in enumerate(clips):
        own = evaluator.score(path).sync[EXPERT]
        assert abs(own.late) <= 1
        assert own.confidence > 0.2
        late = SHIFTS[number::3][number % 2]
        shift_sound(probe(path), tmp_path / "moved.mp4", late / 25)
        moved = evaluator.score(tmp_path / "moved.mp4").sync[EXPERT]
        assert abs(moved.late - own.late - late) <= 1
        assert own.curve[15] < own.curve[15 - late] - 0.1    # there is where the moved sound would be in sync


@pytest.mark.parametrize("milliseconds", [-400, 240])
def test_align_puts_a_moved_sound_right(
    clips: list[Path], detection: list[str], tmp_path: Path, milliseconds: int
) -> None:
    moved, out = tmp_path / "moved.mp4", tmp_path / "out.mp4"
    shift_sound(probe(clips[0]), moved, milliseconds / 1000)
    words = ["align", str(moved), "-o", str(out), *detection, "--device", "cpu"]
    result = CliRunner().invoke(main, [*words, "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert abs(report["moved_ms"] + milliseconds) <= 40
    assert abs(report["before"]["sound_late_ms"] - milliseconds) <= 40
    again = json.loads(CliRunner().invoke(main, ["evaluate", str(out), *detection, "--json", "-q"]).stdout)
    assert abs(again["videos"][0]["expert"]["sound_late_ms"]) <= 40


def test_align_leaves_alone_what_it_is_not_sure_of(
    clips: list[Path], detection: list[str], tmp_path: Path
) -> None:
    words = ["align", str(clips[0]), "-o", str(tmp_path / "out.mp4"), *detection, "--min-confidence", "0.99"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 6
    assert "was left alone" in result.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
    refused = CliRunner().invoke(main, ["align", str(clips[0]), "-o", str(clips[0]), *detection])
    assert refused.exit_code == 2
    assert "also an input" in refused.stderr
