"""Who a drawn head is: everything about it that does not move, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Rgb = tuple[float, float, float]

# Skin from light to dark, hair and iris colours, red green blue in [0, 1].
SKINS: tuple[Rgb, ...] = (
    (0.96, 0.82, 0.74), (0.93, 0.75, 0.64), (0.88, 0.68, 0.54), (0.80, 0.59, 0.44),
    (0.68, 0.47, 0.34), (0.54, 0.36, 0.26), (0.42, 0.28, 0.21), (0.32, 0.21, 0.16),
)
HAIRS: tuple[Rgb, ...] = (
    (0.07, 0.06, 0.06), (0.14, 0.10, 0.08), (0.25, 0.16, 0.10), (0.38, 0.25, 0.15),
    (0.55, 0.40, 0.22), (0.74, 0.60, 0.38), (0.50, 0.24, 0.12),
)
GREYS: tuple[Rgb, ...] = ((0.42, 0.41, 0.40), (0.62, 0.61, 0.60), (0.84, 0.83, 0.81))
DYES: tuple[Rgb, ...] = ((0.62, 0.16, 0.30), (0.20, 0.32, 0.62), (0.16, 0.45, 0.42), (0.48, 0.24, 0.58))
IRISES: tuple[Rgb, ...] = (
    (0.25, 0.15, 0.08), (0.35, 0.22, 0.10), (0.20, 0.12, 0.08),
    (0.35, 0.45, 0.55), (0.38, 0.45, 0.28), (0.45, 0.48, 0.50),
)
LIPSTICKS: tuple[Rgb, ...] = (
    (0.78, 0.10, 0.14), (0.60, 0.06, 0.14), (0.86, 0.34, 0.42), (0.42, 0.10, 0.20),
    (0.74, 0.38, 0.30), (0.80, 0.22, 0.46), (0.36, 0.18, 0.14), (0.90, 0.42, 0.32),
)
BEARD_STYLES = ("stubble", "stubble", "full", "full", "long", "goatee", "moustache", "strap", "trimmed")
MENS_HAIR = ("short", "short", "short", "bald", "curly", "long")
WOMENS_HAIR = ("long", "long", "short", "curly", "scarf")


@dataclass(frozen=True)
class Beard:
    """Facial hair: how dense each part is, 0 for none and 1 for hiding the skin."""

    cheeks: float = 0.0
    chin: float = 0.0
    ring: float = 0.0                     # between moustache and chin
    moustache: float = 0.0
    overhang: float = 0.0                 # how much of the upper lip the moustache hides
    length: float = 0.0                   # how far it hangs below the chin, in v
    hairs: float = 1.0                    # how much of it is hairs rather than shadow: stubble has dots
    curl: float = 0.0                     # how far strands bend
    line: float = 0.0                     # how much lower than usual it begins on the cheeks
    colour: Rgb = (0.0, 0.0, 0.0)

    @property
    def worn(self) -> bool:
        """Whether there is any."""
        return max(self.cheeks, self.chin, self.ring, self.moustache) > 0


@dataclass(frozen=True)
class Teeth:
    """What shows of the teeth."""

    colour: Rgb = (0.84, 0.80, 0.73)
    length: float = 0.085                 # of the upper front teeth, in v
    width: float = 0.072                  # of a front tooth, in u
    gap: float = 0.0                      # between the two front teeth, in u
    crooked: float = 0.0                  # how much their edges differ, in v
    lower: float = 1.0                    # how much of the lower ones shows when the mouth is wide open


@dataclass(frozen=True)
class Glasses:
    """A pair of glasses."""

    frame: Rgb
    thickness: float
    width: float                          # of a lens, half, in u
    height: float                         # half, in v
    squareness: float                     # exponent: 2 is round
    tint: float                           # 0 is clear, 1 is black


@dataclass(frozen=True)
class Identity:
    """One person. Lengths are shares: across, of the face's half width; down, of its half height."""

    seed: int
    skin: Rgb
    hair: Rgb
    brow: Rgb
    iris: Rgb
    lips: Rgb
    gloss: float
    cloth: Rgb
    light: tuple[float, float, float]     # direction towards the light: right, down, towards the viewer
    light_colour: Rgb
    ambient_colour: Rgb
    ambient: float
    slimness: float                       # half width over half height
    scale: float                          # of the head in the picture
    jaw: float                            # exponent of the lower outline: small is pointed, large is square
    eye_distance: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    lashes: float
    eye_shadow: float
    shadow_colour: Rgb
    brow_height: float
    brow_weight: float
    nose_length: float
    nose_width: float
    mouth_height: float                   # how far down the lips meet
    mouth_width: float
    mouth_slant: float                    # how much lower its right end is
    mouth_curve: float                    # how much higher its ends are
    cupid: float                          # depth of the notch in the upper lip
    upper_lip: float
    lower_lip: float
    teeth: Teeth
    hair_style: str                       # "short", "long", "curly", "scarf", "bald"
    hairline: float
    beard: Beard
    age: float                            # 0 smooth, 1 wrinkled
    folds: float                          # depth of the lines from the nose to the mouth's corners
    freckles: float
    moles: int
    blush: float
    glasses: Glasses | None
    roll: float                           # degrees
    yaw: float                            # share of the half width by which the nearest point moves sideways
    pitch: float                          # the same upwards
    liveliness: float                     # how much the head moves, 1 is usual
    softness: float                       # of the camera: spread of its blur, in pixels of a picture of 224
    gamma: float
    contrast: float

    @classmethod
    def from_seed(cls, seed: int) -> Identity:
        """Return the person of a seed: the same for the same number, on every machine."""
        random = np.random.default_rng([seed, 0x4EAD])
        uniform = random.uniform

        def chance(share: float) -> bool:
            return bool(uniform() < share)

        def between(low: float, high: float) -> float:
            return float(uniform(low, high))

        def pick(colours: tuple[Rgb, ...], spread: float) -> np.ndarray:
            """A colour between two neighbours of a list, a little off."""
            at = uniform(0, len(colours) - 1)
            low, high = np.array(colours[int(at)]), np.array(colours[int(at) + 1])
            return np.clip(low + (high - low) * (at % 1) + uniform(-spread, spread, 3), 0.02, 1)

        male = chance(0.5)
        age = between(0, 1) ** 1.3
        skin = pick(SKINS, 0.025)
        dark = skin[0] < 0.6
        natural = pick(HAIRS[:3] if dark and chance(0.85) else HAIRS, 0.02)
        hair = pick(GREYS, 0.02) if chance(1.6 * age - 0.7) else natural
        if not male and chance(0.06):
            hair = pick(DYES, 0.05)
        warm, room = uniform(-0.10, 0.10), uniform(-0.10, 0.10)
        lips = skin * (0.88, 0.62, 0.62) + uniform(-0.06, 0.06, 3) + (0.02, 0, 0)
        lips = lips * uniform(0.85, 1.1) + (skin - lips) * between(0, 0.45)
        painted = not male and chance(0.5)
        if painted:
            lips = lips + (pick(LIPSTICKS, 0.04) - lips) * uniform(0.4, 0.95)
        angle = between(-1.4, 1.4)
        style = str(random.choice(MENS_HAIR if male else WOMENS_HAIR))
        return cls(
            seed=seed,
            skin=_rgb(skin),
            hair=_rgb(hair),
            brow=_rgb((hair if chance(0.5) else natural) * 0.75 + skin * between(0.02, 0.25)),
            iris=_rgb(pick(IRISES[:2] if dark else IRISES, 0.03)),
            lips=_rgb(np.clip(lips, 0.03, 1)),
            gloss=between(0.08, 0.45) if painted else between(0.02, 0.18),
            cloth=_rgb(uniform(0.04, 0.9, 3) if chance(0.5) else uniform(0.04, 0.9) + uniform(-0.06, 0.06, 3)),
            light=(float(np.sin(angle)), between(-0.8, 0.05), between(0.4, 1.1)),
            light_colour=_rgb(np.array([1 + warm, 1.0, 1 - warm])),
            ambient_colour=_rgb(np.array([1 + room, 1 + uniform(-0.04, 0.04), 1 - room])),
            ambient=between(0.28, 0.66),
            slimness=between(0.68, 0.82),
            scale=between(0.92, 1.06),
            jaw=between(1.7, 3.4),
            eye_distance=between(0.38, 0.45),
            eye_width=between(0.165, 0.215),
            eye_height=between(0.044, 0.080),
            eye_tilt=between(-0.16, 0.14),
            lashes=between(0.6, 1.1) if male else between(0.8, 1.9),
            eye_shadow=between(0.1, 0.6) if painted and chance(0.6) else 0.0,
            shadow_colour=_rgb(uniform(0.05, 0.65, 3)),
            brow_height=between(0.16, 0.235),
            brow_weight=between(0.022, 0.046) if male else between(0.012, 0.030),
            nose_length=between(0.32, 0.43),
            nose_width=between(0.12, 0.23),
            mouth_height=between(0.575, 0.645),
            mouth_width=between(0.30, 0.44),
            mouth_slant=float(random.normal(0, 0.012)),
            mouth_curve=between(-0.012, 0.036),
            cupid=between(0.02, 0.30),
            upper_lip=between(0.020, 0.070),
            lower_lip=between(0.040, 0.100),
            teeth=_draw_teeth(random),
            hair_style=style,
            hairline=between(-0.70, -0.50) - (0.18 * age if male else 0),
            beard=_draw_beard(random, natural, hair, age) if male and chance(0.7) else Beard(),
            age=age,
            folds=between(0, 0.4) + 0.6 * age,
            freckles=between(0.2, 1) if skin[0] > 0.75 and chance(0.3) else 0.0,
            moles=int(random.poisson(0.9)),
            blush=between(0.15, 0.8) if painted and chance(0.6) else between(0, 0.12),
            glasses=_draw_glasses(random) if chance(0.26) else None,
            roll=float(random.normal(0, 4)),
            yaw=float(np.clip(random.normal(0, 0.13), -0.3, 0.3)),
            pitch=float(np.clip(random.normal(0, 0.05), -0.1, 0.1)),
            liveliness=between(0.3, 2.2),
            softness=between(0.35, 1.1) if chance(0.35) else 0.0,
            gamma=between(0.8, 1.3),
            contrast=between(0.8, 1.1),
        )


