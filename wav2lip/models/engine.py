"""What runs the generator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from wav2lip.models.flop import Flop, network_flop
from wav2lip.models.generator import FACE, MEL, Generator
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.memory import in_halves


class Engine(Protocol):
    """A generator, ready to run."""

    def generate(self, mels: np.ndarray, faces: np.ndarray, *, on_device: bool = False) -> Any:
        """Generate faces.

        Args:
            mels: float32 (n, 1, 80, 16), log-mel windows.
            faces: float32 (n, 6, 96, 96) in [0, 1], BGR, as the generator takes them.
            on_device: leave the result where it was made, as a tensor, if PyTorch made it.

        Returns:
            float32 (n, 3, 96, 96) in [0, 1], BGR: an array, or the tensor that was asked for.

        Raises:
            Wav2LipError: the device has too little memory for a single face.
        """
        ...

    def flop(self) -> Flop:
        """Return what one face costs; nothing where that is not known."""
        ...


class TorchEngine:
    """PyTorch, on any device. A CPU's cores each work on faces of their own.

    A CPU gives a face the same numbers whichever faces come with it and however many cores there are.

    Args:
        generator: in evaluation mode; it becomes the engine's own, and is changed.
        device: where it runs.
        numbers: what it computes with.
        exact: keep the network as it was published, in float32; otherwise its batch norms are folded into the
            convolutions, which is twice as fast and differs by less than 0.01 of 255.
    """

    def __init__(
        self, generator: Generator, device: str, numbers: torch.dtype = torch.float32, *, exact: bool = False
    ):
        self._exact = exact
        self._network = generator if exact else fold_batch_norm(generator, in_place=True)
        self._numbers = torch.float32 if exact else numbers
        self._device = torch.device(device)
        self._network.to(self._device, self._numbers)
        self._workers = 1 if exact or self._device.type != "cpu" else torch.get_num_threads()
        self._pool = _single_threads(self._workers) if self._workers > 1 else None

    def generate(self, mels: np.ndarray, faces: np.ndarray, *, on_device: bool = False) -> Any:
        run = partial(self._generate, on_device=on_device)
        if self._pool is None:
            return in_halves(run, mels, faces, device=self._device, task="for one face")
        shares = [np.array_split(rows, min(self._workers, len(faces))) for rows in (mels, faces)]
        made = list(self._pool.map(run, *shares))
        return torch.cat(made) if on_device else np.concatenate(made)

    def flop(self) -> Flop:
        return network_flop(self._network, (1, *MEL), (1, *FACE))

    def _generate(self, mels: np.ndarray, faces: np.ndarray, on_device: bool) -> Any:
        if len(faces) == 1 and not self._exact:
            return self._generate(_in_company(mels), _in_company(faces), on_device)[:1]
        shown = np.zeros(len(faces), int)    # which of the different faces each one is: a still picture has one
        if not self._exact:
            for at in range(1, len(faces)):
                shown[at] = shown[at - 1] + (not np.array_equal(faces[at], faces[at - 1]))
        # Of the original's numbers the device's TF32 would take three decimals.
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=not self._exact
        )
        with torch.inference_mode(), exact:
            if self._exact or shown[-1] == len(faces) - 1:
                out = self._network(self._given(mels), self._given(faces))
            else:
                different = _in_company(faces[np.flatnonzero(np.diff(shown, prepend=-1))])
                row = torch.from_numpy(shown).to(self._device)
                maps = [found.index_select(0, row) for found in self._network.encode(self._given(different))]
                out = self._network.speak(self._given(mels), maps)
            return out.float() if on_device else out.float().cpu().numpy()

    def _given(self, rows: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(rows)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()     # copied while the GPU goes on
        tensor = tensor.to(self._device, self._numbers, non_blocking=True)
        return tensor if self._exact else tensor.contiguous(memory_format=torch.channels_last)


def _in_company(rows: np.ndarray) -> np.ndarray:
    """Return two rows for one: a face on its own is convolved in another order, and gets other last digits."""
    return rows if len(rows) > 1 else np.concatenate([rows, rows])


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
