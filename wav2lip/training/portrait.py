"""The parts of a drawn head that stand still: shaded skin, nose, brows, beard, hair, neck and clothes.

Places on a head are (u, v): u is 0 in the middle and +-1 at the widest part of the face, v is -1 at the top of the
skull, 0 between the eyes and 1 at the chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wav2lip.training.identity import Identity

U_SPAN = 1.75               # the canvas reaches from -1.75 to 1.75 across
V_TOP, V_BOTTOM = -1.5, 2.1

EYE_LINE = -0.02


@dataclass(frozen=True)
class Canvas:
    """Where (u, v) lie among the pixels of a head's canvas."""

    across: float           # pixels of u = 1
    down: float             # pixels of v = 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return round((V_BOTTOM - V_TOP) * self.down), round(2 * U_SPAN * self.across)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return u and v of every pixel, float32 (height, width)."""
        height, width = self.size
        u = (np.arange(width, dtype=np.float32) + 0.5) / self.across - U_SPAN
        v = (np.arange(height, dtype=np.float32) + 0.5) / self.down + V_TOP
        return np.broadcast_to(u, (height, width)), np.broadcast_to(v[:, None], (height, width))

    def pixel(self, u: float, v: float) -> tuple[float, float]:
        """Return column and row of a place, pixel centres at whole numbers."""
        return (u + U_SPAN) * self.across - 0.5, (v - V_TOP) * self.down - 0.5


@dataclass(frozen=True)
class Portrait:
    """Painted layers, float32, red green blue in [0, 1], all of a canvas's size.

    `behind` and its opacity lie behind the face (hair, neck); `face` is the skin with all that is on it;
    `front` lies before it and does not move with the jaw (hair over the forehead). `depth` is how far a place
    stands towards the viewer, 1 at the tip of the nose.
    """

    behind: np.ndarray
    behind_alpha: np.ndarray
    face: np.ndarray
    face_alpha: np.ndarray
    front: np.ndarray
    front_alpha: np.ndarray
    depth: np.ndarray


def step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return a smooth step from 0 at `low` to 1 at `high` (the other way round if low > high)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(under: np.ndarray, over: np.ndarray | tuple[float, ...], alpha: np.ndarray) -> np.ndarray:
    """Return colours (H, W, 3) with others laid over them at an opacity (H, W)."""
    return under + (np.asarray(over, np.float32) - under) * alpha[..., None]


