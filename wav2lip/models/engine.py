"""What runs the generator."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from wav2lip.models.fused import FACES, can_fuse, fuse
from wav2lip.models.generator import FACE, LOWER, MEL, FaceFrom, Generator
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.memory import Room, give_back, in_halves

if TYPE_CHECKING:
    from wav2lip.models.flop import Flop

_TOGETHER = {"cuda": 128, "mps": 32}    # faces, by device: more are hardly faster, but use more memory
_A_THREAD = 3                           # likewise, where a CPU's threads share every convolution


class Mixed(NamedTuple):
    """Which of the faces shall be made of which of those that are given, where these are more.

    Attributes:
        of: int (m,), ascending: for each given face which one of the n it is for.
        weights: float32 (m,), how much its appearance counts there; 1 in all for each of the n.
    """

    of: np.ndarray
    weights: np.ndarray


class Engine(Protocol):
    """A generator, ready to run.

    Attributes:
        at_once: how many threads may generate at the same time, and make the best use of the device then.
        faces: how many each of them had best ask for at a time.
    """

    at_once: int
    faces: int

    def generate(
        self, mels: np.ndarray, faces: np.ndarray, *, mixed: Mixed | None = None, lower: np.ndarray | None = None,
        on_device: bool = False,
    ) -> Any:
        """Generate faces.

        Args:
            mels: float32 (n, 1, 80, 16), log-mel windows.
            faces: float32 (m, 6, 96, 96) in [0, 1], BGR, as the generator takes them; n of them, but for `mixed`.
            mixed: how appearances pass into each other.
            lower: bool (n,), of which faces only the rows from `LOWER` on are looked at: above, they may be what was
                given then. None for none.
            on_device: leave the result where it was made, as a tensor, if PyTorch made it.

        Returns:
            float32 (n, 3, 96, 96) in [0, 1], BGR: an array, or the tensor that was asked for.

        Raises:
            Wav2LipError: the device has too little memory for a single face.
        """
        ...

    def flop(self, *, lower: bool = False) -> Flop:
        """Return what one face, or its lower rows, cost; nothing where that is not known."""
        ...


class TorchEngine:
    """PyTorch, on any device. A CPU's cores each work on faces of their own.

    A CPU gives a face the same numbers whichever faces come with it and however many cores there are. Appearances are
    mixed as the maps that the face encoder makes of them: that takes one decoding, and no lip is seen twice.

    Args:
        generator: in evaluation mode; it becomes the engine's own, and is changed.
        device: where it runs.
        numbers: what it computes with.
        exact: keep the network as it was published, in float32, and make whole faces, none mixed; otherwise its
            batch norms are folded into the convolutions, which is twice as fast and differs by less than 0.01 of 255.
    """

    def __init__(
        self, generator: Generator, device: str, numbers: torch.dtype = torch.float32, *, exact: bool = False
    ):
        self._exact = exact
        self._numbers = torch.float32 if exact else numbers
        self._device = torch.device(device)
        self._channels = generator.channels
        self._room = Room()
        self._workers = 1 if exact or self._device.type != "cpu" else torch.get_num_threads()
        self._pool = _single_threads(self._workers) if self._workers > 1 else None
        self._made: Future[Generator] = Future()
        if self._pool is None:
            self._made.set_result(self._ready(generator))
            self.at_once, self.faces = 1, _TOGETHER.get(self._device.type, _A_THREAD * torch.get_num_threads())
        else:
            # Not waited for: frames are read and faces looked for meanwhile. And how weights are laid out depends on
            # the threads that share a convolution.
            self._made = self._pool.submit(self._ready, generator)
            self.at_once, self.faces = self._workers + 1, FACES    # a core that is done finds more to do

    def _ready(self, generator: Generator) -> Generator:
        """Return the generator as it runs."""
        network = generator if self._exact else fold_batch_norm(generator, in_place=True)
        network.to(self._device, self._numbers)
        if not self._exact and can_fuse(self._device, self._numbers):
            fuse(network)
        give_back()
        return network

    @property
    def _network(self) -> Generator:
        return self._made.result()

    def generate(
        self, mels: np.ndarray, faces: np.ndarray, *, mixed: Mixed | None = None, lower: np.ndarray | None = None,
        on_device: bool = False,
    ) -> Any:
        asked = _Asked(mels, faces, mixed)
        part = np.zeros(len(mels), bool) if self._exact or lower is None else lower
        groups = [(first, np.flatnonzero(part == (first > 0))) for first in (0, LOWER)]
        made = [self._generate(asked, rows, first, on_device) for first, rows in groups if len(rows)]
        if len(made) == 1:
            return made[0]
        back = np.argsort(np.concatenate([rows for _, rows in groups]))
        return torch.cat(made)[torch.from_numpy(back).to(self._device)] if on_device else np.concatenate(made)[back]

    def flop(self, *, lower: bool = False) -> Flop:
        from wav2lip.models.flop import network_flop

        with torch.device("meta"):
            network = Generator(self._channels).to(self._numbers).eval()
        return network_flop(FaceFrom(network, LOWER if lower else 0), (1, *MEL), (1, *FACE))

    def _generate(self, asked: _Asked, rows: np.ndarray, first: int, on_device: bool) -> Any:
        """Return some of the faces, from a first row on; above it they are what was given."""
        run = partial(self._run, asked, first, on_device)
        if self._pool is None:
            return in_halves(run, rows, device=self._device, task="for one face", room=self._room)
        shares = min(self._workers, -(-len(rows) // FACES))
        made = list(self._pool.map(run, np.array_split(rows, shares)))
        return torch.cat(made) if on_device else np.concatenate(made)

    def _run(self, asked: _Asked, first: int, on_device: bool, rows: np.ndarray) -> Any:
        if len(rows) == 1 and not self._exact:
            # A face on its own may be convolved in another order, and get other last digits.
            return self._run(asked, first, on_device, rows.repeat(2))[:1]
        mels, faces, of, weights = asked.some(rows)
        # Of the original's numbers the device's TF32 would take three decimals.
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=not self._exact
        )
        with torch.inference_mode(), exact:
            if self._exact:
                out = self._network(self._given(mels), self._given(faces))
            else:
                maps = self._mixed(self._encoded(faces), of, weights, len(rows))
                out = self._network.speak(self._given(mels), maps, first=first)
            out = out.float()
            if first:
                above = np.searchsorted(of, np.arange(len(rows)))    # of several appearances the first
                given = np.ascontiguousarray(faces[above, :3, :first])
                out = torch.cat([torch.from_numpy(given).to(self._device), out], 2)
            return out if on_device else out.cpu().numpy()

    def _encoded(self, faces: np.ndarray) -> list[Tensor]:
        """Return the face encoder's maps of all faces; of those that are alike they are made once."""
        shown = np.zeros(len(faces), int)    # which of the different faces each one is: a still picture has one
        for at in range(1, len(faces)):
            shown[at] = shown[at - 1] + (not np.array_equal(faces[at], faces[at - 1]))
        if shown[-1] == len(faces) - 1:
            return self._network.encode(self._given(faces))
        different = faces[np.flatnonzero(np.diff(shown, prepend=-1))]
        if len(different) == 1:
            different = different.repeat(2, axis=0)    # not on its own, as above
        row = torch.from_numpy(shown).to(self._device)
        return [found.index_select(0, row) for found in self._network.encode(self._given(different))]

    def _mixed(self, maps: list[Tensor], of: np.ndarray, weights: np.ndarray, count: int) -> list[Tensor]:
        """Return the maps of each of `count` faces, mixed by their weights."""
        if len(of) == count:
            return maps
        row = torch.from_numpy(of).to(self._device)
        share = torch.from_numpy(weights).to(self._device, self._numbers)[:, None, None, None]
        return [
            found.new_zeros(count, *found.shape[1:]).contiguous(memory_format=torch.channels_last)
            .index_add_(0, row, found * share)
            for found in maps
        ]

    def _given(self, rows: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(rows)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()     # copied while the GPU goes on
        tensor = tensor.to(self._device, self._numbers, non_blocking=self._device.type == "cuda")
        return tensor if self._exact else tensor.contiguous(memory_format=torch.channels_last)


class _Asked(NamedTuple):
    """What is to be generated."""

    mels: np.ndarray
    faces: np.ndarray
    mixed: Mixed | None

    def some(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the mel windows and the given faces of some rows, of which row each face is, and its weight."""
        if self.mixed is None:
            return self.mels[rows], self.faces[rows], np.arange(len(rows)), np.ones(len(rows), np.float32)
        given = [np.flatnonzero(self.mixed.of == row) for row in rows]
        of = np.repeat(np.arange(len(rows)), [len(some) for some in given])
        at = np.concatenate(given)
        return self.mels[rows], self.faces[at], of, self.mixed.weights[at]


def _single_threads(count: int) -> ThreadPoolExecutor:
    """Return threads for which PyTorch uses no others.

    Threads that share a convolution wait for each other, and with an encoder beside them the slower one is always late:
    so each face took a sixth longer.
    """
    together = Barrier(count)

    def alone() -> None:
        torch.get_num_threads()     # only a thread that has asked once keeps what it is told
        torch.set_num_threads(1)
        together.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="generate")
    for started in [pool.submit(alone) for _ in range(count)]:
        started.result()
    torch.set_num_threads(count)    # for threads to come: PyTorch gives them what was set last anywhere
    return pool