def _rgb(colour: np.ndarray) -> Rgb:
    return (float(colour[0]), float(colour[1]), float(colour[2]))


def _draw_beard(random: np.random.Generator, natural: np.ndarray, hair: np.ndarray, age: float) -> Beard:
    uniform = random.uniform
    style = str(random.choice(BEARD_STYLES))
    colour = hair if uniform() < 0.6 else natural * uniform(0.7, 1.3, 1) + (0.04, 0.0, -0.01)
    if uniform() < 0.7 * age:
        colour = colour + (np.array([0.75, 0.74, 0.72]) - colour) * uniform(0.3, 0.9)
    density = float(uniform(*{"stubble": (0.22, 0.6), "trimmed": (0.5, 0.75)}.get(style, (0.8, 1.05))))
    whole = style in ("stubble", "full", "long", "trimmed")
    return Beard(
        cheeks=density if whole or style == "strap" else 0.0,
        chin=density if style != "moustache" else 0.0,
        ring=density if whole or (style == "goatee" and uniform() < 0.6) else 0.0,
        moustache=density if style != "strap" and (style != "goatee" or uniform() < 0.8) else 0.0,
        overhang=float(uniform(0, 0.8)) if style in ("full", "long", "moustache") else 0.0,
        length=float(uniform(*{"long": (0.08, 0.36), "full": (0.0, 0.06)}.get(style, (0.0, 0.0)))),
        hairs=float(uniform(0.0, 0.4)) if style == "stubble" else float(uniform(0.6, 1.0)),
        curl=float(uniform(0, 1)),
        line=float(uniform(0, 0.22)),
        colour=_rgb(np.clip(colour, 0.03, 1)),
    )


