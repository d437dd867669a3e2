"""Weights of any age are read, and what is no weights file is named for what it is."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from seeded import seeded
from torch import Tensor, nn

from wav2lip.errors import WeightsError
from wav2lip.models import checkpoint as reading
from wav2lip.models.checkpoint import KINDS, expect, read_checkpoint
from wav2lip.models.discriminator import Discriminator
from wav2lip.models.generator import Generator
from wav2lip.models.known import KNOWN, KnownFile
from wav2lip.models.store import sha256_of
from wav2lip.models.syncnet import SyncNet

CHANNELS = 2
FIRST = "face_encoder_blocks.0.0.conv_block.0.weight"


@pytest.fixture(scope="module")
def generator() -> nn.Module:
    return seeded(Generator(CHANNELS))


@pytest.fixture
def weights(generator: nn.Module) -> dict[str, Tensor]:
    return dict(generator.state_dict())


def save_legacy(content: Any, path: Path, device: str = "cpu") -> None:
    """Save as torch before 1.6 did, with storages that say they were on `device`."""
    torch.save(content, path, _use_new_zipfile_serialization=False)
    if device != "cpu":
        # The text is length-prefixed, so a longer one goes in with its own length.
        old = b"X\x03\x00\x00\x00cpu"
        data = path.read_bytes()
        assert data.count(old) == 1
        path.write_bytes(data.replace(old, b"X" + struct.pack("<I", len(device)) + device.encode()))


def container(weights: dict[str, Tensor], prefix: str = "") -> dict[str, Any]:
    """The four-key container of the original trainers, with an Adam state in it."""
    parameters = [nn.Parameter(tensor.clone()) for tensor in weights.values() if tensor.is_floating_point()]
    optimizer = torch.optim.Adam(parameters, lr=1e-4)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return {
        "state_dict": OrderedDict((prefix + name, tensor) for name, tensor in weights.items()),
        "optimizer": optimizer.state_dict(),
        "global_step": 258000,
        "global_epoch": 88,
    }


def assert_same(ours: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
    assert list(ours) == list(weights)
    for name, tensor in ours.items():
        assert tensor.device.type == "cpu"
        assert torch.equal(tensor, weights[name]), name


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as refused:
        read_checkpoint(path)
    message = str(refused.value)
    assert str(path) in message
    assert "\n" not in message
    return message


# What is read


def test_a_published_file_of_2020_is_read(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "wav2lip.pth"
    save_legacy(container(weights, prefix="module."), path, device="cuda:0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_checkpoint(path)
    assert (read.kind, read.format, read.step, read.epoch) == ("generator", reading.TORCH_LEGACY, 258000, 88)
    assert_same(read.state_dict, weights)


def test_a_zip_torch_file_with_an_optimizer_is_read(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "step.pth"
    torch.save(container(weights), path)
    read = read_checkpoint(path)
    assert (read.kind, read.format, read.step, read.epoch) == ("generator", reading.TORCH_ZIP, 258000, 88)
    assert_same(read.state_dict, weights)


def test_a_repacked_zip_torch_file_is_read(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    plain, packed = tmp_path / "plain.pth", tmp_path / "packed.pth"
    torch.save(weights, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert_same(read_checkpoint(packed).state_dict, weights)


@pytest.mark.parametrize("key", ["state_dict", "params", "params_ema"])
def test_weights_are_found_under_the_names_that_trainers_use(
    tmp_path: Path, weights: dict[str, Tensor], key: str
) -> None:
    path = tmp_path / "weights.pth"
    torch.save({key: weights}, path)
    assert_same(read_checkpoint(path).state_dict, weights)


def test_a_torchscript_archive_is_read_without_a_warning(
    tmp_path: Path, generator: nn.Module, weights: dict[str, Tensor]
) -> None:
    path = tmp_path / "Wav2Lip-SD-GAN.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(generator, (torch.zeros(1, 1, 80, 16), torch.zeros(1, 6, 96, 96)), check_trace=False)
        traced.save(str(path))
        warnings.simplefilter("error")
        read = read_checkpoint(path)
    assert (read.kind, read.format, read.step) == ("generator", reading.TORCHSCRIPT, None)
    assert_same(read.state_dict, weights)


def test_safetensors_are_read_with_their_texts_and_in_their_precision(
    tmp_path: Path, weights: dict[str, Tensor]
) -> None:
    path = tmp_path / "weights.safetensors"
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    save_file(halves, path, metadata={"data": "GRID"})
    read = read_checkpoint(path)
    assert (read.kind, read.format, read.metadata) == ("generator", reading.SAFETENSORS, {"data": "GRID"})
    assert_same({name: read.state_dict[name] for name in halves}, halves)


@pytest.mark.parametrize(("network", "kind"), [(SyncNet(2), "syncnet"), (Discriminator(2), "discriminator")])
def test_the_other_networks_of_wav2lip_are_recognised(tmp_path: Path, network: nn.Module, kind: str) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": network.state_dict(), "optimizer": None, "global_step": 1, "global_epoch": 0}, path)
    assert read_checkpoint(path).kind == kind


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ("generator", "generator"),
        ("syncnet", "syncnet"),
        ("discriminator", "discriminator"),
        ("s3fd", "s3fd"),
        ("syncnet_v2", "syncnet-v2"),
        ("bisenet", "bisenet"),
        ("rrdbnet", "rrdbnet"),
    ],
)
def test_every_published_network_is_recognised_by_its_keys(
    tmp_path: Path, shared: Path, keys: str, kind: str
) -> None:
    published = json.loads((shared / "reference" / "keys" / f"{keys}_keys.json").read_text())
    path = tmp_path / "weights.pth"
    torch.save({name: torch.zeros(1) for name in published}, path)
    assert read_checkpoint(path).kind == kind


def test_a_published_file_is_recognised_by_its_hash(
    tmp_path: Path, weights: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "renamed.pth"
    torch.save(weights, path)
    assert read_checkpoint(path).known is None
    published = KnownFile("mine", "mine.pth", "test", path.stat().st_size, sha256_of(path), "none", "nowhere")
    monkeypatch.setitem(KNOWN, "mine", published)
    assert read_checkpoint(path).known is published


def test_a_file_of_a_size_that_none_has_is_not_hashed(
    tmp_path: Path, weights: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(weights, path)
    monkeypatch.setattr(reading, "content_digest", lambda path: pytest.fail("hashed in vain"))
    assert read_checkpoint(path).known is None


# What is refused


HTML = b"\n<!DOCTYPE html><html><head><title>Not found</title></head></html>"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is empty"),
        (HTML, "an HTML page (a failed download?)"),
        (b"\xef\xbb\xbf<html lang=en>", "an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:b78b\nsize 435807851\n", "a Git LFS pointer"),
        (b'{"error": "Invalid credentials in Authorization header"}', 'text that begins “{"error": "Invalid'),
        (b"Access to model is restricted", "text that begins “Access to model is restricted”"),
        (gzip.compress(b"weights", mtime=0), "a gzip archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(64), "a 7-Zip archive"),
        (b"\x08\x07\x12\x07pytorch\x1a\x032.1:" + bytes(range(100)), "an ONNX network"),
        (b"\0\0\0\x20ftypisom" + bytes(100), "an MP4 or MOV video"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a PNG image"),
        (bytes(4096), "filled with zeros"),
        (b"\xfe\xed\xfa\xce" + bytes(range(200)), "of no format known here"),
    ],
)
def test_what_is_no_weights_file_is_named(tmp_path: Path, content: bytes, named: str) -> None:
    path = tmp_path / "wav2lip_gan.pth"
    path.write_bytes(content)
    assert named in refusal(path)


def test_a_web_page_of_the_size_of_the_well_known_bad_copies_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wav2lip.pth"
    path.write_bytes(HTML + b"<p>" * 55_000)
    assert "is not a weights file: it is an HTML page" in refusal(path)


def test_a_missing_published_file_comes_with_where_to_get_it(tmp_path: Path) -> None:
    message = refusal(tmp_path / "wav2lip_gan.pth")
    assert "There is no weights file" in message
    assert KNOWN["wav2lip-gan"].source in message
    assert KNOWN["wav2lip-gan"].sha256 in message


def test_a_folder_is_named(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert "not a regular file" in refusal(path)


def test_a_zip_with_weights_in_it_is_named_with_what_is_inside(tmp_path: Path) -> None:
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("models/wav2lip_gan.pth", b"weights")
    message = refusal(path)
    assert "a zip archive of models/wav2lip_gan.pth" in message
    assert "Unpack it" in message


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.999])
@pytest.mark.parametrize("format", ["legacy", "zip", "safetensors"])
def test_a_cut_file_is_named_with_how_much_is_missing(
    tmp_path: Path, weights: dict[str, Tensor], format: str, share: float
) -> None:
    path = tmp_path / "weights.pth"
    if format == "legacy":
        save_legacy(weights, path)
    elif format == "zip":
        torch.save(weights, path)
    else:
        save_file(weights, path)
    whole = path.read_bytes()
    kept = int(len(whole) * share)
    path.write_bytes(whole[:kept])
    message = refusal(path)
    assert "is cut off: it has only" in message
    assert (f"{kept / 1e6:.1f} MB" if kept >= 100_000 else f"{kept:,} bytes") in message
    if share >= 0.5:    # the table of contents is there, so the rest is known, up to a zip's own overhead
        of = float(message.split("of about ")[1].split(" MB")[0]) * 1e6
        assert abs(of - len(whole)) < 0.05 * len(whole) + 50_000


def test_the_reference_cut_file_is_named(shared: Path) -> None:
    message = refusal(shared / "reference" / "broken" / "truncated_generator.pth")
    assert "it has only 1.8 MB of about 435.8 MB" in message


def test_a_cut_torchscript_archive_is_named(tmp_path: Path, generator: nn.Module) -> None:
    path = tmp_path / "Wav2Lip-SD-GAN.pt"
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(nn.Linear(300, 300), torch.zeros(1, 300)), buffer)
    path.write_bytes(buffer.getvalue()[:300_000])
    assert "is cut off: it has only 0.3 MB of about 145.8 MB" in refusal(path)


class Evil:
    """Pickles as a call of os.system."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("format", ["zip", "legacy", "pickle", "pickle 4"])
