"""From a weights file to a network that runs, and back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from seeded import seeded
from torch import Tensor, nn
from weights_files import misshapen

from wav2lip.errors import Wav2LipError, WeightsError
from wav2lip.models import load, store
from wav2lip.models.discriminator import Discriminator
from wav2lip.models.generator import Generator
from wav2lip.models.known import KnownFile
from wav2lip.models.load import load_checkpoint, load_generator, save_network
from wav2lip.models.store import sha256_of


def faces_of(generator: nn.Module) -> Tensor:
    random = torch.Generator().manual_seed(5)
    with torch.inference_mode():
        return generator(torch.rand(2, 1, 80, 16, generator=random), torch.rand(2, 6, 96, 96, generator=random))


@pytest.fixture
def generator() -> Generator:
    network = seeded(Generator(3))
    assert isinstance(network, Generator)
    return network


@pytest.mark.parametrize("channels", [2, 5, 16])
def test_the_width_is_read_from_the_file(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": Generator(channels).state_dict()}, path)
    assert load_generator(path).channels == channels


@pytest.mark.parametrize("zipped", [True, False])
def test_a_loaded_generator_gives_the_same_faces_and_does_not_need_the_file_any_more(
    tmp_path: Path, generator: Generator, zipped: bool
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(generator.state_dict(), path, _use_new_zipfile_serialization=zipped)
    loaded = load_generator(path)
    path.write_bytes(bytes(path.stat().st_size))
    assert not loaded.training
    assert torch.equal(faces_of(loaded), faces_of(generator))


def test_a_loaded_generator_can_be_trained_on(tmp_path: Path, generator: Generator) -> None:
    path = tmp_path / "weights.safetensors"
    save_network(generator, path)
    loaded = load_generator(path).train()
    loaded(torch.zeros(2, 1, 80, 16), torch.zeros(2, 6, 96, 96)).mean().backward()
    assert all(parameter.grad is not None for parameter in loaded.parameters())


def test_half_precision_weights_come_back_as_float32_and_nearly_the_same(
    tmp_path: Path, generator: Generator
) -> None:
    half, full = tmp_path / "half.safetensors", tmp_path / "full.safetensors"
    save_network(generator, half, {"data": "GRID"})
    save_network(generator, full, dtype=torch.float32)
    assert half.stat().st_size < 0.6 * full.stat().st_size
    with safe_open(half, framework="pt") as file:
        assert file.metadata()["data"] == "GRID"
        assert file.get_tensor("output_block.1.weight").dtype == torch.float16
    assert torch.equal(faces_of(load_generator(full)), faces_of(generator))
    loaded = load_generator(half)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert 0 < (faces_of(loaded) - faces_of(generator)).abs().max() < 1 / 255


def test_saving_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path, generator: Generator) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_text("old")
    save_network(generator, path)
    assert load_generator(path).channels == 3
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("no space left"), SafetensorError("I/O error: no space left")])
def test_saving_that_fails_is_told_and_leaves_the_old_file(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_text("old")

    def fail(tensors: object, part: Path, metadata: object) -> None:
        part.write_text("half of it")
        raise error

    monkeypatch.setattr(load, "save_file", fail)
    with pytest.raises(Wav2LipError, match=r"weights\.safetensors cannot be written: .*no space left\.$"):
        save_network(generator, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_saved_generator_has_the_permissions_of_any_new_file(tmp_path: Path, generator: Generator) -> None:
    save_network(generator, tmp_path / "weights.safetensors")
    (tmp_path / "plain").touch()
    assert (tmp_path / "weights.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("name", "shape", "named"),
    [
        ("audio_encoder.3.conv_block.0.weight", (12, 6, 5, 5), "is 12 x 6 x 5 x 5 instead of 12 x 6 x 3 x 3"),
        ("output_block.1.bias", None, "output_block.1.bias is missing"),
        ("face_encoder_blocks.7.0.conv_block.0.weight", (1,), "has no place in it"),
        ("face_encoder_blocks.0.0.conv_block.0.weight", (), "is a single number instead of 1 x 6 x 7 x 7"),
    ],
)
def test_a_generator_of_another_shape_is_refused_by_its_first_tensor_that_does_not_fit(
    tmp_path: Path, generator: Generator, name: str, shape: tuple[int, ...] | None, named: str
) -> None:
    path = misshapen(tmp_path / "weights.safetensors", generator, name, shape)
    with pytest.raises(WeightsError) as refused:
        load_generator(path)
    assert f"{path} is a Wav2Lip generator of another shape ({name} " in str(refused.value)
    assert named in str(refused.value)


def test_the_discriminator_is_not_taken_for_a_generator(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(Discriminator(2).state_dict(), path)
    with pytest.raises(WeightsError, match=r"not the Wav2Lip generator\. Pass a file such as wav2lip\.pth"):
        load_generator(path)


def test_without_a_path_the_shipped_generator_is_taken_and_that_is_said(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "demo.safetensors"
    save_network(generator, path, {"description": "a small generator trained on drawn faces"})
    monkeypatch.setattr(load, "demo_checkpoint", lambda: path)
    loaded = load_checkpoint()
    assert loaded.generator.channels == 3
    assert loaded.notice
    assert "a small generator trained on drawn faces" in loaded.notice
    assert "--checkpoint" in loaded.notice


def test_a_chosen_generator_is_described_and_needs_no_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.pth"
    torch.save({"state_dict": Generator(4).state_dict(), "global_step": 7}, path)
    loaded = load_checkpoint(path)
    assert loaded.description == "mine.pth: Wav2Lip generator, 0.25 of the full width, step 7"
    assert loaded.notice is None

    published = KnownFile("x", "x.pth", "famous generator", path.stat().st_size, sha256_of(path), "none", "nowhere")
    monkeypatch.setitem(store.KNOWN, "x", published)
    assert load_checkpoint(path).description == "mine.pth: famous generator"
