"""From a weights file to a network, and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from wav2lip.errors import Wav2LipError, WeightsError
from wav2lip.models.bisenet import BiSeNet
from wav2lip.models.checkpoint import KINDS, Checkpoint, expect, read_checkpoint
from wav2lip.models.discriminator import Discriminator
from wav2lip.models.generator import FULL_CHANNELS, Generator
from wav2lip.models.inception import CLASSES, Inception
from wav2lip.models.rrdbnet import RRDBNet
from wav2lip.models.store import demo_checkpoint, expert_checkpoint
from wav2lip.models.syncnet import SyncNet
from wav2lip.models.syncnet_v2 import SyncNetV2

Weights = Mapping[str, Tensor]

# The networks of Wav2Lip, of which narrower and larger relatives go around: the tensor whose first dimension is the
# width, and what it is in the published one.
_WIDTHS = {
    "generator": ("face_encoder_blocks.0.0.conv_block.0.weight", FULL_CHANNELS),
    "syncnet": ("face_encoder.0.conv_block.0.weight", 32),
    "discriminator": ("face_encoder_blocks.0.0.conv_block.0.weight", 32),
}
# By kind of network: the empty one that is as large as the weights say.
_NETWORKS: dict[str, Callable[[Weights], nn.Module]] = {
    "generator": lambda weights: Generator(_first_dimension(weights, _WIDTHS["generator"][0])),
    "syncnet": lambda weights: SyncNet(_first_dimension(weights, _WIDTHS["syncnet"][0])),
    "discriminator": lambda weights: Discriminator(_first_dimension(weights, _WIDTHS["discriminator"][0])),
    "syncnet-v2": lambda weights: SyncNetV2(),    # there is one size only
    "inception": lambda weights: Inception(),
    "bisenet": lambda weights: BiSeNet(_first_dimension(weights, "conv_out.conv_out.weight")),
    "rrdbnet": lambda weights: RRDBNet(
        _first_dimension(weights, "conv_first.weight"),
        len({name.split(".")[1] for name in weights if name.startswith("body.")}),
        _first_dimension(weights, "body.0.rdb1.conv1.weight"),
    ),
}


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator, and what to tell about it.

    Attributes:
        generator: float32, in eval mode.
        what: what the weights are.
        description: the same after the file's name, for a report.
        notice: what the user should know before it is used; None when there is nothing.
    """

    generator: Generator
    what: str
    description: str
    notice: str | None = None


def load_checkpoint(
    path: str | os.PathLike[str] | None = None, device: str | torch.device = "cpu"
) -> LoadedGenerator:
    """Load a generator of any width for inference, and say which it is.

    Args:
        path: its weights file, in any format that `read_checkpoint` reads; None takes the one that ships.
        device: where it shall run.

    Raises:
        WeightsError: the file is missing, broken, or of another network.
    """
    checkpoint = read_checkpoint(demo_checkpoint() if path is None else path)
    generator = cast(Generator, build(checkpoint, "generator")).to(device)
    what = describe(checkpoint)
    notice = shipped_notice(what) if path is None else None
    return LoadedGenerator(generator, what, f"{checkpoint.path.name}: {what}", notice)


def shipped_notice(what: str) -> str:
    """Return what the user of the generator that ships should know, by what its weights are."""
    return f"Using the generator that ships ({what}); --checkpoint names another."


def load_generator(path: str | os.PathLike[str] | None = None, device: str | torch.device = "cpu") -> Generator:
    """Load a generator of any width for inference, in float32 and in eval mode.

    Args:
        path: its weights file, in any format that `read_checkpoint` reads; None takes the one that ships.
        device: where it shall run.

    Raises:
        WeightsError: the file is missing, broken, or of another network.
    """
    return load_checkpoint(path, device).generator


def load_syncnet(path: str | os.PathLike[str] | None = None, device: str | torch.device = "cpu") -> SyncNet:
    """Load an expert SyncNet of any width, in float32 and in eval mode.

    Args:
        path: its weights file, in any format that `read_checkpoint` reads; None takes the one that ships.
        device: where it shall run.

    Raises:
        WeightsError: the file is missing, broken, or of another network.
    """
    return cast(SyncNet, build(read_checkpoint(expert_checkpoint() if path is None else path), "syncnet")).to(device)


