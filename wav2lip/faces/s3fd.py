"""S3FD: the detector of the original program, with the network of the face-alignment package and a decoder of our own.

Source: Zhang et al. 2017 (arXiv 1708.05237).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wav2lip.errors import Wav2LipError, WeightsError
from wav2lip.faces.suppress import suppress
from wav2lip.media.clip import Frame
from wav2lip.media.geometry import fitting, shrink
from wav2lip.models.checkpoint import expect, read_checkpoint
from wav2lip.models.load import own
from wav2lip.models.memory import give_back, is_shortage
from wav2lip.models.precision import fast_bfloat16
from wav2lip.models.remembered import content_digest
from wav2lip.models.winograd import Winograd

MEANS = (104.0, 117.0, 123.0)      # blue, green, red: the network was trained on BGR
STRIDES = (4, 8, 16, 32, 64, 128)  # pixels between the cells of each level
ANCHOR = 4                         # an anchor's side in strides: 16 to 512 pixels
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
SURE = 0.5                         # a face's least probability
SAME_FACE = 0.3                    # IoU above which the weaker of two boxes goes
LONG_SIDE = 640                    # pixels: larger frames are scaled down, except for the original's answers
QUICK_LONG_SIDE = 320              # pixels: slow devices look at so many first, and find faces of a twentieth of that
# Layers that take half the time there in Winograd's way; the others are too narrow for it, or their maps too small.
QUICKER = ("conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1", "conv4_2", "conv4_3")
TIDY_AFTER = 8                     # looks; every time would take a sixth of each


class S3FDDetector:
    """S3FD on any device.

    Args:
        weights: file in the face-alignment package's format.
        device: "cpu", "cuda", ...
        compat: give the original program's boxes: frames in full size, in float32, and red and blue exchanged against
            the means, as the original does by mistake. Otherwise colours are right and frames at most 640 pixels long;
            a CPU that has no fast bfloat16 looks at 320 of them, and at all where that shows no face.

    Raises:
        WeightsError: the file is missing, broken or of another network.
    """

    name = "s3fd"

    def __init__(self, weights: Path, *, device: str, compat: bool):
        self._weights = weights
        self._device = torch.device(device)
        self._compat = compat
        self.long_side = None if compat else LONG_SIDE
        self._dtype = torch.float32
        if not compat and fast_bfloat16(self._device):
            self._dtype = torch.bfloat16      # three times as fast; boxes move by less than their own tremble
        self._quick = not compat and self._device.type == "cpu" and self._dtype == torch.float32
        _read(weights)                        # what cannot be used is said at once, what can is loaded when needed
        self._network: nn.Module | None = None
        self._looks = 0
        self._largest = 0                     # frames that fit into memory together; 0 while nobody knows
        numbers = "compat" if compat else str(self._dtype).removeprefix("torch.")
        quick = " quick" if self._quick else ""
        self.fingerprint = f"s3fd 4 {numbers}{quick} {content_digest(weights)}"

    def rest(self) -> None:
        """Give a CPU's memory back. The next search takes a moment to begin."""
        if self._device.type == "cpu":
            self._network = None

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        self._network = self._network or self._built()
        found: list[np.ndarray] = []
        while len(found) < len(frames):
            batch = self._largest or len(frames)
            try:
                found += self._detect(frames[len(found) : len(found) + batch])
            except (RuntimeError, MemoryError) as error:
                if not is_shortage(error):
                    raise
                batch = min(batch, len(frames) - len(found))
                if batch == 1:
                    height, width = frames[0].shape[:2]
                    raise Wav2LipError(
                        f"{self._device} has too little memory to find faces in frames of {width}x{height} pixels. "
                        f"Use --resize-factor 2{'' if self._device.type == 'cpu' else ' or --device cpu'}."
                    ) from error
                if self._device.type == "cuda":
                    torch.cuda.empty_cache()
                self._largest = batch // 2
        return found

    def _built(self) -> nn.Module:
        network = build_network(_read(self._weights)).to(self._device, self._dtype)
        if self._compat:
            return network
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self._quick:
            for name in QUICKER:
                setattr(network, name, Winograd(getattr(network, name)))
        return network

    def _detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        if self.long_side is None or not self._quick:
            return self._find(frames, self.long_side)
        found = []
        for frame in frames:    # one by one: the maps of more do not stay in the cache
            self._looks += 1
            faces = self._find([frame], QUICK_LONG_SIDE)
            if not len(faces[0]) and max(frame.shape[:2]) > QUICK_LONG_SIDE:
                faces = self._find([frame], self.long_side)
            found += faces
            if self._looks % TIDY_AFTER == 0:
                give_back()     # or large maps of all sizes leave holes between them that nothing fits into
        return found

    def _find(self, frames: Sequence[Frame], long_side: int | None) -> list[np.ndarray]:
        """Return the faces in frames, after scaling them down to a longer side of so many pixels; None: as they are."""
        assert self._network is not None
        height, width = frames[0].shape[:2]
        size = fitting((width, height), long_side)
        frames = [shrink(frame, size) for frame in frames]
        pictures = torch.from_numpy(np.stack(frames)).to(self._device).permute(0, 3, 1, 2).float()
        if self._compat:
            pictures = pictures.flip(1)
        pictures = pictures - pictures.new_tensor(MEANS)[:, None, None]
        # The original's numbers need float32 as it was before TF32; deterministic, so that runs can be compared.
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=not self._compat
        )
        with torch.inference_mode(), exact:
            rows = decode([level.float() for level in self._network(pictures.to(self._dtype))])
        back = np.array([width / size[0], height / size[1]] * 2 + [1], np.float32)
        return [faces[suppress(faces, SAME_FACE, one_more=True)] * back for faces in rows]


