"""The whole road of docs/training.md in small: draw, preprocess, train expert and generator, evaluate, lip-sync."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from wav2lip.cli import main
from wav2lip.media.probe import probe
from wav2lip.training.log import read_log

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PLAIN = ["--augment", "0", "--jitter", "0", "--workers", "0", "--device", "cpu", "--batch-size", "16"]


def wav2lip(*arguments: object) -> str:
    """Run a command, which must succeed, and return what it prints."""
    result = CliRunner().invoke(main, [str(word) for word in arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def losses(run: Path, name: str) -> list[float]:
    return [row[name] for row in read_log(run / "log.jsonl") if name in row]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Preprocessed clips: drawn heads, and where there are recordings some of those."""
    root = tmp_path_factory.mktemp("road")
    (root / "speech").mkdir()
    shutil.copy(EXAMPLES / "speech.wav", root / "speech")
    wav2lip("synth", "--count", 4, "--speech", root / "speech", "-o", root / "heads", "--workers", 1)
    wav2lip("preprocess", root / "heads", root / "data", "--detector", "cascade", "--workers", 1)
    recordings = EXAMPLES.parent.parent / "shared" / "data" / "grid" / "s1"
    if recordings.is_dir():
        (root / "grid").mkdir()
        for video in sorted(recordings.glob("*.mp4"))[:2]:
            shutil.copy(video, root / "grid")
        wav2lip("preprocess", root / "grid", root / "data", "--detector", "cascade", "--workers", 1)
    return root / "data"


def test_from_recordings_to_a_lip_synced_video(data: Path, tmp_path: Path) -> None:
    expert, generator = tmp_path / "expert", tmp_path / "generator"
    wav2lip(
        "train", "syncnet", "--data", data, "-o", expert, "--steps", 40, "--width", "1/8", "--rate", 1e-3, *PLAIN
    )
    assert losses(expert, "loss")[-1] < 0.97 * losses(expert, "loss")[0]
    wav2lip(
        "train", "generator", "--data", data, "-o", generator, "--steps", 300, "--width", "1/4", "--frames", 1,
        "--rate", 2e-3, "--cosine", "--mouth", 4, "--whole-every", 4, "--evaluation-samples", 16, *PLAIN,
    )
    assert losses(generator, "l1")[-1] < 0.4 * losses(generator, "l1")[0]

    weights = generator / "generator.safetensors"
    figures = json.loads(wav2lip(
        "train", "evaluate", weights, "--data", data, "--everything", "--samples", 128, "--clips", 2,
        "--expert", expert / "expert.safetensors", "--sheet", tmp_path / "sheet.png", "--json",
    ))["data"]
    assert figures["right"] < 0.97 * figures["copy"]
    assert 0 <= figures["offset"] <= 1
    assert (tmp_path / "sheet.png").stat().st_size > 10_000

    made = tmp_path / "made.mp4"
    wav2lip(
        "sync", "--checkpoint", weights, "--face", EXAMPLES / "face.mp4", "--audio", EXAMPLES / "speech.wav",
        "--box", 60, 200, 60, 200, "-o", made,
    )
    assert (probe(made).width, probe(made).height) == (480, 480)
