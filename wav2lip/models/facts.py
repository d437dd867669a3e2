"""What can be told of a weights file without using it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from wav2lip.models.checkpoint import Checkpoint, read_checkpoint
from wav2lip.models.known import known_by_sha256
from wav2lip.models.load import describe, share_of_full_width
from wav2lip.models.store import sha256_of

DESCRIPTION, STEPS, ORIGIN, LICENCE, GAN = "description", "steps", "origin", "licence", "gan"    # texts in a file

_COUNTED = (".running_mean", ".running_var", ".num_batches_tracked")    # not learned: gathered by batch norms


@dataclass(frozen=True)
class Facts:
    """What a weights file is.

    Attributes:
        path: the file.
        size: bytes.
        sha256: of its content, hexadecimal.
        format: as `wav2lip.models.checkpoint` names it.
        network: a key of `KINDS`, or "unknown".
        what: the network in words.
        known: the name of the published file that this is, by its SHA-256.
        width: of the network, as a share of the published one's; None where it has one width only.
        parameters: numbers that were learned.
        numbers: how many numbers the file holds in each format, batch norms' included: {"float32": 36298035}.
        steps, epoch: how far it was trained, where that is known.
        optimizer: whether the state of an optimizer is beside the weights.
        gan: whether a discriminator had a part in the training, by its origin; None where nothing tells.
        origin: the file that it was made from, or where it is published.
        terms: under which terms it may be used, where that is known.
        metadata: all texts in the file.
    """

    path: Path
    size: int
    sha256: str
    format: str
    network: str
    what: str
    known: str | None
    width: float | None
    parameters: int
    numbers: dict[str, int]
    steps: int | None = None
    epoch: int | None = None
    optimizer: bool = False
    gan: bool | None = None
    origin: str | None = None
    terms: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON can hold them."""
        return asdict(self) | {"path": str(self.path)}


def facts_of(path: str | os.PathLike[str]) -> Facts:
    """Say what a weights file is.

    Args:
        path: the file, or the name of a published one that is on this machine.

    Raises:
        WeightsError: it is missing, broken, or no file that `read_checkpoint` reads.
    """
    checkpoint = read_checkpoint(path, unknown=True)
    sha256 = sha256_of(checkpoint.path)
    known = known_by_sha256(sha256)
    texts = checkpoint.metadata
    return Facts(
        path=checkpoint.path,
        size=checkpoint.path.stat().st_size,
        sha256=sha256,
        format=checkpoint.format,
        network=checkpoint.kind,
        what=known.what if known else describe(checkpoint),
        known=known.name if known else None,
        width=share_of_full_width(checkpoint),
        parameters=_parameters(checkpoint.state_dict),
        numbers=_numbers(checkpoint.state_dict),
        steps=_steps(checkpoint),
        epoch=checkpoint.epoch,
        optimizer=checkpoint.optimizer,
        gan=known.gan if known else {"yes": True, "no": False}.get(texts.get(GAN, "")),
        origin=known.source if known else texts.get(ORIGIN),
        terms=known.terms if known else texts.get(LICENCE),
        metadata=texts,
    )


def texts_to_keep(checkpoint: Checkpoint) -> dict[str, str]:
    """Return what a copy of the weights in another format should say of itself: what they are, origin, terms."""
    sha256 = sha256_of(checkpoint.path)
    known = known_by_sha256(sha256)
    texts = {DESCRIPTION: describe(checkpoint), ORIGIN: f"{checkpoint.path.name} (SHA-256 {sha256})"}
    texts |= checkpoint.metadata
    steps = _steps(checkpoint)
    if steps is not None:
        texts[STEPS] = str(steps)
    if known is not None:
        origin = f"{known.file} (SHA-256 {sha256}), {known.source}"
        texts = {LICENCE: known.terms, **texts, DESCRIPTION: known.what, ORIGIN: origin}
        if known.gan is not None:
            texts[GAN] = "yes" if known.gan else "no"
    return texts


def _steps(checkpoint: Checkpoint) -> int | None:
    told = checkpoint.metadata.get(STEPS, "")
    return int(told) if checkpoint.step is None and told.isdecimal() else checkpoint.step


def _parameters(weights: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for name, tensor in weights.items() if not name.endswith(_COUNTED))


def _numbers(weights: Mapping[str, Tensor]) -> dict[str, int]:
    count: Counter[str] = Counter()
    for tensor in weights.values():
        if tensor.is_floating_point():
            count[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    return dict(count.most_common())
