"""The hair of a drawn head, its beard, and what lies behind the face: ears and neck."""

from __future__ import annotations

import cv2
import numpy as np

from wav2lip.training.identity import Identity
from wav2lip.training.painting import Canvas, bump, colour, hill, mix, noise, sign, step, strands


def hair_colour(
    u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return the hair's colour (3, H, W): strands that run from the crown, a band of gloss, depth; or folded cloth."""
    if person.hair_style == "scarf":
        folds = noise(canvas.size, (canvas.down / 3, canvas.down / 9), random)
        tone = 0.85 + 0.10 * folds + 0.2 * person.light[0] * np.clip(u, -1, 1) - 0.15 * np.clip(v, 0, 1.5)
        return np.clip(colour(person.cloth) * tone, 0, 1)
    if person.hair_style == "curly":
        grain = canvas.down / 22
        tone = 0.78 + 0.15 * person.light[0] * np.clip(u, -1, 1) - 0.18 * np.clip(v, 0, 1.5)
        tone = tone + 0.15 * noise(canvas.size, grain, random) + 0.10 * noise(canvas.size, grain / 2.5, random)
        return np.clip(colour(person.hair) * np.clip(tone, 0.3, 2), 0, 1)
    parting = float(random.uniform(-0.4, 0.4))
    angle, along = np.arctan2(u - parting, v + 1.45), np.hypot(u - parting, v + 1.45)
    flow: np.ndarray = random.standard_normal((24, 720), np.float32)
    flow = cv2.GaussianBlur(flow, (0, 0), 1.2) * 1.6 + cv2.GaussianBlur(flow, (0, 0), 5) * 3
    flow = cv2.remap(flow, (angle / (2 * np.pi) + 0.5) * 719, np.clip(along / 3.5, 0, 1) * 23, cv2.INTER_LINEAR)
    gloss = hill((along - 0.62) / 0.16) * (0.6 + 0.4 * sign(person.light[0]) * np.clip(u, -1, 1))
    shine = np.clip(0.82 + 0.13 * flow + 0.55 * gloss - 0.18 * np.clip(v, 0, 1.5), 0.3, 2)
    return np.clip(colour(person.hair) * shine, 0, 1)


def behind(
    u: np.ndarray, v: np.ndarray, hair: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return what lies behind the face, (3, H, W) and its opacity: hair, ears, neck and its shadow."""
    soft, side = 2.0 / canvas.across, np.abs(u)
    skin = colour(person.skin) * person.ambient * colour(person.ambient_colour)
    # Hair around the skull, down to the ears or the shoulders.
    if person.hair_style in ("long", "scarf"):
        shape = np.where(v < -0.1, _skull(u, v), side / (1.15 + 0.12 * step(v, 0, 1.2)))
        shape = shape + 1.2 * step(v, 1.15, 1.9)
    elif person.hair_style == "curly":
        shape = np.hypot(u / 1.32, (v + 0.30) / 1.12) + 0.03 * noise(canvas.size, canvas.down / 11, random)
    else:
        shape = _skull(u, v) + 1.5 * step(v, -0.05, 0.25)
    hair_alpha = step(shape, 1 + 2 * soft, 1 - 2 * soft) * (0 if person.hair_style == "bald" else 1)
    if person.hair_style == "scarf":
        return hair * (0.6 + 0.3 * step(v, 0.8, 1.3)), hair_alpha
    neck_width = 0.60 + 0.05 * np.clip(v - 0.9, 0, 1)
    neck_alpha = step(side - neck_width, soft, -soft) * (v > 0.3)
    round_neck = np.sqrt(np.clip(1 - (u / 0.72) ** 2, 0, 1))
    lit = 1 + 0.45 * person.light[0] * np.clip(u, -1, 1)
    neck = skin * (0.75 + 0.75 * round_neck * lit * (1 - 0.55 * step(v, 1.55, 1.0)))
    picture = mix(np.where(hair_alpha > 0, hair * 0.62, neck), neck, neck_alpha)
    if person.hair_style != "long":
        ear = np.hypot((side - 1.0) / 0.105, (v - 0.09) / 0.20)
        tone = 1.15 + 0.35 * person.light[0] * np.sign(u) - 0.45 * hill((ear - 0.62) / 0.16)
        ear_alpha = step(ear, 1.06, 0.94)
        picture = mix(picture, np.clip(skin * 1.25 * colour((1.04, 0.93, 0.9)) * tone, 0, 1), ear_alpha)
        neck_alpha = np.maximum(neck_alpha, ear_alpha)
    return picture, np.maximum(hair_alpha, neck_alpha)


def fringe(
    u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> np.ndarray:
    """Return the opacity of the hair, or scarf, over the forehead and the temples."""
    if person.hair_style == "bald":
        return np.zeros(canvas.size, np.float32)
    side, skull = np.abs(u), _skull(u, v)
    inside = step(skull, 1.0 + 1.5 / canvas.across, 1.0 - 1.5 / canvas.across)
    if person.hair_style == "scarf":
        opened = np.hypot(u / 0.93, (v - 0.18) / 0.86)
        return step(opened, 0.97, 1.0) * np.maximum(inside, step(v, -0.2, 0.0)) * step(side, 1.28, 1.25)
    sway = float(random.uniform(-0.10, 0.10))
    ragged = 0.03 * noise(canvas.size, canvas.down / 4, random) + 0.008 * noise(canvas.size, canvas.down / 14, random)
    line = person.hairline + 0.22 * u**2 + sway * u + 0.42 * np.clip(side - 0.80, 0, 1) ** 0.8 + ragged
    if person.hair_style == "curly":
        line = line + 0.02 * noise(canvas.size, canvas.down / 18, random)
        inside = step(np.hypot(u / 1.32, (v + 0.30) / 1.12), 1.0, 0.95)
    inner = step(v - line, 0.035, -0.045)
    if person.hair_style == "long":
        curtain = step(side + ragged - (0.96 - 0.09 * step(v, -0.5, 0.1) + 0.06 * step(v, 0.2, 1.0)), -0.02, 0.03)
        curtain = curtain * step(side / (1.15 + 0.12 * step(v, 0, 1.2)), 1.0, 0.98)
        curtain = curtain * step(v, 1.75, 1.35) * step(v, -0.6, -0.1)
        inner, inside = np.maximum(inner, curtain), np.maximum(inside, curtain)
    else:
        inner = np.maximum(inner, step(side + ragged, 0.93, 0.98) * step(v, 0.10, -0.08))      # sideburns
    return inner * inside


def beard(
    u: np.ndarray, v: np.ndarray, canvas: Canvas, person: Identity, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a beard's colour (3, H, W), and the opacity (H, W) of what lies on the skin, of the moustache, which hangs
    over the upper lip, and of what hangs below the chin."""
    worn, shape, side, mouth = person.beard, canvas.size, np.abs(u), person.mouth_height
    fine = canvas.down / 95
    hairs = strands(shape, fine, worn.curl, random)
    locks = strands(shape, 3 * fine, worn.curl, random)
    dots = noise(shape, fine, random)
    ragged = 0.008 * hairs + 0.008 * locks
    cheeks = step(v + 2 * ragged - (0.30 + worn.line + 0.30 * np.clip(1 - side / 0.9, 0, 1)), -0.04, 0.20)
    chin = step(np.hypot(u / 0.40, (v - 0.90) / 0.22) + 3 * ragged, 1.1, 0.85)
    chin = np.maximum(chin, bump(u, v, (0, mouth + person.lower_lip + 0.055), (0.06, 0.045)))
    around = np.hypot(u / (person.mouth_width + 0.08), (v - mouth - 0.01) / 0.155)
    ring = hill((around + 2 * ragged - 1.12) / 0.16) * step(v, mouth - 0.08, mouth)
    skin = np.maximum(worn.chin * chin, worn.ring * ring)
    # A strap, or sideburns alone, leave the middle of the face free.
    hole = step(around, 0.98, 1.25) if worn.ring else step(around, 1.3, 1.7)
    skin = np.maximum(skin, worn.cheeks * cheeks * hole)
    lips = np.hypot(u / (0.95 * person.mouth_width), (v - mouth - 0.02) / (0.03 + person.lower_lip))
    skin = skin * step(lips, 0.9, 1.15)
    bend = (side / person.mouth_width) ** 2
    top = person.nose_length + 0.085 + 0.05 * bend
    bottom = mouth - 0.012 - person.upper_lip * (1 - worn.overhang) * np.clip(1.1 - bend, 0.1, 1) + 0.06 * bend
    moustache = step(v - top + 1.5 * ragged, 0, 0.035) * step(v - bottom + 1.5 * ragged, 0.012, -0.012)
    moustache = worn.moustache * moustache * step(side, person.mouth_width * 1.25, person.mouth_width * 1.0)
    moustache = moustache * (1 - 0.4 * hill(u / 0.03))
    texture = worn.hairs * (0.85 + 0.22 * hairs + 0.08 * locks) + (1 - worn.hairs) * (0.65 + 0.45 * dots)
    hang = np.zeros(shape, np.float32)
    if worn.length:
        below = np.hypot(u / (0.66 + 0.12 * np.clip(v - 0.7, 0, 1)), (v - 0.72) / (0.30 + worn.length))
        hang = step(below + 3 * ragged, 1.03, 0.93) * step(v, 0.62, 0.8) * min(1.0, worn.chin)
    tint = colour(worn.colour)
    if worn.hairs < 0.5:                                # shaved hairs shine through the skin
        tint = tint * 0.55 + colour(person.skin) * 0.30
    tone = 0.88 + worn.hairs * (0.13 * locks + 0.15 * hairs) - 0.15 * hill((v - 1.0) / 0.25)
    return tint * np.clip(tone, 0.25, 1.9), np.clip(skin * texture, 0, 1), np.clip(moustache * texture, 0, 1), hang


def _skull(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the distance from the middle of the hair, 1 at its outline."""
    return (np.abs(u / 1.15) ** 2.3 + np.abs((v + 0.12) / 1.06) ** 2.3) ** (1 / 2.3)
