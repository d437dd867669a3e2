"""A small lossless video of two drawn people beside each other, each saying something, and their recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from media_samples import make_video
from training_clips import babble, head_frames

from wav2lip.training.synth import write_wav

SIZE = 224                          # pixels of each person's half
LEFT, RIGHT = 3, 10                 # identities whose faces the cascade finds
LOSSLESS = ("-c:v", "ffv1", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le")


def recording(path: Path, seed: int, seconds: float) -> Path:
    """Write `babble(seed)`, 16 kHz."""
    write_wav(path, babble(seed, seconds))
    return path


def two_people(path: Path, seconds: float, sound: Path | None = None) -> Path:
    """Write a Matroska video with the one on the left and the one on the right."""
    sides = [head_frames(identity, babble(identity, seconds), SIZE) for identity in (LEFT, RIGHT)]
    frames = [np.concatenate(both, axis=1) for both in zip(*sides, strict=True)]
    return make_video(path, frames, options=LOSSLESS, sound=sound)
