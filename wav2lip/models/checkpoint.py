"""Read a weights file of any age safely, and say what is in it: which network, how far trained, published by whom."""

from __future__ import annotations

import json
import math
import os
import pickle
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

import torch
from torch import Tensor

from wav2lip.errors import WeightsError
from wav2lip.models import foreign, pickles
from wav2lip.models.known import KNOWN, KnownFile, known_by_sha256
from wav2lip.models.remembered import content_digest
from wav2lip.models.store import check_size, locate

TORCH_ZIP = "torch zip"              # torch.save since 1.6
TORCH_LEGACY = "torch legacy"        # torch.save before 1.6: the published files of 2020
TORCHSCRIPT = "torchscript"
SAFETENSORS = "safetensors"


@dataclass(frozen=True)
class Kind:
    """A network that a file can hold: what it is called, the keys that give it away, and where it is published."""

    what: str
    marks: tuple[str, ...]
    published: str


KINDS = {
    "generator": Kind(
        "Wav2Lip generator",
        ("face_encoder_blocks.0.0.conv_block.0.weight", "face_decoder_blocks.0.0.conv_block.0.weight"),
        "wav2lip.pth or wav2lip_gan.pth",
    ),
    "syncnet": Kind(
        "expert SyncNet of Wav2Lip",
        ("face_encoder.0.conv_block.0.weight", "audio_encoder.0.conv_block.0.weight"),
        "lipsync_expert.pth",
    ),
    "discriminator": Kind(
        "visual-quality discriminator of Wav2Lip-GAN",
        ("face_encoder_blocks.0.0.conv_block.0.weight", "binary_pred.0.weight"),
        "visual_quality_disc.pth",
    ),
    "s3fd": Kind("S3FD face detector", ("conv1_1.weight", "conv7_2_mbox_loc.weight"), "s3fd-619a316812.pth"),
    "syncnet-v2": Kind(
        "SyncNet that LSE-C and LSE-D are measured with",
        ("netcnnaud.0.weight", "netcnnlip.0.weight"),
        "syncnet_v2.model",
    ),
    "inception": Kind(
        "Inception network that the FID is measured with",
        ("Conv2d_1a_3x3.conv.weight", "Mixed_7c.branch_pool.conv.weight"),
        "pt_inception-2015-12-05-6726825d.pth",
    ),
    "bisenet": Kind("BiSeNet face parser", ("cp.resnet.conv1.weight", "ffm.convblk.conv.weight"), "79999_iter.pth"),
    "rrdbnet": Kind(
        "super-resolution network (RRDBNet)",
        ("conv_first.weight", "body.0.rdb1.conv1.weight"),
        "RealESRGAN_x4plus.pth",
    ),
}

UNKNOWN = "unknown"                  # the kind of a network that is not known here, where one may be read

# Where training programs keep the weights, best first.
_INNER_DICTS = ("state_dict", "model_state_dict", "params_ema", "params-ema", "params", "model", "net")
_OPTIMIZERS = ("optimizer", "optimizer_state_dict", "optimizer_states")    # and where they keep the optimizer's state
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_QUIET = Lock()                                          # what is ignored is so for all threads
_BROKEN_ZIP = (zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)    # what zipfile raises for damage
_LARGEST_PACKED = 1 << 31                                # bytes, of what is packed in a zip when it is unpacked
_MAX_SAFETENSORS_HEADER = 100_000_000                    # bytes, by the format's own rule


@dataclass(frozen=True)
class Checkpoint:
    """The weights in a file, and what they are.

    Attributes:
        path: the file.
        kind: which network; a key of `KINDS`, or `UNKNOWN`.
        format: one of TORCH_ZIP, TORCH_LEGACY, TORCHSCRIPT, SAFETENSORS.
        state_dict: tensors on the CPU by clean names (no "module."), finite, in the file's own precision.
            Those of a zip file are read from the disk when they are used: copy what is to stay.
        step, epoch: how far it was trained, where the file says so.
        known: the published file that this is, by its SHA-256.
        metadata: texts that a safetensors file carries.
        optimizer: whether the state of an optimizer is beside the weights.
    """

    path: Path
    kind: str
    format: str
    state_dict: dict[str, Tensor]
    step: int | None = None
    epoch: int | None = None
    known: KnownFile | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    optimizer: bool = False

    @property
    def what(self) -> str:
        """The network, as a phrase without an article."""
        return "network that is not known here" if self.kind == UNKNOWN else KINDS[self.kind].what


