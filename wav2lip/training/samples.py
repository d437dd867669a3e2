"""Training samples: faces with their lower halves hidden, reference faces from another time, and speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wav2lip.errors import UsageError
from wav2lip.models.generator import FACE_SIZE
from wav2lip.models.syncnet import FPS, WINDOW_FRAMES
from wav2lip.speech.basis import BANDS
from wav2lip.speech.mel import SILENCE
from wav2lip.speech.windows import WINDOW, frames_inside, window_start
from wav2lip.training.augment import NO_AUGMENTATION, Augmentation, View, change_speech
from wav2lip.training.layout import TrainingClip

APART = 5           # frames, 0.2 s, at least between what shall differ: target and reference, right and wrong speech
SHORTEST = 15       # frames that a clip must have more than, for the original's trainer
TRIES = 100         # clips drawn in vain before a data set counts as useless


@dataclass(frozen=True)
class Rules:
    """How samples are drawn.

    Attributes:
        frames: consecutive frames in a sample; 5 is what the expert looks at.
        apart: frames at least between the starts of two windows that shall differ.
        speech_shift: frames by which each frame's own mel window starts late; the original's starts one frame early.
        padded: whether a mel window may pass the end of the sound, where inference too hears silence.
        more_than: frames that a clip must have more than.
    """

    frames: int = WINDOW_FRAMES
    apart: int = APART + WINDOW_FRAMES - 1      # so that the windows do not share a frame, nor nearly
    speech_shift: int = 0
    padded: bool = True
    more_than: int = WINDOW_FRAMES

    @classmethod
    def of(cls, *, compat: bool, frames: int = WINDOW_FRAMES) -> Rules:
        """Return the rules for windows of `frames` frames, or the original's with its defects (spec E.4)."""
        if compat:
            return cls(frames=WINDOW_FRAMES, apart=1, speech_shift=-1, padded=False, more_than=SHORTEST)
        return cls(frames=frames, apart=APART + frames - 1, more_than=frames)


@dataclass(frozen=True)
class Batch:
    """Samples for the generator, B windows of T frames.

    `target` and `reference` uint8 (B, T, 96, 96, 3), BGR; `mels` float32 (B, T, 80, 16), one for every frame;
    `mel` float32 (B, 80, 16), that of the whole window, for the expert.
    """

    target: Tensor
    reference: Tensor
    mels: Tensor
    mel: Tensor


@dataclass(frozen=True)
class SyncBatch:
    """Samples for the expert.

    `faces` uint8 (B, 5, 96, 96, 3), BGR; `mel` float32 (B, 80, 16); `same` float32 (B,), 1 where they belong together;
    `clip` and `start` int64 (B,): windows of one clip may lie near each other.
    """

    faces: Tensor
    mel: Tensor
    same: Tensor
    clip: Tensor
    start: Tensor