def bump(u: np.ndarray, v: np.ndarray, at: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
    """Return a Gaussian hill, 1 high."""
    return np.exp(-(((u - at[0]) / size[0]) ** 2) - ((v - at[1]) / size[1]) ** 2)


def noise(shape: tuple[int, int], grain: float, random: np.random.Generator) -> np.ndarray:
    """Return smooth noise (H, W) of about unit spread, with spots of `grain` pixels."""
    small = random.standard_normal((max(2, round(shape[0] / grain)), max(2, round(shape[1] / grain))))
    return cv2.resize(small.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)


def outline(v: np.ndarray, person: Identity) -> np.ndarray:
    """Return the face's half width at each height, in u; 0 above and below it."""
    upper = np.clip(1 - np.abs(np.minimum(v, 0)) ** 2.3, 0, 1) ** (1 / 2.3)
    lower = np.clip(1 - np.clip(v, 0, 1) ** person.jaw, 0, 1) ** 0.55
    return np.where(v < 0, upper, lower)


def paint(person: Identity, canvas: Canvas) -> Portrait:
    """Paint everything of a person that stands still."""
    random = np.random.default_rng([person.seed, 0xFACE])
    u, v = canvas.grid()
    edge = outline(v, person)
    soft = 1.5 / canvas.across                                     # pixels over which an edge fades
    face_alpha = step(edge - np.abs(u), -soft, soft) * (np.abs(v) < 1)
    relief, depth = _relief(u, v, edge, person)
    light, cavity = _shade(relief, canvas, person)
    skin = _skin(u, v, canvas, person, random)
    face = skin * light[..., None] * np.asarray(person.light_colour, np.float32)
    face *= 1 - np.asarray([0.55, 0.75, 0.8], np.float32) * cavity[..., None]     # hollows are red and dark
    face = _nose(face, u, v, person)
    face = _brows(face, u, v, canvas, person, random)
    if person.beard:
        face = _beard(face, u, v, canvas, person, random)
    shine = _hair_shine(u, v, canvas, person, random)
    hair = np.clip(np.asarray(person.hair, np.float32) * shine[..., None], 0, 1)
    behind, behind_alpha = _behind(u, v, hair, canvas, person)
    return Portrait(
        behind, behind_alpha, np.clip(face, 0, 1).astype(np.float32), face_alpha.astype(np.float32),
        hair, _fringe(u, v, canvas, person, random), depth,
    )


def _relief(u: np.ndarray, v: np.ndarray, edge: np.ndarray, person: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Return the height of the skin over the face's plane, in u, and a coarser one, for turning the head."""
    across = np.clip(np.abs(u) / np.maximum(edge, 1e-3), 0, 1)
    skull = 0.75 * np.sqrt(np.clip(1 - across**2.2, 0, 1)) * np.clip(1 - np.abs(v) ** 3.5 * 0.75, 0, 1)
    nose = person.nose_length
    along = step(v, EYE_LINE - 0.12, nose) * step(v, nose + 0.13, nose - 0.04)
    bridge = along * np.exp(-((u / (0.08 + 0.05 * along)) ** 2)) * (0.07 + 0.13 * along)
    folds = np.abs(np.abs(u) - (0.20 + 0.42 * (v - nose))) < 1
    fold = np.exp(-(((np.abs(u) - (0.22 + 0.55 * (v - nose + 0.05))) / 0.045) ** 2)) * step(v, nose - 0.06, nose + 0.05)
    fold *= step(v, person.mouth_height + 0.03, nose + 0.1) * folds
    relief = skull + bridge
    relief = relief + 0.07 * bump(u, v, (0, nose - 0.01), (0.13, 0.08))                                   # tip
    for side in (-1, 1):
        relief = relief + 0.07 * bump(u, v, (side * person.nose_width * 0.8, nose + 0.02), (0.055, 0.045))
        relief = relief - 0.12 * bump(u, v, (side * person.eye_distance, EYE_LINE), (0.22, 0.085))  # eye sockets
        relief = relief + 0.04 * bump(u, v, (side * person.eye_distance, EYE_LINE + 0.01), (0.15, 0.05))
        relief = relief + 0.05 * bump(u, v, (side * 0.60, 0.20), (0.22, 0.14))                      # cheekbones
    relief = relief + 0.045 * bump(np.abs(u), v, (0.30, EYE_LINE - 0.2), (0.3, 0.06))               # brow ridge
    relief = relief + 0.05 * bump(u, v, (0, person.mouth_height), (0.36, 0.17))
    relief = relief + 0.07 * bump(u, v, (0, 0.87), (0.2, 0.08))                                     # chin
    relief = relief - 0.03 * bump(u, v, (0, person.mouth_height + 0.15), (0.2, 0.035))
    relief = relief - 0.018 * bump(u, v, (0, (nose + person.mouth_height) / 2 + 0.02), (0.03, 0.06))  # philtrum
    relief = relief - 0.022 * fold
    return relief.astype(np.float32), np.clip(skull + bridge * 1.2, 0, 1.2).astype(np.float32)


def _shade(relief: np.ndarray, canvas: Canvas, person: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Return the light on the skin, about 1 where it is lit, and how deep each place lies among its neighbours."""
    relief = cv2.GaussianBlur(relief, (0, 0), 0.014 * canvas.down)
    right = np.gradient(relief, axis=1) * canvas.across
    below = np.gradient(relief, axis=0) * canvas.across           # u and v pixels differ; heights are in u
    normal = np.stack([-right, -below, np.ones_like(relief)], axis=2)
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    towards = np.asarray(person.light, np.float32)
    towards = towards / np.linalg.norm(towards)
    lambert = (normal @ towards + 0.25) / 1.25                    # wrapped: skin scatters light into the shadow
    half = towards + np.array([0, 0, 1], np.float32)
    glint = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 24
    light = person.ambient + (1.02 - person.ambient) * np.clip(lambert, 0, 1) + 0.10 * glint
    hollow = cv2.GaussianBlur(relief, (0, 0), 0.05 * canvas.down) - relief
    return light.astype(np.float32), np.clip(hollow * 5, 0, 0.4).astype(np.float32)


def _skin(
    u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return the skin's own colour: redder cheeks and nose, spots, pores."""
    shape = canvas.size
    skin = np.broadcast_to(np.asarray(person.skin, np.float32), (*shape, 3)).copy()
    red = 0.9 * bump(np.abs(u), v, (0.52, 0.30), (0.26, 0.16)) + 0.8 * bump(u, v, (0, person.nose_length), (0.2, 0.1))
    red = red + 0.35 * noise(shape, canvas.down / 6, random) + 0.2 * noise(shape, canvas.down / 20, random)
    skin *= 1 + np.asarray([0.012, -0.05, -0.045], np.float32) * red[..., None]
    under_eyes = bump(np.abs(u), v, (person.eye_distance, EYE_LINE + 0.12), (0.17, 0.04))
    skin *= 1 - np.asarray([0.06, 0.07, 0.05], np.float32) * under_eyes[..., None]
    pores = 0.010 * noise(shape, 2, random) + 0.008 * noise(shape, 4, random)
    return skin * (1 + pores[..., None])


def _nose(face: np.ndarray, u: np.ndarray, v: np.ndarray, person: Identity) -> np.ndarray:
    """Return the face with nostrils and the shadow under the nose."""
    below = bump(u, v, (0.03 * np.sign(person.light[0]), person.nose_length + 0.085), (person.nose_width * 1.1, 0.03))
    face = face * (1 - 0.16 * below[..., None])
    slanted = v - 0.10 * (np.abs(u) - 0.1)
    holes = bump(np.abs(u), slanted, (person.nose_width * 0.50, person.nose_length + 0.055), (0.042, 0.015))
    face = mix(face, np.asarray(person.skin) * (0.36, 0.24, 0.21), 0.75 * np.clip(1.2 * holes, 0, 1))
    wing = np.hypot((np.abs(u) - person.nose_width * 0.72) / 0.085, (v - person.nose_length - 0.02) / 0.055)
    wings = np.exp(-(((wing - 1) / 0.28) ** 2))
    return face * (1 - 0.16 * (wings * (np.abs(u) > person.nose_width * 0.8))[..., None])


def _brows(
    face: np.ndarray, u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return the face with eyebrows: an arch that thins outwards, made of hairs."""
    out = (np.abs(u) - person.eye_distance) / 0.27                 # -1 at the inner end, 1 at the outer
    centre = EYE_LINE - person.brow_height - 0.035 * (1 - out**2) + 0.02 * out
    thick = person.brow_weight * (1.1 - 0.55 * out) * step(np.abs(out), 1.05, 0.75)
    hairs = 0.85 + 0.16 * noise(canvas.size, 3, random)
    alpha = np.exp(-(((v - centre) / np.maximum(thick, 1e-3)) ** 2))
    colour = np.asarray(person.hair) * 0.75 + np.asarray(person.skin) * 0.08
    return mix(face, colour, np.clip(alpha * hairs * (np.abs(out) < 1.05), 0, 1) * 0.88)


def _beard(
    face: np.ndarray, u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return the face with beard and moustache, thicker towards the jaw, none on the lips."""
    line = 0.30 + 0.30 * np.clip(1 - np.abs(u) / 0.9, 0, 1)        # where it begins on the cheeks
    cheeks = step(v - line, 0.0, 0.18)
    centre = step(np.hypot(u / 0.47, (v - person.mouth_height) / 0.155), 0.85, 1.15)
    tash = bump(np.abs(u), v, (0.16, person.mouth_height - 0.105), (0.24, 0.04))
    grain = 0.78 + 0.25 * noise(canvas.size, 2, random) + 0.12 * noise(canvas.size, 6, random)
    alpha = np.clip(np.maximum(cheeks * centre, 0.95 * tash) * grain, 0, 1) * person.beard
    return mix(face, np.asarray(person.hair) * 0.9 + np.asarray(person.skin) * 0.06, alpha)


def _hair_shine(
    u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return how bright each place of the hair is: strands that run from the crown, a band of gloss, depth."""
    parting = random.uniform(-0.4, 0.4)
    angle = np.arctan2(u - parting, v + 1.45).astype(np.float32)
    along = np.hypot(u - parting, v + 1.45).astype(np.float32)
    strands = random.standard_normal((24, 720)).astype(np.float32)
    strands = cv2.GaussianBlur(strands, (0, 0), 1.2) * 1.6 + cv2.GaussianBlur(strands, (0, 0), 5) * 3
    column = (angle / (2 * np.pi) + 0.5) * 719
    rows = np.clip(along / 3.5, 0, 1) * 23
    flow = cv2.remap(strands, column, rows, cv2.INTER_LINEAR)
    gloss = np.exp(-(((along - 0.62) / 0.16) ** 2)) * (0.6 + 0.4 * np.sign(person.light[0]) * np.clip(u, -1, 1))
    return np.clip(0.82 + 0.13 * flow + 0.55 * gloss - 0.18 * np.clip(v, 0, 1.5), 0.3, 2).astype(np.float32)


def _behind(
    u: np.ndarray, v: np.ndarray, hair: np.ndarray, canvas: Canvas, person: Identity
) -> tuple[np.ndarray, np.ndarray]:
    """Return what lies behind the face: hair, ears, neck and its shadow."""
    soft = 2.0 / canvas.across
    skin = np.asarray(person.skin, np.float32) * person.ambient
    # Hair around the skull, down to the ears or the shoulders.
    if person.hair_style == "long":
        shape = np.where(v < -0.1, _skull(u, v), np.abs(u) / (1.15 + 0.12 * step(v, 0, 1.2)))
        shape = shape + 1.2 * step(v, 1.15, 1.9)
    else:
        shape = _skull(u, v) + 1.5 * step(v, -0.05, 0.25)
    hair_alpha = step(shape, 1 + 2 * soft, 1 - 2 * soft) * (0 if person.hair_style == "bald" else 1)
    neck_width = 0.60 + 0.05 * np.clip(v - 0.9, 0, 1)
    neck_alpha = step(np.abs(u) - neck_width, soft, -soft) * (v > 0.3)
    round_neck = np.sqrt(np.clip(1 - (u / 0.72) ** 2, 0, 1))
    side = 1 + 0.35 * person.light[0] * np.clip(u, -1, 1)
    under_chin = 1 - 0.55 * step(v, 1.55, 1.0)
    neck = skin * (0.75 + 0.75 * round_neck * side * under_chin)[..., None]
    behind = np.where((hair_alpha > 0)[..., None], hair * 0.62, neck)
    behind = mix(behind, neck, neck_alpha)
    if person.hair_style != "long":
        ear = np.hypot((np.abs(u) - 1.0) / 0.105, (v - 0.09) / 0.20)
        shade = 1.15 + 0.35 * person.light[0] * np.sign(u) - 0.45 * np.exp(-(((ear - 0.62) / 0.16) ** 2))
        ear_alpha = step(ear, 1.06, 0.94)
        behind = mix(behind, np.clip(skin * 1.25 * (1.04, 0.93, 0.9) * shade[..., None], 0, 1), ear_alpha)
        neck_alpha = np.maximum(neck_alpha, ear_alpha)
    return behind.astype(np.float32), np.maximum(hair_alpha, neck_alpha).astype(np.float32)


def _skull(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the distance from the middle of the hair, 1 at its outline."""
    return (np.abs(u / 1.15) ** 2.3 + np.abs((v + 0.12) / 1.06) ** 2.3) ** (1 / 2.3)


def _fringe(
    u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return the opacity of the hair over the forehead and the temples."""
    if person.hair_style == "bald":
        return np.zeros(canvas.size, np.float32)
    sway = random.uniform(-0.10, 0.10)
    ragged = 0.03 * noise(canvas.size, canvas.down / 4, random) + 0.008 * noise(canvas.size, canvas.down / 14, random)
    line = person.hairline + 0.22 * u**2 + sway * u + 0.42 * np.clip(np.abs(u) - 0.80, 0, 1) ** 0.8 + ragged
    inner = step(v - line, 0.035, -0.045)
    skull = _skull(u, v)
    inside = step(skull, 1.0 + 1.5 / canvas.across, 1.0 - 1.5 / canvas.across)
    if person.hair_style == "long":
        curtain = step(np.abs(u) + ragged - (0.96 - 0.09 * step(v, -0.5, 0.1) + 0.06 * step(v, 0.2, 1.0)), -0.02, 0.03)
        curtain = curtain * step(np.abs(u) / (1.15 + 0.12 * step(v, 0, 1.2)), 1.0, 0.98)
        curtain = curtain * step(v, 1.75, 1.35) * step(v, -0.6, -0.1)
        inner = np.maximum(inner, curtain)
        inside = np.maximum(inside, curtain)
    else:
        sideburn = step(np.abs(u) + ragged, 0.93, 0.98) * step(v, 0.10, -0.08)
        inner = np.maximum(inner, sideburn)
    return (inner * inside).astype(np.float32)