def _draw_teeth(random: np.random.Generator) -> Teeth:
    uniform = random.uniform
    yellow = float(uniform(0, 1)) ** 1.5
    white = np.array([0.92, 0.90, 0.87]) + (np.array([0.80, 0.70, 0.52]) - np.array([0.92, 0.90, 0.87])) * yellow
    return Teeth(
        colour=_rgb(white * uniform(0.88, 1.05)),
        length=float(uniform(0.060, 0.105)),
        width=float(uniform(0.062, 0.085)),
        gap=float(uniform(0.012, 0.035)) if uniform() < 0.18 else 0.0,
        crooked=float(uniform(0, 0.018)),
        lower=float(uniform(0.2, 1)),
    )


def _draw_glasses(random: np.random.Generator) -> Glasses:
    uniform = random.uniform
    dark = uniform() < 0.6
    return Glasses(
        frame=_rgb(uniform(0.02, 0.15, 3) if dark else uniform(0.2, 0.75, 3)),
        thickness=float(uniform(0.018, 0.055)),
        width=float(uniform(0.25, 0.32)),
        height=float(uniform(0.12, 0.19)),
        squareness=float(uniform(2, 5)),
        tint=float(uniform(0.5, 0.92)) if uniform() < 0.18 else float(uniform(0.0, 0.10)),
    )
