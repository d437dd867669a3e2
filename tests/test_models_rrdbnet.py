"""The super-resolution network is the published one, layer by layer, in any size, and is loaded from its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from seeded import seeded
from torch import Tensor
from weights_files import assert_names_order_and_shapes, misshapen

from wav2lip.errors import WeightsError
from wav2lip.models.bisenet import BiSeNet
from wav2lip.models.load import load_rrdbnet, save_network
from wav2lip.models.rrdbnet import RRDBNet

TOLERANCE = 2e-5    # of the largest value: the seeded weights do not keep the output in [0, 1]
SMALL = {"features": 8, "blocks": 2, "growth": 4}
PUBLISHED_ENDS = ["conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]


def network(**sizes: int) -> RRDBNet:
    """A network with seeded weights, small unless told otherwise."""
    made = seeded(RRDBNet(**(sizes or SMALL)))
    assert isinstance(made, RRDBNet)
    return made


def pictures(height: int = 12, width: int = 10) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(4))


def plain(x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """The network once more, straight from the file's tensors and the papers' description."""

    def convolve(name: str, x: Tensor) -> Tensor:
        return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

    def leaky(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.2 * x)

    def double(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    first = deep = convolve("conv_first", x)
    for block in range(1 + max(int(name.split(".")[1]) for name in weights if name.startswith("body."))):
        inside = deep
        for dense in ("rdb1", "rdb2", "rdb3"):
            found = [inside]
            for layer in range(1, 5):
                found.append(leaky(convolve(f"body.{block}.{dense}.conv{layer}", torch.cat(found, 1))))
            inside = inside + 0.2 * convolve(f"body.{block}.{dense}.conv5", torch.cat(found, 1))
        deep = deep + 0.2 * inside
    deep = first + convolve("conv_body", deep)
    deep = leaky(convolve("conv_up1", double(deep)))
    deep = leaky(convolve("conv_up2", double(deep)))
    return convolve("conv_last", leaky(convolve("conv_hr", deep)))


def test_it_computes_what_its_description_says_step_by_step() -> None:
    ours = network()
    with torch.inference_mode():
        theirs = plain(pictures(), ours.state_dict())
        assert theirs.shape == (2, 3, 48, 40)
        assert theirs.std() > 0.01    # or equality would say little
        torch.testing.assert_close(ours(pictures()), theirs, rtol=0, atol=TOLERANCE * float(theirs.abs().max()))


def test_the_published_size_computes_it_too() -> None:
    ours = network(features=64, blocks=23, growth=32)
    with torch.inference_mode():
        theirs = plain(pictures(6, 6)[:1], ours.state_dict())
        found = ours(pictures(6, 6)[:1])
        torch.testing.assert_close(found, theirs, rtol=0, atol=TOLERANCE * float(theirs.abs().max()))


def test_it_has_as_many_tensors_and_parameters_as_the_published_one() -> None:
    state = RRDBNet().state_dict()
    assert len(state) == 702
    assert sum(tensor.numel() for tensor in state.values()) == 16_697_987
    assert list(state)[:3] == ["conv_first.weight", "conv_first.bias", "body.0.rdb1.conv1.weight"]
    assert [name.split(".")[0] for name in state if "body." not in name or "conv_body" in name][::2] == PUBLISHED_ENDS
    assert state["body.22.rdb3.conv5.weight"].shape == (64, 192, 3, 3)


def test_names_order_and_shapes_are_those_of_the_published_file(shared: Path) -> None:
    assert_names_order_and_shapes(RRDBNet(), shared / "reference" / "keys" / "rrdbnet_keys.json")


def test_the_input_is_left_as_it_is_and_every_weight_can_be_trained() -> None:
    ours, given = network().train(), pictures()
    before = given.clone()
    ours(given).mean().backward()
    assert torch.equal(given, before)
    assert all(parameter.grad is not None for parameter in ours.parameters())


@pytest.mark.parametrize("inside", ["params_ema", "params", None])
def test_its_file_is_loaded_wherever_the_training_program_put_the_weights(tmp_path: Path, inside: str | None) -> None:
    path, weights = tmp_path / "weights.pth", network().state_dict()
    torch.save({inside: weights} if inside else weights, path)
    loaded = load_rrdbnet(path)
    assert not loaded.training
    with torch.inference_mode():
        assert torch.equal(loaded(pictures()), network()(pictures()))


def test_of_two_sets_of_weights_the_averaged_one_is_taken(tmp_path: Path) -> None:
    path, weights = tmp_path / "weights.pth", network().state_dict()
    zeros = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    torch.save({"params": zeros, "params_ema": weights}, path)
    assert torch.equal(load_rrdbnet(path).conv_last.weight, weights["conv_last.weight"])


@pytest.mark.parametrize("sizes", [(4, 1, 2), (6, 3, 5), (16, 12, 3)])
def test_features_blocks_and_growth_are_read_from_the_file(tmp_path: Path, sizes: tuple[int, int, int]) -> None:
    path = tmp_path / "weights.safetensors"
    save_network(RRDBNet(*sizes), path)
    loaded = load_rrdbnet(path)
    assert (loaded.conv_first.out_channels, len(loaded.body)) == sizes[:2]
    assert len(loaded.state_dict()["body.0.rdb1.conv1.weight"]) == sizes[2]


@pytest.mark.parametrize(
    ("name", "shape", "named"),
    [
        ("conv_first.weight", (8, 12, 3, 3), "conv_first.weight is 8 x 12 x 3 x 3 instead of 8 x 3 x 3 x 3"),
        ("conv_first.weight", (), "conv_first.weight is a single number"),
        ("body.1.rdb3.conv5.bias", None, "body.1.rdb3.conv5.bias is missing"),
        ("body.7.rdb1.conv1.weight", (1,), "body.2.rdb1.conv1.weight is missing"),
        ("fc.weight", (1,), "fc.weight has no place in it"),
    ],
)
def test_one_of_another_shape_is_refused_by_the_first_tensor_that_does_not_fit(
    tmp_path: Path, name: str, shape: tuple[int, ...] | None, named: str
) -> None:
    path = misshapen(tmp_path / "weights.safetensors", network(), name, shape)
    with pytest.raises(WeightsError) as refused:
        load_rrdbnet(path)
    assert f"{path} is a super-resolution network (RRDBNet) of another shape ({named}" in str(refused.value)
    assert "Pass RealESRGAN_x4plus.pth as it is published." in str(refused.value)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path, weights = tmp_path / "weights.pth", dict(network().state_dict())
    weights["conv_hr.bias"] = torch.full((8,), float("nan"))
    torch.save({"params_ema": weights}, path)
    with pytest.raises(WeightsError, match=r"not numbers \(NaN or infinite\), first in conv_hr\.bias"):
        load_rrdbnet(path)


def test_another_network_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "79999_iter.pth"
    torch.save(BiSeNet(2).state_dict(), path)
    with pytest.raises(WeightsError, match=r"the BiSeNet face parser, not the super-.*such as RealESRGAN_x4plus\.pth"):
        load_rrdbnet(path)