def build_network(state_dict: dict[str, Tensor]) -> nn.Module:
    """Build the network in eval mode, with a copy of its weights."""
    network = _empty()
    network.load_state_dict({name: own(tensor) for name, tensor in state_dict.items()}, assign=True)
    return network.eval().requires_grad_(False)


def _read(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file, which are read from the disk when they are used.

    Raises:
        WeightsError: it is broken or of another network, or has tensors that are missing, too many, or of other shapes.
    """
    checkpoint = read_checkpoint(path)
    expect(checkpoint, "s3fd")
    try:
        _empty().load_state_dict(checkpoint.state_dict, assign=True)
    except RuntimeError as error:
        raise WeightsError(
            f"{path} holds an S3FD face detector with missing or different layers. "
            "Download the published one again: s3fd-619a316812.pth."
        ) from error
    return checkpoint.state_dict


def _empty() -> nn.Module:
    """Return the network without numbers."""
    with torch.device("meta"):    # no memory and no random numbers for weights that are replaced at once
        network: nn.Module = _definition().s3fd()
    return network


def _definition() -> Any:
    """Return the module of face-alignment that defines the network, without all else that the package imports first."""
    package: Any = find_spec("face_alignment")
    path = Path(package.submodule_search_locations[0], "detection", "sfd", "net_s3fd.py")
    spec: Any = spec_from_file_location("face_alignment_net_s3fd", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def decode(maps: Sequence[Tensor]) -> list[np.ndarray]:
    """Turn the network's maps into boxes, all levels at once on the maps' own device.

    Only cells that are surely a face are decoded: weaker ones can neither be kept nor suppress a kept one, as
    suppression goes from the best down.

    Args:
        maps: for each level the class map (B, 2, h, w) and the box map (B, 4, h, w).

    Returns:
        For each picture float32 (n, 5): x1, y1, x2, y2, probability, best first, overlapping ones included.
    """
    pictures, rows = [], []
    for stride, classes, places in zip(STRIDES, maps[0::2], maps[1::2], strict=True):
        face = classes.softmax(dim=1)[:, 1]
        picture, row, column = (face > SURE).nonzero(as_tuple=True)
        place = places[picture, :, row, column]
        side = ANCHOR * stride
        centre = torch.stack([column, row], dim=1) * float(stride) + stride / 2 + CENTRE_VARIANCE * side * place[:, :2]
        extent = side * torch.exp(SIZE_VARIANCE * place[:, 2:])
        corner = centre - extent / 2
        rows.append(torch.cat([corner, corner + extent, face[picture, row, column, None]], dim=1))
        pictures.append(picture)
    faces, owner = torch.cat(rows).cpu().numpy(), torch.cat(pictures).cpu().numpy()
    faces, owner = (values[np.argsort(-faces[:, 4], kind="stable")] for values in (faces, owner))
    return [faces[owner == picture] for picture in range(len(maps[0]))]
