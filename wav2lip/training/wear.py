"""What a drawn person wears, and stands before: glasses, clothes, a wall."""

from __future__ import annotations

import numpy as np

from wav2lip.training.identity import Glasses, Identity
from wav2lip.training.painting import Canvas, colour, hill, mix, noise, step
from wav2lip.training.skin import EYE_LINE


def paint_glasses(u: np.ndarray, v: np.ndarray, canvas: Canvas, glasses: Glasses, person: Identity) -> np.ndarray:
    """Return glasses, (4, H, W): colours multiplied by their opacity, and the opacity."""
    side, soft, thick = np.abs(u), 1.5 / canvas.across, glasses.thickness
    centre = person.eye_distance + 0.01
    x, y = np.abs(side - centre) / glasses.width, np.abs(v - EYE_LINE - 0.03) / glasses.height
    bend = glasses.squareness
    away = ((x**bend + y**bend) ** (1 / bend) - 1) * min(glasses.width, glasses.height)    # from the rim

    def bar(distance: np.ndarray) -> np.ndarray:
        return step(np.abs(distance), thick / 2 + soft, thick / 2 - soft)

    bridge = bar(v - EYE_LINE + 0.03 - 0.5 * u * u) * (side < centre - glasses.width)
    arms = bar(v - EYE_LINE + 0.02) * (side > centre + glasses.width) * (side < 1.0)
    solid = np.maximum(np.maximum(bar(away), bridge), arms)
    lens = step(away, soft, -soft)
    glare = np.clip(np.sin(6 * u + 9 * v + 5 * person.light[0]), 0, 1) ** 3 * (0.08 + 0.12 * glasses.tint)
    through = np.clip(glasses.tint + glare, 0, 0.95) * lens
    glass = (colour(glasses.frame) * 0.2 * glasses.tint + 0.95 * glare) * lens
    frame = colour(glasses.frame) * (0.9 + 0.5 * hill((v - EYE_LINE + 0.1) / 0.05))
    return np.concatenate([mix(glass, frame, solid), mix(through, np.float32(1), solid)[None]])


def paint_clothes(size: int, middle: float, down: float, person: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Return the clothes (3, size, size), and their opacity (size, size).

    Args:
        size: of the square picture, in pixels.
        middle: row of the eyes, as a share of it.
        down: half height of the face, as a share of it.
        person: who wears them.
    """
    random = np.random.default_rng([person.seed, 0xC107])
    x, y = _square(size)
    out = np.abs(x - 0.5) / (down * person.slimness)                  # in u
    v = (y - middle) / down
    collar = 1.44 + float(random.uniform(0, 0.15))
    # Deepest in the middle, highest at the neck's sides, then sloping down over the shoulders.
    neckline = 1.12 + (collar - 1.12) * np.clip(1 - (out / 0.68) ** 2, 0, 1)
    neckline = neckline + 0.16 * np.clip(out - 0.6, 0, 3) ** 1.5
    fold = 1 + 0.07 * noise((size, size), size / 12, random)
    if random.uniform() < 0.25:
        stripes = np.sin((x if random.uniform() < 0.5 else y) * float(random.uniform(40, 160)))
        fold = fold * (1 - 0.35 * step(stripes, 0, 0.3))
    tone = (0.95 - 0.28 * np.clip(out / 2.2, 0, 1) ** 2 + 0.25 * person.light[0] * (x - 0.5)) * fold
    tone = tone * (1 - 0.30 * hill((v - neckline - 0.03) / 0.03)) * (0.6 + 0.7 * person.ambient)
    return np.clip(colour(person.cloth) * tone, 0, 1), step(v - neckline, -0.012, 0.012)


def paint_wall(size: int, person: Identity) -> np.ndarray:
    """Return what is behind the head, (3, size, size): a gradient, with blots, panels, lamps or a horizon."""
    random = np.random.default_rng([person.seed, 0xBACC])
    uniform = random.uniform
    x, y = _square(size)

    def tint() -> np.ndarray:
        base = uniform(0.02, 0.95) + uniform(-1, 1, 3) * uniform(0.02, 0.22)
        return colour(np.clip(base, 0.02, 1))

    angle = float(uniform(0, 2 * np.pi))
    t = np.clip(0.5 + (x - 0.5) * float(np.cos(angle)) + (y - 0.5) * float(np.sin(angle)), 0, 1)
    first = tint()
    wall = mix(first, tint() if uniform() < 0.6 else first * 0.8, t)
    kind = random.choice(["plain", "plain", "panels", "lamps", "horizon"])
    if kind == "panels":                                              # shelves, doors, windows
        edge = float(uniform(0.003, 0.05))
        for _ in range(int(random.integers(2, 9))):
            wide, tall = float(uniform(0.02, 0.25)), float(uniform(0.05, 0.45))      # half
            inside = step(np.abs(x - float(uniform(0, 1))), wide + edge, wide - edge)
            inside = inside * step(np.abs(y - float(uniform(0, 1))), tall + edge, tall - edge)
            wall = mix(wall, tint(), 0.8 * inside)
    elif kind == "lamps":                                             # lights out of focus
        for _ in range(int(random.integers(4, 16))):
            far = np.hypot(x - float(uniform(0, 1)), y - float(uniform(0, 0.9))) / float(uniform(0.02, 0.12))
            wall = mix(wall, tint() * 0.4 + 0.6, float(uniform(0.15, 0.7)) * step(far, 1.1, 0.9))
    elif kind == "horizon":
        line = float(uniform(0.25, 0.7)) + 0.03 * noise((size, size), size / 6, random)
        wall = mix(wall, tint() * (0.9 + 0.12 * noise((size, size), size / 15, random)), step(y - line, -0.03, 0.03))
    blots = noise((size, size), size / 4, random)
    wall = wall * (1 + 0.08 * blots) * (1 - 0.25 * np.hypot(x - 0.5, y - 0.5))
    return np.clip(wall, 0, 1)


def _square(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x (1, size) and y (size, 1) of a square picture, in [0, 1]."""
    at = (np.arange(size, dtype=np.float32) + 0.5) / np.float32(size)
    return at[None], at[:, None]
