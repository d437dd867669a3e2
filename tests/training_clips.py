"""Training clips of drawn heads, small enough to be made in a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wav2lip.media.clip import Frame
from wav2lip.media.sound import pcm16
from wav2lip.speech.mel import SAMPLE_RATE
from wav2lip.training.articulation import speech_to_articulation
from wav2lip.training.heads import draw_talking
from wav2lip.training.layout import TrainingClip, write_clip
from wav2lip.training.splits import is_held_out

SIZE = 160
BOX = np.array([0.29, 0.22, 0.71, 0.79]) * SIZE    # of the face of every drawn head


def babble(seed: int, seconds: float) -> np.ndarray:
    """Return syllables: a voice that swells and fades, float32 at 16 kHz."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voice = np.sin(2 * np.pi * 180 * time) + np.sin(2 * np.pi * 720 * time) + 0.2 * random.standard_normal(len(time))
    return (0.1 * voice * np.clip(np.sin(2 * np.pi * (3 + seed % 3) * time + seed), 0, 1)).astype(np.float32)


def head_frames(identity: int, samples: np.ndarray, size: int) -> list[Frame]:
    """Return frames of a drawn head that says samples, 25 a second, uint8 (size, size, 3)."""
    return list(draw_talking(identity, speech_to_articulation(samples, 25), 25, size))


def head_clip(root: Path, identity: int, seconds: float = 1.2, faceless: range = range(0)) -> TrainingClip:
    """Write a clip of a drawn head below `root`; `faceless` frames count as having no face."""
    samples = babble(identity, seconds)
    frames = head_frames(identity, samples, SIZE)
    folder = root / "heads" / f"clip-{identity}"
    faces = ((n, frame, BOX) for n, frame in enumerate(frames) if n not in faceless)
    write_clip(folder, len(frames), [pcm16(samples)], faces)
    return TrainingClip(folder)


def two_clips(root: Path) -> list[TrainingClip]:
    """Write two clips: by their names one is to train on, and the other held out."""
    names = [next(n for n in range(50) if is_held_out(f"clip-{n}") == held) for held in (False, True)]
    return [head_clip(root, identity, 1.0) for identity in names]
