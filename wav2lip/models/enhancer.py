"""Networks that make a generated face sharper: our own super-resolution network, or one that spandrel knows."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wav2lip.errors import WeightsError
from wav2lip.extras import require
from wav2lip.models.checkpoint import UNKNOWN, Checkpoint, expect, read_checkpoint
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import build
from wav2lip.models.memory import Room, in_halves
from wav2lip.models.rrdbnet import SCALE

RESTORED_SIZE = 512     # pixels, each way: what face restorers were trained on, all of them
BATCH = 8               # faces at a time on a GPU; RRDBNet needs about 0.4 GB for each of 96 x 96 in float16
UNSHUFFLED = (12, 48)   # channels of the first convolution in Real-ESRGAN's variants for 2 and 1 times the size

# Restorers that see and give [-1, 1], which spandrel leaves to its caller, with what else they are to be told.
# GFPGAN adds noise: that of its file, because noise that is drawn anew for every frame flickers.
_SIGNED: dict[str, dict[str, bool]] = {"GFPGAN": {"randomize_noise": False}, "CodeFormer": {}}


class Enhancer:
    """A network that makes faces sharper, ready to run.

    Args:
        network: (B, 3, H, W) to (B, 3, `scale` H, `scale` W), RGB, about in [0, 1] both.
        device: where it runs.
        scale: how many times the width and height come out.
        what: its name, for a report.
        size: the only width and height that it takes, in pixels; faces are resized to it first. None: any.
        dtype: of the pictures that it takes.
        batch: how many faces it takes at a time.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        device: str | torch.device,
        scale: int,
        what: str,
        size: int | None = None,
        dtype: torch.dtype = torch.float32,
        batch: int = 1,
    ):
        self.what = what
        self._network = network
        self._device = device
        self._scale = scale
        self._size = size
        self._dtype = dtype
        self._batch = batch
        self._room = Room()

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width, in pixels, that faces of a size come out in."""
        height, width = (self._size, self._size) if self._size else (height, width)
        return self._scale * height, self._scale * width

    def enhance(self, faces: np.ndarray) -> np.ndarray:
        """Make faces sharper.

        Args:
            faces: float32 (n, h, w, 3) in [0, 255], BGR.

        Returns:
            float32 (n, *output_size(h, w), 3) in [0, 255], BGR.

        Raises:
            Wav2LipError: the device has too little memory for a single face.
        """
        out = np.empty((len(faces), *self.output_size(*faces.shape[1:3]), 3), np.float32)
        for at in range(0, len(faces), self._batch):
            some = faces[at : at + self._batch]
            out[at : at + self._batch] = in_halves(
                self._run, some, device=self._device, task="to enhance one face", room=self._room
            )
        return out

    def _run(self, faces: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(faces)).to(self._device)
            x = x.flip(3).permute(0, 3, 1, 2).contiguous() / 255.0
            if self._size:
                x = F.interpolate(x, (self._size, self._size), mode="bicubic").clamp_(0, 1)
            out = self._network(x.to(self._dtype)).float().clamp(0, 1) * 255.0
            return out.permute(0, 2, 3, 1).flip(3).cpu().numpy()


def load_enhancer(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Enhancer:
    """Load a network that makes faces sharper, in float16 on a GPU if it can be.

    An RRDBNet that enlarges four times, such as RealESRGAN_x4plus.pth, needs nothing else. All others need the package
    spandrel: other Real-ESRGANs, GFPGAN, RestoreFormer, and CodeFormer where spandrel_extra_arches is installed too.
    spandrel sees tensors only; the file is read here.

    Args:
        path: its weights file, in any format that `read_checkpoint` reads; none ships.
        device: where it shall run.

    Raises:
        WeightsError: the file is missing, broken, or of a network that does not make pictures of pictures.
        UsageError: spandrel is needed, and is not installed.
    """
    checkpoint = read_checkpoint(path, unknown=True)
    if checkpoint.kind == UNKNOWN or _is_unshuffled(checkpoint):
        return _from_spandrel(checkpoint, device)
    expect(checkpoint, "rrdbnet")
    on_gpu = torch.device(device).type == "cuda"
    dtype = torch.float16 if on_gpu else torch.float32
    # There is no batch norm in it to fold, but it comes into the order of memory that is fastest.
    network = fold_batch_norm(build(checkpoint, "rrdbnet"), in_place=True).to(device, dtype)
    return Enhancer(network, device, SCALE, _name(checkpoint), dtype=dtype, batch=BATCH if on_gpu else 1)


def _is_unshuffled(checkpoint: Checkpoint) -> bool:
    """Return whether it is an RRDBNet that folds its input into more channels first, to enlarge it less."""
    return checkpoint.kind == "rrdbnet" and checkpoint.state_dict["conv_first.weight"].shape[1:2] in [
        (channels,) for channels in UNSHUFFLED
    ]


def _from_spandrel(checkpoint: Checkpoint, device: str | torch.device) -> Enhancer:
    spandrel = require("spandrel", "enhance")
    _install_extra_architectures()
    try:
        model: Any = spandrel.ModelLoader().load_from_state_dict(
            spandrel.canonicalize_state_dict(dict(checkpoint.state_dict))
        )
    except spandrel.UnsupportedModelError as error:
        first = ", ".join(list(checkpoint.state_dict)[:3])
        raise WeightsError(
            f"{checkpoint.path} holds a network that spandrel does not know either (its first tensors: {first}). "
            "Pass one that makes faces sharper, such as RealESRGAN_x4plus.pth or GFPGANv1.4.pth; CodeFormer also "
            "needs the package spandrel_extra_arches."
        ) from error
    except Exception as error:    # every architecture has its own way to fail at tensors that do not fit
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise WeightsError(
            f"{checkpoint.path} cannot be loaded by spandrel ({reason}). Pass the file as it is published."
        ) from error
    name = model.architecture.name
    if model.purpose == "Inpainting" or (model.input_channels, model.output_channels) != (3, 3):
        raise WeightsError(
            f"{checkpoint.path} holds {name}, which does not make a colour picture of a colour picture. "
            "Pass one that makes faces sharper, such as RealESRGAN_x4plus.pth or GFPGANv1.4.pth."
        )
    half = torch.device(device).type == "cuda" and model.supports_half
    model.to(torch.device(device), torch.float16 if half else torch.float32).eval()
    return Enhancer(
        _signed(model) if model.architecture.id in _SIGNED else model,
        device,
        model.scale,
        f"{checkpoint.path.name}: {name}",
        size=RESTORED_SIZE if model.purpose == "FaceSR" else None,
        dtype=torch.float16 if half else torch.float32,
    )


def _install_extra_architectures() -> None:
    """Let spandrel know the architectures whose licences forbid some uses, where a user has installed them."""
    try:
        extra = importlib.import_module("spandrel_extra_arches")
    except ModuleNotFoundError:
        return
    extra.install(ignore_duplicates=True)


def _signed(model: Any) -> Callable[[Tensor], Tensor]:
    """Return a restorer of spandrel's that sees and gives [0, 1]."""
    told = _SIGNED[model.architecture.id]
    return lambda pictures: (model.model(2 * pictures - 1, **told)[0] + 1) / 2


def _name(checkpoint: Checkpoint) -> str:
    what = checkpoint.known.what if checkpoint.known else checkpoint.metadata.get("description", checkpoint.what)
    return f"{checkpoint.path.name}: {what}"
