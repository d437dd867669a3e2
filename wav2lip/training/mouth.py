"""The moving parts of a drawn face: mouth, with lips, teeth and tongue; and eyes, with lids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wav2lip.training.identity import Identity
from wav2lip.training.painting import colour, hill, mix, sign, step
from wav2lip.training.skin import EYE_LINE

WIDEST_GAP = 0.20        # between the lips at opening 1, in v
JAW_SHARE = 0.78         # of the gap lies below the line where the lips meet: the jaw drops, the upper lip hardly moves
SPREAD, ROUND = 0.14, 0.24      # by how much of its width a mouth gets wider, and narrower
TOOTH_SHARES = (1.0, 0.82, 0.88, 0.78, 0.74)     # widths of the teeth from the middle outwards


@dataclass(frozen=True)
class MouthShape:
    """A mouth in the (u, v) of its head."""

    half_width: float
    up: float             # by how much the upper lip's inner edge rises in the middle
    down: float           # by how much the lower lip's inner edge falls
    spread: float         # -1 round, 1 spread

    @classmethod
    def of(cls, person: Identity, opening: float, width: float) -> MouthShape:
        """Return the shape for an opening in [0, 1] and a width in [-1, 1]."""
        gap = WIDEST_GAP * opening
        wider = (SPREAD if width > 0 else ROUND) * width - 0.08 * opening
        return cls(person.mouth_width * (1 + wider), gap * (1 - JAW_SHARE), gap * JAW_SHARE, width)


def draw_mouth(
    under: np.ndarray, u: np.ndarray, v: np.ndarray, person: Identity, shape: MouthShape, light: np.ndarray,
    soft: float,
) -> np.ndarray:
    """Return a patch of a face with the mouth on it.

    Args:
        under: the skin, float32 (3, H, W).
        u, v: place of every column (1, W), and row (H, 1).
        light: what falls on the face, (3, H, W).
        soft: width of an edge in v, about one pixel.
    """
    x = np.clip(u / shape.half_width, -1.2, 1.2)
    inside = np.clip(1 - x * x, 0, 1)
    meet = person.mouth_height + (0.016 + person.mouth_curve) * inside - 0.012 - 0.6 * person.mouth_curve
    meet = meet + person.mouth_slant * x
    bow = person.cupid * hill(x / 0.16) - 0.10 * hill((np.abs(x) - 0.26) / 0.2)
    upper_inner = meet - shape.up * inside**0.6
    lower_inner = meet + shape.down * inside**0.6
    round_up = 1 + 0.6 * (person.mouth_width - shape.half_width) / person.mouth_width
    upper_outer = upper_inner - person.upper_lip * round_up * (inside**0.8) * (1 - bow)
    lower_outer = lower_inner + person.lower_lip * round_up * inside**0.62

    lips = colour(person.lips) * (0.25 + 0.70 * light)
    # Upper lip: darker, it faces down. Lower lip: round, with a gloss.
    rise = np.clip((v - upper_outer) / np.maximum(upper_inner - upper_outer, 1e-3), 0, 1)
    fall = np.clip((v - lower_inner) / np.maximum(lower_outer - lower_inner, 1e-3), 0, 1)
    creases = 1 + (0.03 + 0.04 * person.age) * np.sin(46 * u + 1.5 * np.sin(9 * u))
    upper = lips * ((1.02 - 0.30 * rise) * creases)
    lower = lips * ((0.90 + 0.42 * np.sin(np.pi * (fall * 0.9 + 0.08)) - 0.25 * fall) * creases)
    lower += person.gloss * hill((fall - 0.36) / 0.16) * hill((x - 0.2 * sign(person.light[0])) / 0.42)

    # Lips end softly in the skin, sharply at the teeth.
    fade = step(np.abs(x), 1.02, 0.94)
    blur = 2.2 * soft + 0.006
    upper_alpha = step(v - upper_outer, -blur, blur) * step(v - upper_inner, soft, -soft) * (0.92 * fade)
    lower_alpha = step(v - lower_inner, -soft, soft) * step(v - lower_outer, blur, -blur) * (0.92 * fade)
    beneath = hill((v - lower_outer - 0.035) / 0.028) * (0.20 * inside)
    picture = mix(mix(under * (1 - beneath), upper, upper_alpha), lower, lower_alpha)

    gap = np.maximum(lower_inner - upper_inner, 0)
    if shape.up + shape.down > 0:
        hole = step(v - upper_inner, -soft, soft) * step(v - lower_inner, soft, -soft) * (np.abs(x) < 1)
        hole *= np.clip(gap / (2 * soft), 0, 1)
        cavity = _inside(u, v, person, shape, upper_inner, 0.15 + 0.72 * light, soft)
        picture = mix(picture, cavity, hole)
    # The line where closed lips meet, and the corners of the mouth.
    seam = hill((v - (upper_inner + lower_inner) / 2) / (0.007 + 0.5 * soft))
    seam *= np.clip(1 - gap / 0.03, 0, 1) * (0.85 * (np.abs(x) < 1.0) * fade)
    corner = hill((np.abs(u) - shape.half_width) / 0.035) * hill((v - meet) / 0.022)
    return mix(picture, colour(person.lips) * colour((0.34, 0.26, 0.26)), np.clip(seam + 0.45 * corner, 0, 0.9))


def _inside(
    u: np.ndarray, v: np.ndarray, person: Identity, shape: MouthShape, upper: np.ndarray, light: np.ndarray, soft: float
) -> np.ndarray:
    """Return the open mouth: dark, the tongue at the bottom, the upper teeth from behind the lip, a few lower ones."""
    teeth, side = person.teeth, np.abs(u)
    floor = person.mouth_height + shape.down
    # The tongue lies low for dark vowels, and high for bright ones.
    high = 0.10 + (0.25 + 0.15 * shape.spread) * shape.down
    tongue = np.hypot(u / (0.62 * shape.half_width), (v - floor - 0.015) / high)
    tone = 0.70 + 0.35 * np.clip(1 - tongue, 0, 1) - 0.25 * hill(u / 0.018)
    picture = mix(colour((0.16, 0.05, 0.05)), colour((0.70, 0.32, 0.32)) * tone * light, step(tongue, 1.05, 0.8) * 0.85)
    # Teeth: fixed to the skull, so the upper lip uncovers them and the jaw leaves them.
    between, uneven = _tooth_edges(u, person)
    row = person.mouth_height - 0.050 + teeth.length * np.clip(1 - (side / 0.40) ** 2, 0, 1) + uneven
    curve = (1 - 0.42 * np.clip(side / shape.half_width, 0, 1) ** 2) * (1 - 0.26 * between)
    ivory = colour(teeth.colour) * light
    upper_teeth = ivory * (curve * (0.62 + 0.38 * step(v - upper, 0.0, 0.03)))
    seen = step(v - row, soft, -soft) * step(side, 0.36, 0.30)
    if teeth.gap:
        seen = seen * step(side, teeth.gap / 2 - 0.006, teeth.gap / 2 + 0.006)
    picture = mix(picture, upper_teeth, seen)
    show = teeth.lower * min(1.0, max(0.0, (shape.down - 0.05) / 0.07))
    if show:
        bottom = floor - 0.028 + 0.02 * (u / 0.3) ** 2 + 0.5 * uneven
        lower_teeth = ivory * (0.72 * curve)
        picture = mix(picture, lower_teeth, step(v - bottom, -soft, soft) * step(side, 0.24, 0.18) * show)
    return picture


def _tooth_edges(u: np.ndarray, person: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Return where two teeth meet, 1 there and 0 elsewhere, and how much longer each tooth is, in v; (1, W)."""
    teeth = person.teeth
    edges = teeth.gap / 2 + teeth.width * np.cumsum((0.0, *TOOTH_SHARES))
    lines = np.concatenate([-edges[::-1], edges])
    number = np.searchsorted(lines, u[0])
    near = np.abs(u - lines[:, None]).min(axis=0)
    odd = np.random.default_rng([person.seed, 0x7EE7]).uniform(-1, 1, len(lines) + 1)
    uneven = teeth.crooked * odd[number] - 0.008 * np.clip(1 - near / 0.015, 0, 1)     # corners are round
    return hill(near / 0.007).astype(np.float32)[None], uneven.astype(np.float32)[None]


