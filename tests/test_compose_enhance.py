"""A sharper face is the network's in its detail and the given one in its colour; and who makes it sharper."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from seeded import seeded
from torch import Tensor, nn

from wav2lip.compose.enhance import enhance_faces, enlarge
from wav2lip.errors import UsageError, Wav2LipError, WeightsError
from wav2lip.models.enhancer import Enhancer, load_enhancer
from wav2lip.models.generator import Generator
from wav2lip.models.rrdbnet import RRDBNet

SIZE = 96
TINTS: dict[str, Callable[[Tensor], Tensor]] = {    # of pictures in [0, 1]
    "adds": lambda x: x + torch.tensor([0.15, -0.12, 0.1])[:, None, None],
    "multiplies": lambda x: x * torch.tensor([0.6, 1.3, 0.8])[:, None, None],
    "bends": lambda x: x**1.8,
    "greys": lambda x: x.mean(1, keepdim=True).expand_as(x),
    "swaps": lambda x: x.flip(1),
    "blackens": lambda x: 0 * x,
    "whitens": lambda x: 0 * x + 1,
}


def enlarging(change: Callable[[Tensor], Tensor] = lambda x: x, **options: Any) -> Enhancer:
    """An enhancer that enlarges four times and then does something to the picture."""

    def network(x: Tensor) -> Tensor:
        return change(nn.functional.interpolate(x, scale_factor=4, mode="bicubic"))

    return Enhancer(network, "cpu", options.pop("scale", 4), "a stand-in", **options)


def flat() -> np.ndarray:
    return np.full((1, SIZE, SIZE, 3), (30, 120, 220), np.float32)


def gradient() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] / (SIZE - 1)
    return np.stack([60 + 100 * x, 170 - 110 * y, 50 + 60 * (x + y)], -1).astype(np.float32)[None]


def noise(count: int = 2, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(7).uniform(0, 255, (count, size, size, 3)).astype(np.float32)


# The colour


@pytest.mark.parametrize("tint", TINTS)
@pytest.mark.parametrize("face", [flat, gradient])
def test_a_network_that_tints_tints_nothing(tint: str, face: Callable[[], np.ndarray]) -> None:
    out = enhance_faces(face(), enlarging(TINTS[tint]), 1)
    assert out.shape == (1, 4 * SIZE, 4 * SIZE, 3)
    assert out.dtype == np.float32
    assert np.abs(out[0] - enlarge(face()[0], 4 * SIZE, 4 * SIZE)).max() < 1


def test_black_and_white_stay_black_and_white() -> None:
    for value in (0, 255):
        for tint in TINTS.values():
            out = enhance_faces(np.full((1, SIZE, SIZE, 3), value, np.float32), enlarging(tint), 1)
            assert np.abs(out - value).max() < 1


def test_colours_that_differ_from_place_to_place_are_corrected_from_place_to_place() -> None:
    def patches(x: Tensor) -> Tensor:
        out = x.clone()
        out[:, 0, 96:240, 100:300] += 0.2
        return out

    out = enhance_faces(gradient(), enlarging(patches), 1)[0]
    off = np.abs(cv2.GaussianBlur(out - enlarge(gradient()[0], 384, 384), (0, 0), 24))
    assert off.max() < 6    # of 51


def test_detail_is_the_networks() -> None:
    fine = torch.from_numpy(np.indices((384, 384)).sum(0) // 4 % 2).float() - 0.5    # squares of 4 pixels
    out = enhance_faces(gradient(), enlarging(lambda x: x + 0.1 * fine), 1)[0]
    detail = out - enlarge(gradient()[0], 384, 384)
    np.testing.assert_allclose(detail, 25.5 * fine.numpy()[..., None].repeat(3, 2), atol=1.5)


def test_half_the_strength_is_half_the_way_and_none_is_the_face_plainly_enlarged() -> None:
    faces, sharp = noise(), enlarging(lambda x: x.round())
    plain, half, whole = (enhance_faces(faces, sharp, strength) for strength in (0, 0.5, 1))
    assert np.array_equal(plain, np.stack([enlarge(face, 384, 384) for face in faces]))
    np.testing.assert_allclose(half, (plain + whole) / 2, atol=1e-3)
    assert np.abs(whole - plain).max() > 10


def test_no_strength_does_not_run_the_network() -> None:
    enhance_faces(flat(), enlarging(lambda x: pytest.fail("it ran")), 0)


def test_values_stay_in_range_and_faces_are_not_changed() -> None:
    faces = np.where(noise() > 128, np.float32(255), np.float32(0))
    before = faces.copy()
    for strength in (0, 0.3, 1):
        out = enhance_faces(faces, enlarging(lambda x: 3 * x - 1), strength)
        assert out.min() >= 0
        assert out.max() <= 255
    assert np.array_equal(faces, before)


def test_beside_an_edge_nothing_swings() -> None:
    face = np.full((1, SIZE, SIZE, 3), 60, np.float32)
    face[:, :, SIZE // 2 :] = 190
    blurred = cv2.GaussianBlur(face[0], (0, 0), 2)[None]
    out = enhance_faces(blurred, enlarging(lambda x: (x > 0.49).float() * 130 / 255 + 60 / 255), 1)[0]
    assert out.min() > 60 - 5
    assert out.max() < 190 + 5


def test_faces_of_another_shape_and_none_at_all_work_too() -> None:
    face = np.full((1, 40, 30, 3), 100, np.float32)
    assert enhance_faces(face, enlarging(), 1).shape == (1, 160, 120, 3)
    tiny = enhance_faces(np.full((1, 2, 1, 3), 100, np.float32), enlarging(TINTS["blackens"]), 1)
    np.testing.assert_allclose(tiny, np.full((1, 8, 4, 3), 100), atol=1)
    for strength in (0, 1):
        assert enhance_faces(face[:0], enlarging(), strength).shape == (0, 160, 120, 3)


# The network


def test_an_enhancer_sees_red_first_and_gives_blue_first() -> None:
    def redden(x: Tensor) -> Tensor:
        assert x.max() <= 1
        return x * torch.tensor([1.0, 0.5, 0.0])[:, None, None]

    out = enlarging(redden).enhance(np.full((1, 8, 8, 3), 200, np.float32))
    np.testing.assert_allclose(out[0, 5, 5], [0, 100, 200], atol=1e-3)


def test_values_beyond_the_range_are_clipped() -> None:
    out = enlarging(lambda x: 4 * x - 2).enhance(noise(1))
    assert (out.min(), out.max()) == (0, 255)


def test_faces_go_through_in_batches_and_in_halves_where_memory_is_short() -> None:
    seen: list[int] = []

    def narrow(x: Tensor) -> Tensor:
        if len(x) > 2:
            raise torch.cuda.OutOfMemoryError("too little")
        seen.append(len(x))
        return x

    faces = noise(7, 8)
    out = enlarging(narrow, batch=4).enhance(faces)
    assert seen == [2, 2, 2, 1]
    np.testing.assert_allclose(out, enlarging().enhance(faces), atol=1e-3)


def test_too_little_memory_for_one_face_is_said() -> None:
    def never(x: Tensor) -> Tensor:
        raise torch.cuda.OutOfMemoryError("too little")

    with pytest.raises(Wav2LipError, match="cpu has too little memory to enhance one face"):
        enlarging(never, batch=2).enhance(noise(2, 8))


@pytest.fixture
def super_resolution(tmp_path: Path) -> Path:
    path = tmp_path / "RealESRGAN_small.pth"
    torch.save({"params_ema": seeded(RRDBNet(8, 2, 4)).state_dict()}, path)
    return path


def test_our_super_resolution_network_needs_no_other_package(
    super_resolution: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    faces = noise(2, 16)
    enhancer = load_enhancer(super_resolution)
    assert enhancer.what == "RealESRGAN_small.pth: super-resolution network (RRDBNet)"
    assert enhancer.output_size(16, 12) == (64, 48)
    with torch.inference_mode():
        x = torch.from_numpy(faces[..., ::-1].copy()).permute(0, 3, 1, 2) / 255
        theirs = seeded(RRDBNet(8, 2, 4))(x).clamp(0, 1).permute(0, 2, 3, 1).numpy()[..., ::-1] * 255
    np.testing.assert_allclose(enhancer.enhance(faces), theirs, atol=0.01)


def test_a_generator_is_no_enhancer(tmp_path: Path) -> None:
    path = tmp_path / "wav2lip.pth"
    torch.save(Generator(2).state_dict(), path)
    with pytest.raises(WeightsError, match=r"the Wav2Lip generator, not the super-resolution network"):
        load_enhancer(path)


def test_a_broken_super_resolution_network_is_not_handed_on(tmp_path: Path) -> None:
    path, weights = tmp_path / "weights.pth", dict(RRDBNet(8, 2, 4).state_dict())
    del weights["conv_hr.bias"]
    torch.save(weights, path)
    with pytest.raises(WeightsError, match=r"\(conv_hr\.bias is missing\)"):
        load_enhancer(path)


# Through spandrel


class UnsupportedModelError(Exception):
    pass


class Model:
    """What spandrel gives: a descriptor that is called, or its network."""

    def __init__(self, id: str, purpose: str, scale: int = 1, channels: int = 3, half: bool = False):
        self.architecture = SimpleNamespace(id=id, name=f"{id} by name")
        self.purpose, self.scale, self.supports_half = purpose, scale, half
        self.input_channels = self.output_channels = channels
        self.placed: tuple[object, ...] = ()
        self.shapes: list[tuple[int, ...]] = []

    def to(self, *place: object) -> Model:
        self.placed = place
        return self

    def eval(self) -> Model:
        return self

    def __call__(self, x: Tensor) -> Tensor:
        self.shapes.append(tuple(x.shape))
        return x.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)

    def model(self, x: Tensor, **told: bool) -> tuple[Tensor, list[Tensor]]:
        """A restorer that gives what it sees, both in [-1, 1], and something beside it."""
        assert x.min() < -0.9
        assert told == ({"randomize_noise": False} if self.architecture.id == "GFPGAN" else {})
        return x, []


@pytest.fixture
def spandrel(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A package of spandrel's name, which gives `found` and keeps the tensors that it was handed."""
    state = SimpleNamespace(found=None, handed={}, installed=[])

    class ModelLoader:
        def load_from_state_dict(self, weights: dict[str, Tensor]) -> Model:
            state.handed = weights
            if isinstance(state.found, Exception):
                raise state.found
            return state.found

    module: Any = ModuleType("spandrel")
    module.ModelLoader, module.UnsupportedModelError = ModelLoader, UnsupportedModelError
    module.canonicalize_state_dict = lambda weights: {name.removeprefix("netG."): weights[name] for name in weights}
    monkeypatch.setitem(sys.modules, "spandrel", module)
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches", None)
    return state


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    path = tmp_path / "GFPGANv1.4.pth"
    torch.save({"params_ema": {"netG.toRGB.0.weight": torch.ones(3)}}, path)
    return path


