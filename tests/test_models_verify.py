"""Whether weights can be used is told before they are."""

from __future__ import annotations

import builtins
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from seeded import seeded
from weights_files import any_weights, misshapen, trained

from wav2lip.errors import UsageError, WeightsError
from wav2lip.models import store
from wav2lip.models import verify as module
from wav2lip.models.checkpoint import KINDS
from wav2lip.models.generator import Generator
from wav2lip.models.known import KnownFile
from wav2lip.models.load import save_network
from wav2lip.models.rrdbnet import RRDBNet
from wav2lip.models.store import sha256_of
from wav2lip.models.verify import verify


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save(trained(seeded(Generator(2)), step=9), tmp_path / "mine.pth")
    return tmp_path / "mine.pth"


def test_good_weights_are_good_and_told(weights: Path) -> None:
    verdict = verify(weights)
    assert verdict.good
    assert verdict.text == (
        "Wav2Lip generator, 0.125 of the full width, step 9: it loads; none of the published files"
    )
    assert verify("demo").good
    assert "it is demo.safetensors as published, by its SHA-256" in verify("demo").text


def test_a_file_that_only_has_the_name_of_a_published_one_is_told(weights: Path) -> None:
    path = weights.rename(weights.with_name("wav2lip_gan.pth"))
    verdict = verify(path)
    assert verdict.good    # somebody's own, or saved again: it can be used
    assert verdict.text.endswith("it is not wav2lip_gan.pth as published, by its SHA-256")


def test_under_the_name_of_a_published_file_only_that_one_is_good(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, sha256 = weights.stat().st_size, sha256_of(weights)
    monkeypatch.setitem(store.KNOWN, "x", KnownFile("x", "x.pth", "famous", size, sha256, "free", "page"))
    assert verify("x") == module.Verdict(Path("x"), False, verify("x").text)
    assert "are not on this machine" in verify("x").text
    store.cache_dir().mkdir(exist_ok=True)
    shutil.copyfile(weights, store.cache_dir() / "x.pth")
    assert verify("x").good
    with open(store.cache_dir() / "x.pth", "r+b") as file:    # a part of the file that nobody reads
        file.seek(0, 2)
        at = file.tell() - 2
        file.seek(at)
        file.write(b"\1\0")
    assert not verify("x").good


def test_what_is_wrong_is_said_in_a_sentence(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_text("<!DOCTYPE html>")
    (tmp_path / "cut.pth").write_bytes(weights.read_bytes()[:5000])
    broken = seeded(Generator(2))
    broken.output_block[1].bias.data[0] = float("nan")
    save_network(broken, tmp_path / "nan.safetensors")
    misshapen(tmp_path / "other.pth", Generator(2), "output_block.1.bias", None)
    said = {
        "page.pth": "it is an HTML page", "cut.pth": "is cut off", "nan.safetensors": "not numbers (NaN or infinite)",
        "other.pth": "output_block.1.bias is missing", "missing.pth": "There is no weights file", ".": "is a folder",
    }
    for name, words in said.items():
        verdict = verify(tmp_path / name)
        assert not verdict.good
        assert words in verdict.text
        assert "\n" not in verdict.text


def test_an_altered_number_that_only_a_checksum_tells_is_noticed(weights: Path) -> None:
    with zipfile.ZipFile(weights) as archive:
        entry = max(archive.infolist(), key=lambda entry: entry.file_size)
    with open(weights, "r+b") as file:
        file.seek(entry.header_offset + 30 + len(entry.filename) + 200)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    assert verify(weights).text.startswith(f"{weights} is damaged: the checksum of ")


def test_networks_with_loaders_of_their_own_are_loaded_by_them(tmp_path: Path) -> None:
    torch.save(any_weights(lambda: RRDBNet(4, 1, 4)), tmp_path / "sharp.pth")
    assert "it loads" in verify(tmp_path / "sharp.pth").text
    marks = {mark: torch.zeros(1) for mark in KINDS["inception"].marks}
    torch.save(marks | {"fc.bias": torch.zeros(1000)}, tmp_path / "torchvision.pth")
    assert "of 1000 classes, as torchvision's" in verify(tmp_path / "torchvision.pth").text


def test_an_unknown_network_is_left_to_the_extra_that_may_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(path: Path) -> None:
        raise UsageError("spandrel is not installed")

    monkeypatch.setattr(module, "load_enhancer", missing)
    save_file({"a.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    verdict = verify(tmp_path / "other.safetensors")
    assert verdict.good
    assert "1 tensors of good numbers, of a network that perhaps the extra enhance knows" in verdict.text


def test_detectors_are_asked_for_what_only_they_can_read(tmp_path: Path) -> None:
    save_file({"a.weight": torch.zeros(2, 2)}, tmp_path / "face.safetensors")
    asked = []

    def no(path: Path) -> None:
        asked.append(path.name)
        raise WeightsError("no such detector")

    verdict = verify(tmp_path / "face.safetensors", {"retinaface": no, "blazeface": lambda path: None, "yunet": no})
    assert verdict.text == "blazeface face detector: it loads; none of the published files"
    assert asked == ["face.safetensors"]


def test_a_file_that_must_not_be_read_is_told(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.open

    def closed(path: Any, *args: Any, **kwargs: Any) -> Any:
        if str(path) == str(weights):
            raise PermissionError(13, "Permission denied")
        return plain(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", closed)
    assert verify(weights).text == f"{weights} cannot be read: Permission denied. Check its permissions."
