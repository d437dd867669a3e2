"""The SyncNet of the LSE metrics is the published one, layer by layer, and is loaded from its file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
import torch
from lse_plain import plain_lips, plain_speech
from seeded import seeded
from torch import Tensor, nn
from weights_files import assert_names_order_and_shapes

from wav2lip.errors import WeightsError
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import load_syncnet, load_syncnet_v2, save_network
from wav2lip.models.syncnet import SyncNet
from wav2lip.models.syncnet_v2 import SyncNetV2

TOLERANCE = 1e-5    # of the largest value: pictures in 0 .. 255 make large embeddings


@lru_cache
def network() -> SyncNetV2:
    """The network with seeded weights."""
    made = seeded(SyncNetV2())
    assert isinstance(made, SyncNetV2)
    return made


def pictures(count: int) -> Tensor:
    return torch.randint(0, 256, (count, 224, 224, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


def mfccs(count: int) -> Tensor:
    return 10 * torch.randn(count, 1, 13, 20, generator=torch.Generator().manual_seed(3))


def embedded(syncnet: SyncNetV2) -> tuple[Tensor, Tensor]:
    """The embeddings of three windows of lips and of speech."""
    with torch.inference_mode():
        return syncnet.embed_lips(pictures(7)), syncnet.embed_speech(mfccs(3))


def assert_close(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=TOLERANCE * float(other.abs().max()))


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return dict(network().state_dict())


def test_it_has_as_many_tensors_and_parameters_as_the_published_one() -> None:
    assert len(network().state_dict()) == 102
    assert sum(parameter.numel() for parameter in network().parameters()) == 13_631_616


def test_names_order_and_shapes_are_those_of_the_published_file(shared: Path) -> None:
    assert_names_order_and_shapes(network(), shared / "reference" / "keys" / "syncnet_v2_keys.json")


def test_its_embeddings_are_those_of_the_description_followed_step_by_step(weights: dict[str, Tensor]) -> None:
    lips = torch.stack([plain_lips(pictures(7)[v : v + 5].numpy(), weights) for v in range(3)])
    speech = torch.stack([plain_speech(columns.numpy(), weights) for columns in mfccs(3)[:, 0]])
    assert lips.shape == speech.shape == (3, 1024)
    assert lips.std(dim=0).mean() > 0.01 * lips.std()    # or equality would say little
    assert_close(embedded(network()), (lips, speech))


def test_frames_may_be_floats() -> None:
    frames = pictures(5)
    with torch.inference_mode():
        assert torch.equal(network().embed_lips(frames.float()), network().embed_lips(frames))


def test_frames_in_two_parts_that_overlap_by_four_give_the_same_as_at_once() -> None:
    frames = pictures(8)
    with torch.inference_mode():
        parts = torch.cat([network().embed_lips(frames[:6]), network().embed_lips(frames[2:])])
        whole = network().embed_lips(frames)
    torch.testing.assert_close(parts, whole, rtol=0, atol=TOLERANCE * float(whole.abs().max()))


def test_with_its_batch_norms_folded_it_gives_the_same() -> None:
    folded = fold_batch_norm(network())
    assert not [module for module in folded.modules() if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d)]
    convolutions = [module for module in folded.modules() if isinstance(module, nn.Conv3d)]
    assert len(convolutions) == 6
    assert all(c.weight.is_contiguous(memory_format=torch.channels_last_3d) for c in convolutions)
    assert_close(embedded(folded), embedded(network()))


@pytest.mark.parametrize("zipped", [True, False])
def test_its_file_is_loaded_in_either_torch_format_with_any_prefix(
    tmp_path: Path, weights: dict[str, Tensor], zipped: bool
) -> None:
    path = tmp_path / "syncnet_v2.model"
    prefixed = {f"module.{name}": tensor for name, tensor in weights.items()}
    torch.save(prefixed, path, _use_new_zipfile_serialization=zipped)
    loaded = load_syncnet_v2(path)
    assert not loaded.training
    for ours, theirs in zip(embedded(loaded), embedded(network()), strict=True):
        assert torch.equal(ours, theirs)


def test_a_file_whose_tensors_are_all_floats_of_another_precision_is_loaded(
    tmp_path: Path, weights: dict[str, Tensor]
) -> None:
    path = tmp_path / "syncnet_v2.model"
    torch.save({name: tensor.double() for name, tensor in weights.items()}, path)    # the counts of batches, too
    loaded = load_syncnet_v2(path)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert_close(embedded(loaded), embedded(network()))


def test_the_expert_of_wav2lip_is_not_taken_for_it_nor_the_other_way(tmp_path: Path) -> None:
    expert, metric = tmp_path / "lipsync_expert.pth", tmp_path / "syncnet_v2.model"
    torch.save({"state_dict": SyncNet(2).state_dict()}, expert)
    torch.save(network().state_dict(), metric)
    with pytest.raises(WeightsError, match=r"expert SyncNet of Wav2Lip, not the SyncNet that LSE-C.*syncnet_v2\.model"):
        load_syncnet_v2(expert)
    with pytest.raises(WeightsError, match=r"SyncNet that LSE-C.*, not the expert SyncNet.*lipsync_expert\.pth"):
        load_syncnet(metric)


def test_one_of_another_shape_is_refused_without_a_word_of_faces_of_96(
    tmp_path: Path, weights: dict[str, Tensor]
) -> None:
    path = tmp_path / "syncnet_v2.model"
    for name, shape in [("netcnnlip.0.weight", (64, 3, 5, 7, 7)), ("netfcaud.0.weight", (256, 256))]:
        torch.save({**weights, name: torch.zeros(shape)}, path)
        with pytest.raises(WeightsError, match=rf"of another shape \({name} is {shape[0]} x ") as refused:
            load_syncnet_v2(path)
        assert "Pass syncnet_v2.model as it is published." in str(refused.value)
        assert "96 x 96" not in str(refused.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, weights: dict[str, Tensor], zipped: bool) -> None:
    path = tmp_path / "syncnet_v2.model"
    torch.save(weights, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:30_000_000])
    with pytest.raises(WeightsError, match=r"is cut off: it has only 30\.0 MB"):
        load_syncnet_v2(path)


def test_a_file_that_is_not_there_is_refused_with_the_place_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"joonson/syncnet_python says where to get it"):
        load_syncnet_v2(tmp_path / "syncnet_v2.model")


def test_it_can_be_saved_and_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "syncnet_v2.safetensors"
    save_network(network(), path, dtype=torch.float32)
    for ours, theirs in zip(embedded(load_syncnet_v2(path)), embedded(network()), strict=True):
        assert torch.equal(ours, theirs)