def read_checkpoint(path: str | os.PathLike[str], unknown: bool = False) -> Checkpoint:
    """Read a weights file: a torch file of either format, a TorchScript archive or safetensors. No code of it runs.

    Args:
        path: the file, or the name of a published one that is on this machine.
        unknown: read the tensors of a network that is not known here, too, by the names that they have in the file.

    Raises:
        WeightsError: it is missing, is something else, is cut off or damaged, wants to run code, or holds no network
            that is known here; the message says which, and what to do.
    """
    path = locate(path)
    head = _first_bytes(path)
    content: Any
    metadata: dict[str, str] = {}
    if head.startswith(b"PK\x03\x04"):
        format, content = _read_zip(path)
    elif _is_safetensors(path, head):
        format = SAFETENSORS
        content, metadata = _read_safetensors(path)
    elif head[:1] == b"\x80":
        format, content = TORCH_LEGACY, _read_legacy(path)
    else:
        what, advice = foreign.describe(head)
        raise WeightsError(f"{path} is not a weights file: it is {what}. {advice}.")

    state_dict, step, epoch = _unwrap(path, content)
    kind, state_dict = _identify(path, state_dict, unknown)
    _check_values(path, state_dict)
    optimizer = any(isinstance(content.get(key), Mapping) and content[key] for key in _OPTIMIZERS)
    return Checkpoint(path, kind, format, state_dict, step, epoch, _known(path), metadata, optimizer)


def check_checksums(path: Path) -> None:
    """Make sure that nothing in a zip file was altered, which torch does not look at. Other files have no checksums.

    Raises:
        WeightsError: something was.
    """
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                broken = archive.testzip()
        except (zipfile.BadZipFile, *_BROKEN_ZIP) as error:
            _damaged(path, error)
        if broken is not None:
            raise WeightsError(f"{path} is damaged: the checksum of {broken} is wrong. {_again(path)}")


def expect(checkpoint: Checkpoint, kind: str) -> None:
    """Make sure that a file holds the network that is wanted.

    Raises:
        WeightsError: it holds another one.
    """
    if checkpoint.kind != kind:
        wanted = KINDS[kind]
        raise WeightsError(
            f"{checkpoint.path} holds the {checkpoint.what}, not the {wanted.what}. "
            f"Pass a file such as {wanted.published}."
        )


def _first_bytes(path: Path) -> bytes:
    if not path.exists():
        advice = _get(path) or "Check the path."
        if not path.suffix and path == Path(path.name):    # it looks like the name of a published file
            advice = "Check the path; `wav2lip models` lists the names that stand for published files."
        raise WeightsError(f"There is no weights file {path}. {advice}")
    if path.is_dir():
        raise WeightsError(f"{path} is a folder. Pass the weights file in it.")
    if not path.is_file():
        raise WeightsError(f"{path} is not a regular file. Pass a weights file.")
    check_size(path)
    try:
        with open(path, "rb") as file:
            head = file.read(foreign.HEAD)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error
    if not head:
        raise WeightsError(f"{path} is empty. {_again(path)}")
    return head


