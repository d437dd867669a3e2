"""What a training sample goes through: where the box lies, how the picture and the sound are changed, and when."""

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
OWN_JITTER = 0.01             # by which the reference window's box differs from the target's

# Colour, shape and sound at full strength.
GAMMA, GAIN, OFFSET = 0.5, 0.25, 20.0    # exponents 2^-0.5 .. 2^0.5, factors 0.75 .. 1.25, levels of 255
COLOUR_MIX = 0.22                        # standard deviation of the entries added to the 3 x 3 identity
ROTATION, SHEAR = 6.0, 0.06              # degrees, share of the height
BEND, BEND_POINTS = 4.5, (4, 7)          # pixels of 96 by which a mesh of 4 x 4 points is moved: other features; finer
                                         # ones, of up to 7 x 7, by less: other lips
LIGHT, LIGHT_POINTS = 0.35, 3            # light and shade over the face, as exponents of 2
TEXTURE, TEXTURE_POINTS = 0.25, 40       # blotches and stubble, likewise, in one of three faces
LOUDNESS = 12.0                          # decibels up or down
NOISE = (-3.5, -1.5)                     # mel: how loud the noise is under one of two windows

QUIET = -2.6                  # mel: a window whose loudest band is below on average has no speech in it


@dataclass(frozen=True)
class Augmentation:
    """When and how much samples are changed.

    First nothing but the box, then more and more: with strong changes from the first step a generator learns to ignore
    the speech.

    Attributes:
        plain_steps: steps without changes.
        ramp_steps: steps from there until the changes have grown to `most`.
        most: the full strength, in [0, 1].
        jitter: of the box, as a share of the constants above; 0 keeps it where it was detected.
        untouched: share of the generator's samples that stay as they are from the first to the last step, box and all:
            what the network will mostly see must not be the rarest of what it learns from.
    """

    plain_steps: int = 0
    ramp_steps: int = 1000
    most: float = 1.0
    jitter: float = 1.0
    untouched: float = 0.0

    def strength(self, step: int) -> float:
        """Return how strongly the samples of a step may be changed, in [0, 1]."""
        return self.most * float(np.clip((step - self.plain_steps) / max(self.ramp_steps, 1), 0, 1))

    def view(self, random: np.random.Generator, strength: float) -> View:
        """Draw how one sample looks at its clip."""
        return View.draw(random, strength, self.jitter)


NO_AUGMENTATION = Augmentation(most=0.0, jitter=0.0)


