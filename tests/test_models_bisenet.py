"""The face parser is the published one, layer by layer, and is loaded from its file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from seeded import seeded
from torch import Tensor, nn
from weights_files import assert_names_order_and_shapes, misshapen

from wav2lip.errors import WeightsError
from wav2lip.models.bisenet import BiSeNet
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import load_bisenet, load_rrdbnet, save_network
from wav2lip.models.rrdbnet import RRDBNet

TOLERANCE = 1e-5    # of the largest value


@lru_cache
def network() -> BiSeNet:
    """The network with seeded weights."""
    made = seeded(BiSeNet())
    assert isinstance(made, BiSeNet)
    return made


def pictures(height: int = 128, width: int = 96) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(6))


def plain(x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """The network once more, straight from the file's tensors and the description in shared/reference (section G.3)."""

    def convolve(name: str, x: Tensor, stride: int = 1) -> Tensor:
        kernel = weights[f"{name}.weight"]
        return F.conv2d(x, kernel, None, stride, kernel.shape[-1] // 2)

    def norm(name: str, x: Tensor) -> Tensor:
        gain, shift, mean, variance = (
            weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * gain + shift

    def block(name: str, x: Tensor) -> Tensor:
        return norm(f"{name}.bn", convolve(f"{name}.conv", x)).relu()

    def average(x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, 1)

    def double(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    def attend(name: str, x: Tensor) -> Tensor:
        x = block(f"{name}.conv", x)
        return x * norm(f"{name}.bn_atten", convolve(f"{name}.conv_atten", average(x))).sigmoid()

    size = x.shape[2:]
    x = F.max_pool2d(norm("cp.resnet.bn1", convolve("cp.resnet.conv1", x, 2)).relu(), 3, 2, 1)
    features = []
    for stage in range(1, 5):
        for number in range(2):
            name = f"cp.resnet.layer{stage}.{number}"
            stride = 2 if stage > 1 and number == 0 else 1
            y = norm(f"{name}.bn1", convolve(f"{name}.conv1", x, stride)).relu()
            y = norm(f"{name}.bn2", convolve(f"{name}.conv2", y))
            if stride == 2:
                x = norm(f"{name}.downsample.1", convolve(f"{name}.downsample.0", x, 2))
            x = (x + y).relu()
        features.append(x)
    _, fine, middle, coarse = features
    x = attend("cp.arm32", coarse) + block("cp.conv_avg", average(coarse))
    x = block("cp.conv_head32", double(x)) + attend("cp.arm16", middle)
    x = block("cp.conv_head16", double(x))
    x = block("ffm.convblk", torch.cat([fine, x], 1))
    x = x * convolve("ffm.conv2", convolve("ffm.conv1", average(x)).relu()).sigmoid() + x
    x = convolve("conv_out.conv_out", block("conv_out.conv", x))
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


def scores(parser: BiSeNet) -> Tensor:
    with torch.inference_mode():
        return parser(pictures())


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE * float(theirs.abs().max()))


def test_it_computes_what_its_description_says_step_by_step() -> None:
    with torch.inference_mode():
        theirs = plain(pictures(), network().state_dict())
    assert theirs.shape == (2, 19, 128, 96)
    assert theirs.std(dim=(2, 3)).mean() > 0.01 * theirs.std()    # or equality would say little
    assert_close(scores(network()), theirs)


def test_it_has_as_many_tensors_and_parameters_as_the_published_one() -> None:
    assert len(network().state_dict()) == 191
    assert sum(parameter.numel() for parameter in network().parameters()) == 13_300_416


def test_names_order_and_shapes_are_those_of_the_published_file(shared: Path) -> None:
    assert_names_order_and_shapes(network(), shared / "reference" / "keys" / "bisenet_keys.json")


def test_with_its_batch_norms_folded_it_gives_the_same() -> None:
    folded = fold_batch_norm(network())
    kept = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert kept == ["cp.arm16.bn_atten", "cp.arm32.bn_atten"]    # which see a single pixel
    assert_close(scores(folded), scores(network()))


@pytest.mark.parametrize("zipped", [True, False])
def test_its_file_is_loaded_in_either_torch_format(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "79999_iter.pth"
    torch.save(network().state_dict(), path, _use_new_zipfile_serialization=zipped)
    loaded = load_bisenet(path)
    assert not loaded.training
    assert torch.equal(scores(loaded), scores(network()))


def test_one_that_tells_fewer_parts_apart_can_be_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "parser.safetensors"
    save_network(BiSeNet(5), path)
    assert scores(load_bisenet(path)).shape[1] == 5


@pytest.mark.parametrize(
    ("name", "shape", "named"),
    [
        ("cp.resnet.layer2.0.downsample.0.weight", None, "is missing"),
        ("cp.resnet.fc.weight", (1000, 512), "has no place in it"),
        ("ffm.conv1.weight", (32, 256, 1, 1), "is 32 x 256 x 1 x 1 instead of 64 x 256 x 1 x 1"),
    ],
)
def test_one_of_another_shape_is_refused_by_the_first_tensor_that_does_not_fit(
    tmp_path: Path, name: str, shape: tuple[int, ...] | None, named: str
) -> None:
    path = misshapen(tmp_path / "weights.pth", network(), name, shape)
    with pytest.raises(WeightsError) as refused:
        load_bisenet(path)
    assert f"{path} is a BiSeNet face parser of another shape ({name} {named})" in str(refused.value)
    assert "Pass 79999_iter.pth as it is published." in str(refused.value)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path, weights = tmp_path / "weights.pth", dict(network().state_dict())
    weights["conv_out.conv_out.weight"] = torch.full((19, 256, 1, 1), float("inf"))
    torch.save(weights, path)
    with pytest.raises(WeightsError, match=r"not numbers \(NaN or infinite\), first in conv_out\.conv_out\.weight"):
        load_bisenet(path)


def test_the_super_resolution_network_is_not_taken_for_it_nor_the_other_way(tmp_path: Path) -> None:
    parser, larger = tmp_path / "parser.pth", tmp_path / "larger.pth"
    torch.save(network().state_dict(), parser)
    torch.save({"params_ema": RRDBNet(4, 1, 2).state_dict()}, larger)
    with pytest.raises(WeightsError, match=r"not the BiSeNet face parser\. Pass a file such as 79999_iter\.pth"):
        load_bisenet(larger)
    with pytest.raises(WeightsError, match="the BiSeNet face parser, not the super-resolution network"):
        load_rrdbnet(parser)


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "79999_iter.pth"
    torch.save(network().state_dict(), path)
    path.write_bytes(path.read_bytes()[:20_000_000])
    with pytest.raises(WeightsError, match=r"is cut off: it has only 20\.0 MB"):
        load_bisenet(path)
