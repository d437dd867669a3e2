"""`--compat` gives the original program's frames, end to end, through the command line."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from wav2lip.cli import main
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.models.generator import Generator


@pytest.fixture(scope="module")
def seeds(shared: Path) -> ModuleType:
    """The rule by which the reference outputs' weights were made."""
    spec = importlib.util.spec_from_file_location("seeded_weights", shared / "reference" / "seeded_weights.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def checkpoint(seeds: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "seeded.pth"
    torch.save({"state_dict": seeds.seeded_state_dict(Generator().state_dict())}, path)
    return path


@pytest.fixture(scope="module")
def s3fd(seeds: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from face_alignment.detection.sfd.net_s3fd import s3fd as S3FD

    path = tmp_path_factory.mktemp("weights") / "s3fd.pth"
    torch.save(seeds.seeded_state_dict(S3FD().state_dict()), path)
    return path


def sync(golden: Path, name: str, checkpoint: Path, output: Path, *words: str) -> np.ndarray:
    """Run the command line on one of the reference clips and return the frames of its lossless result."""
    command = ["sync", "--compat", "--codec", "ffv1", "--device", "cpu", "--checkpoint_path", str(checkpoint)]
    command += ["--face", str(golden / f"{name}.avi"), "--audio", str(golden / f"{name}.wav"), "-o", str(output)]
    result = CliRunner().invoke(main, [*command, *words])
    assert result.exit_code == 0, result.output
    return np.stack(list(read_frames(probe(output))))


def assert_same_frames(frames: np.ndarray, expected: np.ndarray) -> None:
    """No value is off by more than 1, and at most 0.1 % are off at all."""
    assert frames.shape == expected.shape
    off = np.abs(frames.astype(int) - expected)
    assert off.max() <= 1
    assert (off > 0).mean() <= 0.001


def test_a_fixed_box_gives_the_originals_frames(shared: Path, checkpoint: Path, tmp_path: Path) -> None:
    golden = shared / "reference" / "golden" / "end_to_end"
    frames = sync(golden, "box", checkpoint, tmp_path / "out.mkv", "--box", "30", "110", "50", "120")
    assert_same_frames(frames, np.load(golden / "box_frames.npz")["frames"])


def test_detection_pads_and_smoothing_give_the_originals_frames(
    shared: Path, checkpoint: Path, s3fd: Path, tmp_path: Path
) -> None:
    golden = shared / "reference" / "golden" / "end_to_end"
    words = ["--detector-weights", str(s3fd), "--pads", "4", "12", "3", "5"]
    frames = sync(golden, "detect", checkpoint, tmp_path / "out.mkv", *words)
    assert_same_frames(frames, np.load(golden / "detect_frames.npz")["frames"])