def test_a_network_that_is_not_known_here_needs_spandrel(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "spandrel", raising=False)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UsageError, match=r'needs spandrel, which is not installed: pip install "wav2lip\[enhance\]"'):
        load_enhancer(foreign)


def test_a_super_resolution_network_of_spandrels_takes_faces_as_they_are(
    foreign: Path, spandrel: SimpleNamespace
) -> None:
    spandrel.found = Model("ESRGAN", "SR", scale=2, half=True)
    enhancer = load_enhancer(foreign)
    assert enhancer.what == "GFPGANv1.4.pth: ESRGAN by name"
    faces = noise(3, 16)
    np.testing.assert_allclose(enhancer.enhance(faces), faces.repeat(2, 1).repeat(2, 2), atol=1e-3)
    assert spandrel.found.shapes == [(1, 3, 16, 16)] * 3    # its calls are of one picture each
    assert spandrel.found.placed == (torch.device("cpu"), torch.float32)


def test_spandrel_is_handed_tensors_that_were_read_here(foreign: Path, spandrel: SimpleNamespace) -> None:
    spandrel.found = Model("ESRGAN", "SR")
    load_enhancer(foreign)
    assert list(spandrel.handed) == ["toRGB.0.weight"]


def test_a_file_that_wants_to_run_code_is_refused_before_spandrel_sees_it(
    tmp_path: Path, spandrel: SimpleNamespace
) -> None:
    path = tmp_path / "GFPGANv1.4.pth"
    torch.save({"params_ema": {"toRGB.0.weight": torch.ones(3)}, "cfg": Path("x")}, path)
    with pytest.raises(WeightsError, match="wants to run code when opened"):
        load_enhancer(path)
    assert not spandrel.handed