@dataclass(frozen=True)
class View:
    """How one sample looks at its clip; the same for all its frames, but for a hair between target and reference."""

    edges: np.ndarray             # float64 (4,): what is added to x1, y1, x2, y2, in shares of the box
    jitter: float                 # share of OWN_JITTER
    rotation: float               # degrees
    shear: float
    flip: bool
    bend: np.ndarray | None       # float32 (96, 96, 2): pixels of 96 to the right and down
    light: np.ndarray | None      # float32 (96, 96, 1): factors
    colour: np.ndarray            # float32 (3, 4): colour matrix and offset
    curve: np.ndarray             # uint8 (256,): gamma, gain

    @classmethod
    def draw(cls, random: np.random.Generator, strength: float, jitter: float = 1.0) -> View:
        """Draw a view; strength 0 moves only the box, 1 changes colour and shape as far as the constants say."""
        side, top = jitter * SIDE_JITTER, jitter * TOP_JITTER
        edges = np.array([
            random.uniform(-side, side),
            random.uniform(-top, top),
            random.uniform(-side, side),
            jitter * random.uniform(*BOTTOM_PAD),
        ])
        levels = np.linspace(0, 1, 256) ** 2 ** (strength * random.uniform(-GAMMA, GAMMA))
        levels *= 1 + strength * random.uniform(-GAIN, GAIN)
        mix = np.eye(3) + strength * COLOUR_MIX * random.standard_normal((3, 3)) * random.uniform()
        mix /= mix.sum(axis=1, keepdims=True)    # grey stays grey, then gets a tint
        tint = strength * (random.uniform(-OFFSET, OFFSET) + random.uniform(-OFFSET, OFFSET, 3) / 2)
        return cls(
            edges=edges,
            jitter=jitter,
            rotation=strength * random.uniform(-ROTATION, ROTATION),
            shear=strength * random.uniform(-SHEAR, SHEAR),
            flip=bool(random.uniform() < 0.5 * strength),
            bend=_bend(random, strength) if strength else None,
            light=_light(random, strength) if strength else None,
            colour=np.column_stack([mix, np.broadcast_to(tint, 3)]).astype(np.float32),
            curve=np.clip(255 * levels + 0.5, 0, 255).astype(np.uint8),
        )

    def own_jitter(self, random: np.random.Generator) -> np.ndarray:
        """Draw by how much one window's box differs from the sample's, float64 (4,), in shares of the box."""
        return self.jitter * random.uniform(-OWN_JITTER, OWN_JITTER, 4)

    def crop(self, picture: np.ndarray, box: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return the face as the networks get it.

        Args:
            picture: uint8 (height, width, 3).
            box: x1, y1, x2, y2 of the face in it.
            own: the window's own jitter.

        Returns:
            uint8 (96, 96, 3).
        """
        width, height = box[2] - box[0], box[3] - box[1]
        moved = box + (self.edges + own) * (width, height, width, height)
        # Data of the original ends at the box: beyond it there would be only its smeared border.
        x1, y1, x2, y2 = np.clip(moved, 0, picture.shape[1::-1] * 2)
        # Output pixel centres to frame pixels: what cv2.resize does with a box, turned and sheared about its centre.
        scale = np.diag([(x2 - x1) / FACE_SIZE, (y2 - y1) / FACE_SIZE])
        if self.flip:
            scale[0, 0] *= -1
        angle = np.deg2rad(self.rotation)
        turn = np.array([[np.cos(angle), -np.sin(angle) + self.shear], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ scale
        shift = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) - 0.5 - matrix @ np.full(2, (FACE_SIZE - 1) / 2)
        if self.bend is None:
            face = cv2.warpAffine(
                picture, np.column_stack([matrix, shift]), (FACE_SIZE, FACE_SIZE),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
            )
        else:
            places = (_PIXELS + self.bend) @ matrix.T.astype(np.float32) + shift.astype(np.float32)
            across, down = cv2.split(places)
            face = cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        face = cv2.LUT(face, self.curve)
        if self.light is not None:
            face = np.clip(face * self.light, 0, 255).astype(np.uint8)
        return cv2.transform(face, self.colour)


def change_speech(window: np.ndarray, random: np.random.Generator, strength: float) -> np.ndarray:
    """Return a mel window (80, 16) louder or softer, perhaps with noise; without speech, sometimes digital silence."""
    if not strength:
        return window
    if window.max(axis=0).mean() < QUIET and random.uniform() < 0.5:
        return np.full_like(window, SILENCE)
    louder = strength * random.uniform(-LOUDNESS, LOUDNESS) * SCALE
    changed = np.where(window > SILENCE, np.clip(window + louder, SILENCE, LOUDEST), SILENCE)
    if random.uniform() < 0.5:
        # In decibels the louder of two sounds hides the other.
        level = SILENCE + strength * (random.uniform(*NOISE) - SILENCE)
        changed = np.maximum(changed, level + 0.3 * random.standard_normal(window.shape))
    return np.clip(changed, SILENCE, LOUDEST).astype(np.float32)


_PIXELS = np.stack(np.meshgrid(np.arange(FACE_SIZE), np.arange(FACE_SIZE)), axis=2).astype(np.float32)


def _field(random: np.random.Generator, points: int, channels: int) -> np.ndarray:
    """Return smooth noise of standard deviation about 1 with so many bumps a side, float32 (96, 96, channels)."""
    mesh = random.standard_normal((points, points, channels)).astype(np.float32)
    return cv2.resize(mesh, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_CUBIC).reshape(FACE_SIZE, FACE_SIZE, -1)


def _bend(random: np.random.Generator, strength: float) -> np.ndarray:
    """Return by how many pixels of 96 a face's features are moved, float32 (96, 96, 2)."""
    coarsest, finest = BEND_POINTS
    points = int(random.integers(coarsest, finest + 1))
    return _field(random, points, 2) * np.float32(strength * BEND * coarsest / points)


def _light(random: np.random.Generator, strength: float) -> np.ndarray:
    """Return light and shade over a face, in some faces with blotches, as factors float32 (96, 96, 1)."""
    shade = LIGHT * random.uniform() * _field(random, LIGHT_POINTS, 1)
    if random.uniform() < 1 / 3:
        # Blotches lie where a smooth field is high: on the chin, on a cheek, everywhere.
        where = np.clip(_field(random, LIGHT_POINTS, 1), 0, 1)
        shade += TEXTURE * where * _field(random, int(random.integers(8, TEXTURE_POINTS)), 1)
    return np.exp2(np.float32(strength) * shade)
