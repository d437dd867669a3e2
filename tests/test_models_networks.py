"""The networks compute what the published ones compute."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded import seeded, seeded_state_dict
from torch import Tensor, nn
from weights_files import assert_names_order_and_shapes

from wav2lip.models.discriminator import Discriminator
from wav2lip.models.generator import Generator
from wav2lip.models.layers import ConvBlock, ConvTransposeBlock
from wav2lip.models.syncnet import SyncNet

TOLERANCE = 1e-4
RECORDED_TOLERANCE = 2e-5    # our own record, to which only rounding may differ from machine to machine
NETWORKS = {"generator": Generator, "syncnet": SyncNet, "discriminator": Discriminator}
OUR_PARITY = Path(__file__).parent / "data" / "parity.npz"


@lru_cache
def network(kind: str) -> nn.Module:
    """The network of full width with seeded weights."""
    return seeded(NETWORKS[kind]())


def waves(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """An input that needs no file: a sine over the flat index, with a frequency that meets no row length."""
    flat = torch.arange(int(np.prod(shape)), dtype=torch.float64)
    return (low + (high - low) * (0.5 + 0.5 * torch.sin(flat * 0.1379))).float().reshape(shape)


def ours() -> dict[str, np.ndarray]:
    """What the networks made of `waves` when they had been found equal to the published ones."""
    with torch.inference_mode():
        face, mel = waves(2, 6, 96, 96), waves(2, 1, 80, 16, low=-4, high=4)
        faces = waves(1, 3, 5, 96, 96) * torch.linspace(0, 1, 5)[:, None, None]    # from black to full contrast
        speech, lips = network("syncnet")(mel, waves(2, 15, 48, 96))
        return {
            "generator": network("generator")(mel, face)[:, :, ::8, ::8].numpy(),
            "syncnet_speech": speech.numpy(),
            "syncnet_lips": lips.numpy(),
            "discriminator": network("discriminator")(faces).numpy(),
        }


def largest_difference(ours: Tensor, reference: np.ndarray) -> float:
    assert tuple(ours.shape) == reference.shape
    return float(np.abs(ours.numpy() - reference).max())


def test_the_networks_still_give_the_outputs_that_were_checked_against_the_published_ones() -> None:
    with np.load(OUR_PARITY) as recorded:
        for name, output in ours().items():
            assert np.ptp(output) > 10 * RECORDED_TOLERANCE, f"{name} hardly depends on its input"
            np.testing.assert_allclose(output, recorded[name], rtol=0, atol=RECORDED_TOLERANCE, err_msg=name)


@pytest.mark.parametrize("file", ["generator.npz", "generator_sequence.npz"])
def test_the_generator_gives_the_published_ones_faces(shared: Path, file: str) -> None:
    with np.load(shared / "reference" / "golden" / file) as golden, torch.inference_mode():
        output = network("generator")(torch.from_numpy(golden["mel"]), torch.from_numpy(golden["face"]))
        assert largest_difference(output, golden["output"]) < TOLERANCE


def test_syncnet_gives_the_published_ones_embeddings(shared: Path) -> None:
    with np.load(shared / "reference" / "golden" / "syncnet.npz") as golden, torch.inference_mode():
        speech, lips = network("syncnet")(torch.from_numpy(golden["mel"]), torch.from_numpy(golden["window"]))
        assert largest_difference(speech, golden["audio_embedding"]) < TOLERANCE
        assert largest_difference(lips, golden["face_embedding"]) < TOLERANCE


def test_the_discriminator_gives_the_published_ones_verdicts(shared: Path) -> None:
    with np.load(shared / "reference" / "golden" / "discriminator.npz") as golden, torch.inference_mode():
        output = network("discriminator")(torch.from_numpy(golden["faces"]))
        assert largest_difference(output, golden["output"]) < TOLERANCE


@pytest.mark.parametrize("kind", NETWORKS)
def test_names_order_and_shapes_are_those_of_the_published_files(shared: Path, kind: str) -> None:
    assert_names_order_and_shapes(network(kind), shared / "reference" / "keys" / f"{kind}_keys.json")


def test_our_seeding_is_the_one_that_the_reference_outputs_were_made_with(shared: Path) -> None:
    spec = importlib.util.spec_from_file_location("reference_seeding", shared / "reference" / "seeded_weights.py")
    assert spec
    assert spec.loader
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    template = Generator(2).state_dict()
    theirs = reference.seeded_state_dict(template)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in seeded_state_dict(template).items())


def test_a_sequence_gives_the_same_faces_as_its_frames_one_by_one() -> None:
    generator = seeded(Generator(2))
    mel, face = waves(2, 3, 1, 80, 16, low=-4, high=4), waves(2, 6, 3, 96, 96)
    with torch.inference_mode():
        sequence = generator(mel, face)
        frames = torch.stack([generator(mel[:, t], face[:, :, t]) for t in range(3)], dim=2)
    torch.testing.assert_close(sequence, frames, rtol=0, atol=1e-6)


def test_the_lower_half_is_all_that_the_discriminator_looks_at() -> None:
    discriminator = seeded(Discriminator(2))
    faces = waves(1, 3, 1, 96, 96)
    other = faces.clone()
    other[:, :, :, :48] = 0
    with torch.inference_mode():
        assert torch.equal(discriminator(faces), discriminator(other))
        other[:, :, :, 48:] = 0
        assert not torch.equal(discriminator(faces), discriminator(other))


@pytest.mark.parametrize("block", [
    ConvBlock(6, 6, 3, 1, 1, residual=True), ConvBlock(6, 4, 3, 2, 1), ConvTransposeBlock(6, 4, 3, 2, 1, 1)
])
def test_a_settled_batch_norm_gives_and_learns_what_two_steps_would(block: ConvBlock | ConvTransposeBlock) -> None:
    torch.manual_seed(0)
    norm = block.conv_block[1]
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        torch.nn.init.uniform_(tensor, 0.5, 2)
    block.eval()
    x = torch.randn(3, 6, 9, 8)

    def learned(y: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad((y * y.detach().cos()).sum(), list(block.parameters())))

    both = block.conv_block(x)
    expected = torch.relu(both + x if getattr(block, "residual", False) else both)
    made = block(x)
    assert torch.allclose(made, expected, atol=1e-5)
    for one, other in zip(learned(made), learned(expected), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