def _read_zip(path: Path) -> tuple[str, Any]:
    """Return the format and content of a zip: torch.save's or TorchScript's."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            packed = sum(entry.file_size for entry in archive.infolist() if entry.compress_type != zipfile.ZIP_STORED)
            if packed > _LARGEST_PACKED:
                _damaged(path, f"unpacked it would have {packed:,} bytes more")
            root = next((name[: -len("data.pkl")] for name in sizes if name.endswith("/data.pkl")), None)
            if root is None:
                inside = ", ".join([name for name in sizes if not name.endswith("/")][:3])
                raise WeightsError(f"{path} is a zip archive of {inside}. Unpack it and pass the weights file inside.")
            if f"{root}constants.pkl" in sizes:
                return TORCHSCRIPT, _read_torchscript(path, archive)
            with archive.open(f"{root}data.pkl") as file:
                scan = pickles.contents(file)
    except zipfile.BadZipFile:
        _cut_off(path, _cut_zip_length(path))
    except (*pickles.BROKEN, *_BROKEN_ZIP) as error:
        _damaged(path, error)
    for key, size in scan.storages.items():
        if sizes.get(f"{root}data/{key}") != size:
            _damaged(path, f"tensor data {key} is not {size:,} bytes long")
    # Mapped, the optimizer's tensors cost no memory, because nobody touches them.
    return TORCH_ZIP, _load(path, scan, mmap=not packed)


def _read_legacy(path: Path) -> Any:
    """Return the content of a torch file from before 1.6, or refuse what only looks like one."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        try:
            scan, needed = pickles.legacy_contents(file)
        except pickles.BROKEN as error:
            if file.tell() == size:
                _cut_off(path, None)
            _damaged(path, error)
    if scan.value != pickles.LEGACY_MAGIC:
        _refuse_code(path, scan)
        raise WeightsError(f"{path} is a Python pickle, but not of torch.save. Pass a PyTorch weights file.")
    if size < needed:
        _cut_off(path, needed)
    return _load(path, scan, mmap=False)


def _load(path: Path, scan: pickles.Contents, mmap: bool) -> Any:
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")    # of old storage classes, which are the file's own business
            return torch.load(str(path), map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        _refuse_code(path, scan)
        _damaged(path, error)
    except Exception as error:    # torch raises many kinds for damaged files
        _damaged(path, error)


def _read_torchscript(path: Path, archive: zipfile.ZipFile) -> dict[str, Tensor]:
    """Return the state dict of a TorchScript archive; its tensors are taken out, none of its code is run."""
    for entry in archive.infolist():
        # The one kind of TorchScript code that runs on opening; networks of plain layers have none.
        if entry.filename.endswith(".py") and b"__setstate__" in archive.read(entry):
            raise WeightsError(
                f"{path} is a TorchScript archive that wants to run code when opened ({entry.filename}), "
                "and was not opened. Pass a file with weights only."
            )
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)    # these archives outlive the functions that made them
            module = torch.jit.load(str(path), map_location="cpu")
    except Exception as error:    # torch raises many kinds for damaged files
        _damaged(path, error)
    tensors = dict(module.state_dict())
    if not tensors:
        raise WeightsError(
            f"{path} is a frozen TorchScript archive: its weights are part of its code and cannot be taken out. "
            f"Pass a state dict such as {KINDS['generator'].published}."
        )
    return tensors


def _is_safetensors(path: Path, head: bytes) -> bool:
    if head[8:9] != b"{":
        return False
    return path.suffix == ".safetensors" or 2 <= int.from_bytes(head[:8], "little") <= _MAX_SAFETENSORS_HEADER


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    size = path.stat().st_size
    with open(path, "rb") as file:
        header = int.from_bytes(file.read(8), "little")
        if header > _MAX_SAFETENSORS_HEADER:
            _damaged(path, f"a header of {header:,} bytes")
        if 8 + header > size:
            _cut_off(path, None)
        text = file.read(header)
    try:
        entries = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
        needed = 8 + header + max(ends, default=0)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        _damaged(path, error)
    if size < needed:
        _cut_off(path, needed)
    try:
        with safe_open(path, framework="pt") as tensors:
            return {name: tensors.get_tensor(name) for name in tensors.keys()}, tensors.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError, AttributeError, TypeError) as error:
        _damaged(path, error)


def _unwrap(path: Path, content: Any) -> tuple[dict[str, Tensor], int | None, int | None]:
    """Return the bare state dict, and the step and epoch that stand beside it."""
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds a single {type(content).__name__}, no network. Pass a network's state dict.")
    inner = next((content[key] for key in _INNER_DICTS if isinstance(content.get(key), Mapping)), content)
    tensors = {str(name): value for name, value in inner.items() if isinstance(value, Tensor)}
    if not tensors:
        names = ", ".join(map(str, list(content)[:3]))
        raise WeightsError(f"{path} holds no tensors (only: {names}). Pass a network's state dict.")
    step, epoch = content.get("global_step"), content.get("global_epoch")
    return tensors, step if isinstance(step, int) else None, epoch if isinstance(epoch, int) else None


