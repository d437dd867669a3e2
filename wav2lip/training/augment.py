"""What one training sample goes through: where the box lies, how the picture and the sound are changed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wav2lip.models.generator import FACE_SIZE
from wav2lip.speech.mel import LOUDEST, SCALE, SILENCE

# Detected boxes are never quite the same. Shares of the box's width or height.
SIDE_JITTER = 0.05
TOP_JITTER = 0.06
BOTTOM_PAD = (-0.01, 0.11)    # the usual 10 px: 2 % of a face in close-up, 8 % of a small one; and the jitter
OWN_JITTER = 0.01             # by which the reference frame's box differs from the target's

# Colour and shape at full strength.
GAMMA, GAIN, OFFSET = 0.5, 0.25, 20.0    # exponents 2^-0.5 .. 2^0.5, factors 0.75 .. 1.25, levels of 255
COLOUR_MIX = 0.22                        # standard deviation of the entries added to the 3 x 3 identity
ROTATION, SHEAR = 6.0, 0.06              # degrees, share of the height
LOUDNESS = 12.0                          # decibels up or down

QUIET = -2.6                  # mel: a window whose loudest band is below on average has no speech in it


@dataclass(frozen=True)
class View:
    """How one sample looks at its clip; the same for the target and the reference frame but for a hair."""

    edges: np.ndarray         # float64 (4,): what is added to x1, y1, x2, y2, in shares of the box
    rotation: float           # degrees
    shear: float
    flip: bool
    colour: np.ndarray        # float32 (3, 4): colour matrix and offset
    curve: np.ndarray         # uint8 (256,): gamma, gain

    @classmethod
    def draw(cls, random: np.random.Generator, strength: float) -> View:
        """Draw a view; strength 0 moves only the box, 1 changes colour and shape as far as the constants say."""
        side, top = SIDE_JITTER, TOP_JITTER
        edges = np.array([
            random.uniform(-side, side),
            random.uniform(-top, top),
            random.uniform(-side, side),
            random.uniform(*BOTTOM_PAD),
        ])
        levels = np.linspace(0, 1, 256) ** 2 ** (strength * random.uniform(-GAMMA, GAMMA))
        levels *= 1 + strength * random.uniform(-GAIN, GAIN)
        mix = np.eye(3) + strength * COLOUR_MIX * random.standard_normal((3, 3)) * random.uniform()
        mix /= mix.sum(axis=1, keepdims=True)    # grey stays grey, then gets a tint
        tint = strength * (random.uniform(-OFFSET, OFFSET) + random.uniform(-OFFSET, OFFSET, 3) / 2)
        return cls(
            edges=edges,
            rotation=strength * random.uniform(-ROTATION, ROTATION),
            shear=strength * random.uniform(-SHEAR, SHEAR),
            flip=bool(random.uniform() < 0.5 * strength),
            colour=np.column_stack([mix, np.broadcast_to(tint, 3)]).astype(np.float32),
            curve=np.clip(255 * levels + 0.5, 0, 255).astype(np.uint8),
        )

    def crop(self, frame: np.ndarray, box: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return the face as the generator gets it.

        Args:
            frame: uint8 (height, width, 3).
            box: x1, y1, x2, y2 of the face in it.
            random: draws the frame's own part of the jitter.

        Returns:
            uint8 (96, 96, 3).
        """
        width, height = box[2] - box[0], box[3] - box[1]
        edges = self.edges + random.uniform(-OWN_JITTER, OWN_JITTER, 4)
        x1, y1, x2, y2 = box + edges * (width, height, width, height)
        # Output pixel centres to frame pixels: what cv2.resize does with a box, turned and sheared about its centre.
        scale = np.diag([(x2 - x1) / FACE_SIZE, (y2 - y1) / FACE_SIZE])
        if self.flip:
            scale[0, 0] *= -1
        angle = np.deg2rad(self.rotation)
        turn = np.array([[np.cos(angle), -np.sin(angle) + self.shear], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ scale
        centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) - 0.5
        shift = centre - matrix @ np.full(2, (FACE_SIZE - 1) / 2)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (FACE_SIZE, FACE_SIZE)
        face = cv2.warpAffine(
            frame, np.column_stack([matrix, shift]), size, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return cv2.transform(cv2.LUT(face, self.curve), self.colour)


def change_speech(window: np.ndarray, random: np.random.Generator, strength: float) -> np.ndarray:
    """Return a mel window (80, 16) made louder or softer; one without speech sometimes becomes digital silence."""
    if window.max(axis=0).mean() < QUIET and random.uniform() < 0.5:
        return np.full_like(window, SILENCE)
    louder = strength * random.uniform(-LOUDNESS, LOUDNESS) * SCALE
    return np.where(window > SILENCE, np.clip(window + louder, SILENCE, LOUDEST), SILENCE).astype(np.float32)
