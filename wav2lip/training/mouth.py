"""The moving parts of a drawn face: mouth, with lips, teeth and tongue; and eyes, with lids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wav2lip.training.identity import Identity
from wav2lip.training.portrait import EYE_LINE, mix, step

WIDEST_GAP = 0.20        # between the lips at opening 1, in v
JAW_SHARE = 0.78         # of the gap lies below the line where the lips meet: the jaw drops, the upper lip hardly moves


@dataclass(frozen=True)
class MouthShape:
    """A mouth in the (u, v) of its head."""

    half_width: float
    up: float             # by how much the upper lip's inner edge rises in the middle
    down: float           # by how much the lower lip's inner edge falls

    @classmethod
    def of(cls, person: Identity, opening: float, width: float) -> MouthShape:
        """Return the shape for an opening in [0, 1] and a width in [-1, 1]."""
        gap = WIDEST_GAP * opening
        return cls(person.mouth_width * (1 + 0.14 * width - 0.08 * opening), gap * (1 - JAW_SHARE), gap * JAW_SHARE)


def draw_mouth(
    under: np.ndarray, u: np.ndarray, v: np.ndarray, person: Identity, shape: MouthShape, soft: float
) -> np.ndarray:
    """Return a patch of a face with the mouth on it.

    Args:
        under: the skin, float32 (H, W, 3), red green blue in [0, 1].
        u, v: place of every pixel, (H, W).
        soft: width of an edge in v, about one pixel.
    """
    x = np.clip(u / shape.half_width, -1.2, 1.2)
    inside = np.clip(1 - x * x, 0, 1)
    meet = person.mouth_height + 0.016 * inside - 0.012                          # corners a little higher
    bow = 0.16 * np.exp(-((x / 0.16) ** 2)) - 0.10 * np.exp(-(((np.abs(x) - 0.26) / 0.2) ** 2))
    upper_inner = meet - shape.up * inside**0.6
    lower_inner = meet + shape.down * inside**0.6
    round_up = 1 + 0.25 * (person.mouth_width - shape.half_width) / person.mouth_width
    upper_outer = upper_inner - person.upper_lip * round_up * (inside**0.8) * (1 - bow)
    lower_outer = lower_inner + person.lower_lip * round_up * inside**0.62

    light = 0.80 + 0.25 * (person.ambient - 0.5) + 0.06 * person.light[0] * x
    lips = np.asarray(person.lips, np.float32) * np.asarray(person.light_colour, np.float32)
    # Upper lip: darker, it faces down. Lower lip: round, with a gloss.
    rise = np.clip((v - upper_outer) / np.maximum(upper_inner - upper_outer, 1e-3), 0, 1)
    fall = np.clip((v - lower_inner) / np.maximum(lower_outer - lower_inner, 1e-3), 0, 1)
    upper_tone = light * (1.02 - 0.30 * rise)
    creases = 1 + 0.03 * np.sin(46 * u + 1.5 * np.sin(9 * u))
    lower_tone = light * (0.90 + 0.42 * np.sin(np.pi * np.clip(fall * 0.9 + 0.08, 0, 1)) - 0.25 * fall) * creases
    gloss = 0.16 * np.exp(-(((fall - 0.36) / 0.16) ** 2) - ((x + 0.2 * np.sign(person.light[0]) * -1) / 0.42) ** 2)
    upper = lips * upper_tone[..., None]
    lower = lips * lower_tone[..., None] + gloss[..., None]

    # Lips end softly in the skin, sharply at the teeth.
    fade = step(np.abs(x), 1.02, 0.94)
    blur = 2.2 * soft + 0.006
    upper_alpha = step(v - upper_outer, -blur, blur) * step(v - upper_inner, soft, -soft) * fade
    lower_alpha = step(v - lower_inner, -soft, soft) * step(v - lower_outer, blur, -blur) * fade
    beneath = np.exp(-(((v - lower_outer - 0.035) / 0.028) ** 2)) * inside
    picture = under * (1 - 0.20 * beneath[..., None])
    picture = mix(picture, upper, 0.92 * upper_alpha)
    picture = mix(picture, lower, 0.92 * lower_alpha)

    gap = np.maximum(lower_inner - upper_inner, 0)
    hole = step(v - upper_inner, -soft, soft) * step(v - lower_inner, soft, -soft) * (np.abs(x) < 1)
    hole = hole * np.clip(gap / (2 * soft), 0, 1)
    picture = mix(picture, _inside(u, v, person, shape, upper_inner, lower_inner, soft, light), hole)
    # The line where closed lips meet, and the corners of the mouth.
    seam = np.exp(-(((v - (upper_inner + lower_inner) / 2) / (0.007 + 0.5 * soft)) ** 2))
    seam = seam * np.clip(1 - gap / 0.03, 0, 1)
    corner = np.exp(-(((np.abs(u) - shape.half_width) / 0.035) ** 2) - ((v - meet) / 0.022) ** 2)
    dark = np.asarray(person.lips, np.float32) * (0.34, 0.26, 0.26)
    return mix(picture, dark, np.clip(0.85 * seam * (np.abs(x) < 1.0) * fade + 0.45 * corner, 0, 0.9))


def _inside(
    u: np.ndarray, v: np.ndarray, person: Identity, shape: MouthShape, upper: np.ndarray, lower: np.ndarray,
    soft: float, light: np.ndarray,
) -> np.ndarray:
    """Return the open mouth: dark, the tongue at the bottom, the upper teeth from behind the lip, a few lower ones."""
    dark = np.asarray([0.16, 0.05, 0.05], np.float32)
    picture = np.broadcast_to(dark, (*u.shape, 3)).copy()
    floor = person.mouth_height + shape.down
    tongue = np.hypot(u / (0.62 * shape.half_width), (v - floor - 0.015) / (0.10 + 0.25 * shape.down))
    tone = 0.75 + 0.35 * np.clip(1 - tongue, 0, 1) - 0.25 * np.exp(-((u / 0.018) ** 2))
    picture = mix(picture, np.asarray([0.66, 0.30, 0.30]) * tone[..., None], step(tongue, 1.05, 0.8) * 0.85)
    # Teeth: fixed to the skull, so the upper lip uncovers them and the jaw leaves them.
    tooth = 0.085 * (1 + 0.6 * np.exp(-((u / 0.05) ** 2)) * 0.2)
    gaps = np.abs((np.abs(u) / 0.072) % 1 - 0.5)                     # 0.5 at the gap between two teeth
    row = person.mouth_height - 0.050 + tooth * np.clip(1 - (np.abs(u) / 0.40) ** 2, 0, 1)
    ivory = np.asarray([0.84, 0.80, 0.73], np.float32) * np.asarray(person.light_colour, np.float32)
    curve = (1 - 0.42 * np.clip(np.abs(u) / shape.half_width, 0, 1) ** 2) * light * 1.08
    under_lip = 0.62 + 0.38 * step(v - upper, 0.0, 0.03)
    upper_teeth = ivory * (curve * under_lip * (1 - 0.22 * step(gaps, 0.40, 0.5)))[..., None]
    picture = mix(picture, upper_teeth, step(v - row, soft, -soft) * step(np.abs(u), 0.36, 0.30))
    bottom = floor - 0.028 + 0.02 * (u / 0.3) ** 2
    lower_teeth = ivory * (0.72 * curve * (1 - 0.2 * step(gaps, 0.40, 0.5)))[..., None]
    show = step(np.asarray(shape.down, np.float32), 0.06, 0.12)
    return mix(picture, lower_teeth, step(v - bottom, -soft, soft) * step(np.abs(u), 0.24, 0.18) * show)


def draw_eyes(
    under: np.ndarray, u: np.ndarray, v: np.ndarray, person: Identity, lids: float, gaze: float, soft: float
) -> np.ndarray:
    """Return a patch with both eyes on it.

    Args:
        under: the skin, float32 (H, W, 3), red green blue in [0, 1].
        u, v: place of every pixel, (H, W).
        lids: 0 open, 1 closed.
        gaze: how far the eyes look sideways, in u.
        soft: width of an edge in v, about one pixel.
    """
    picture = under
    for side in (-1, 1):
        x = (u - side * person.eye_distance) / person.eye_width
        y = v - EYE_LINE - side * person.eye_tilt * (u - side * person.eye_distance) * 0.5
        arch = np.clip(1 - x * x, 0, 1)
        tall = person.eye_height
        top = -tall * arch**0.75 * (1 - lids) + 0.45 * tall * arch * lids
        bottom = 0.62 * tall * arch**0.9
        within = step(y - top, -soft, soft) * step(y - bottom, soft, -soft) * (np.abs(x) < 1)
        white = np.asarray([0.90, 0.87, 0.85], np.float32) * (0.55 + 0.5 * person.ambient)
        ball = white * (1 - 0.35 * np.clip(np.abs(x), 0, 1) ** 2 - 0.38 * step(y - top, 0.035, 0.0))[..., None]
        iris = np.hypot((u - side * person.eye_distance - gaze) / 0.088, (y + 0.006) / (0.088 * person.slimness))
        tone = 1.15 - 0.75 * step(iris, 0.7, 1.0) + 0.25 * step(y, -0.02, 0.05)
        ring = np.asarray(person.iris, np.float32) * tone[..., None]
        ball = mix(ball, ring, step(iris, 1.05, 0.93))
        ball = mix(ball, (0.03, 0.03, 0.03), step(iris, 0.48, 0.40))
        ball = ball * (1 - 0.45 * step(y - top, 0.022, 0.0))[..., None]
        towards = u - side * person.eye_distance - gaze - 0.028 * np.sign(person.light[0])
        glint = np.hypot(towards / 0.02, (y + 0.026) / 0.015)
        ball = mix(ball, (1.0, 1.0, 1.0), 0.9 * step(glint, 1.1, 0.7))
        picture = mix(picture, ball, within)
        skin = np.asarray(person.skin, np.float32)
        crease = np.exp(-(((y - top + 0.042) / 0.011) ** 2)) * step(np.abs(x), 1.15, 0.8) * (1 - 0.6 * lids)
        picture = picture * (1 - 0.26 * crease[..., None])
        lash = np.exp(-(((y - top) / (0.010 + 0.5 * soft)) ** 2)) * step(np.abs(x), 1.08, 0.95)
        picture = mix(picture, skin * 0.13, 0.88 * lash)
        rim = np.exp(-(((y - bottom) / (0.007 + 0.5 * soft)) ** 2)) * step(np.abs(x), 1.0, 0.85) * (1 - lids)
        picture = mix(picture, skin * 0.45, 0.5 * rim)
    return picture