@pytest.mark.parametrize("id", ["GFPGAN", "CodeFormer", "RestoreFormer"])
def test_a_restorer_gets_faces_of_its_own_size_and_in_its_own_range(
    foreign: Path, spandrel: SimpleNamespace, id: str
) -> None:
    spandrel.found = Model(id, "FaceSR")
    enhancer = load_enhancer(foreign)
    assert enhancer.output_size(SIZE, SIZE) == (512, 512)
    faces = np.concatenate([flat(), gradient(), 0 * flat()])
    faces[..., :4, :4, :] = 0
    out = enhancer.enhance(faces)
    for face, larger in zip(faces, out, strict=True):
        np.testing.assert_allclose(larger, enlarge(face, 512, 512), atol=0.05)


def test_real_esrgan_that_enlarges_twice_goes_to_spandrel(tmp_path: Path, spandrel: SimpleNamespace) -> None:
    path, weights = tmp_path / "RealESRGAN_x2plus.pth", dict(RRDBNet(8, 2, 4).state_dict())
    weights["conv_first.weight"] = torch.zeros(8, 12, 3, 3)
    torch.save({"params_ema": weights}, path)
    spandrel.found = Model("ESRGAN", "SR", scale=2)
    assert load_enhancer(path).output_size(SIZE, SIZE) == (2 * SIZE, 2 * SIZE)