def load_syncnet_v2(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> SyncNetV2:
    """Load the SyncNet that LSE-C and LSE-D are measured with, in float32 and in eval mode.

    Args:
        path: its weights file, in any format that `read_checkpoint` reads; none ships.
        device: where it shall run.

    Raises:
        WeightsError: the file is missing, broken, or of another network.
    """
    return cast(SyncNetV2, build(read_checkpoint(path), "syncnet-v2")).to(device)


def load_inception(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Inception:
    """Load the Inception network that the FID is measured with, in float32 and in eval mode.

    Args:
        path: its weights file, in any format that `read_checkpoint` reads; none ships. The last layer in it, which
            names objects, is left out.
        device: where it shall run.

    Raises:
        WeightsError: the file is missing, broken, or of another network, such as torchvision's Inception.
    """
    checkpoint = read_checkpoint(path)
    expect(checkpoint, "inception")
    names = checkpoint.state_dict.get("fc.bias")
    if names is not None and len(names) != CLASSES:    # it would fit, and give a figure that compares with none
        raise WeightsError(
            f"{checkpoint.path} holds an Inception network of {len(names)} classes, as torchvision's, not the one that "
            f"the FID is defined with. Pass {KINDS['inception'].published}."
        )
    wanted = {name: tensor for name, tensor in checkpoint.state_dict.items() if not name.startswith("fc.")}
    for name in [name for name in wanted if name.endswith(".bn.weight")]:    # old files do not count batches
        wanted.setdefault(name.replace(".weight", ".num_batches_tracked"), torch.tensor(0))
    return cast(Inception, build(replace(checkpoint, state_dict=wanted), "inception")).to(device)


def load_bisenet(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> BiSeNet:
    """Load the network that says which part of a face every pixel is, in float32 and in eval mode.

    Args:
        path: its weights file, in any format that `read_checkpoint` reads; none ships.
        device: where it shall run.

    Raises:
        WeightsError: the file is missing, broken, or of another network.
    """
    return cast(BiSeNet, build(read_checkpoint(path), "bisenet")).to(device)


def load_rrdbnet(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> RRDBNet:
    """Load a super-resolution network of any size, in float32 and in eval mode.

    Args:
        path: its weights file, in any format that `read_checkpoint` reads, bare or under `params_ema` or `params`;
            none ships.
        device: where it shall run.

    Raises:
        WeightsError: the file is missing, broken, or of another network.
    """
    return cast(RRDBNet, build(read_checkpoint(path), "rrdbnet")).to(device)


def save_network(
    network: nn.Module,
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a network as safetensors; the file appears whole or not at all.

    Args:
        network: its width is read from the tensors when it is loaded again.
        path: the file, replaced if it is there.
        metadata: texts to carry along: data, licence, figures.
        dtype: float16 or float32, of the convolutions' weights; biases and batch norms are small and stay float32.

    Raises:
        Wav2LipError: it cannot be written.
    """
    save_weights(network.state_dict(), path, metadata, dtype)


def save_weights(
    weights: Weights,
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a network's tensors as safetensors; the file appears whole or not at all.

    Args:
        weights: tensors by name.
        path: the file, replaced if it is there, with the folders above it.
        metadata: texts to carry along.
        dtype: of tensors that have more than one dimension; None leaves every tensor as it is.

    Raises:
        Wav2LipError: it cannot be written.
    """
    tensors = {
        name: tensor.detach().cpu().to(dtype if dtype and tensor.dim() > 1 else tensor.dtype).contiguous()
        for name, tensor in weights.items()
    }
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, part, metadata={"format": "pt", **(metadata or {})})
        os.chmod(part, 0o666 & ~_umask())    # safetensors keeps its files to their owner
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        raise Wav2LipError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)    # it can only be read by setting it
    os.umask(mask)
    return mask


def build(checkpoint: Checkpoint, kind: str) -> nn.Module:
    """Return the network that a checkpoint holds, as wide as its tensors say, in float32 and in eval mode.

    Args:
        checkpoint: as `read_checkpoint` gives it.
        kind: which network it must be: a key of `KINDS`, except s3fd.

    Raises:
        WeightsError: it is another network, or one of another shape.
    """
    expect(checkpoint, kind)
    with torch.device("meta"):    # no memory and no random numbers for weights that are replaced at once
        network = _NETWORKS[kind](checkpoint.state_dict)
    _check_fit(checkpoint, network.state_dict())
    network.load_state_dict({name: own(tensor) for name, tensor in checkpoint.state_dict.items()}, assign=True)
    return network.eval()


def _first_dimension(weights: Weights, name: str) -> int:
    """Return a width that can be built with, whatever the file has under this name; `_check_fit` has the last word."""
    shape = weights[name].shape if name in weights else ()
    return max(shape[0], 1) if shape else 1


def describe(checkpoint: Checkpoint) -> str:
    """Return what the weights are: the published file, else what the file says of itself, else its size."""
    if checkpoint.known:
        return checkpoint.known.what
    if "description" in checkpoint.metadata:
        return checkpoint.metadata["description"]
    share = share_of_full_width(checkpoint)
    width = "" if share in (None, 1) else f", {share:g} of the full width"
    step = "" if checkpoint.step is None else f", step {checkpoint.step}"
    return f"{checkpoint.what}{width}{step}"


def share_of_full_width(checkpoint: Checkpoint) -> float | None:
    """Return how wide a network of Wav2Lip is, as a share of the published one; None for those of one width."""
    if checkpoint.kind not in _WIDTHS:
        return None
    name, full = _WIDTHS[checkpoint.kind]
    return _first_dimension(checkpoint.state_dict, name) / full


def own(tensor: Tensor) -> Tensor:
    """Return a copy that no longer needs the file, in float32."""
    return tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)


def _check_fit(checkpoint: Checkpoint, wanted: Mapping[str, Tensor]) -> None:
    """Name the first tensor that does not fit the network."""
    given = checkpoint.state_dict
    for name, tensor in wanted.items():
        if name not in given:
            _misfit(checkpoint, f"{name} is missing")
        if given[name].shape != tensor.shape:
            _misfit(checkpoint, f"{name} is {_by(given[name])} instead of {_by(tensor)}")
    for name in given:
        if name not in wanted:
            _misfit(checkpoint, f"{name} has no place in it")


def _misfit(checkpoint: Checkpoint, what: str) -> None:
    misfit = f"{checkpoint.path} is a {checkpoint.what} of another shape ({what})"
    if checkpoint.kind not in _WIDTHS:
        raise WeightsError(f"{misfit}, and cannot be used. Pass {KINDS[checkpoint.kind].published} as it is published.")
    raise WeightsError(
        f"{misfit}, perhaps a variant for larger faces, and cannot be used. Pass one for faces of 96 x 96."
    )


def _by(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"
