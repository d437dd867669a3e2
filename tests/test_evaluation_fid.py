"""The Fréchet inception distance, from pictures to the figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from seeded import seeded
from torch import Tensor

from wav2lip.errors import Wav2LipError, WeightsError
from wav2lip.evaluation.fid import FeatureStatistics, face_picture, faces_apart, frechet_distance, picture_features
from wav2lip.models.checkpoint import read_checkpoint
from wav2lip.models.generator import Generator
from wav2lip.models.inception import Inception, InceptionE, average
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import load_inception, save_network
from wav2lip.progress import Progress

PARAMETERS = 21_785_568    # of the published network without its last layer


@pytest.fixture(scope="module")
def network() -> Inception:
    made = seeded(Inception())
    assert isinstance(made, Inception)
    return made


def pictures(count: int) -> list[Tensor]:
    return list(torch.rand(count, 3, 299, 299, generator=torch.Generator().manual_seed(3)))


def statistics(features: np.ndarray, batch: int = 7) -> FeatureStatistics:
    found = FeatureStatistics(features.shape[1])
    for start in range(0, len(features), batch):
        found.add(features[start : start + batch])
    return found


def gaussian(mean: np.ndarray, deviations: np.ndarray) -> FeatureStatistics:
    """Statistics of points that have exactly this mean, and these standard deviations along the axes."""
    size = len(mean)
    reach = np.diag(deviations) * np.sqrt((2 * size - 1) / 2)
    return statistics(mean + np.concatenate([reach, -reach]))


# ---- statistics


def test_statistics_that_come_in_batches_equal_numpys() -> None:
    features = np.random.default_rng(0).normal(1000, 1, (50, 6)).astype(np.float32)
    features[:, 0] *= 3
    found = statistics(features)
    assert found.count == 50
    assert np.allclose(found.mean, features.astype(float).mean(axis=0), rtol=1e-12)
    assert np.allclose(found.covariance, np.cov(features.astype(float), rowvar=False), rtol=1e-9)


def test_combined_statistics_are_those_of_all() -> None:
    features = np.random.default_rng(1).normal(0, 2, (40, 5))
    first, second, whole = statistics(features[:13]), statistics(features[13:]), statistics(features)
    first.combine(FeatureStatistics(5))
    first.combine(second)
    assert first.count == 40
    assert np.allclose(first.mean, whole.mean)
    assert np.allclose(first.covariance, whole.covariance)
    assert np.allclose(second.covariance, np.cov(features[13:], rowvar=False))


def test_no_pictures_change_nothing() -> None:
    found = FeatureStatistics(4)
    found.add(np.zeros((0, 4)))
    assert found.count == 0


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_pictures_are_refused_in_words(count: int) -> None:
    few, many = statistics(np.ones((count, 3))), statistics(np.eye(3))
    with pytest.raises(Wav2LipError, match=f"at least 2 pictures .* not {count}"):
        frechet_distance(many, few)


def test_fewer_pictures_than_features_are_said_to_be_too_few() -> None:
    found = FeatureStatistics(2)
    found.add(np.zeros((2047, 2)))
    assert found.biased
    found.add(np.zeros((1, 2)))
    assert not found.biased


# ---- the distance


def test_the_distance_of_two_gaussians_is_that_of_the_formula() -> None:
    means = np.array([1.0, 2, 3]), np.array([1.5, 2, 1])
    deviations = np.array([1.0, 2, 0.5]), np.array([2.0, 2, 3])
    expected = ((means[0] - means[1]) ** 2).sum() + ((deviations[0] - deviations[1]) ** 2).sum()
    a, b = (gaussian(mean, spread) for mean, spread in zip(means, deviations, strict=True))
    assert frechet_distance(a, b) == pytest.approx(expected)
    assert frechet_distance(b, a) == pytest.approx(expected)


@pytest.mark.parametrize("count", [12, 200])
def test_the_distance_is_that_by_the_root_of_the_product(count: int) -> None:
    from scipy.linalg import sqrtm

    random = np.random.default_rng(2)
    mixing = random.normal(0, 1, (20, 20))
    one, other = random.normal(0, 1, (count, 20)) @ mixing, random.normal(0.3, 1.5, (count, 20))
    a, b = statistics(one), statistics(other)
    product = np.trace(sqrtm(a.covariance @ b.covariance)).real
    expected = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance) + np.trace(b.covariance) - 2 * product
    # With fewer points than numbers the covariances are singular, and that root is exact to half the digits only.
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-4 if count < 20 else 1e-9)


def test_equal_sets_are_at_no_distance() -> None:
    found = statistics(np.random.default_rng(4).normal(0, 1, (30, 8)))
    assert frechet_distance(found, found) == pytest.approx(0, abs=1e-6)


# ---- pictures


class Colours(torch.nn.Module):
    """In place of the Inception network: says a picture's mean colours."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.mean((2, 3)) * self.weight


