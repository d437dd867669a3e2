"""A face and a word, small enough to be synced in a moment."""

from __future__ import annotations

from pathlib import Path

from media_samples import run_ffmpeg

import wav2lip
from wav2lip.media.ffmpeg import url

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
OPTIONS = wav2lip.SyncOptions(device="cpu", box=(10, 90, 20, 80), offline=True, precision="fp32")
FRAMES = 10


def make_face(path: Path, *options: object) -> Path:
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-vf", "scale=96:96", "-frames:v", FRAMES, "-an", *options, url(path))
    return path


def make_word(path: Path) -> Path:
    run_ffmpeg("-ss", 1, "-i", url(EXAMPLES / "speech.wav"), "-t", FRAMES / 25, url(path))
    return path