class Sampler:
    """Draws batches from several sets of clips, each set with the same chance.

    The batch of a step and rank is always the same one, whatever was drawn before, so that training can be resumed.
    """

    def __init__(
        self,
        sets: Sequence[Sequence[TrainingClip]],
        batch_size: int,
        seed: int,
        rules: Rules,
        augmentation: Augmentation,
    ):
        self._sets = sets
        self._batch_size = batch_size
        self._seed = seed
        self._rules = rules
        self._augmentation = augmentation

    def batch(self, step: int, rank: int = 0) -> Batch:
        """Return the generator's samples of a training step."""
        random = np.random.default_rng([self._seed, rank, step])
        strength = self._augmentation.strength(step)
        return stack([self._sample(random, strength) for _ in range(self._batch_size)])

    def sync_batch(self, step: int, rank: int = 0, *, grouped: int = 1, neighbours: bool = False) -> SyncBatch:
        """Return the expert's samples of a training step.

        Args:
            step: number of the step.
            rank: number of the process.
            grouped: windows taken from each clip. With 1, every other window gets the speech of another moment of
                its clip; with more, all get their own, and serve each other as wrong ones.
            neighbours: take them one frame after the other, all changed in the same way, not spread over the clip.
        """
        random = np.random.default_rng([self._seed, rank, step])
        strength = self._augmentation.strength(step)
        faces, mels, same, clips, starts = [], [], [], [], []
        drawn: dict[TrainingClip, int] = {}    # a small set's clips come more than once in a batch
        for _ in range(-(-self._batch_size // grouped)):
            clip, windows = self._clip(random)
            if neighbours:
                picked = self._run(windows, grouped, random)
                faces += run_faces(clip, picked, self._augmentation.view(random, strength), random)
            else:
                picked = self._spread(windows, grouped, random)
            for start in picked:
                right = grouped > 1 or random.uniform() < 0.5
                shown = start if right else int(random.choice(other_windows(windows, start, self._rules.apart)))
                if not neighbours:
                    view = self._augmentation.view(random, strength)
                    faces.append(window_faces(clip, shown, WINDOW_FRAMES, view, random))
                mels.append(change_speech(speech_window(clip, start), random, strength * random.uniform()))
                same.append(float(right))
                clips.append(drawn.setdefault(clip, len(drawn)))
                starts.append(start)
        return SyncBatch(
            torch.from_numpy(np.stack(faces)),
            torch.from_numpy(np.stack(mels)),
            torch.tensor(same),
            torch.tensor(clips),
            torch.tensor(starts),
        )

    def _sample(self, random: np.random.Generator, strength: float) -> tuple[np.ndarray, ...]:
        clip, windows = self._clip(random)
        start = int(random.choice(windows))
        reference = int(random.choice(other_windows(windows, start, self._rules.apart)))
        plan = self._augmentation
        if plan.untouched and random.uniform() < plan.untouched:
            plan, strength = NO_AUGMENTATION, 0.0
        own = strength * random.uniform()    # so that some of the others stay nearly plain
        view = plan.view(random, own)
        frames = self._rules.frames
        change = np.random.default_rng(random.integers(2**63))
        state = change.bit_generator.state

        def heard(frame: int) -> np.ndarray:
            change.bit_generator.state = state    # all windows of a sample are changed in the same way
            return change_speech(speech_window(clip, frame), change, own)

        return (
            window_faces(clip, start, frames, view, random),
            window_faces(clip, reference, frames, view, random),
            np.stack([heard(start + k + self._rules.speech_shift) for k in range(frames)]),
            heard(start),
        )

    def _clip(self, random: np.random.Generator) -> tuple[TrainingClip, np.ndarray]:
        """Draw a clip, and return it with the starts of its usable windows; draw again while it has too few."""
        for _ in range(TRIES):
            clips = self._sets[int(random.integers(len(self._sets)))]
            clip = clips[int(random.integers(len(clips)))]
            windows = usable_windows(clip, self._rules)
            if len(windows) > 1:
                return clip, windows
        raise UsageError(f"{TRIES} clips in a row have no two windows {self._rules.apart} frames apart.")

    def _run(self, windows: np.ndarray, count: int, random: np.random.Generator) -> list[int]:
        """Draw `count` windows of a clip that follow each other."""
        first = int(random.integers(max(1, len(windows) - count + 1)))
        return [int(start) for start in windows[first : first + count]]

    def _spread(self, windows: np.ndarray, count: int, random: np.random.Generator) -> list[int]:
        """Draw `count` windows of a clip, one from each of as many equal stretches of it."""
        stretches = np.array_split(windows, min(count, len(windows)))
        return [int(random.choice(stretch)) for stretch in stretches]


def usable_windows(clip: TrainingClip, rules: Rules) -> np.ndarray:
    """Return the first frames (n,) of all windows of a clip whose frames all have a face and whose speech is there."""
    numbers = clip.numbers
    if len(numbers) <= rules.more_than:
        return numbers[:0]
    span = rules.frames - 1
    starts = numbers[: len(numbers) - span]
    usable = (numbers[span:] - starts == span) & (starts + rules.speech_shift >= 0)
    if not rules.padded or rules.frames == WINDOW_FRAMES:    # the expert hears the first frame's window
        last = 0 if rules.padded else max(0, rules.speech_shift + span)
        usable &= starts + last < frames_inside(clip.mel.shape[1], FPS)
    return starts[usable]


def other_windows(windows: np.ndarray, start: int, apart: int) -> np.ndarray:
    """Return the windows that start at least `apart` frames from one; where a short clip has none, the farthest."""
    distance = np.abs(windows - start)
    return windows[distance >= min(apart, max(1, int(distance.max())))]


def window_faces(
    clip: TrainingClip, start: int, frames: int, view: View, random: np.random.Generator
) -> np.ndarray:
    """Return consecutive faces of a clip as the networks get them, uint8 (frames, 96, 96, 3)."""
    own = view.own_jitter(random)
    return np.stack([view.crop(*clip.face(start + k), own) for k in range(frames)])


def run_faces(
    clip: TrainingClip, starts: Sequence[int], view: View, random: np.random.Generator
) -> list[np.ndarray]:
    """Return the expert's windows from some frames on, uint8 (5, 96, 96, 3) each; every face is cut once."""
    own = view.own_jitter(random)
    numbers = sorted({start + k for start in starts for k in range(WINDOW_FRAMES)})
    cut = {number: view.crop(*clip.face(number), own) for number in numbers}
    return [np.stack([cut[start + k] for k in range(WINDOW_FRAMES)]) for start in starts]


def speech_window(clip: TrainingClip, frame: int) -> np.ndarray:
    """Return the mel window (80, 16) of a frame by the rule that inference uses; past the end, silence."""
    start = window_start(frame, FPS)
    window = np.full((BANDS, WINDOW), SILENCE, np.float32)
    heard = clip.mel[:, start : start + WINDOW]
    window[:, : heard.shape[1]] = heard
    return window


def stack(samples: Sequence[tuple[np.ndarray, ...]]) -> Batch:
    """Put (target, reference, mels, mel) samples side by side."""
    return Batch(*(torch.from_numpy(np.stack(parts)) for parts in zip(*samples, strict=True)))


def pictures(faces: Tensor) -> Tensor:
    """Return faces uint8 (B, T, 96, 96, 3) as the networks take them: float32 (B, 3, T, 96, 96) in [0, 1]."""
    return faces.permute(0, 4, 1, 2, 3).float() / 255


def generator_input(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the generator gets and what it shall give.

    Returns:
        mel (B, 1, 80, 16), faces (B, 6, 96, 96) and target (B, 3, 96, 96) for windows of one frame; else
        (B, T, 1, 80, 16), (B, 6, T, 96, 96) and (B, 3, T, 96, 96).
    """
    target = pictures(batch.target)
    hidden = target.clone()
    hidden[..., FACE_SIZE // 2 :, :] = 0
    faces = torch.cat([hidden, pictures(batch.reference)], dim=1)
    if target.shape[2] == 1:
        return batch.mels, faces[:, :, 0], target[:, :, 0]
    return batch.mels[:, :, None], faces, target
