"""Folding the batch norms makes a network faster and changes nothing that could be seen."""

from __future__ import annotations

import pytest
import torch
from seeded import seeded
from torch import nn

from wav2lip.models.generator import Generator
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.syncnet import SyncNet


def random_input(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(7)
    return torch.rand(batch, 1, 80, 16, generator=random) * 8 - 4, torch.rand(batch, 6, 96, 96, generator=random)


@pytest.mark.parametrize("channels", [16, 3])
def test_a_folded_generator_differs_by_less_than_a_hundredth_of_a_grey_level(channels: int) -> None:
    generator = seeded(Generator(channels))
    mel, face = random_input(3)
    with torch.inference_mode():
        difference = (fold_batch_norm(generator)(mel, face) - generator(mel, face)).abs().max() * 255
    assert difference < 0.01


def test_a_folded_generator_has_no_batch_norm_left_and_is_channels_last() -> None:
    folded = fold_batch_norm(seeded(Generator(2)))
    assert not [module for module in folded.modules() if isinstance(module, nn.BatchNorm2d)]
    convolutions = [module for module in folded.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convolutions) == 51
    assert all(c.weight.is_contiguous(memory_format=torch.channels_last) for c in convolutions)


def test_folding_leaves_the_network_itself_as_it_is() -> None:
    generator = seeded(Generator(2))
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    fold_batch_norm(generator)
    after = generator.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_folded_in_place_it_is_the_same_network_with_the_same_weights_as_a_copy() -> None:
    generator = seeded(Generator(2))
    copied = fold_batch_norm(generator)
    folded = fold_batch_norm(generator, in_place=True)
    assert folded is generator
    expected = copied.state_dict()
    assert list(folded.state_dict()) == list(expected)
    for name, weight in folded.named_parameters():
        assert torch.equal(weight, expected[name])
        assert weight.stride() == expected[name].stride()
        assert not weight.requires_grad


def test_a_network_that_was_left_in_training_mode_is_folded_as_for_inference() -> None:
    syncnet = seeded(SyncNet(4))
    mel, faces = random_input(2)[0], torch.rand(2, 15, 48, 96, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected = syncnet(mel, faces)
        folded = fold_batch_norm(syncnet.train())(mel, faces)
    for one, other in zip(folded, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