def test_the_faces_of_videos_are_held_against_those_of_their_references() -> None:
    random = np.random.default_rng(0)
    shades = {Path(name): random.integers(0, 200, (20, 3)) for name in ("a", "b", "c")}
    shades[Path("brighter")] = np.concatenate([shades[Path("a")], shades[Path("b")]]) + 51
    box, outside = np.array([10.0, 10, 60, 60]), np.array([200.0, 0, 300, 50])

    def faces(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for shade in shades[path]:
            yield np.full((80, 80, 3), shade, np.uint8), box
        yield np.zeros((80, 80, 3), np.uint8), outside

    def apart(videos: str, references: str) -> tuple[float, int]:
        one, other = ([Path(name) for name in names.split()] for names in (videos, references))
        return faces_apart(one, other, Colours(), faces, Progress())

    distance, count = apart("a b", "brighter")
    assert count == 40
    assert distance == pytest.approx(3 * 0.2**2, rel=1e-3)     # the same spread, 51 of 255 away in each colour
    assert apart("a b", "b a")[0] == pytest.approx(0, abs=1e-6)
    assert apart("a", "a c")[1] == 20


def test_a_face_is_cut_out_and_comes_as_rgb() -> None:
    frame = np.zeros((100, 120, 3), np.uint8)
    frame[20:60, 30:80] = (255, 102, 51)
    picture = face_picture(frame, np.array([29.8, 20.3, 80.4, 59.6]))
    assert picture is not None
    assert picture.shape == (3, 299, 299)
    assert torch.allclose(picture, torch.tensor([0.2, 0.4, 1.0])[:, None, None].expand_as(picture))


def test_a_face_is_resampled_bilinearly_without_smoothing() -> None:
    frame = np.random.default_rng(5).integers(0, 256, (700, 640, 3), dtype=np.uint8)
    picture = face_picture(frame, np.array([20, 30, 20 + 598, 30 + 598], float))
    assert picture is not None
    # At half the size every pixel is the mean of four; at a smaller one pixels in between count for nothing.
    crop = torch.from_numpy(frame[30:628, 20:618, ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    assert torch.allclose(picture, F.avg_pool2d(crop, 2)[0], atol=1e-5)
    rough = face_picture(np.tile(frame, (2, 2, 1)), np.array([0, 0, 1280, 1280], float))
    assert rough is not None
    assert rough.std() > 1.5 * F.adaptive_avg_pool2d(torch.from_numpy(frame / 255).permute(2, 0, 1), 160).std()


def test_a_box_that_reaches_beyond_the_frame_is_cut_and_one_outside_gives_nothing() -> None:
    frame = np.random.default_rng(6).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    over, inside = face_picture(frame, np.array([-5.0, 10, 90, 70])), face_picture(frame, np.array([0.0, 10, 80, 60]))
    assert over is not None
    assert inside is not None
    assert torch.equal(over, inside)
    assert face_picture(frame, np.array([90.0, 10, 120, 40])) is None


# ---- the network


def test_the_network_has_the_published_size_and_names(network: Inception) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert shapes["Conv2d_1a_3x3.bn.running_var"] == (32,)
    assert shapes["Mixed_5b.branch5x5_2.conv.weight"] == (64, 48, 5, 5)
    assert shapes["Mixed_6a.branch3x3.conv.weight"] == (384, 288, 3, 3)
    assert shapes["Mixed_6c.branch7x7dbl_2.conv.weight"] == (160, 160, 7, 1)
    assert shapes["Mixed_7a.branch7x7x3_4.conv.weight"] == (192, 192, 3, 3)
    assert shapes["Mixed_7c.branch_pool.conv.weight"] == (192, 2048, 1, 1)
    assert len(shapes) == 94 * 6    # 94 convolutions, each with its norm


def test_averages_leave_the_padding_out() -> None:
    ones = torch.ones(1, 1, 4, 4)
    assert torch.equal(average(ones), ones)
    assert average(torch.arange(4.0).reshape(1, 1, 2, 2))[0, 0, 0, 0] == 1.5


def test_the_last_block_pools_by_the_largest_and_the_one_before_by_the_average(network: Inception) -> None:
    assert network.Mixed_7c.largest
    assert not network.Mixed_7b.largest
    x = torch.rand(1, 1280, 4, 4, generator=torch.Generator().manual_seed(1))
    for largest, pooled in ((True, F.max_pool2d(x, 3, 1, 1)), (False, average(x))):
        block = InceptionE(1280, largest).eval()
        with torch.inference_mode():
            assert torch.equal(block(x)[:, -192:], block.branch_pool(pooled))


def test_the_network_computes_what_its_description_says(network: Inception) -> None:
    weights = network.state_dict()

    def conv(x: Tensor, *names: str) -> Tensor:
        """Convolutions after each other, which keep the size unless they halve it or stand in the stem."""
        for name in names:
            stride = 2 if name.endswith(HALVING) else 1
            kernel = weights[f"{name}.conv.weight"]
            keeps = stride == 1 and not name.endswith(("2a_3x3", "4a_3x3"))
            padding = tuple(side // 2 for side in kernel.shape[2:]) if keeps else 0
            x = F.conv2d(x, kernel, None, stride, padding)
            mean, variance, gain, bias = (
                weights[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
            )
            x = F.relu(F.batch_norm(x, mean, variance, gain, bias, eps=1e-3))
        return x

    def mean_of_neighbours(x: Tensor) -> Tensor:
        ones = torch.ones(x.shape[1], 1, 3, 3)
        sums = F.conv2d(x, ones, padding=1, groups=x.shape[1])
        return sums / F.conv2d(torch.ones_like(x), ones, padding=1, groups=x.shape[1])

    def mixed(x: Tensor, block: str, *branches: str, pool: str = "average") -> Tensor:
        made = []
        for branch in branches:
            y = x
            for layer in branch.split():
                sides = [f"{block}.{name}" for name in layer.split("|")]
                y = torch.cat([conv(y, side) for side in sides], 1)
            made.append(y)
        if pool == "halve":
            return torch.cat([*made, F.max_pool2d(x, 3, 2)], 1)
        around = F.max_pool2d(x, 3, 1, 1) if pool == "largest" else mean_of_neighbours(x)
        return torch.cat([*made, conv(around, f"{block}.branch_pool")], 1)

    def chain(name: str, count: int) -> str:
        return " ".join(f"{name}_{number}" for number in range(1, count + 1))

    with torch.inference_mode():
        given = pictures(2)
        x = 2 * torch.stack(given) - 1
        x = F.max_pool2d(conv(x, "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"), 3, 2)
        x = F.max_pool2d(conv(x, "Conv2d_3b_1x1", "Conv2d_4a_3x3"), 3, 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = mixed(x, name, "branch1x1", chain("branch5x5", 2), chain("branch3x3dbl", 3))
        x = mixed(x, "Mixed_6a", "branch3x3", chain("branch3x3dbl", 3), pool="halve")
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = mixed(x, name, "branch1x1", chain("branch7x7", 3), chain("branch7x7dbl", 5))
        x = mixed(x, "Mixed_7a", chain("branch3x3", 2), chain("branch7x7x3", 4), pool="halve")
        ends = "branch3x3_2a|branch3x3_2b", "branch3x3dbl_3a|branch3x3dbl_3b"
        for name, pool in (("Mixed_7b", "average"), ("Mixed_7c", "largest")):
            wide, deep = f"branch3x3_1 {ends[0]}", f"{chain('branch3x3dbl', 2)} {ends[1]}"
            x = mixed(x, name, "branch1x1", wide, deep, pool=pool)
        expected = x.mean((2, 3)).numpy()
    assert expected.shape == (2, 2048)
    assert expected.std() > 0.01
    found = picture_features(network, given)
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=1e-4 * expected.max())
    assert np.allclose(picture_features(fold_batch_norm(network), given), expected, atol=1e-4 * expected.max())


HALVING = ("1a_3x3", "6a.branch3x3", "6a.branch3x3dbl_3", "7a.branch3x3_2", "7a.branch7x7x3_4")


def test_no_pictures_have_no_features(network: Inception) -> None:
    assert picture_features(network, []).shape == (0, 2048)


# ---- its file


def published(network: Inception, classes: int) -> dict[str, Tensor]:
    return {**network.state_dict(), "fc.weight": torch.zeros(classes, 2048), "fc.bias": torch.zeros(classes)}


@pytest.mark.parametrize("counted", [True, False])
def test_the_network_is_loaded_from_a_file_as_published(tmp_path: Path, network: Inception, counted: bool) -> None:
    path = tmp_path / "inception.pth"
    weights = published(network, 1008)
    kept = {name: tensor for name, tensor in weights.items() if counted or "num_batches" not in name}
    torch.save(kept, path, _use_new_zipfile_serialization=counted)
    assert read_checkpoint(path).kind == "inception"
    loaded = load_inception(path)
    assert not loaded.training
    given = pictures(1)
    assert np.array_equal(picture_features(loaded, given), picture_features(network, given))


def test_torchvisions_inception_is_refused(tmp_path: Path, network: Inception) -> None:
    path = tmp_path / "inception_v3_google-0cc3c7bd.pth"
    torch.save(published(network, 1000), path)
    with pytest.raises(WeightsError, match=r"1000 classes, as torchvision's.*pt_inception-2015-12-05"):
        load_inception(path)


def test_another_network_or_a_broken_one_is_refused(tmp_path: Path, network: Inception) -> None:
    path = tmp_path / "generator.safetensors"
    save_network(Generator(2), path)
    with pytest.raises(WeightsError, match="not the Inception network"):
        load_inception(path)
    lacking = {name: tensor for name, tensor in network.state_dict().items() if name != "Mixed_6b.branch1x1.bn.bias"}
    save_file(lacking, tmp_path / "lacking.safetensors")
    with pytest.raises(WeightsError, match=r"Mixed_6b.branch1x1.bn.bias is missing\), and cannot be used"):
        load_inception(tmp_path / "lacking.safetensors")
