"""The skin of a drawn face: its shape in the light, its colour, spots, wrinkles, nose and brows."""

from __future__ import annotations

import math

import cv2
import numpy as np

from wav2lip.training.identity import Identity
from wav2lip.training.painting import Canvas, bump, colour, hill, mix, noise, sign, step

EYE_LINE = -0.02


def outline(v: np.ndarray, person: Identity) -> np.ndarray:
    """Return the face's half width at each height, in u; 0 above and below it."""
    upper = np.clip(1 - np.abs(np.minimum(v, 0)) ** 2.3, 0, 1) ** (1 / 2.3)
    lower = np.clip(1 - np.clip(v, 0, 1) ** person.jaw, 0, 1) ** 0.55
    return np.where(v < 0, upper, lower)


def relief(u: np.ndarray, v: np.ndarray, edge: np.ndarray, person: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Return the height of the skin over the face's plane, in u, and a coarser one, for turning the head."""
    side = np.abs(u)
    across = np.clip(side / np.maximum(edge, 1e-3), 0, 1)
    skull = 0.75 * np.sqrt(1 - across**2.2) * np.clip(1 - np.abs(v) ** 3.5 * 0.75, 0, 1)
    nose = person.nose_length
    along = step(v, EYE_LINE - 0.12, nose) * step(v, nose + 0.13, nose - 0.04)
    bridge = along * hill(u / (0.08 + 0.05 * along)) * (0.07 + 0.13 * along)
    height = skull + bridge
    height += 0.07 * bump(u, v, (0, nose - 0.01), (0.13, 0.08))                                     # tip
    height += 0.07 * bump(side, v, (person.nose_width * 0.8, nose + 0.02), (0.055, 0.045))          # wings
    height -= 0.12 * bump(side, v, (person.eye_distance, EYE_LINE), (0.22, 0.085))                  # eye sockets
    height += 0.04 * bump(side, v, (person.eye_distance, EYE_LINE + 0.01), (0.15, 0.05))
    height += 0.05 * bump(side, v, (0.60, 0.20), (0.22, 0.14))                                      # cheekbones
    height -= 0.05 * person.age * bump(side, v, (0.62, 0.48), (0.16, 0.16))                         # hollow cheeks
    height += 0.045 * bump(side, v, (0.30, EYE_LINE - 0.2), (0.3, 0.06))                            # brow ridge
    height += 0.05 * bump(u, v, (0, person.mouth_height), (0.36, 0.17))
    height += 0.07 * bump(u, v, (0, 0.87), (0.2, 0.08))                                             # chin
    height -= 0.03 * bump(u, v, (0, person.mouth_height + 0.15), (0.2, 0.035))
    height -= 0.018 * bump(u, v, (0, (nose + person.mouth_height) / 2 + 0.02), (0.03, 0.06))        # philtrum
    height -= 0.035 * person.folds * smile_fold(u, v, person, 0.05)
    return height, np.clip(skull + bridge * 1.2, 0, 1.2)


def smile_fold(u: np.ndarray, v: np.ndarray, person: Identity, thick: float) -> np.ndarray:
    """Return the line from the wing of the nose round the corner of the mouth, 1 in its middle, `thick` in u."""
    top, end = person.nose_length + 0.01, person.mouth_height + 0.06
    t = np.clip((v - top) / (end - top), -0.2, 1.2)
    line = person.nose_width + 0.05 + (person.mouth_width + 0.06 - person.nose_width) * t * (1.25 - 0.25 * t)
    return hill((np.abs(u) - line) / thick) * step(v, top - 0.06, top + 0.05) * step(v, end + 0.06, end - 0.08)


def shade(height: np.ndarray, canvas: Canvas, person: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Return the light on the skin (3, H, W), about 1 where it is lit, and how deep each place lies, (H, W)."""
    height = cv2.GaussianBlur(height, (0, 0), 0.014 * canvas.down)
    right = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=1, scale=0.5 * canvas.across)
    below = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=1, scale=0.5 * canvas.across)    # heights are in u
    length = np.sqrt(right * right + below * below + 1)
    size = math.hypot(*person.light)
    x, y, z = (part / size for part in person.light)
    facing = (z - x * right - y * below) / length
    lambert = np.clip((facing + 0.25) / 1.25, 0, 1)              # wrapped: skin scatters light into the shadow
    tall = math.hypot(x, y, z + 1)
    glint = np.clip((z + 1 - x * right - y * below) / (length * tall), 0, 1) ** 24
    light = person.ambient * colour(person.ambient_colour)
    light = light + ((1.04 - person.ambient) * lambert + 0.10 * glint) * colour(person.light_colour)
    hollow = cv2.GaussianBlur(height[::4, ::4], (0, 0), 0.05 * canvas.down / 4)
    hollow = cv2.resize(hollow, height.shape[::-1], interpolation=cv2.INTER_LINEAR) - height
    return light, np.clip(hollow * 5, 0, 0.4)


def skin_colour(
    u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return the skin's own colour (3, H, W): redder cheeks and nose, spots, freckles, moles, pores, make-up."""
    shape, side = canvas.size, np.abs(u)
    cheeks = bump(side, v, (0.52, 0.30), (0.26, 0.16))
    red = 0.9 * cheeks + 0.8 * bump(u, v, (0, person.nose_length), (0.2, 0.1))
    red += 0.35 * noise(shape, canvas.down / 6, random) + 0.2 * noise(shape, canvas.down / 20, random)
    skin = colour(person.skin) * (1 + colour((0.012, -0.05, -0.045)) * red)
    under_eyes = bump(side, v, (person.eye_distance, EYE_LINE + 0.12), (0.17, 0.04)) * (0.6 + 2.2 * person.age)
    skin *= 1 - colour((0.07, 0.08, 0.05)) * under_eyes
    if person.freckles:
        where = 0.25 + np.clip(cheeks + bump(u, v, (0, 0.2), (0.3, 0.12)), 0, 1)
        spots = step(noise(shape, canvas.down / 40, random), 0.9, 2.0) * where * person.freckles
        skin *= 1 - colour((0.16, 0.30, 0.38)) * spots
    for _ in range(person.moles):
        at = (float(random.uniform(-0.75, 0.75)), float(random.uniform(0.05, 0.95)))
        size = float(random.uniform(0.012, 0.024))
        skin = mix(skin, colour(person.skin) * colour((0.38, 0.26, 0.22)), 0.8 * bump(u, v, at, (size * 1.35, size)))
    pores = 0.010 * noise(shape, 2, random) + (0.008 + 0.008 * person.age) * noise(shape, 4, random)
    skin *= 1 + pores
    pink = colour((0.82, 0.36, 0.38))
    skin = mix(skin, pink * (0.3 + 0.7 * person.skin[0]), 0.4 * person.blush * bump(side, v, (0.58, 0.28), (0.2, 0.13)))
    if person.eye_shadow:
        lid = bump(side, v, (person.eye_distance + 0.02, EYE_LINE - 0.07), (0.19, 0.055))
        skin = mix(skin, colour(person.shadow_colour), person.eye_shadow * np.clip(1.2 * lid, 0, 1))
    return skin


def wrinkle(
    face: np.ndarray, u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return the face with the lines of its age: forehead, eyes, from the nose past the mouth, and below its ends."""
    side = np.abs(u)
    depth = 0.30 * person.folds * smile_fold(u, v, person, 0.020)
    bags = hill((v - EYE_LINE - 0.115 - 0.03 * hill((side - person.eye_distance) / 0.16)) / 0.010)
    depth = depth + (0.05 + 0.16 * person.age) * bags * hill((side - person.eye_distance) / 0.15)
    if person.age > 0.35:
        old = (person.age - 0.35) / 0.65
        shift = 0.02 * noise(canvas.size, canvas.down / 3, random)
        lines = np.clip(np.sin((v + shift + 0.10 * u * u) * 62), 0, 1) ** 4
        depth += 0.16 * old * lines * step(side, 0.62, 0.35) * step(v, -0.58, -0.48) * step(v, -0.26, -0.32)
        feet = np.clip(np.sin((v - EYE_LINE) * 105 + 3 * (side - 0.7)), 0, 1) ** 3
        depth += 0.15 * old * feet * bump(side, v, (0.73, EYE_LINE), (0.07, 0.06))
        ends = hill((side - person.mouth_width - 0.03 - 0.10 * (v - person.mouth_height)) / 0.02)
        depth += 0.2 * old * ends * step(v, person.mouth_height, person.mouth_height + 0.06) * step(
            v, person.mouth_height + 0.22, person.mouth_height + 0.12
        )
        upper = np.clip(np.sin(u * 75 + 6 * shift * 20), 0, 1) ** 5 * bump(
            u, v, (0, person.mouth_height - person.upper_lip - 0.05), (0.22, 0.03)
        )
        depth += 0.10 * old * upper
    return face * (1 - colour((0.8, 1.0, 1.05)) * depth)


def add_nose(face: np.ndarray, u: np.ndarray, v: np.ndarray, person: Identity) -> np.ndarray:
    """Return the face with nostrils and the shadows that the nose throws."""
    side, length, wide = np.abs(u), person.nose_length, person.nose_width
    away = person.light[0]
    thrown = bump(u, v, (-0.19 * sign(away), length - 0.06), (0.085, 0.14)) * min(1.0, abs(away)) * (1 - person.ambient)
    below = bump(u, v, (-0.05 * away, length + 0.085), (wide * 1.1, 0.03))
    face = face * (1 - 0.16 * below - 0.34 * thrown)
    slanted = v - 0.10 * (side - 0.1)
    holes = hill((side - wide * 0.50) / 0.042) * hill((slanted - length - 0.055) / 0.015)
    face = mix(face, colour(person.skin) * colour((0.36, 0.24, 0.21)), 0.75 * np.clip(1.2 * holes, 0, 1))
    wing = np.hypot((side - wide * 0.72) / 0.085, (v - length - 0.02) / 0.055)
    return face * (1 - 0.16 * hill((wing - 1) / 0.28) * (side > wide * 0.8))


def add_brows(
    face: np.ndarray, u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return the face with eyebrows: an arch that thins outwards, made of hairs."""
    out = (np.abs(u) - person.eye_distance) / 0.27                 # -1 at the inner end, 1 at the outer
    centre = EYE_LINE - person.brow_height - 0.035 * (1 - out**2) + 0.02 * out
    thick = person.brow_weight * (1.1 - 0.55 * out) * step(np.abs(out), 1.05, 0.75)
    hairs = 0.85 + 0.22 * noise(canvas.size, (4, 2), random)
    alpha = hill((v - centre) / np.maximum(thick, 1e-3))
    return mix(face, colour(person.brow), np.clip(alpha * hairs * (np.abs(out) < 1.05), 0, 1) * 0.88)
