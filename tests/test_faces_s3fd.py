"""S3FD gives the original's boxes, and survives a device with little memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from seeded import seeded_state_dict
from torch import Tensor

from wav2lip.errors import Wav2LipError, WeightsError
from wav2lip.faces.detector import make_detector
from wav2lip.faces.s3fd import MEANS, STRIDES, S3FDDetector, decode
from wav2lip.faces.suppress import suppress


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from face_alignment.detection.sfd.net_s3fd import s3fd

    path = tmp_path_factory.mktemp("weights") / "s3fd.pth"
    torch.save(seeded_state_dict(s3fd().state_dict()), path)
    return path


@pytest.fixture(scope="module")
def detector(weights: Path) -> S3FDDetector:
    return S3FDDetector(weights, device="cpu", compat=True)


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, np.ndarray]:
    return dict(np.load(shared / "reference" / "golden" / "s3fd.npz"))


def test_the_network_gives_the_originals_maps(detector: S3FDDetector, golden: dict[str, np.ndarray]) -> None:
    pixels = torch.from_numpy(golden["images_rgb_or_bgr_as_given"]).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        maps = detector._built()(pixels - torch.tensor(MEANS)[:, None, None])
    assert len(maps) == 12
    for number, level in enumerate(maps):
        np.testing.assert_allclose(level.numpy(), golden[f"map{number}"], atol=1e-4)


def test_the_same_faces_are_kept_as_by_the_original(detector: S3FDDetector, golden: dict[str, np.ndarray]) -> None:
    faces = detector.detect(list(golden["images_rgb_or_bgr_as_given"]))
    for number in range(2):
        np.testing.assert_allclose(faces[number], golden[f"kept{number}"], atol=1e-3)
        assert faces[number][0, :4].clip(0).astype(int).tolist() == golden["top"][number].tolist()


def test_red_and_blue_are_exchanged_only_under_compat(weights: Path, detector: S3FDDetector) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    right = S3FDDetector(weights, device="cpu", compat=False)
    (compat,), (swapped,) = detector.detect([frame]), right.detect([np.ascontiguousarray(frame[..., ::-1])])
    np.testing.assert_allclose(swapped[0, :4], compat[0, :4], atol=0.02 * 150)    # bfloat16, where there is any
    assert right.fingerprint != detector.fingerprint


def test_large_frames_are_scaled_down_and_their_boxes_back(weights: Path) -> None:
    detector = S3FDDetector(weights, device="cpu", compat=False)
    seen: list[tuple[int, ...]] = []

    def network(pixels: Tensor) -> list[Tensor]:
        seen.append(tuple(pixels.shape[2:]))
        return one_face(level=5, row=1, column=1)

    detector._network, detector._quick = network, False  # type: ignore[assignment]
    (faces,) = detector.detect([np.zeros((720, 1280, 3), np.uint8)])
    assert seen == [(360, 640)]
    # The anchor of the coarsest level at (192, 192) has sides of 512 pixels there, of 1024 in the frame.
    np.testing.assert_allclose(faces[0, :4], [-128, -128, 896, 896], atol=1e-3)


def test_a_slow_device_looks_at_few_pixels_first_and_at_more_where_it_finds_nothing(weights: Path) -> None:
    detector = S3FDDetector(weights, device="cpu", compat=False)
    seen: list[tuple[int, ...]] = []

    def network(pixels: Tensor) -> list[Tensor]:
        seen.append(tuple(pixels.shape))
        bright = pixels.mean(dim=(1, 2, 3)) > 0
        some = bright & (pixels.shape[3] == 320) | ~bright & (pixels.shape[3] == 640)
        maps = [one_face(level=5 if found else -1, row=1, column=1) for found in some]
        return [torch.cat(level) for level in zip(*maps, strict=True)]

    detector._network, detector._quick, detector._dtype = network, True, torch.float32  # type: ignore[assignment]
    large, small = detector.detect([np.full((360, 640, 3), 255, np.uint8), np.zeros((360, 640, 3), np.uint8)])
    assert seen == [(1, 3, 180, 320)] * 2 + [(1, 3, 360, 640)]
    np.testing.assert_allclose(large[0, :4], [-128, -128, 896, 896], atol=1e-3)    # as above: twice as large
    np.testing.assert_allclose(small[0, :4], [-64, -64, 448, 448], atol=1e-3)


def one_face(level: int, row: int, column: int) -> list[Tensor]:
    """Return maps of one picture with one sure face, exactly on its anchor."""
    maps = []
    for at in range(len(STRIDES)):
        classes = torch.tensor([5.0, -5.0]).reshape(1, 2, 1, 1).repeat(1, 1, 4, 4)
        if at == level:
            classes[0, :, row, column] = torch.tensor([-5.0, 5.0])
        maps += [classes, torch.zeros(1, 4, 4, 4)]
    return maps


@pytest.mark.parametrize("level", range(6))
def test_a_cells_anchor_lies_at_its_centre(level: int) -> None:
    stride = STRIDES[level]
    (faces,) = decode(one_face(level, row=2, column=1))
    centre, half = np.array([1.5, 2.5]) * stride, 2 * stride
    np.testing.assert_allclose(faces[0, :4], [*(centre - half), *(centre + half)])
    assert faces[0, 4] > 0.99


def test_suppression_keeps_the_best_of_those_that_overlap() -> None:
    faces = np.array([[0, 0, 9, 9, 0.9], [1, 1, 10, 10, 0.8], [20, 0, 29, 9, 0.7], [0, 6, 9, 15, 0.6]], np.float32)
    assert suppress(faces, 0.3).tolist() == [0, 2, 3]
    assert suppress(faces[:0], 0.3).tolist() == []


def shortage(limit: int, batches: list[int]) -> Callable[[Tensor], list[Tensor]]:
    """Return a network that has memory for `limit` pictures, and notes how many it is given."""

    def network(pixels: Tensor) -> list[Tensor]:
        batches.append(len(pixels))
        if len(pixels) > limit:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return [level.repeat(len(pixels), 1, 1, 1) for level in one_face(0, 0, 0)]

    return network


def test_when_memory_runs_out_smaller_batches_go_on_where_it_stopped(weights: Path) -> None:
    detector, batches = S3FDDetector(weights, device="cpu", compat=True), []
    detector._network = shortage(2, batches)  # type: ignore[assignment]
    frames = [np.zeros((32, 32, 3), np.uint8)] * 8
    assert [len(faces) for faces in detector.detect(frames)] == [1] * 8
    detector.detect(frames)    # the size that fits is remembered
    assert batches == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]


def test_too_little_memory_for_one_frame_says_what_to_do(weights: Path) -> None:
    detector = S3FDDetector(weights, device="cpu", compat=True)
    detector._network = shortage(0, [])  # type: ignore[assignment]
    with pytest.raises(Wav2LipError, match="--resize-factor"):
        detector.detect([np.zeros((32, 32, 3), np.uint8)])


def test_any_other_failure_is_not_taken_for_a_lack_of_memory(weights: Path) -> None:
    detector = S3FDDetector(weights, device="cpu", compat=True)

    def broken(pixels: Tensor) -> list[Tensor]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    detector._network = broken  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="illegal memory access"):
        detector.detect([np.zeros((32, 32, 3), np.uint8)] * 4)


def test_weights_that_are_given_are_used_by_auto_too(weights: Path) -> None:
    detector = make_detector("auto", weights=weights, device="cpu", compat=True, offline=True, say=print)
    assert detector.name == "s3fd"


def test_other_weights_have_another_fingerprint(weights: Path, detector: S3FDDetector, tmp_path: Path) -> None:
    state_dict = torch.load(weights, weights_only=True)
    state_dict["fc7.bias"] += 1
    torch.save(state_dict, tmp_path / "other.pth")
    assert S3FDDetector(tmp_path / "other.pth", device="cpu", compat=True).fingerprint != detector.fingerprint


def test_what_one_device_finds_in_fewer_pixels_is_not_taken_for_what_another_finds(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wav2lip.faces.s3fd.fast_bfloat16", lambda device: False)
    monkeypatch.setattr(S3FDDetector, "_built", lambda self: None)
    slow, quick = (S3FDDetector(weights, device=device, compat=False) for device in ("cpu", "mps"))
    assert slow.fingerprint != quick.fingerprint


def test_another_network_is_named(tmp_path: Path) -> None:
    from wav2lip.models.generator import Generator

    torch.save(Generator(4).state_dict(), tmp_path / "generator.pth")
    with pytest.raises(WeightsError, match=r"generator\.pth holds the Wav2Lip generator"):
        S3FDDetector(tmp_path / "generator.pth", device="cpu", compat=False)


def test_s3fd_weights_with_a_layer_missing_are_refused(weights: Path, tmp_path: Path) -> None:
    state_dict = torch.load(weights, weights_only=True)
    del state_dict["fc6.weight"]
    torch.save(state_dict, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="missing or different layers"):
        S3FDDetector(tmp_path / "part.pth", device="cpu", compat=False)


def test_layers_that_are_quicker_in_another_way_change_no_box(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wav2lip.faces.s3fd.fast_bfloat16", lambda device: False)
    quick = S3FDDetector(weights, device="cpu", compat=False)._built()
    monkeypatch.setattr("wav2lip.faces.s3fd.QUICKER", ())
    plain = S3FDDetector(weights, device="cpu", compat=False)._built()
    pictures = torch.rand(1, 3, 64, 96).contiguous(memory_format=torch.channels_last) * 255 - 110
    with torch.inference_mode():
        maps = [network(pictures) for network in (quick, plain)]
    for one, other in zip(*maps, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()))
    assert any("Winograd" in type(layer).__name__ for layer in quick.children())


def test_a_detector_that_rested_finds_the_same(weights: Path) -> None:
    detector = S3FDDetector(weights, device="cpu", compat=False)
    frames = list(np.random.default_rng(0).integers(0, 255, (2, 72, 96, 3)).astype(np.uint8))
    before = detector.detect(frames)
    detector.rest()
    assert detector._network is None
    for one, other in zip(detector.detect(frames), before, strict=True):
        np.testing.assert_array_equal(one, other)
