"""How far sound and lips are apart in time, as the expert hears and sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wav2lip.models.syncnet import FPS, WINDOW_FRAMES, SyncNet, lower_window
from wav2lip.speech.windows import WINDOW, frames_inside, window_start

REACH = 15     # frames of 25 a second, 0.6 s: how far the sound may be early or late
BATCH = 64     # windows that go through the expert at once


@dataclass(frozen=True)
class Offset:
    """Where sound and lips fit best.

    Attributes:
        offset: by how many frames of 25 a second the sound is late; negative where it is early.
        confidence: how much better they fit there than usual: highest minus median of `cosines`.
        cosines: float64 (2 reach + 1,): the mean over all windows if the sound were late by -reach .. reach frames,
            NaN where fewer than half of the windows have sound so far away.
    """

    offset: int
    confidence: float
    cosines: np.ndarray


def best_offset(
    expert: SyncNet, faces: Tensor | np.ndarray, mel: np.ndarray, *, first: int = 0, reach: int = REACH
) -> Offset:
    """Return by how many frames the sound of a clip is late, and how sure that is.

    Args:
        expert: SyncNet in eval mode; faster with `fold_batch_norm`.
        faces: consecutive frames at 25 a second, BGR: uint8 (n, 96, 96, 3), or float (n, 3, 96, 96) in [0, 1].
        mel: of the whole clip, float32 (80, columns).
        first: number of the first face; the sound begins with frame 0.
        reach: how many frames to look in both directions.

    Raises:
        ValueError: there are fewer than 5 faces, or no 0.2 s of sound from the first on.

    Source: Chung, Zisserman 2016, "Out of time: automated lip sync in the wild"; with the expert's cosines.
    """
    faces = torch.as_tensor(faces)
    windows = len(faces) - WINDOW_FRAMES + 1
    earliest = max(0, first - reach)
    end = min(first + windows + reach, frames_inside(mel.shape[1], FPS))
    if windows < 1 or end <= first:
        raise ValueError(f"{len(faces)} faces from frame {first} on and {mel.shape[1]} mel columns hold no window")
    speech = embed_speech(expert, mel, range(earliest, end))
    return compare(cosines(embed_lips(expert, faces), speech), first - earliest, reach)


def compare(similarities: np.ndarray, together: int, reach: int = REACH) -> Offset:
    """Return at which shift lips and sound of consecutive frames fit best.

    Args:
        similarities: cosines (m, n) of lips i and speech j.
        together: which speech belongs to the first lips if nothing is shifted, in 0 .. n - 1.
        reach: how many frames to look in both directions.
    """
    heard = similarities[: similarities.shape[1] - together]
    means = np.full(2 * reach + 1, np.nan)
    for number in range(2 * reach + 1):
        pairs = heard.diagonal(together + number - reach)
        if 2 * len(pairs) >= len(heard):
            means[number] = pairs.mean(dtype=np.float64)
    best = int(np.nanargmax(means))
    return Offset(best - reach, float(means[best] - np.nanmedian(means)), means)


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
        found.append(_embed(expert.face_encoder, lower_window(windows)))
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
    return torch.cat([_embed(expert.audio_encoder, some.to(_device(expert))) for some in windows.split(BATCH)])


def cosines(lips: Tensor, speech: Tensor) -> np.ndarray:
    """Return the cosines of all pairs of embeddings (m, D) and (n, D), float32 (m, n)."""
    with torch.autocast(lips.device.type, enabled=False):    # bfloat16 rounds a cosine near 1 to steps of 0.4 %
        return (lips @ speech.T).cpu().numpy()


@torch.inference_mode()
def _embed(encoder: nn.Module, windows: Tensor) -> Tensor:
    return F.normalize(encoder(windows).flatten(1).float())


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
