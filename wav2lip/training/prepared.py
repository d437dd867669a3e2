"""Training clips on disk: face regions, boxes and mel, computed once and read without decoding anything."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

HELD_OUT_BELOW = 40           # of 256: about 16 % of the clips are never trained on

_FRAMES = ".frames.npy"       # uncompressed, so that it can be mapped into memory
_REST = ".npz"                # written last: a clip that has it is whole


@dataclass(frozen=True)
class PreparedClip:
    """One clip, ready for training.

    `frames` uint8 (frames, height, width, 3), BGR: the region around the face, wide enough for a jittered box;
    `boxes` float32 (frames, 4): x1, y1, x2, y2 of the face in that region, in pixels, without pads;
    `mel` float32 (80, columns), 80 columns a second.
    """

    name: str
    fps: Fraction
    frames: np.ndarray
    boxes: np.ndarray
    mel: np.ndarray


def is_held_out(name: str) -> bool:
    """Return whether the clip of this name (its file's stem) is for validation: first byte of its MD5 below 40."""
    return hashlib.md5(name.encode(), usedforsecurity=False).digest()[0] < HELD_OUT_BELOW


def is_prepared(folder: Path, name: str) -> bool:
    """Return whether `folder` holds the whole clip."""
    return (folder / (name + _REST)).exists()


def save_prepared(folder: Path, clip: PreparedClip) -> None:
    """Write a clip into `folder`; a crash leaves either the whole clip or one that counts as missing."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{clip.name}.{os.getpid()}.part"
    with open(part, "wb") as file:
        np.save(file, clip.frames)
    os.replace(part, folder / (clip.name + _FRAMES))
    fps = np.array([clip.fps.numerator, clip.fps.denominator])
    with open(part, "wb") as file:
        np.savez(file, boxes=clip.boxes.astype(np.float32), mel=clip.mel, fps=fps)
    os.replace(part, folder / (clip.name + _REST))


def load_prepared(folder: Path) -> list[PreparedClip]:
    """Return all clips of a folder in the order of their names; their frames stay on disk until they are used."""
    clips = []
    for path in sorted(folder.glob("*" + _REST)):
        with np.load(path, allow_pickle=False) as rest:
            fps = Fraction(int(rest["fps"][0]), int(rest["fps"][1]))
            boxes, mel = rest["boxes"], rest["mel"]
        frames = np.load(folder / (path.stem + _FRAMES), mmap_mode="r", allow_pickle=False)
        clips.append(PreparedClip(path.stem, fps, frames, boxes, mel))
    return clips
