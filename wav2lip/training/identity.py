"""Who a drawn head is: everything about it that does not move, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Rgb = tuple[float, float, float]

# Skin from light to dark, hair and iris colours, red green blue in [0, 1].
SKINS: tuple[Rgb, ...] = (
    (0.95, 0.80, 0.70), (0.92, 0.74, 0.62), (0.86, 0.66, 0.52), (0.78, 0.58, 0.43),
    (0.66, 0.46, 0.33), (0.52, 0.35, 0.25), (0.40, 0.27, 0.20), (0.30, 0.20, 0.15),
)
HAIRS: tuple[Rgb, ...] = (
    (0.07, 0.06, 0.06), (0.14, 0.10, 0.08), (0.25, 0.16, 0.10), (0.38, 0.25, 0.15),
    (0.55, 0.40, 0.22), (0.74, 0.60, 0.38), (0.50, 0.24, 0.12), (0.55, 0.54, 0.53), (0.80, 0.79, 0.77),
)
IRISES: tuple[Rgb, ...] = (
    (0.25, 0.15, 0.08), (0.35, 0.22, 0.10), (0.20, 0.12, 0.08),
    (0.35, 0.45, 0.55), (0.38, 0.45, 0.28), (0.45, 0.48, 0.50),
)


@dataclass(frozen=True)
class Identity:
    """One person. Lengths are shares: across, of the face's half width; down, of its half height."""

    seed: int
    skin: Rgb
    hair: Rgb
    iris: Rgb
    lips: Rgb
    cloth: Rgb
    backdrop: tuple[Rgb, Rgb]
    light: tuple[float, float, float]     # direction towards the light: right, down, towards the viewer
    light_colour: Rgb
    ambient: float
    slimness: float                       # half width over half height
    jaw: float                            # exponent of the lower outline: small is pointed, large is square
    eye_distance: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    brow_height: float
    brow_weight: float
    nose_length: float
    nose_width: float
    mouth_height: float                   # how far down the lips meet
    mouth_width: float
    upper_lip: float
    lower_lip: float
    hair_style: str                       # "short", "long", "bald"
    hairline: float
    beard: float                          # opacity, 0 for none
    roll: float                           # degrees
    yaw: float                            # share of the half width by which the nearest point moves sideways

    @classmethod
    def from_seed(cls, seed: int) -> Identity:
        """Return the person of a seed: the same for the same number, on every machine."""
        random = np.random.default_rng([seed, 0x4EAD])
        uniform = random.uniform

        def pick(colours: tuple[Rgb, ...], spread: float) -> np.ndarray:
            """A colour between two neighbours of a list, a little off."""
            at = uniform(0, len(colours) - 1)
            low, high = np.array(colours[int(at)]), np.array(colours[int(at) + 1])
            return np.clip(low + (high - low) * (at % 1) + uniform(-spread, spread, 3), 0.02, 1)

        def rgb(colour: np.ndarray) -> Rgb:
            return (float(colour[0]), float(colour[1]), float(colour[2]))

        skin = pick(SKINS, 0.02)
        angle, warm = uniform(-1.1, 1.1), uniform(-0.08, 0.08)
        bearded = uniform() < 0.28
        return cls(
            seed=seed,
            skin=rgb(skin),
            hair=rgb(pick(HAIRS[:3] if skin[0] < 0.6 and uniform() < 0.85 else HAIRS, 0.02)),
            iris=rgb(pick(IRISES[:2] if skin[0] < 0.6 else IRISES, 0.03)),
            lips=rgb(np.clip(skin * (0.88, 0.62, 0.62) + uniform(-0.04, 0.04, 3) + (0.02, 0, 0), 0, 1)),
            cloth=rgb(uniform(0.08, 0.85, 3)),
            backdrop=(
                rgb(uniform(0.15, 0.9) + uniform(-0.12, 0.12, 3)),
                rgb(uniform(0.1, 0.8) + uniform(-0.12, 0.12, 3)),
            ),
            light=(float(0.75 * np.sin(angle)), float(uniform(-0.75, -0.25)), float(uniform(0.7, 1.1))),
            light_colour=rgb(np.array([1 + warm, 1.0, 1 - warm])),
            ambient=float(uniform(0.42, 0.62)),
            slimness=float(uniform(0.70, 0.80)),
            jaw=float(uniform(1.9, 3.0)),
            eye_distance=float(uniform(0.39, 0.44)),
            eye_width=float(uniform(0.175, 0.21)),
            eye_height=float(uniform(0.052, 0.075)),
            eye_tilt=float(uniform(-0.12, 0.12)),
            brow_height=float(uniform(0.17, 0.23)),
            brow_weight=float(uniform(0.018, 0.036)),
            nose_length=float(uniform(0.34, 0.42)),
            nose_width=float(uniform(0.13, 0.21)),
            mouth_height=float(uniform(0.58, 0.64)),
            mouth_width=float(uniform(0.33, 0.42)),
            upper_lip=float(uniform(0.035, 0.06)),
            lower_lip=float(uniform(0.055, 0.085)),
            hair_style=str(random.choice(["short", "short", "long", "long", "bald"])) if not bearded else "short",
            hairline=float(uniform(-0.68, -0.50)),
            beard=float(uniform(0.35, 0.85)) if bearded else 0.0,
            roll=float(uniform(-4, 4)),
            yaw=float(uniform(-0.14, 0.14)),
        )
