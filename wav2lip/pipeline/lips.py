"""Run the generator over a stream of frames, a batch of faces at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from wav2lip.compose.face import crop_face, network_input
from wav2lip.errors import Wav2LipError
from wav2lip.faces.boxes import Box
from wav2lip.media.clip import Frame
from wav2lip.models.generator import Generator
from wav2lip.models.inference import fold_batch_norm

Paste = Callable[[Frame, np.ndarray, int, int, int, int], Frame]
"""(frame, face, x1, y1, x2, y2) -> a new frame; face is float32 (96, 96, 3) in [0, 255], BGR."""


class Moment(NamedTuple):
    """All that one output frame is made from."""

    frame: Frame
    box: Box | None           # None: no face, the frame passes through
    mel: np.ndarray           # float32 (80, 16)


class Lips:
    """The generator, ready to run.

    Args:
        generator: the network in evaluation mode.
        device: where it runs.
        exact: keep the network as it was published; otherwise its batch norms are folded into the convolutions,
            which is twice as fast and differs by less than 0.01 of 255.
    """

    def __init__(self, generator: Generator, device: str, exact: bool = False):
        self._network = generator if exact else fold_batch_norm(generator)
        self._network.to(device)
        self._device = device

    def speak(self, faces: np.ndarray, references: np.ndarray, mels: np.ndarray) -> np.ndarray:
        """Generate faces that say the speech.

        Args:
            faces: uint8 (n, 96, 96, 3), BGR; their lower half is not looked at.
            references: the same, for the appearance.
            mels: float32 (n, 80, 16).

        Returns:
            float32 (n, 96, 96, 3) in [0, 255], BGR.

        Raises:
            Wav2LipError: the device has too little memory for a single face.
        """
        try:
            face = torch.from_numpy(network_input(faces, references)).to(self._device)
            mel = torch.from_numpy(mels[:, None]).to(self._device)
            with torch.inference_mode():
                out = self._network(mel, face) * 255.0
            return out.permute(0, 2, 3, 1).float().cpu().numpy()
        except torch.cuda.OutOfMemoryError as error:
            if len(faces) == 1:
                raise Wav2LipError(f"{self._device} has too little memory for one face; use --device cpu.") from error
        half = len(faces) // 2
        return np.concatenate(
            [self.speak(faces[part], references[part], mels[part]) for part in (slice(half), slice(half, None))]
        )


def sync_lips(moments: Iterable[Moment], lips: Lips, paste: Paste, batch: int) -> Iterator[Frame]:
    """Yield every moment's frame with its mouth replaced; frames without a face pass through as they are.

    Args:
        moments: in the order of the output.
        lips: the generator.
        paste: how the face is put back.
        batch: how many moments are held and generated at a time.
    """
    moments = iter(moments)
    while group := list(islice(moments, batch)):
        spoken = iter(_speak(group, lips))
        for frame, box, _ in group:
            yield frame if box is None else paste(frame, next(spoken), *box)


def _speak(group: list[Moment], lips: Lips) -> np.ndarray | list[np.ndarray]:
    """Return the generated faces of those moments that show one."""
    shown = [moment for moment in group if moment.box is not None]
    if not shown:
        return []
    faces = np.stack([crop_face(moment.frame, *moment.box) for moment in shown if moment.box])
    return lips.speak(faces, faces, np.stack([moment.mel for moment in shown]))
