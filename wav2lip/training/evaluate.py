"""How good a generator is on clips it has not seen: right speech against wrong speech and against copying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from wav2lip.errors import UsageError
from wav2lip.evaluation.offsets import best_offset
from wav2lip.media.sound import read_samples
from wav2lip.models.generator import FACE_SIZE
from wav2lip.models.syncnet import FPS, WINDOW_FRAMES, SyncNet
from wav2lip.speech.windows import frames_inside
from wav2lip.training.articulation import speech_to_articulation
from wav2lip.training.augment import NO_AUGMENTATION
from wav2lip.training.layout import AUDIO, TrainingClip
from wav2lip.training.losses import MOUTH
from wav2lip.training.samples import (
    TRIES,
    Batch,
    Rules,
    generator_input,
    other_windows,
    speech_window,
    stack,
    usable_windows,
    window_faces,
)

RULES = Rules.of(compat=False, frames=1)
BATCH = 32
LAGS = range(-5, 6)  # frames
FOLLOWED = 250       # frames of a clip that are followed at most


@dataclass(frozen=True)
class Scores:
    """Errors of the mouth region (rows 56..91, columns 20..75 of 96), mean absolute, of 255; and more.

    Attributes:
        right: with the frame's own speech.
        wrong: with speech from another clip, or where there is only one, of another moment.
        copy: of the reference frame, from another time.
        colour: mean error of the lower half's mean colour, of 255.
        sharpness: mean gradient of generated mouths over that of true ones; 1 is as sharp.
    """

    right: float
    wrong: float
    copy: float
    colour: float
    sharpness: float


@dataclass(frozen=True)
class Following:
    """How generated mouths follow the speech through whole clips.

    Attributes:
        opening: correlation of how open generated and true mouths look, over a clip's frames; mean of the clips.
        lag: share of clips where that is highest at a lag of at most 1 frame.
        curve: correlation of how open generated mouths look with the opening that the speech prescribes to drawn
            heads; for these it is the truth.
        curve_lag: share of clips where that is highest at a lag of at most 1 frame.
        offset: share of clips whose speech and generated lips the expert finds at most 1 frame apart; None without it.
    """

    opening: float
    lag: float
    curve: float
    curve_lag: float
    offset: float | None


def evaluate(generator: nn.Module, clips: Sequence[TrainingClip], samples: int, seed: int = 1) -> Scores:
    """Score a generator in eval mode on single frames; the same seed draws the same samples.

    Args:
        generator: takes mel (B, 1, 80, 16) and faces (B, 6, 96, 96).
        clips: at least one.
        samples: how many frames.
        seed: draws clips and frames; boxes are as detected, without pads.
    """
    totals = np.zeros(5)
    for batch, other_mels in _batches(clips, samples, seed):
        mel, faces, target = generator_input(batch)
        made, wrong = generate(generator, mel, faces), generate(generator, other_mels, faces)
        colour = (made - target)[:, :, FACE_SIZE // 2 :].mean((2, 3)).abs().mean()
        errors = [mouth_error(face, target) for face in (made, wrong, faces[:, 3:])]
        totals += len(target) * np.array([*errors, 255 * float(colour), _gradient(made) / _gradient(target)])
    return Scores(*(float(value) for value in totals / samples))


def follow(generator: nn.Module, clips: Sequence[TrainingClip], expert: SyncNet | None = None) -> Following:
    """Generate whole clips, each from one still reference frame, and see whether the mouths follow the speech.

    Args:
        generator: as for `evaluate`.
        clips: at least one; `can_follow` holds for all.
        expert: measures offsets.
    """
    found = []
    for clip in clips:
        frames = longest_run(clip.numbers)[:FOLLOWED]
        made, truth = generate_clip(generator, clip, frames)
        prescribed = prescribed_opening(clip)[frames]
        looks, should_look = measured_opening(truth, prescribed, made, truth)
        opening, lag = correlation(looks, should_look)
        curve, curve_lag = correlation(looks, prescribed)
        distance = 0
        if expert is not None:
            distance = abs(best_offset(expert, made, clip.mel, first=int(frames[0])).offset)
        found.append([opening, abs(lag) <= 1, curve, abs(curve_lag) <= 1, distance <= 1])
    opening, near, curve, curve_near, in_time = (float(value) for value in np.mean(found, axis=0))
    return Following(opening, near, curve, curve_near, None if expert is None else in_time)


def can_follow(clip: TrainingClip) -> bool:
    """Return whether a clip has as many consecutive faces, with their sound, as the expert looks at."""
    frames = longest_run(clip.numbers)
    return len(frames) >= WINDOW_FRAMES and int(frames[0]) < frames_inside(clip.mel.shape[1], FPS)


def generate(generator: nn.Module, mel: Tensor, faces: Tensor) -> Tensor:
    """Return faces (B, 3, 96, 96) in [0, 1], float32, as the generator makes them on its own device."""
    device = next(generator.parameters()).device
    with torch.inference_mode():
        made: Tensor = generator(mel.to(device), faces.to(device))
    return made.float().cpu()


def generate_clip(generator: nn.Module, clip: TrainingClip, frames: np.ndarray) -> tuple[Tensor, Tensor]:
    """Generate frames of a clip from the first of them as the still reference.

    Returns:
        The generated and the true faces, each (frames, 3, 96, 96) in [0, 1].
    """
    random = np.random.default_rng(0)
    view = NO_AUGMENTATION.view(random, 0)
    still = window_faces(clip, int(frames[0]), 1, view, random)
    made, truth = [], []
    for some in np.array_split(frames, -(-len(frames) // BATCH)):
        mels = [speech_window(clip, int(n))[None] for n in some]
        batch = stack([
            (window_faces(clip, int(n), 1, view, random), still, mel, mel[0])
            for n, mel in zip(some, mels, strict=True)
        ])
        mel, faces, target = generator_input(batch)
        made.append(generate(generator, mel, faces))
        truth.append(target)
    return torch.cat(made), torch.cat(truth)


def contact_sheet(generator: nn.Module, clips: Sequence[TrainingClip], rows: int, seed: int = 1) -> np.ndarray:
    """Return a picture of reference, masked target, output and truth side by side, one row per sample.

    Returns:
        uint8 (96 rows, 384, 3), BGR.
    """
    strips = []
    for batch, _ in _batches(clips, rows, seed):
        mel, faces, target = generator_input(batch)
        strips.append(torch.cat([faces[:, 3:], faces[:, :3], generate(generator, mel, faces), target], dim=3))
    sheet = torch.cat(strips).permute(0, 2, 3, 1).reshape(-1, 4 * FACE_SIZE, 3)
    return (255 * sheet + 0.5).clamp(0, 255).byte().numpy()


def mouth_error(made: Tensor, target: Tensor) -> float:
    """Return the mean absolute error of two batches of faces in the mouth region, of 255."""
    return 255 * float((made - target)[..., MOUTH[0], MOUTH[1]].abs().mean())


def measured_opening(truth: Tensor, opening: np.ndarray, *videos: Tensor) -> list[np.ndarray]:
    """Measure in pictures of one clip how far the mouth is open.

    What opening changes in this face, lips, teeth, beard and chin, is learned from its true frames: the direction
    in which their pixels vary together with the opening. How far a picture lies in that direction is the measure.

    Args:
        truth: the true faces (n, 3, 96, 96).
        opening: how far their mouths are open, more or less, (n,).
        videos: faces (n, 3, 96, 96) to measure.

    Returns:
        For each video float64 (n,), in no unit.
    """
    mouths = _mouths(truth)
    direction = (opening - opening.mean()) @ (mouths - mouths.mean(axis=0))
    return [_mouths(faces) @ direction for faces in videos]


def prescribed_opening(clip: TrainingClip) -> np.ndarray:
    """Return how far a drawn head opens its mouth for a clip's speech, (last frame with a face + 1,), in [0, 1]."""
    samples = np.concatenate(list(read_samples(clip.folder / AUDIO)))
    opening = speech_to_articulation(samples, float(FPS)).opening
    return np.pad(opening, (0, max(0, int(clip.numbers[-1]) + 1 - len(opening))))


