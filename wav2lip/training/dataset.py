"""Training samples from prepared clips: a face with its lower half hidden, a reference from another time, speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wav2lip.models.generator import FACE_SIZE
from wav2lip.speech.mel import BANDS, SILENCE
from wav2lip.speech.windows import WINDOW, window_start
from wav2lip.training.augment import View, change_speech
from wav2lip.training.prepared import PreparedClip

REFERENCE_DISTANCE = 0.2    # seconds at least between target and reference, so that copying does not pay


@dataclass(frozen=True)
class Batch:
    """Samples side by side.

    `faces` uint8 (B, 96, 96, 6), BGR: target with rows 48..95 black, then the reference; `target` uint8 (B, 96, 96, 3);
    `mel` float32 (B, 80, 16).
    """

    faces: np.ndarray
    target: np.ndarray
    mel: np.ndarray


class Sampler:
    """Draws batches from several sets of clips, each set with the same chance; step n is always the same batch."""

    def __init__(self, sets: Sequence[Sequence[PreparedClip]], batch_size: int, seed: int):
        self._sets = sets
        self._batch_size = batch_size
        self._seed = seed

    def batch(self, step: int, strength: float) -> Batch:
        """Return the batch of a training step; 0 changes only the box, more changes samples by up to `strength`."""
        random = np.random.default_rng([self._seed, step])
        samples = []
        for _ in range(self._batch_size):
            clips = self._sets[int(random.integers(len(self._sets)))]
            clip = clips[int(random.integers(len(clips)))]
            target, reference = pick_frames(clip, random)
            own = strength * random.uniform()    # so that some samples always stay nearly plain
            view = View.draw(random, own)
            mel = change_speech(speech_window(clip, target), random, own)
            samples.append((sample_face(clip, target, view, random), sample_face(clip, reference, view, random), mel))
        return make_batch(samples)


def pick_frames(clip: PreparedClip, random: np.random.Generator) -> tuple[int, int]:
    """Return two frame numbers of a clip at least 0.2 s apart: the target's and the reference's."""
    frames = len(clip.frames)
    apart = min(max(1, round(REFERENCE_DISTANCE * float(clip.fps))), frames // 2)
    target = int(random.integers(frames))
    others = [n for n in range(frames) if abs(n - target) >= apart]
    return target, int(random.choice(others))


def sample_face(clip: PreparedClip, frame: int, view: View, random: np.random.Generator) -> np.ndarray:
    """Return one face of a clip, uint8 (96, 96, 3)."""
    return view.crop(np.ascontiguousarray(clip.frames[frame]), clip.boxes[frame], random)


def speech_window(clip: PreparedClip, frame: int) -> np.ndarray:
    """Return the mel window (80, 16) of a frame by the rule that inference uses; past the end, silence."""
    start = window_start(frame, clip.fps)
    window = np.full((BANDS, WINDOW), SILENCE, np.float32)
    heard = clip.mel[:, start : start + WINDOW]
    window[:, : heard.shape[1]] = heard
    return window


def make_batch(samples: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Batch:
    """Put (target, reference, mel) samples side by side and hide the targets' lower halves."""
    target = np.stack([s[0] for s in samples])
    faces = np.concatenate([target, np.stack([s[1] for s in samples])], axis=3)
    faces[:, FACE_SIZE // 2 :, :, :3] = 0
    return Batch(faces, target, np.stack([s[2] for s in samples]))