def _identify(path: Path, state_dict: dict[str, Tensor], unknown: bool) -> tuple[str, dict[str, Tensor]]:
    """Return the kind of network and its tensors, by their clean names where it is known here."""
    clean = {name.replace("module.", ""): tensor for name, tensor in state_dict.items()}    # DataParallel's prefix
    for name, kind in KINDS.items():
        if all(mark in clean for mark in kind.marks):
            return name, clean
    if unknown:
        return UNKNOWN, state_dict
    first = ", ".join(list(clean)[:3])
    raise WeightsError(
        f"{path} holds {len(clean)} tensors of a network that is not known here (the first: {first}). "
        f"Pass a generator such as {KINDS['generator'].published}."
    )


def _check_values(path: Path, state_dict: dict[str, Tensor]) -> None:
    for name, tensor in state_dict.items():
        counts = tensor.dtype == torch.int64    # batch norm counts its batches
        if tensor.layout != torch.strided or not (counts or tensor.dtype in _FLOATS):
            raise WeightsError(
                f"{path} stores {name} as {str(tensor.dtype).removeprefix('torch.')}; only float16, bfloat16, float32 "
                "and float64 weights can be loaded. Pass weights that are not quantised."
            )
        # A tensor may claim more elements than are stored, by repeating them, or have none stored.
        if tensor.is_meta or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            _damaged(path, f"{name} is larger than its data")
        if not counts and not _finite(tensor):
            raise WeightsError(
                f"{path} has weights that are not numbers (NaN or infinite), first in {name}. Its training went wrong "
                "or the file is damaged; pass another one."
            )


def _finite(tensor: Tensor) -> bool:
    """Return whether all numbers of a tensor are; one that is not shows in the least and the largest of them."""
    return tensor.numel() == 0 or all(map(math.isfinite, torch.aminmax(tensor)))


def _known(path: Path) -> KnownFile | None:
    size = path.stat().st_size
    if not any(known.may_have(size) for known in KNOWN.values() if not known.ships):
        return None    # hashing hundreds of megabytes would be in vain, and what ships tells of itself
    return known_by_sha256(content_digest(path))


def _refuse_code(path: Path, scan: pickles.Contents) -> None:
    if foreign_names := scan.foreign_names():
        raise WeightsError(
            f"{path} wants to run code when opened ({', '.join(foreign_names[:3])}), and was not opened. "
            "Pass a file with weights only: a state dict saved by torch.save, or safetensors."
        )


def _cut_zip_length(path: Path) -> int | None:
    """Return about how long a torch zip should be whose end, and with it the directory, is missing.

    Its first entry lists the tensors. (A TorchScript archive has it last, so nothing can be told.)
    """
    with open(path, "rb") as file:
        header = file.read(30)
        name_length, extra_length = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        if not file.read(name_length).endswith(b"data.pkl"):
            return None
        file.seek(extra_length, os.SEEK_CUR)
        try:
            return file.tell() + sum(pickles.contents(file).storages.values())
        except pickles.BROKEN:
            return None


def _cut_off(path: Path, needed: int | None) -> NoReturn:
    """Refuse a truncated file. `needed`: its whole length in bytes, if it can be told."""
    if needed is None:
        needed = next((known.size for known in KNOWN.values() if known.file == path.name), None)
    of = f" of about {_megabytes(needed)}" if needed else ""
    raise WeightsError(f"{path} is cut off: it has only {_megabytes(path.stat().st_size)}{of}. {_again(path)}")


def _get(path: Path) -> str | None:
    """Say where a file of this name is published."""
    known = next((known for known in KNOWN.values() if known.file == path.name), None)
    if known is None or known.ships:      # one that ships is asked for by no path
        return None
    return f"{known.source} says where to get it (SHA-256 {known.sha256 or 'unknown'})."


def _again(path: Path) -> str:
    return f"Download it again; {_get(path) or 'if its page gives a SHA-256, compare it.'}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size:,} bytes"


def _damaged(path: Path, reason: object) -> NoReturn:
    lines = str(reason).strip().splitlines()
    detail = f" ({lines[0][:120]})" if lines else ""
    raise WeightsError(f"{path} is damaged and cannot be read{detail}. {_again(path)}") from None
