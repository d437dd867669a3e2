"""Run the generator over a stream of frames, a batch of faces at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby, islice
from typing import Any, NamedTuple

import numpy as np
import torch

from wav2lip.compose.face import network_input
from wav2lip.compose.patch import AnyCompositor, AnyFrame, Patch
from wav2lip.compose.place import Place
from wav2lip.models.generator import Generator
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.memory import in_halves
from wav2lip.pipeline.manner import Manner


class Moment(NamedTuple):
    """All that one output frame is made from."""

    frame: AnyFrame
    place: Place | None       # None: no face, the frame passes through
    mel: np.ndarray           # float32 (80, 16)
    presence: float = 1.0     # how much somebody speaks, 0 to 1
    number: int = 0           # in the source
    shot: int = 0             # which the frame belongs to
    landmarks: np.ndarray | None = None    # (5, 2), as shares of the place; None where they are not known


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

    def speak(
        self, faces: np.ndarray, references: np.ndarray, mels: np.ndarray, *, on_device: bool = False
    ) -> Any:
        """Generate faces that say the speech.

        Args:
            faces: uint8 (n, 96, 96, 3), BGR; their lower half is not looked at.
            references: the same, for the appearance.
            mels: float32 (n, 80, 16).
            on_device: leave what is made where it is made.

        Returns:
            float32 (n, 96, 96, 3) in [0, 255], BGR: an array, or a tensor on the device.

        Raises:
            Wav2LipError: the device has too little memory for a single face.
        """
        run = partial(self._speak, on_device=on_device)
        return in_halves(run, faces, references, mels, device=self._device, task="for one face")

    def _speak(self, faces: np.ndarray, references: np.ndarray, mels: np.ndarray, on_device: bool) -> Any:
        face = torch.from_numpy(network_input(faces, references)).to(self._device)
        mel = torch.from_numpy(mels[:, None]).to(self._device)
        with torch.inference_mode():
            out = self._network(mel, face) * 255.0
        out = out.permute(0, 2, 3, 1).float()
        return out if on_device else out.cpu().numpy()


def sync_lips(
    moments: Iterable[Moment], lips: Lips, compositor: AnyCompositor, manner: Manner, batch: int
) -> Iterator[AnyFrame]:
    """Yield every moment's frame with its mouth replaced; frames without a face pass through as they are.

    Args:
        moments: in the order of the output.
        lips: the generator.
        compositor: cuts faces out and puts them back.
        manner: what becomes of each mouth.
        batch: how many moments are held and generated at a time.
    """
    finished = _spoken(iter(moments), lips, compositor, manner, batch)
    for shown, group in groupby(finished, key=lambda one: isinstance(one, Patch)):
        if shown:
            yield from compositor.put_back(group)
        else:
            yield from group


def _spoken(
    moments: Iterator[Moment], lips: Lips, compositor: AnyCompositor, manner: Manner, batch: int
) -> Iterator[AnyFrame]:
    """Yield a patch for every moment that shows a generated face, and the frame of the others."""
    while group := list(islice(moments, batch)):
        shown = [moment.place is not None and manner.opacity(moment.presence) > 0 for moment in group]
        speaking = [moment for moment, here in zip(group, shown, strict=True) if here]
        patches = iter(speak(speaking, lips, compositor, manner))
        for moment, here in zip(group, shown, strict=True):
            yield next(patches) if here else moment.frame


def speak(moments: list[Moment], lips: Lips, compositor: AnyCompositor, manner: Manner) -> list[Patch]:
    """Return the generated faces of moments that show one."""
    if not moments:
        return []
    places = [moment.place for moment in moments if moment.place is not None]
    cuts = compositor.cut_out([moment.frame for moment in moments], places)
    asked = [
        (at, reference, weight)
        for at, (moment, cut) in enumerate(zip(moments, cuts, strict=True))
        for reference, weight in manner.references(cut.face, moment.shot, moment.presence)
    ]
    spoken = lips.speak(
        np.stack([cuts[at].face for at, *_ in asked]),
        np.stack([reference for _, reference, _ in asked]),
        np.stack([moments[at].mel for at, *_ in asked]),
        on_device=compositor.on_device,
    )
    faces: list[Any] = [0.0] * len(moments)
    for (at, _, weight), face in zip(asked, spoken, strict=True):
        faces[at] = faces[at] + float(weight) * face
    return [
        Patch(
            moment.frame, place, cut.source, face, manner.opacity(moment.presence), moment.number, moment.shot,
            moment.landmarks,
        )
        for moment, place, cut, face in zip(moments, places, cuts, faces, strict=True)
    ]