def test_the_architectures_of_the_other_package_are_known_where_it_is_installed(
    foreign: Path, spandrel: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra: Any = ModuleType("spandrel_extra_arches")
    extra.install = lambda ignore_duplicates: spandrel.installed.append(ignore_duplicates)
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches", extra)
    spandrel.found = Model("CodeFormer", "FaceSR")
    load_enhancer(foreign)
    assert spandrel.installed == [True]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (UnsupportedModelError(), r"does not know either \(its first tensors: netG\.toRGB.*spandrel_extra_arches"),
        (RuntimeError("size mismatch\n for conv"), r"cannot be loaded by spandrel \(size mismatch for conv\)"),
        (KeyError(), r"cannot be loaded by spandrel \(KeyError\)"),
        (Model("LaMa", "Inpainting"), r"holds LaMa by name, which does not make a colour picture"),
        (Model("DnCNN", "Restoration", channels=1), r"holds DnCNN by name, which does not make a colour picture"),
    ],
)
def test_a_network_that_is_of_no_use_is_refused_in_a_sentence(
    foreign: Path, spandrel: SimpleNamespace, found: object, sentence: str
) -> None:
    spandrel.found = found
    with pytest.raises(WeightsError, match=sentence) as refused:
        load_enhancer(foreign)
    assert str(refused.value).startswith(str(foreign))
