"""From a frame to what the generator sees, and back: crop, stack, paste."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from wav2lip.media.clip import Frame
from wav2lip.models.generator import FACE_SIZE


def crop_face(frame: Frame, x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    """Return the face in columns x1..x2-1 and rows y1..y2-1 as uint8 (96, 96, 3), bilinear as in training."""
    return cv2.resize(frame[y1:y2, x1:x2], (FACE_SIZE, FACE_SIZE))


def network_input(faces: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Stack target faces with their lower half hidden on reference faces.

    Args:
        faces: uint8 (n, 96, 96, 3), BGR.
        references: the same, the faces whose appearance is copied; the original uses `faces` themselves.

    Returns:
        float32 (n, 6, 96, 96) in [0, 1].
    """
    masked = faces.copy()
    masked[:, FACE_SIZE // 2 :] = 0
    stacked = np.concatenate((masked, references), axis=3)
    # Divided in float64 and then rounded to float32, as the original does.
    return np.ascontiguousarray((stacked / 255.0).transpose(0, 3, 1, 2), dtype=np.float32)


def paste_hard(frame: Frame, face: np.ndarray, x1: int, y1: int, x2: int, y2: int) -> Frame:
    """Overwrite the whole box with the generated face, as the original does: values truncated, edges visible.

    Args:
        frame: the source frame; it is not changed.
        face: float32 (96, 96, 3) in [0, 255], BGR.

    Returns:
        A new frame.
    """
    out = frame.copy()
    out[y1:y2, x1:x2] = cv2.resize(face.astype(np.uint8), (x2 - x1, y2 - y1))
    return out


def paste_soft(frame: Frame, face: np.ndarray, x1: int, y1: int, x2: int, y2: int) -> Frame:
    """Blend the lower part of the generated face into the box through a soft mask; the rest stays bit-exact.

    Args:
        frame: the source frame; it is not changed.
        face: float32 (96, 96, 3) in [0, 255], BGR.

    Returns:
        A new frame, equal to the source wherever the mask is zero.
    """
    height, width = y2 - y1, x2 - x1
    mask = lower_face_mask(height, width)
    first = int(np.argmax(mask.any(axis=(1, 2))))   # rows above are untouched: do not compute them
    source = frame[y1 + first : y2, x1:x2]
    generated = cv2.resize(face, (width, height))[first:]
    mixed = source + mask[first:] * (generated - source)
    out = frame.copy()
    out[y1 + first : y2, x1:x2] = np.clip(np.rint(mixed), 0, 255)
    return out


@lru_cache(maxsize=8)   # boxes of one size follow each other; a mask of 400 x 400 is 0.6 MB
def lower_face_mask(height: int, width: int) -> np.ndarray:
    """Return how much of the generated face is shown, float32 (height, width, 1) in [0, 1].

    One over mouth, chin and lower cheeks; zero at the box's sides, at its very bottom and above the nose's tip,
    with cosine ramps between.
    """
    y = (np.arange(height, dtype=np.float32) + 0.5)[:, None] / height
    x = (np.arange(width, dtype=np.float32) + 0.5)[None, :] / width
    top = _ramp((y - 0.45) / 0.15)           # the generator's hidden half starts at 0.5
    bottom = _ramp((1.0 - y) / 0.08)
    # The cheeks narrow towards the chin: an ellipse around the mouth rather than a rectangle.
    distance = np.sqrt(((x - 0.5) / 0.5) ** 2 + (np.maximum(y - 0.6, 0) / 0.62) ** 2)
    sides = _ramp((1.0 - distance) / 0.25)
    return (top * bottom * sides)[..., None].astype(np.float32)


def _ramp(x: np.ndarray) -> np.ndarray:
    """Rise from 0 at x <= 0 to 1 at x >= 1 without corners."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(x, 0, 1))
