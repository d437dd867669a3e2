"""Run the generator over a stream of frames, a batch of faces at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import groupby, islice
from threading import Semaphore
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wav2lip.compose.face import network_input
from wav2lip.compose.patch import AnyCompositor, AnyFrame, Patch
from wav2lip.compose.place import Place
from wav2lip.media.prefetch import side_by_side
from wav2lip.models.engine import Engine, Mixed
from wav2lip.pipeline.manner import Manner

if TYPE_CHECKING:
    from wav2lip.models.flop import Flop

FIRST = 2    # moments that are generated together at first: the encoder need not wait for a whole batch


class Moment(NamedTuple):
    """All that one output frame is made from."""

    frame: AnyFrame
    place: Place | None       # None: no face, the frame passes through
    mel: np.ndarray           # float32 (80, 16)
    presence: float = 1.0     # how much somebody speaks, 0 to 1
    number: int = 0           # in the source
    shot: int = 0             # which the frame belongs to
    landmarks: np.ndarray | None = None    # (5, 2), as shares of the place; None where they are not known
    facing: float = 1.0       # how much of the face is shown, by how it is turned, 0 to 1

    def opacity(self, manner: Manner) -> float:
        """Return how much of the generated mouth is shown."""
        return manner.opacity(self.presence) * self.facing


class Lips:
    """The generator, for faces as they are cut out of frames and put back.

    Args:
        engine: runs it.

    Attributes:
        at_once: how many threads may speak at the same time; more wait.
        faces: how many each had best ask for at a time.
    """

    def __init__(self, engine: Engine):
        self._engine = engine
        self.at_once, self.faces = engine.at_once, engine.faces
        self._free = Semaphore(self.at_once)    # where several people speak at a time they take turns

    def speak(
        self, faces: np.ndarray, references: np.ndarray, mels: np.ndarray, *, mixed: Mixed | None = None,
        lower: np.ndarray | None = None, on_device: bool = False,
    ) -> Any:
        """Generate faces that say the speech.

        Args:
            faces: uint8 (m, 96, 96, 3), BGR; their lower half is not looked at.
            references: the same, for the appearance.
            mels: float32 (n, 80, 16).
            mixed: which of the n each of the m is for, and how much it counts there; None where n is m.
            lower: bool (n,), of which only the rows from `LOWER` on are looked at; None for none.
            on_device: leave what is made where it is made.

        Returns:
            float32 (n, 96, 96, 3) in [0, 255], BGR: an array, or a tensor on the device.

        Raises:
            Wav2LipError: the device has too little memory for a single face.
        """
        given = np.ascontiguousarray(mels[:, None]), network_input(faces, references)
        with self._free:
            out = self._engine.generate(*given, mixed=mixed, lower=lower, on_device=on_device) * 255.0
        return out.transpose(0, 2, 3, 1) if isinstance(out, np.ndarray) else out.permute(0, 2, 3, 1)

    def flop(self, *, lower: bool = False) -> Flop:
        """Return what one face, or its lower rows, cost; nothing where that is not known."""
        return self._engine.flop(lower=lower)


def sync_lips(
    moments: Iterable[Moment], lips: Lips, compositor: AnyCompositor, manner: Manner, batch: int, at_once: int
) -> Generator[AnyFrame]:
    """Yield every moment's frame with its mouth replaced; frames without a face pass through as they are.

    Args:
        moments: in the order of the output.
        lips: the generator.
        compositor: cuts faces out and puts them back.
        manner: what becomes of each mouth.
        batch: how many moments are generated at a time.
        at_once: how many threads do so; one batch more is held, whose faces are put back.
    """
    # Faces are put back while the next ones are generated.
    with closing(_spoken(iter(moments), lips, compositor, manner, batch, at_once)) as finished:
        for shown, group in groupby(finished, key=lambda one: isinstance(one, Patch)):
            if shown:
                yield from compositor.put_back(group)
            else:
                yield from group


def _spoken(
    moments: Iterator[Moment], lips: Lips, compositor: AnyCompositor, manner: Manner, batch: int, at_once: int
) -> Generator[AnyFrame]:
    """Yield a patch for every moment that shows a generated face, and the frame of the others."""

    def spoken(group: list[Moment]) -> list[AnyFrame]:
        shown = [moment.place is not None and moment.opacity(manner) > 0 for moment in group]
        speaking = [moment for moment, here in zip(group, shown, strict=True) if here]
        patches = iter(speak(speaking, lips, compositor, manner))
        return [next(patches) if here else moment.frame for moment, here in zip(group, shown, strict=True)]

    with closing(side_by_side(spoken, _groups(moments, batch), at_once)) as groups:
        for frames in groups:
            yield from frames
            del frames    # not held while the next ones are waited for


def _groups(moments: Iterator[Moment], batch: int) -> Iterator[list[Moment]]:
    """Yield moments in groups that are generated together."""
    size = min(FIRST, batch)
    while group := list(islice(moments, size)):
        size = batch
        yield group


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
    of = np.array([at for at, *_ in asked])
    faces = lips.speak(
        np.stack([cuts[at].face for at in of]),
        np.stack([reference for _, reference, _ in asked]),
        np.stack([moment.mel for moment in moments]),
        mixed=Mixed(of, np.array([weight for *_, weight in asked], np.float32)) if len(of) > len(moments) else None,
        lower=np.array([
            compositor.lower(place, moment.landmarks) for moment, place in zip(moments, places, strict=True)
        ]),
        on_device=compositor.on_device,
    )
    return [
        Patch(
            moment.frame, place, cut.source, face, moment.opacity(manner), moment.number, moment.shot,
            moment.landmarks,
        )
        for moment, place, cut, face in zip(moments, places, cuts, faces, strict=True)
    ]
