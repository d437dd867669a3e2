"""Small jobs for batches: drawn heads that say a second or less, with faces where they are known to be."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from media_samples import make_video
from training_clips import BOX, SIZE, babble, head_frames
from two_people import recording

import wav2lip
from wav2lip.pipeline.process import children

LEFT, TOP, RIGHT, BOTTOM = map(int, BOX)
OPTIONS = wav2lip.SyncOptions(device="cpu", box=(TOP, BOTTOM, LEFT, RIGHT), offline=True)
WORDS = ("--device", "cpu", "--box", f"{TOP},{BOTTOM},{LEFT},{RIGHT}", "--offline")
"""The same, as the command line says it."""

SECONDS = 0.6
FRAMES = 15


def head(path: Path, identity: int = 3, seconds: float = SECONDS) -> Path:
    """Write a video of a drawn head."""
    return make_video(path, head_frames(identity, babble(identity, seconds), SIZE))


def speech(path: Path, seed: int = 3, seconds: float = SECONDS) -> Path:
    """Write a recording for it."""
    return recording(path, seed, seconds)


def descendants(pid: int) -> set[int]:
    """Return the processes that a running one started, and those that they started."""
    below = set(children(pid))
    return below.union(*map(descendants, below))


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something has happened, which it has to within so many seconds."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs that nobody has to wait for any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def runs_ffmpeg(pid: int) -> bool:
    """Whether a process is ffmpeg."""
    try:
        return "ffmpeg" in os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return False