def correlation(made: np.ndarray, truth: np.ndarray) -> tuple[float, int]:
    """Return the correlation of two curves of a length, and the lag in frames by which `made` fits best."""
    by_lag = {
        lag: _correlation(made[max(0, lag) : len(made) + min(0, lag)], truth[max(0, -lag) : len(truth) - max(0, lag)])
        for lag in LAGS
    }
    return by_lag[0], max(by_lag, key=lambda lag: by_lag[lag])


def longest_run(numbers: np.ndarray) -> np.ndarray:
    """Return the longest stretch of consecutive numbers among ascending ones."""
    return max(np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1), key=len)


def _correlation(made: np.ndarray, truth: np.ndarray) -> float:
    # A mouth that never moves agrees with nothing.
    return float(np.corrcoef(made, truth)[0, 1]) if min(made.std(), truth.std()) > 1e-6 else 0.0


def _mouths(faces: Tensor) -> np.ndarray:
    """Return the mouth regions of faces (n, 3, 96, 96) as float64 (n, pixels)."""
    return faces[..., MOUTH[0], MOUTH[1]].flatten(1).double().numpy()


def _gradient(faces: Tensor) -> float:
    mouth = faces[..., MOUTH[0], MOUTH[1]]
    return float(mouth.diff(dim=-1).abs().mean() + mouth.diff(dim=-2).abs().mean())


def _draw(clips: Sequence[TrainingClip], random: np.random.Generator) -> tuple[int, np.ndarray]:
    """Return the number of a clip, and its usable windows; as in training, clips with too few are passed over."""
    for _ in range(TRIES):
        number = int(random.integers(len(clips)))
        windows = usable_windows(clips[number], RULES)
        if len(windows) > 1:
            return number, windows
    raise UsageError(f"{TRIES} clips drawn to judge by, {clips[0].folder} among them, have less than two usable faces.")


def _batches(clips: Sequence[TrainingClip], samples: int, seed: int) -> Iterator[tuple[Batch, Tensor]]:
    """Yield samples, and mel (B, 1, 80, 16) of other speech for them, at most 32 at a time."""
    random = np.random.default_rng(seed)
    view = NO_AUGMENTATION.view(random, 0)
    for start in range(0, samples, BATCH):
        drawn, others = [], []
        for _ in range(min(BATCH, samples - start)):
            number, windows = _draw(clips, random)
            clip, other = clips[number], clips[(number + int(random.integers(1, max(2, len(clips))))) % len(clips)]
            target = int(random.choice(windows))
            reference = int(random.choice(other_windows(windows, target, RULES.apart)))
            mel = speech_window(clip, target)
            faces = [window_faces(clip, frame, 1, view, random) for frame in (target, reference)]
            drawn.append((*faces, mel[None], mel))
            elsewhere = other_windows(windows, target, RULES.apart) if other == clip else other.numbers
            others.append(speech_window(other, int(random.choice(elsewhere))))
        yield stack(drawn), torch.from_numpy(np.stack(others))[:, None]
