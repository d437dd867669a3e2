"""Weights files that run code, lie about what is in them, or unfold into more than there is memory."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hostile_case import BOX, HEARD, TINY, Case, Make, nothing, writing
from hostile_media import fifo, linked, sparse
from safetensors.torch import load_file

FIRST = "face_encoder_blocks.0.0.conv_block.0.weight"
NAMES = (FIRST, "face_decoder_blocks.0.0.conv_block.0.weight")


class Runs:
    """Whose pickle runs a command when it is opened."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch pwned",)


def saved(content: Any, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def changed(change: Callable[[dict[str, Any]], Any], zipped: bool = True) -> Make:
    """Return what saves the good weights with something done to them."""

    def make(folder: Path) -> None:
        weights: dict[str, Any] = dict(load_file(folder / "tiny.safetensors"))
        given = change(weights)
        (folder / "bad.pth").write_bytes(saved(weights if given is None else given, zipped))

    return make


def repacked(
    change: Callable[[str, bytes], bytes], how: int = zipfile.ZIP_DEFLATED, more: dict[str, bytes] | None = None
) -> Make:
    """Return what saves the good weights, with something done to the entries of their zip."""

    def make(folder: Path) -> None:
        whole = saved(dict(load_file(folder / "tiny.safetensors")))
        with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(folder / "bad.pth", "w", how) as new:
            for entry in old.infolist():
                new.writestr(entry.filename, change(entry.filename, old.read(entry)))
            for name, content in (more or {}).items():
                new.writestr(name, content)

    return make


def zip_of(entries: dict[str, bytes], claim: int | None = None) -> bytes:
    """Return a deflated zip; its last entry claims another length."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        if claim is not None:
            archive.filelist[-1].file_size = claim
    return file.getvalue()


def many_entries(count: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(count):
            archive.writestr(f"archive/data/{number}", b"")
    return file.getvalue()


def safetensors(header: object, data: bytes = bytes(64), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(start: int, end: int, shape: list[int] | None = None, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": [16] if shape is None else shape, "data_offsets": [start, end]}


def pickle_of_tuples(depth: int) -> bytes:
    """Return a pickle of a dictionary whose keys are tuples of a few bytes that have up to 2**depth parts."""
    body = b")q\0K\1" + b"".join(b"h%ch%c\x86q%cK\1" % (n, n, n + 1) for n in range(depth))
    return b"\x80\x02}(" + body + b"u."


def torch_zip(data: bytes, more: dict[str, bytes] | None = None) -> bytes:
    return zip_of({"archive/data.pkl": data, "archive/version": b"3\n", **(more or {})})


def nan_in(name: str, value: float) -> Callable[[dict[str, Any]], None]:
    return lambda weights: weights[name].view(-1).__setitem__(0, value)


def renamed(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda weights: weights.update({name: torch.zeros(3)})


def without_marks(name: object) -> Callable[[dict[str, Any]], Any]:
    return lambda weights: {name: torch.zeros(3)}


def weights_cases() -> list[Case]:
    """Return what is no generator that can be used."""
    endless = b"\x80\x04" + b"]0" * 2 * 10**6 + b"N."
    contents = {
        "empty": b"",
        "zeros": bytes(5000),
        "html": b"<!doctype html><p>",
        "gzip": gzip.compress(bytes(10**7)),
        "noise": os.urandom(5000),
        "zip of a text": zip_of({"readme.txt": b"hello"}),
        "code": saved({"state_dict": Runs()}),
        "code of 2020": saved({"state_dict": Runs()}, False),
        "code in a pickle": pickle.dumps(Runs()),
        "pickle of a number": pickle.dumps(3),
        "numbers": saved([1, 2, 3]),
        "nothing": saved({}),
        "a key that is long": saved({10**4000: torch.zeros(3)}),
        "pickle bomb": torch_zip(endless),
        "claimed pickle": zip_of({"archive/data.pkl": b"N."}, 4 << 40),
        "tuples in tuples": torch_zip(pickle_of_tuples(60)),
        "tuples in tuples of 2020": pickle.dumps(0x1950A86A20F9469CFC6C, 2)
        + pickle.dumps(1001, 2)
        + pickle.dumps({}, 2)
        + pickle_of_tuples(60)
        + pickle.dumps([], 2),
        "deep pickle": torch_zip(b"\x80\x04" + b"]" * 10**5 + b"a" * (10**5 - 1) + b"."),
        "many entries": many_entries(20_000),
        "long text": torch_zip(b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60)),
        "header of 2**60": safetensors({}, length=1 << 60),
        "header beyond the end": safetensors({}, length=1000),
        "header of noise": safetensors(b"{" + os.urandom(60)),
        "beyond the end": safetensors({"a": tensor(0, 1 << 50)}),
        "overlapping": safetensors({"a": tensor(0, 64), "b": tensor(0, 64)}),
        "negative": safetensors({"a": tensor(-64, 0)}),
        "backwards": safetensors({"a": tensor(64, 0)}),
        "overflow": safetensors({"a": tensor(0, 64, [1 << 40, 1 << 40])}),
        "offsets": safetensors({"a": {"dtype": "F32"}}),
        "infinite offsets": safetensors(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e999]}}'),
        "deep header": safetensors(b'{"a":' * 10**5),
        "list": safetensors([]),
        "number": safetensors(b"{}" + b"9" * 9999),
        "huge offsets": safetensors(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,' + b"9" * 5000 + b"]}}"),
        "strange dtype": safetensors({"a": tensor(0, 64, dtype="Q9")}),
        "gap": safetensors({"a": tensor(0, 32, [8])}),
    }
    cases = [weighed(name, writing("bad.pth", content)) for name, content in contents.items()]
    meta = torch.empty(1 << 20, 1 << 20, device="meta")
    makes: dict[str, tuple[str, Make]] = {
        "missing": ("bad.pth", nothing),
        "folder": ("bad.pth", lambda folder: (folder / "bad.pth").mkdir()),
        "pipe": ("bad.pth", fifo("bad.pth")),
        "device": ("/dev/zero", nothing),
        "in circles": ("bad.pth", linked("bad.pth", "bad.pth")),
        "a video": ("face.mp4", nothing),
        "terabytes of zeros": ("bad.pth", sparse("bad.pth")),
        "terabytes of a zip": ("bad.pth", sparse("bad.pth", head=b"PK\3\4")),
        "terabytes of a pickle": ("bad.pth", sparse("bad.pth", head=b"\x80\2")),
        "terabytes of safetensors": (
            "bad.safetensors",
            sparse(
                "bad.safetensors",
                head=safetensors(
                    {name: tensor(at << 39, (at + 1) << 39, [1 << 37]) for at, name in enumerate(NAMES)}, b""
                ),
            ),
        ),
        "not a number": ("bad.pth", changed(nan_in(FIRST, float("nan")))),
        "infinite": ("bad.pth", changed(nan_in(FIRST, float("inf")))),
        "repeated numbers": (
            "bad.pth",
            changed(lambda weights: weights.update({FIRST: torch.zeros(1).expand(1 << 20, 1 << 20)})),
        ),
        "no memory at all": ("bad.pth", changed(lambda weights: weights.update({FIRST: meta}))),
        "sparse tensor": (
            "bad.pth",
            changed(
                lambda weights: weights.update(
                    {
                        FIRST: torch.sparse_coo_tensor(
                            torch.zeros(2, 1, dtype=torch.long),
                            torch.ones(1),
                            (1 << 30, 1 << 30),
                            check_invariants=True,
                        )
                    }
                )
            ),
        ),
        "complex": ("bad.pth", changed(lambda weights: weights.update({FIRST: torch.zeros(3, dtype=torch.complex64)}))),
        "another shape": ("bad.pth", changed(lambda weights: weights.update({FIRST: torch.zeros(3, 3)}))),
        "one tensor less": ("bad.pth", changed(lambda weights: weights.__delitem__(NAMES[1]))),
        "one tensor more": ("bad.pth", changed(renamed("more"))),
        "name of lines": ("bad.pth", changed(renamed("a\nError: b\x1b[2J"))),
        "name of a megabyte": ("bad.pth", changed(without_marks("a" * 10**6))),
        "name that is a number": ("bad.pth", changed(without_marks(7))),
        "packed bomb": ("bad.pth", repacked(lambda name, content: bytes(1 << 30) if "data/0" in name else content)),
        "packed by another": ("bad.pth", repacked(lambda _, content: content[: len(content) // 2], zipfile.ZIP_LZMA)),
        "code in a script": (
            "bad.pth",
            repacked(
                lambda _, content: content,
                more={"archive/constants.pkl": b"N.", "archive/code/a.py": b"def __setstate__(self): pass"},
            ),
        ),
        "bomb of a script": (
            "bad.pth",
            repacked(
                lambda _, content: content, more={"archive/constants.pkl": b"N.", "archive/code/a.py": bytes(3 << 30)}
            ),
        ),
        "first half": ("bad.pth", lambda folder: halved(folder)),
    }
    cases += [weighed(name, make, path) for name, (path, make) in makes.items()]
    truncated = Path(__file__).resolve().parents[2] / "shared/reference/broken/truncated_generator.pth"
    if truncated.is_file():
        cases.append(weighed("the reference one that is cut", nothing, str(truncated)))
    others = {
        "enhancer": "--enhance",
        "parser": "--parsing",
        "detector": "--detector-weights",
    }
    for what, option in others.items():
        for name in ("code", "header of 2**60", "zeros"):
            more = ("--detector", "yunet") if what == "detector" else ()
            words = (*HEARD, *TINY, option, "bad.pth", *(more or BOX))
            cases.append(Case(f"{what}: {name}", words, 4, writing("bad.pth", contents[name])))
    return cases


def halved(folder: Path) -> None:
    whole = saved(dict(load_file(folder / "tiny.safetensors")))
    (folder / "bad.pth").write_bytes(whole[: len(whole) // 2])


def weighed(name: str, make: Make, path: str = "bad.pth") -> Case:
    """Return a case of `wav2lip sync` with a checkpoint."""
    says = FIRST if name in ("not a number", "infinite") else ""
    words = (*HEARD, *BOX, "--checkpoint", path)
    return Case(f"weights: {name}", words, 4, make, says)
