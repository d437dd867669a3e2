"""When somebody speaks, told by the Silero VAD network: the optional package silero-vad, which brings its weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from wav2lip.extras import require
from wav2lip.speech.activity import held, settled
from wav2lip.speech.mel import HOP, SAMPLE_RATE

CHUNK = 512                                       # samples the network hears at a time: 32 ms
BEGINS, KEEPS = 0.5, 0.35                         # probabilities, the package's own defaults


def silero_activity(samples: Iterable[np.ndarray]) -> np.ndarray:
    """Tell where somebody speaks, as `energy_activity` does, by a network that knows speech from noise and music.

    Args:
        samples: blocks of mono float32 at 16 kHz in [-1, 1], of any lengths.

    Returns:
        bool (1 + samples // 200,), 80 a second, with the same lead, hang-over and shortest pause.

    Raises:
        UsageError: silero-vad is not installed.

    Source: Silero Team, github.com/snakers4/silero-vad, version 6.2 (MIT), its TorchScript model on the processor.
    """
    import torch

    model = _model()
    model.reset_states()
    probabilities, heard = [], 0
    with torch.no_grad():
        for chunk in _chunks(samples):
            heard += len(chunk)
            whole = np.pad(chunk, (0, CHUNK - len(chunk)))
            probabilities.append(float(model(torch.from_numpy(whole), SAMPLE_RATE)))
    if not heard:
        return np.zeros(0, bool)
    centre = np.arange(1 + heard // HOP) * HOP
    probability = np.array(probabilities)[np.minimum(centre // CHUNK, len(probabilities) - 1)]
    return settled(held(probability > BEGINS, probability > KEEPS))


def _model() -> Any:
    """Load the network; the package's import sets all of torch to one thread, which is put right again."""
    import torch

    threads = torch.get_num_threads()
    try:
        return require("silero_vad", "vad").load_silero_vad()
    finally:
        torch.set_num_threads(threads)


def _chunks(samples: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the samples in chunks of 512, float32; the last may be shorter."""
    waiting = np.empty(0, np.float32)
    for block in samples:
        waiting = np.concatenate((waiting, block.astype(np.float32, copy=False)))
        whole = len(waiting) // CHUNK * CHUNK
        yield from waiting[:whole].reshape(-1, CHUNK)
        waiting = waiting[whole:]
    if len(waiting):
        yield waiting