def test_a_pickle_that_wants_to_run_code_is_not_opened(
    tmp_path: Path, weights: dict[str, Tensor], format: str
) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "it-ran"
    content = {"state_dict": weights, "extra": Evil(f"touch {trace}")}
    if format == "zip":
        torch.save(content, path)
    elif format == "legacy":
        save_legacy(content, path)
    else:
        path.write_bytes(pickle.dumps(content["extra"], protocol=4 if format == "pickle 4" else 2))
    message = refusal(path)
    assert f"wants to run code when opened ({os.system.__module__}.system)" in message
    assert not trace.exists()


def test_a_function_of_torch_is_code_too(tmp_path: Path) -> None:
    class Load:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return torch.load, ("other.pth",)

    path = tmp_path / "weights.pth"
    torch.save({"state_dict": Load()}, path)
    assert "wants to run code when opened (torch.serialization.load)" in refusal(path)


def test_a_whole_pickled_network_is_not_opened(tmp_path: Path, generator: nn.Module) -> None:
    path = tmp_path / "network.pth"
    torch.save(generator, path)
    message = refusal(path)
    assert "wants to run code when opened (wav2lip.models.generator.Generator" in message
    assert "state dict" in message


class Restored(nn.Module):
    """A scripted module that has code for the moment when it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        self.weight = state[0]
        self.training = state[1]


def test_a_torchscript_archive_that_wants_to_run_code_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "scripted.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Restored()).save(str(path))
    assert "wants to run code when opened" in refusal(path)


def test_a_frozen_torchscript_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "frozen.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.freeze(torch.jit.script(nn.Conv2d(1, 1, 1).eval())).save(str(path))
    assert "frozen TorchScript archive" in refusal(path)


def test_a_pickle_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "words.pkl"
    path.write_bytes(pickle.dumps({"words": ["a", "b"]}))
    assert "a Python pickle, but not of torch.save" in refusal(path)


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], {"epoch": 3}, {"state_dict": {}}])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_file_without_a_network_is_named(tmp_path: Path, content: Any, zipped: bool) -> None:
    path = tmp_path / "other.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert "Pass a network's state dict" in refusal(path)


def test_an_unknown_network_is_named_by_its_first_tensors(tmp_path: Path) -> None:
    path = tmp_path / "resnet.pth"
    torch.save(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).state_dict(), path)
    message = refusal(path)
    assert "4 tensors of a network that is not known here (the first: 0.weight, 0.bias, 1.weight)" in message


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["audio_encoder.3.conv_block.1.running_var", "output_block.1.weight"])
def test_weights_that_are_not_numbers_are_named_by_their_tensor(
    tmp_path: Path, weights: dict[str, Tensor], name: str, value: float, dtype: torch.dtype
) -> None:
    path = tmp_path / "weights.pth"
    weights[name] = weights[name].to(dtype, copy=True)
    weights[name].view(-1)[len(weights[name]) // 2] = value
    torch.save(weights, path)
    message = refusal(path)
    assert "not numbers" in message
    assert name in message


def test_the_largest_of_numbers_and_a_tensor_of_none_are_no_damage(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "weights.pth"
    limits = torch.finfo(torch.float32)
    weights["output_block.1.bias"] = torch.tensor([limits.min, 0, limits.max])
    weights["nothing"] = torch.zeros(0)
    torch.save(weights, path)
    assert torch.equal(read_checkpoint(path).state_dict["output_block.1.bias"], weights["output_block.1.bias"])


def test_quantised_weights_are_named(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "weights.safetensors"
    weights[FIRST] = (weights[FIRST] * 100).to(torch.int8)
    save_file(weights, path)
    message = refusal(path)
    assert f"stores {FIRST} as int8" in message


def test_a_tensor_that_claims_more_than_is_stored_is_refused(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "weights.pth"
    weights[FIRST] = torch.zeros(1).expand(1 << 40)
    torch.save(weights, path)
    assert f"{FIRST} is larger than its data" in refusal(path)


def test_a_legacy_file_that_claims_four_terabytes_is_refused_without_asking_for_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    save_legacy({"state_dict": {FIRST: torch.zeros(70_000)}}, path)
    data = path.read_bytes()
    elements = b"J" + struct.pack("<i", 70_000)
    assert elements in data
    path.write_bytes(data.replace(elements, b"\x8a\x06" + (1 << 40).to_bytes(6, "little")))
    assert "it has only 0.3 MB of about 43980" in refusal(path)    # 4 TB


def test_a_zip_that_lies_about_the_length_of_its_data_is_refused(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    plain, path = tmp_path / "plain.pth", tmp_path / "weights.pth"
    torch.save(weights, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[:-4] if name.endswith("/data/0") else data)
    assert "is damaged and cannot be read (tensor data 0" in refusal(path)


def safetensors_bytes(header: Any, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "content",
    [
        safetensors_bytes({FIRST: {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors_bytes({FIRST: {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}}, bytes(8)),
        safetensors_bytes({FIRST: {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors_bytes({FIRST: {"dtype": "F32"}}),
        safetensors_bytes({FIRST: 7}),
        struct.pack("<Q", 12) + b'{"half": "of',
        struct.pack("<Q", 1 << 60) + b'{"a": 1}',
        struct.pack("<Q", 60_000) + b"{" * 60_000,
    ],
)
def test_a_safetensors_header_that_lies_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    assert "is damaged and cannot be read" in refusal(path)


@pytest.mark.parametrize("format", ["legacy", "zip", "safetensors"])
def test_damage_anywhere_in_a_file_brings_a_clear_refusal_or_other_weights_but_no_crash(
    tmp_path: Path, format: str
) -> None:
    path = tmp_path / "weights.pth"
    tensors = {mark: torch.ones(2) for mark in KINDS["generator"].marks}
    if format == "safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors}, path, _use_new_zipfile_serialization=format == "zip")
    whole = path.read_bytes()
    refusals = 0
    for at in range(0, len(whole), 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            read_checkpoint(path)
        except WeightsError as error:
            refusals += 1
            assert str(path) in str(error)    # noqa: PT017 - a changed weight is no error
    assert refusals > 10


# The wrong network


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (Discriminator(2), "the visual-quality discriminator of Wav2Lip-GAN, not the Wav2Lip generator"),
        (SyncNet(2), "the expert SyncNet of Wav2Lip, not the Wav2Lip generator"),
    ],
)
def test_the_wrong_network_is_named_beside_the_wanted_one(tmp_path: Path, network: nn.Module, named: str) -> None:
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    read = read_checkpoint(path)
    expect(read, read.kind)
    with pytest.raises(WeightsError, match=named):
        expect(read, "generator")


def test_a_key_of_a_few_bytes_that_takes_for_ever_to_hash_is_never_hashed(tmp_path: Path) -> None:
    # Tuples of twice the one before: as a key they are hashed part by part.
    body = b")q\0K\1" + b"".join(b"h%ch%c\x86q%cK\1" % (n, n, n + 1) for n in range(60))
    path = tmp_path / "tuples.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\2}(" + body + b"u.")
    assert "parts" in refusal(path)


def test_a_table_of_contents_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    path = tmp_path / "endless.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("archive/data.pkl", "w") as file:
        file.write(b"\x80\2")
        for _ in range(4):
            file.write(b"]0" * (1 << 20))
    assert "more than 2,097,152 bytes" in refusal(path)


def test_a_zip_that_unpacks_into_more_than_any_network_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"N.")
        archive.writestr("archive/data/0", b"")
        archive.filelist[-1].file_size = 3 << 30
    assert "unpacked" in refusal(path)


@pytest.mark.parametrize("head", [b"PK\3\4", b"\x80\2", b"\x10\0\0\0\0\0\0\0{", b"\0"])
def test_a_file_far_too_large_for_weights_is_not_read(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "huge.safetensors"
    path.write_bytes(head)
    os.truncate(path, 1 << 40)
    assert "1,100 GB" in refusal(path)


def test_a_tensor_without_any_data_is_refused(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = tmp_path / "meta.pth"
    torch.save(weights | {FIRST: torch.empty(2, 6, 7, 7, device="meta")}, path)
    assert FIRST in refusal(path)


def test_the_name_of_a_tensor_cannot_write_lines_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "names.pth"
    torch.save({"a\nError: all is well\x1b[2J": torch.zeros(3), "b" * 10**6: torch.zeros(3)}, path)
    message = refusal(path)
    assert r"a\nError: all is well\x1b[2J" in message
    assert len(message) < 6000
