"""How good a generator is on clips it has not seen: right speech against wrong speech and against copying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from wav2lip.models.generator import FACE_SIZE, Generator
from wav2lip.training.augment import View
from wav2lip.training.dataset import make_batch, pick_frames, sample_face, speech_window
from wav2lip.training.generator import MOUTH, batch_tensors, mouth_error
from wav2lip.training.prepared import PreparedClip

BATCH = 32
DARK = 0.75    # of the median brightness: darker pixels belong to the inside of the mouth


@dataclass(frozen=True)
class Scores:
    """Mean absolute errors of the mouth region (rows 56..91, columns 20..75 of 96), of 255."""

    right: float     # with the frame's own speech
    wrong: float     # with speech from another clip
    copy: float      # of the reference frame, from another time
    colour: float    # mean error of the lower half's mean colour, of 255

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.2f}" for name, value in asdict(self).items())


def evaluate(network: Generator, clips: Sequence[PreparedClip], samples: int, seed: int) -> Scores:
    """Score a generator; the same seed draws the same samples.

    Args:
        network: left in eval mode.
        clips: at least one; with a single one the wrong speech is that of another moment of it.
        samples: how many faces.
        seed: draws clips, frames and boxes.
    """
    network.eval()
    parts = []
    for faces, target, mel, other_mel in _batches(clips, samples, seed):
        right, wrong = generate(network, mel, faces), generate(network, other_mel, faces)
        lower = (right - target)[:, :, FACE_SIZE // 2 :].mean((2, 3)).abs().mean()
        parts.append([len(target) * score for score in (
            mouth_error(right, target),
            mouth_error(wrong, target),
            mouth_error(faces[:, 3:], target),
            255 * float(lower),
        )])
    return Scores(*(float(total) / samples for total in np.sum(parts, axis=0)))


def generate(network: Generator, mel: Tensor, faces: Tensor) -> Tensor:
    """Return faces (B, 3, 96, 96) in [0, 1] as the generator makes them in bfloat16."""
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        made: Tensor = network(mel, faces)
    return made.float()


def opening_agreement(network: Generator, clips: Sequence[PreparedClip]) -> float:
    """Return how well generated mouths open and close with the true ones: 1 is always together, 0 unrelated.

    Every frame of a clip is generated from the same reference frame; the darkness of the mouth's inside is followed
    through the generated and through the true frames, and the two curves' correlation is averaged over the clips.
    """
    network.eval()
    random = np.random.default_rng(0)
    view = View.draw(random, 0)
    agreements = []
    for clip in clips:
        reference = sample_face(clip, 0, view, random)
        numbers = range(len(clip.frames))
        samples = [(sample_face(clip, n, view, random), reference, speech_window(clip, n)) for n in numbers]
        mel, faces, truth = batch_tensors(make_batch(samples))
        made = torch.cat([generate(network, *pair) for pair in zip(mel.split(BATCH), faces.split(BATCH), strict=True)])
        curves = mouth_darkness(made), mouth_darkness(truth)
        # A mouth that never moves agrees with nothing.
        agreements.append(np.corrcoef(*curves)[0, 1] if min(curve.std() for curve in curves) > 1e-6 else 0.0)
    return float(np.mean(agreements))


def mouth_darkness(faces: Tensor) -> np.ndarray:
    """Return how much of the mouth region of faces (B, 3, 96, 96) is darker than its median skin, float32 (B,)."""
    grey = faces[..., MOUTH[0], MOUTH[1]].mean(1).flatten(1)
    darkness = (DARK - grey / grey.median(1, keepdim=True).values).clamp(min=0).mean(1)
    return darkness.numpy()


def contact_sheet(network: Generator, clips: Sequence[PreparedClip], rows: int, seed: int) -> np.ndarray:
    """Return a picture of reference, masked target, output and truth side by side, one row per sample.

    Returns:
        uint8 (96 rows, 384, 3), BGR.
    """
    network.eval()
    strips = []
    for faces, target, mel, _ in _batches(clips, rows, seed):
        made = generate(network, mel, faces)
        strips.append(torch.cat([faces[:, 3:], faces[:, :3], made, target], dim=3))
    sheet = torch.cat(strips).permute(0, 2, 3, 1).reshape(-1, 4 * FACE_SIZE, 3)
    return (255 * sheet + 0.5).clamp(0, 255).byte().numpy()


def _batches(
    clips: Sequence[PreparedClip], samples: int, seed: int
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yield faces, target, mel and mel of other speech, at most 32 samples at a time."""
    random = np.random.default_rng(seed)
    for start in range(0, samples, BATCH):
        drawn, others = [], []
        for _ in range(min(BATCH, samples - start)):
            number = int(random.integers(len(clips)))
            clip, other = clips[number], clips[(number + int(random.integers(1, max(2, len(clips))))) % len(clips)]
            target, reference = pick_frames(clip, random)
            view = View.draw(random, 0)
            drawn.append((
                sample_face(clip, target, view, random),
                sample_face(clip, reference, view, random),
                speech_window(clip, target),
            ))
            others.append(speech_window(other, int(random.integers(len(other.frames)))))
        mel, faces, truth = batch_tensors(make_batch(drawn))
        yield faces, truth, mel, torch.from_numpy(np.stack(others))[:, None]
