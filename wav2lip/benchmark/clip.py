"""The clip that is measured with where nobody brings one: the same on every machine, and free of anybody's rights."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from wav2lip.media.clip import Frame
from wav2lip.media.encoding import Encoding
from wav2lip.media.write import VideoWriter
from wav2lip.progress import Progress
from wav2lip.speech.mel import SAMPLE_RATE
from wav2lip.training.articulation import speech_to_articulation
from wav2lip.training.heads import draw_talking
from wav2lip.training.synth import write_wav

SECONDS, FPS = 10, Fraction(25)
WIDTH, HEIGHT = 1280, 720
DRAWN = 360                  # pixels: a head as high as the picture takes four times as long to draw
IDENTITY = 7
GRAIN = 3.0                  # levels: a camera's noise, without which an encoder has hardly anything to do
SLACK = 64                   # pixels by which one sheet of noise is moved about

PITCH = 120.0                # Hz
SYLLABLES = 4.0              # a second
PHRASE, PAUSE = 3.0, 0.6     # seconds
ENCODING = Encoding(codec="h264", crf=18, preset="veryfast")


def make_clip(folder: Path, progress: Progress) -> tuple[Path, Path]:
    """Write 10 s of a drawn head that talks, 1280×720 pixels at 25 frames a second, and a sound for it.

    Returns:
        The video, and the sound beside it: the video has none.

    Raises:
        Wav2LipError: they cannot be written.
    """
    video, sound = folder / "face.mp4", folder / "speech.wav"
    samples = hum()
    write_wav(sound, samples)
    frames = round(SECONDS * FPS)
    writer = VideoWriter(video, width=WIDTH, height=HEIGHT, fps=FPS, encoding=ENCODING)
    with progress.stage("Drawing a clip", frames) as advance, writer:
        for frame in _frames(samples):
            writer.write(frame)
            advance(1)
    return video, sound


def hum() -> np.ndarray:
    """Return what sounds enough like speech to move a mouth: syllables of a hum in phrases, float32 (samples,)."""
    time = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * PITCH * harmonic * time) / harmonic for harmonic in range(1, 20))
    loudness = np.sin(np.pi * SYLLABLES * time) ** 2 * (time % PHRASE < PHRASE - PAUSE)
    return np.asarray(0.2 * voice * loudness, np.float32)


def _frames(samples: np.ndarray) -> Iterator[Frame]:
    random = np.random.default_rng(0)
    grain = random.normal(0, GRAIN, (HEIGHT + SLACK, WIDTH + SLACK, 3)).astype(np.int8)
    left = (WIDTH - HEIGHT) // 2
    for head in draw_talking(IDENTITY, speech_to_articulation(samples, float(FPS)), float(FPS), DRAWN):
        large = cv2.resize(head, (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC)
        wide = cv2.copyMakeBorder(large, 0, 0, left, WIDTH - HEIGHT - left, cv2.BORDER_REPLICATE)
        y, x = random.integers(0, SLACK, 2)
        yield cv2.add(wide, grain[y : y + HEIGHT, x : x + WIDTH], dtype=cv2.CV_8U)
