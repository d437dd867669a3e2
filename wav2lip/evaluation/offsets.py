"""How far sound and lips are apart in time, as the expert hears and sees it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wav2lip.evaluation.tables import REACH, SyncScore, around, summarise
from wav2lip.models.syncnet import FPS, WINDOW_FRAMES, SyncNet, lower_window
from wav2lip.speech.windows import WINDOW, frames_inside, window_start

BATCH = 64     # windows that go through the expert at once


def best_offset(expert: SyncNet, faces: Tensor | np.ndarray, mel: np.ndarray, *, first: int = 0) -> SyncScore:
    """Return how far the sound of a clip is off, and how sure that is.

    Args:
        expert: SyncNet in eval mode; faster with `fold_batch_norm`.
        faces: consecutive frames at 25 a second, BGR: uint8 (n, 96, 96, 3), or float (n, 3, 96, 96) in [0, 1].
        mel: of the whole clip, float32 (80, columns).
        first: number of the first face; the sound begins with frame 0.

    Raises:
        ValueError: there are fewer than 5 faces, or no 0.2 s of sound from the first on.
    """
    faces = torch.as_tensor(faces)
    windows = len(faces) - WINDOW_FRAMES + 1
    earliest = max(0, first - REACH)
    end = min(first + windows + REACH, frames_inside(mel.shape[1], FPS))
    if windows < 1 or end <= first:
        raise ValueError(f"{len(faces)} faces from frame {first} on and {mel.shape[1]} mel columns hold no window")
    speech = embed_speech(expert, mel, range(earliest, end))
    return summarise(around(1 - cosines(embed_lips(expert, faces), speech), first - earliest))


def embed_lips(expert: SyncNet, faces: Tensor) -> Tensor:
    """Return the embeddings of all windows of 5 consecutive frames.

    Args:
        expert: SyncNet in eval mode, on any device.
        faces: uint8 (n, 96, 96, 3) or float (n, 3, 96, 96) in [0, 1], BGR, n at least 5.

    Returns:
        float32 (n - 4, D) of unit length.
    """
    found = []
    for start in range(0, len(faces) - WINDOW_FRAMES + 1, BATCH):
        some = faces[start : start + BATCH + WINDOW_FRAMES - 1].to(_device(expert))
        if some.dtype == torch.uint8:
            some = some.permute(0, 3, 1, 2) / 255
        windows = some.unfold(0, WINDOW_FRAMES, 1).permute(0, 1, 4, 2, 3)
        found.append(embed(expert.face_encoder, lower_window(windows)))
    return torch.cat(found)


def embed_speech(expert: SyncNet, mel: np.ndarray, frames: Sequence[int]) -> Tensor:
    """Return the embeddings of the speech from some frames on, float32 (n, D) of unit length.

    Args:
        expert: SyncNet in eval mode, on any device.
        mel: of the whole clip, float32 (80, columns).
        frames: their numbers at 25 a second; each with a whole window of sound.
    """
    starts = [window_start(frame, FPS) for frame in frames]
    windows = torch.from_numpy(np.stack([mel[:, start : start + WINDOW] for start in starts]))[:, None]
    return torch.cat([embed(expert.audio_encoder, some.to(_device(expert))) for some in windows.split(BATCH)])


def cosines(lips: Tensor, speech: Tensor) -> np.ndarray:
    """Return the cosines of all pairs of embeddings (m, D) and (n, D), float32 (m, n)."""
    # On the CPU: there no autocast makes bfloat16 of them, which rounds a cosine near 1 to steps of 0.4 %.
    with torch.autocast("cpu", enabled=False):
        return (lips.float().cpu() @ speech.float().cpu().T).numpy()


@torch.inference_mode()
def embed(encoder: nn.Module, windows: Tensor) -> Tensor:
    """Return what an encoder of the expert makes of windows, float32 (n, D) of unit length."""
    return F.normalize(encoder(windows).flatten(1).float())


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
