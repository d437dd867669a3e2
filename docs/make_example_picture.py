"""Make `docs/example.png`: frames of the drawn example above, the same frames saying the recording below.

Run `python docs/make_example_picture.py` from the project's root.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

import wav2lip
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
MOMENTS = (10, 14, 22, 46, 74, 100)    # frames: pauses, open and closed mouths
CROP = (slice(30, 430), slice(60, 420))
WIDTH = 180                            # pixels of each picture


def pictures(video: Path) -> np.ndarray:
    """Return the chosen frames side by side, cropped to the head."""
    shown = [frame[CROP] for number, frame in enumerate(read_frames(probe(video))) if number in MOMENTS]
    height = round(WIDTH * shown[0].shape[0] / shown[0].shape[1])
    return np.hstack([cv2.resize(frame, (WIDTH, height), interpolation=cv2.INTER_AREA) for frame in shown])


with tempfile.TemporaryDirectory() as folder:
    said = Path(folder) / "said.mkv"
    options = wav2lip.SyncOptions(detector="cascade", codec="ffv1")
    wav2lip.sync(EXAMPLES / "face.mp4", EXAMPLES / "speech.wav", said, options)
    cv2.imwrite(str(HERE / "example.png"), np.vstack([pictures(EXAMPLES / "face.mp4"), pictures(said)]))
