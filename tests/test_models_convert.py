"""Weights in another file are the same weights, and say where they are from."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from seeded import seeded
from torch import Tensor, nn
from weights_files import any_weights, trained

from wav2lip.errors import UsageError, Wav2LipError, WeightsError
from wav2lip.models import load, store
from wav2lip.models.bisenet import BiSeNet
from wav2lip.models.checkpoint import read_checkpoint
from wav2lip.models.convert import convert
from wav2lip.models.discriminator import Discriminator
from wav2lip.models.facts import facts_of
from wav2lip.models.generator import Generator
from wav2lip.models.inception import Inception
from wav2lip.models.known import KnownFile
from wav2lip.models.load import load_checkpoint, load_generator, save_weights
from wav2lip.models.rrdbnet import RRDBNet
from wav2lip.models.store import sha256_of
from wav2lip.models.syncnet import SyncNet
from wav2lip.models.syncnet_v2 import SyncNetV2


def faces_of(generator: nn.Module) -> Tensor:
    random = torch.Generator().manual_seed(5)
    with torch.inference_mode():
        return generator(torch.rand(1, 1, 80, 16, generator=random), torch.rand(1, 6, 96, 96, generator=random))


def texts_of(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "step.pth"
    torch.save(trained(seeded(Generator(2))), path)
    return path


@pytest.mark.usefixtures("one_thread")
def test_the_full_generator_in_half_precision_is_the_generator_with_rounded_weights(tmp_path: Path) -> None:
    generator = seeded(Generator())
    torch.save({"state_dict": generator.state_dict(), "global_step": 1}, tmp_path / "full.pth")
    convert(tmp_path / "full.pth", tmp_path / "half.safetensors", half=True)
    assert 72e6 < (tmp_path / "half.safetensors").stat().st_size < 73.5e6
    half = faces_of(load_generator(tmp_path / "half.safetensors"))
    exact = faces_of(generator)
    for parameter in generator.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half().float()
    assert torch.equal(half, faces_of(generator))
    assert 0 < (half - exact).abs().max() < 0.5 / 255


def test_without_half_every_number_is_the_same_and_the_optimizer_is_gone(checkpoint: Path, tmp_path: Path) -> None:
    convert(checkpoint, tmp_path / "new" / "same.safetensors")
    before, after = read_checkpoint(checkpoint), read_checkpoint(tmp_path / "new" / "same.safetensors")
    assert before.optimizer
    assert not after.optimizer
    assert set(after.state_dict) == set(before.state_dict)
    for name, tensor in before.state_dict.items():
        assert after.state_dict[name].dtype == tensor.dtype
        assert torch.equal(after.state_dict[name], tensor)
    assert (tmp_path / "new" / "same.safetensors").stat().st_size < 0.4 * checkpoint.stat().st_size


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("syncnet", lambda: SyncNet(2)),
        ("discriminator", lambda: Discriminator(2)),
        ("syncnet-v2", SyncNetV2),
        ("bisenet", lambda: BiSeNet(19)),
        ("rrdbnet", lambda: RRDBNet(4, 1, 4)),
        ("inception", Inception),
    ],
    ids=["syncnet", "discriminator", "syncnet-v2", "bisenet", "rrdbnet", "inception"],
)
def test_every_network_that_is_known_can_be_converted_and_loaded(
    tmp_path: Path, kind: str, make: Callable[[], nn.Module]
) -> None:
    weights = any_weights(make)
    torch.save(weights, tmp_path / "in.pth")
    convert(tmp_path / "in.pth", tmp_path / "out.safetensors", half=True)
    checkpoint = read_checkpoint(tmp_path / "out.safetensors")
    loaded = load.build(checkpoint, kind).state_dict()
    for name, tensor in weights.items():
        assert torch.allclose(loaded[name], tensor, rtol=1e-3, atol=1e-6), name


def test_a_copy_says_what_it_is_and_what_it_was_made_from(checkpoint: Path, tmp_path: Path) -> None:
    convert(checkpoint, tmp_path / "copy.safetensors")
    told = texts_of(tmp_path / "copy.safetensors")
    assert told["description"] == "Wav2Lip generator, 0.125 of the full width, step 258000"
    assert told["steps"] == "258000"
    assert told["origin"] == f"step.pth (SHA-256 {sha256_of(checkpoint)})"
    assert "gan" not in told    # nothing tells
    assert load_checkpoint(tmp_path / "copy.safetensors").what == told["description"]
    convert(tmp_path / "copy.safetensors", tmp_path / "again.safetensors", half=True)
    assert texts_of(tmp_path / "again.safetensors") == told


def test_a_copy_of_a_published_file_keeps_its_name_and_terms(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, sha256 = checkpoint.stat().st_size, sha256_of(checkpoint)
    published = KnownFile("x", "x.pth", "famous GAN", size, sha256, "for research", "https://example.org", gan=True)
    monkeypatch.setitem(store.KNOWN, "x", published)
    convert(checkpoint, tmp_path / "copy.safetensors", half=True)
    facts = facts_of(tmp_path / "copy.safetensors")
    assert (facts.what, facts.terms, facts.gan, facts.steps) == ("famous GAN", "for research", True, 258000)
    assert facts.origin == f"x.pth (SHA-256 {sha256}), https://example.org"
    assert facts.known is None


def test_the_texts_of_the_source_are_kept(tmp_path: Path) -> None:
    texts = {"data": "GRID", "licence": "CC BY 4.0", "description": "mine", "steps": "7"}
    save_weights(Generator(2).state_dict(), tmp_path / "mine.safetensors", texts)
    convert(tmp_path / "mine.safetensors", tmp_path / "copy.safetensors")
    assert texts.items() <= texts_of(tmp_path / "copy.safetensors").items()


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "mine.safetensors"
    save_weights(Generator(2).state_dict(), source)
    before = source.read_bytes()
    (tmp_path / "hard.safetensors").hardlink_to(source)
    (tmp_path / "soft.safetensors").symlink_to(source)
    for output in (source, tmp_path / "hard.safetensors", tmp_path / "soft.safetensors", tmp_path / "." / source.name):
        with pytest.raises(UsageError, match="is the file that is read"):
            convert(source, output, half=True)
    assert source.read_bytes() == before


@pytest.mark.parametrize("name", ["copy.pth", "copy", "safetensors"])
def test_another_kind_of_file_is_not_written(checkpoint: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"is not called \.safetensors"):
        convert(checkpoint, tmp_path / name)


def test_weights_too_large_for_16_bits_are_refused_and_an_older_file_stays(tmp_path: Path) -> None:
    generator = Generator(2)
    generator.output_block[1].weight.data[0, 0] = -70_000
    torch.save(generator.state_dict(), tmp_path / "in.pth")
    (tmp_path / "out.safetensors").write_text("old")
    with pytest.raises(WeightsError, match=r"first in output_block\.1\.weight, which do not fit in 16 bits"):
        convert(tmp_path / "in.pth", tmp_path / "out.safetensors", half=True)
    assert (tmp_path / "out.safetensors").read_text() == "old"
    convert(tmp_path / "in.pth", tmp_path / "out.safetensors")
    assert load_generator(tmp_path / "out.safetensors").channels == 2


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_what_cannot_be_written_is_told_and_leaves_nothing(
    checkpoint: Path, tmp_path: Path
) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(Wav2LipError, match=r"full\.safetensors cannot be written: .*too large"):
            convert(checkpoint, tmp_path / "full.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (tmp_path / "file").write_text("a file where a folder should be")
    with pytest.raises(Wav2LipError, match=r"out\.safetensors cannot be written: "):
        convert(checkpoint, tmp_path / "file" / "out.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        convert(checkpoint, tmp_path / "folder.safetensors")
    assert {path.name for path in tmp_path.iterdir()} == {"step.pth", "file", "folder.safetensors"}


def test_an_unknown_network_and_a_missing_file_are_told(tmp_path: Path) -> None:
    save_file({"a.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="not known here"):
        convert(tmp_path / "other.safetensors", tmp_path / "out.safetensors")
    with pytest.raises(WeightsError, match="There is no weights file"):
        convert(tmp_path / "missing.pth", tmp_path / "out.safetensors")
    (tmp_path / "out.safetensors").write_text("old")
    with pytest.raises(WeightsError, match="There is no weights file"):
        convert(tmp_path / "missing.pth", tmp_path / "out.safetensors")
