"""`sync --engine` and `export`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from media_samples import make_sound

from wav2lip.cli import main
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.models.generator import Generator
from wav2lip.models.load import save_network
from wav2lip.pipeline.lips import Lips
from wav2lip.pipeline.prepare import HELD, in_hand

EXAMPLE = Path(__file__).parent.parent / "examples" / "face.mp4"
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("media")
    face, speech = folder / "face.png", folder / "speech.wav"
    cv2.imwrite(str(face), next(read_frames(probe(EXAMPLE))))
    make_sound(speech, 0.4, 16_000, (440,))
    return face, speech


def sync(media: tuple[Path, Path], output: Path, *words: object) -> Result:
    given = ["sync", "--face", media[0], "--audio", media[1], "-o", output, "--box", 40, 200, 60, 180, "--json"]
    return CliRunner().invoke(main, [str(word) for word in (*given, "--crf", 0, *words)])


def test_an_exported_generator_makes_the_same_video(media: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    weights = tmp_path / "small.xml"
    exported = CliRunner().invoke(main, ["export", str(weights), "--half"])
    assert (exported.exit_code, exported.stdout) == (0, f"{weights}\n")
    frames = []
    for number, words in enumerate(((), ("--engine", "openvino", "--checkpoint", weights))):
        result = sync(media, tmp_path / f"{number}.mp4", "--silence", "model", "--device", "cpu", *words)
        assert result.exit_code == 0, result.stderr
        frames.append(np.stack(list(read_frames(probe(tmp_path / f"{number}.mp4")))).astype(int))
    assert json.loads(result.stdout)["generator"].startswith("small.xml: a generator of half the width")
    assert frames[0].shape == frames[1].shape
    assert np.abs(frames[0] - frames[1]).mean() < 0.05
    assert np.abs(frames[0] - frames[1]).max() <= 6    # 16 bits a weight


def test_an_engine_that_does_not_suit_is_said(media: tuple[Path, Path], tmp_path: Path) -> None:
    for words, sentence in (
        (("--engine", "openvino", "--compat"), "leave out --engine"),
        (("--precision", "bf16", "--compat"), "leave out --precision"),
        (("--checkpoint", tmp_path / "generator.xml"), "add --engine openvino"),
        (("--precision", "fp16", "--device", "cpu"), "--precision fp16 is for GPUs"),
    ):
        result = sync(media, tmp_path / "out.mp4", *words)
        assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
        assert not (tmp_path / "out.mp4").exists()


def test_what_export_cannot_write_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["export", str(tmp_path / "generator.pb")])
    assert result.exit_code == 2
    assert "must end with .xml or .onnx" in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_export_never_replaces_what_it_is_made_from(tmp_path: Path) -> None:
    save_network(Generator(1), tmp_path / "narrow.safetensors")
    (tmp_path / "narrow.safetensors").rename(tmp_path / "narrow.bin")
    before = (tmp_path / "narrow.bin").read_bytes()
    words = ["export", str(tmp_path / "narrow.xml"), "--checkpoint", str(tmp_path / "narrow.bin")]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, "would replace the weights" in result.stderr) == (2, True)
    assert (tmp_path / "narrow.bin").read_bytes() == before
    words[1] = str(tmp_path / "narrow.onnx")     # with nothing beside it
    assert CliRunner().invoke(main, words).exit_code == 0
    assert (tmp_path / "narrow.bin").read_bytes() == before


@pytest.mark.parametrize(
    ("faces", "at_once", "wanted", "waiting", "expected"),
    [
        (4, 3, None, 24, (4, 3)),        # two cores, 720p
        (4, 3, None, 2, (2, 3)),         # two cores, 4K
        (4, 33, None, 10, (1, 33)),      # 32 cores, 1080p
        (4, 33, None, 2, (1, 7)),        # 32 cores, 4K: memory has no room for more
        (4, 17, 64, 36, (64, 1)),        # who wants so many at a time gets them, on all cores
        (128, 1, None, 24, (48, 1)),     # a GPU
        (8, 1, 1, 2, (1, 1)),
    ],
)
def test_as_many_frames_are_in_hand_as_memory_is_meant_for(
    faces: int, at_once: int, wanted: int | None, waiting: int, expected: tuple[int, int]
) -> None:
    engine = SimpleNamespace(faces=faces, at_once=at_once)
    batch, threads = in_hand(Lips(engine), wanted, waiting)  # type: ignore[arg-type]
    assert (batch, threads) == expected
    assert batch * (threads + 1) <= max(HELD * waiting, 2 * batch)
