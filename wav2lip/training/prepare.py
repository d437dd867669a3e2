"""From recordings, or from nothing, to training clips: find the face, cut the region around it, compute the mel."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from wav2lip.errors import NoFaceError
from wav2lip.faces.detector import Detector
from wav2lip.media.clip import Frame
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.media.sound import read_samples
from wav2lip.speech.mel import SAMPLE_RATE, log_mel
from wav2lip.training.articulation import Articulation, speech_to_articulation
from wav2lip.training.heads import draw_talking
from wav2lip.training.prepared import PreparedClip
from wav2lip.training.voices import talk

DETECT_EVERY = 0.4               # seconds: heads hardly move, boxes between are interpolated
MARGIN = (0.30, 0.25, 0.30, 0.30)     # left, top, right, bottom: shares of the box kept around it
TALLEST = 200                    # pixels: boxes higher than this are stored smaller

HEAD_FPS = Fraction(25)
HEAD_EVERY = 3                   # frames: only every third is drawn, the generator learns from single frames
HEAD_SIZE = 224                  # pixels: gives a face of about 115, as the generator's 96 need


def prepare_video(path: Path, detector: Detector) -> PreparedClip:
    """Prepare one recording, named by its file's stem.

    Raises:
        MediaError: it cannot be read, or has no sound.
        NoFaceError: no frame that was looked at has a face.
    """
    clip = probe(path)
    samples = np.concatenate(list(read_samples(path)))
    return prepare_frames(path.stem, list(read_frames(clip)), clip.fps, samples, detector)


def prepare_head(
    identity: int, seconds: float, detector: Detector, recordings: Sequence[Path] = ()
) -> PreparedClip:
    """Draw a talking head and prepare it, named by its identity.

    Args:
        identity: number of the person, and seed of what it says.
        seconds: how long it talks.
        detector: finds its face.
        recordings: files with speech; every other head says one of them, the rest say what espeak-ng makes.

    Raises:
        NoFaceError: the detector does not find this face.
    """
    random = np.random.default_rng([identity, 0x5A7])
    if recordings and identity % 2:
        samples = _excerpt(recordings[int(random.integers(len(recordings)))], seconds)
    else:
        samples = talk(random, seconds)
    mouth = speech_to_articulation(samples, float(HEAD_FPS))
    drawn = Articulation(mouth.opening[::HEAD_EVERY], mouth.width[::HEAD_EVERY])
    fps = HEAD_FPS / HEAD_EVERY
    frames = list(draw_talking(identity, drawn, float(fps), HEAD_SIZE))
    return prepare_frames(head_name(identity), frames, fps, samples, detector)


def head_name(identity: int) -> str:
    """Return the name of a drawn head's clip, which also decides whether the identity is held out."""
    return f"head-{identity:06d}"


def prepare_frames(
    name: str, frames: Sequence[Frame], fps: Fraction, samples: np.ndarray, detector: Detector
) -> PreparedClip:
    """Prepare decoded frames and their sound.

    Args:
        name: of the clip.
        frames: all of one size.
        fps: frames a second.
        samples: mono float32 at 16 kHz, starting with the first frame.
        detector: finds the face.

    Raises:
        NoFaceError: no frame that was looked at has a face.
    """
    boxes = _boxes(frames, fps, detector)
    if boxes is None:
        raise NoFaceError(f"The detector {detector.name} finds no face in {name}.")
    height, width = frames[0].shape[:2]
    across, down = (boxes[:, 2] - boxes[:, 0]).mean(), (boxes[:, 3] - boxes[:, 1]).mean()
    left = max(0, int(boxes[:, 0].min() - MARGIN[0] * across))
    top = max(0, int(boxes[:, 1].min() - MARGIN[1] * down))
    right = min(width, int(boxes[:, 2].max() + MARGIN[2] * across))
    bottom = min(height, int(boxes[:, 3].max() + MARGIN[3] * down))
    scale = min(1.0, TALLEST / down)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    regions = [frame[top:bottom, left:right] for frame in frames]
    if scale < 1:
        regions = [cv2.resize(region, size, interpolation=cv2.INTER_AREA) for region in regions]
    stretch = np.array(size * 2) / np.array([right - left, bottom - top] * 2)
    inside = (boxes - np.array([left, top, left, top])) * stretch
    return PreparedClip(name, fps, np.stack(regions), inside.astype(np.float32), log_mel(samples))


def _boxes(frames: Sequence[Frame], fps: Fraction, detector: Detector) -> np.ndarray | None:
    """Return a box (frames, 4) for every frame, between those looked at by interpolation; None without any face."""
    every = max(1, round(DETECT_EVERY * float(fps)))
    looked_at = sorted({*range(0, len(frames), every), len(frames) - 1})
    found = detector.detect([frames[n] for n in looked_at])
    numbers = [n for n, faces in zip(looked_at, found, strict=True) if len(faces)]
    if not numbers:
        return None
    boxes = np.array([faces[0, :4] for faces in found if len(faces)])
    return np.stack([np.interp(np.arange(len(frames)), numbers, boxes[:, edge]) for edge in range(4)], axis=1)


def _excerpt(path: Path, seconds: float) -> np.ndarray:
    """Return the first seconds of a recording, with a silent end if it is shorter."""
    samples = np.concatenate(list(read_samples(path)))[: round(seconds * SAMPLE_RATE)]
    return np.pad(samples, (0, round(seconds * SAMPLE_RATE) - len(samples)))
