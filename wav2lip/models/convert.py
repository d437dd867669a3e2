"""Any weights that are known here as safetensors: without the optimizer, and in 16 bits if wanted."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from wav2lip.errors import UsageError, WeightsError
from wav2lip.models.checkpoint import Checkpoint, read_checkpoint
from wav2lip.models.facts import texts_to_keep
from wav2lip.models.load import save_weights
from wav2lip.models.store import locate

SUFFIX = ".safetensors"


def convert(source: str | os.PathLike[str], output: Path, *, half: bool = False) -> None:
    """Write the weights of a file as safetensors, with texts that say what they are; whole or not at all.

    Args:
        source: a file in any format that `read_checkpoint` reads, or the name of a published one on this machine.
        output: the new file, replaced if it is there.
        half: store convolutions and linear layers in float16, as networks are stored by the trainings. Biases and
            norms stay as they are. Otherwise every number stays as it is.

    Raises:
        WeightsError: the source is missing, broken, holds a network that is not known here, or does not fit in 16 bits.
        UsageError: the output is the source, or is not called .safetensors.
        Wav2LipError: the output cannot be written.
    """
    if output.suffix.lower() != SUFFIX:
        raise UsageError(f"{output} is not called {SUFFIX}, which is what is written; choose such a name.")
    path = locate(source)
    if output.exists() and path.exists() and output.samefile(path):
        raise UsageError(f"{output} is the file that is read; choose another name.")
    if output.is_dir():
        raise UsageError(f"{output} is a folder; choose the name of a file.")
    checkpoint = read_checkpoint(path)
    if half:
        _check_range(checkpoint)
    # In memory of their own: a file may let several tensors share some, which safetensors does not.
    weights = {name: tensor.clone() for name, tensor in checkpoint.state_dict.items()}
    save_weights(weights, output, texts_to_keep(checkpoint), torch.float16 if half else None)


def _check_range(checkpoint: Checkpoint) -> None:
    most = torch.finfo(torch.float16).max
    for name, tensor in checkpoint.state_dict.items():
        if tensor.is_floating_point() and tensor.dim() > 1 and tensor.numel() and tensor.abs().max() > most:
            raise WeightsError(
                f"{checkpoint.path} has weights above {most:,.0f}, first in {name}, which do not fit in 16 bits. "
                "Leave out --half."
            )
