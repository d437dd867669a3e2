"""Whether a weights file can be used: known by its hash, whole, loadable, and of numbers only."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wav2lip.errors import UsageError, WeightsError
from wav2lip.models import foreign
from wav2lip.models.checkpoint import UNKNOWN, check_checksums, read_checkpoint
from wav2lip.models.enhancer import load_enhancer
from wav2lip.models.known import KNOWN, KnownFile, known_by_sha256
from wav2lip.models.load import build, describe, load_inception
from wav2lip.models.store import locate, sha256_of

Loaders = Mapping[str, Callable[[Path], object]]


@dataclass(frozen=True)
class Verdict:
    """Whether a file can be used.

    Attributes:
        path: the file.
        good: whether nothing is wrong with it.
        text: what it is, or what is wrong, in a sentence or two.
    """

    path: Path
    good: bool
    text: str


def verify(given: str | os.PathLike[str], detectors: Loaders | None = None) -> Verdict:
    """Say whether a weights file can be used, and what it is.

    Args:
        given: the file, or the name of a published one that is on this machine.
        detectors: how face detectors are loaded, by name; each raises a WeightsError for a file of something else.
    """
    path = Path(given)
    try:
        path = locate(given)
        what = _load(path, detectors or {})
        known = known_by_sha256(sha256_of(path))
    except WeightsError as error:
        return Verdict(path, False, str(error))
    if known:
        return Verdict(path, True, f"{what}; it is {known.file} as published, by its SHA-256")
    claimed = _claimed(given, path)
    if claimed is None:
        return Verdict(path, True, f"{what}; none of the published files")
    other = f"it is not {claimed.file} as published, by its SHA-256"
    if path != Path(given).expanduser():    # the name asks for the published file and nothing else
        return Verdict(path, False, f"{what}, but {other}. `wav2lip models get {claimed.name}` puts that right.")
    return Verdict(path, True, f"{what}; {other}")


def _claimed(given: str | os.PathLike[str], path: Path) -> KnownFile | None:
    """Return the published file, of a hash that is known, that the file should be by its name."""
    names = (known for known in KNOWN.values() if known.sha256)
    return next((known for known in names if known.name == str(given) or known.file == path.name), None)


def _load(path: Path, detectors: Loaders) -> str:
    """Load the network in a file, and say which it is.

    Raises:
        WeightsError: it cannot be loaded, or is damaged.
    """
    if path.is_file() and foreign.is_onnx(_head(path)) and (what := _as_detector(path, ("yunet",), detectors)):
        return what
    checkpoint = read_checkpoint(path, unknown=True)
    check_checksums(path)
    if checkpoint.kind == UNKNOWN and (what := _as_detector(path, ("retinaface", "blazeface"), detectors)):
        return what
    if checkpoint.kind == "s3fd" and "s3fd" in detectors:
        detectors["s3fd"](path)
    elif checkpoint.kind == "inception":
        load_inception(path)
    elif checkpoint.kind in (UNKNOWN, "rrdbnet"):
        try:
            return f"{load_enhancer(path).what.removeprefix(f'{path.name}: ')}: it loads"
        except UsageError:    # spandrel is missing
            count = len(checkpoint.state_dict)
            return f"{count} tensors of good numbers, of a network that perhaps the extra enhance knows"
    elif checkpoint.kind != "s3fd":
        build(checkpoint, checkpoint.kind)
    return f"{describe(checkpoint)}: it loads"


def _as_detector(path: Path, names: Sequence[str], detectors: Loaders) -> str | None:
    """Return which of these detectors a file holds; None for none."""
    for name in names:
        if name in detectors:
            with suppress(WeightsError):
                detectors[name](path)
                return f"{name} face detector: it loads"
    return None


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(foreign.HEAD)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error