def draw_eye(
    under: np.ndarray, u: np.ndarray, v: np.ndarray, person: Identity, side: int, lids: float, gaze: float,
    light: np.ndarray, soft: float,
) -> np.ndarray:
    """Return a patch with an eye on it.

    Args:
        under: the skin, float32 (3, H, W).
        u, v: place of every column (1, W), and row (H, 1).
        side: -1 for the eye on the left of the picture, 1 on the right.
        lids: 0 open, 1 closed.
        gaze: how far the eye looks sideways, in u.
        light: what falls on the face, (3, H, W).
        soft: width of an edge in v, about one pixel.
    """
    across = u - side * person.eye_distance
    x = across / person.eye_width
    y = v - EYE_LINE - side * person.eye_tilt * across * 0.5
    arch = np.clip(1 - x * x, 0, 1)
    tall = person.eye_height
    top = -tall * arch**0.75 * (1 - lids) + 0.45 * tall * arch * lids
    bottom = 0.62 * tall * arch**0.9
    within = step(y - top, -soft, soft) * step(y - bottom, soft, -soft) * (np.abs(x) < 1)
    ball = colour((0.90, 0.87, 0.85)) * (0.25 + 0.65 * light)
    ball *= 1 - 0.35 * np.clip(np.abs(x), 0, 1) ** 2 - 0.38 * step(y - top, 0.035, 0.0)
    iris = np.hypot((across - gaze) / 0.088, (y + 0.006) / (0.088 * person.slimness))
    tone = 1.15 - 0.75 * step(iris, 0.7, 1.0) + 0.25 * step(y, -0.02, 0.05)
    ball = mix(ball, colour(person.iris) * tone, step(iris, 1.05, 0.93))
    ball = mix(ball, np.float32(0.03), step(iris, 0.48, 0.40))
    ball *= 1 - 0.45 * step(y - top, 0.022, 0.0)
    glint = np.hypot((across - gaze - 0.028 * sign(person.light[0])) / 0.02, (y + 0.026) / 0.015)
    ball = mix(ball, np.float32(1), 0.9 * step(glint, 1.1, 0.7))
    picture = mix(under, ball, within)
    skin = colour(person.skin)
    crease = hill((y - top + 0.042) / 0.011) * step(np.abs(x), 1.15, 0.8) * (0.26 * (1 - 0.6 * lids))
    lash = hill((y - top) / (0.010 * person.lashes + 0.5 * soft)) * step(np.abs(x), 1.08, 0.95)
    rim = hill((y - bottom) / (0.007 + 0.5 * soft)) * (step(np.abs(x), 1.0, 0.85) * (0.5 * (1 - lids)))
    return mix(mix(picture * (1 - crease), skin * 0.13, 0.88 * lash), skin * 0.45, rim)
