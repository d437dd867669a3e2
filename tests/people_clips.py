"""A small video of two drawn people, whose places and times are known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import training_clips
from media_samples import make_sound, make_video
from training_clips import babble

from wav2lip.cast.find import CastOptions
from wav2lip.cast.seen import Seen
from wav2lip.cast.survey import Survey
from wav2lip.media.clip import Clip, Colour, Frame

SIZE = 160               # pixels: height, and width of each half
TOGETHER, NOBODY, ALONE = 20, 8, 12    # frames of the three shots
FRAMES = TOGETHER + NOBODY + ALONE
AGAIN = TOGETHER + NOBODY     # the frame with which the left one comes back
LEFT, RIGHT = 305, 309   # who is where in the first one; the left one is alone in the last
LOSSLESS = ("-c:v", "ffv1", "-pix_fmt", "bgr0")


def head_frames(identity: int, count: int) -> list[Frame]:
    """Return the first frames of somebody who talks, uint8 (160, 160, 3) each."""
    return training_clips.head_frames(identity, babble(identity, count / 25 + 0.2), SIZE)[:count]


def two_people() -> list[Frame]:
    """Return 40 frames, 320 by 160: two people side by side, then a wall, then the left one alone, in the middle."""
    left, right = head_frames(LEFT, TOGETHER), head_frames(RIGHT, TOGETHER)
    frames = [np.hstack(pair) for pair in zip(left, right, strict=True)]
    wall = np.zeros((SIZE, 2 * SIZE, 3), np.uint8)
    wall[:] = np.linspace(30, 120, 2 * SIZE)[None, :, None]
    alone = np.full((SIZE, SIZE // 2, 3), 235, np.uint8)
    return frames + [wall] * NOBODY + [np.hstack([alone, head, alone]) for head in left[:ALONE]]


def people_video(
    path: Path, fps: Fraction | int = 25, options: Sequence[object] = LOSSLESS, sound: Path | None = None
) -> Path:
    """Write the video of `two_people`."""
    return make_video(path, two_people(), fps, options, sound)


def video_with_sound(folder: Path) -> Path:
    """Write the same with a sound, all of it lossless."""
    sound = make_sound(folder / "sound.wav", 1.6)
    return people_video(folder / "two.mkv", options=(*LOSSLESS, "-c:a", "pcm_s16le"), sound=sound)


def options(**results: Path) -> CastOptions:
    """Return options that need no weights and no network."""
    return CastOptions(detector="cascade", device="cpu", **results)


def somebody(label: str, frames: np.ndarray, box: tuple[float, ...] = (10, 20, 60, 90)) -> Seen:
    """Return a person who is in the same place in some frames."""
    return Seen(label, frames, np.tile(np.array(box, np.float32), (len(frames), 1)), np.ones(len(frames), np.float32))


def blank_survey(
    frames: int, people: tuple[Seen, ...], shots: np.ndarray | None = None, *, width: int = 320, height: int = 160,
    fps: Fraction = Fraction(25),
) -> Survey:
    """Return the survey of a clip that is never decoded."""
    clip = Clip(
        Path("some.mp4"), width, height, fps, frames, frames, fps, False, "yuv420p", Colour(), Fraction(1), 0, 0.0,
        True, False, None,
    )
    return Survey(clip, np.zeros(frames, int) if shots is None else shots, people)
