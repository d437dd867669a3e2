"""A drawn head at rest: its layers, painted once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wav2lip.training import hair, skin
from wav2lip.training.identity import Identity
from wav2lip.training.painting import Canvas, colour, mix, step
from wav2lip.training.skin import EYE_LINE
from wav2lip.training.wear import paint_glasses


@dataclass(frozen=True)
class Portrait:
    """Painted layers, float32 planes of a canvas's size; (4, H, W) is red, green, blue and opacity.

    `behind` lies behind the face (hair, neck), `front` before it, and does not move with the jaw (hair over the
    forehead, glasses); the colours of both are multiplied by their opacity. `face` is the skin with all that is on it,
    and what hangs on it. `moustache` hangs over the mouth; None without one. `light` (3, H, W) is what falls on the
    face. `crease` (H, W) is where skin folds when the mouth is stretched. `depth` (H, W) is how far a place stands
    towards the viewer, 1 at the tip of the nose.
    """

    behind: np.ndarray
    face: np.ndarray
    moustache: np.ndarray | None
    front: np.ndarray
    light: np.ndarray
    crease: np.ndarray
    depth: np.ndarray


def paint(person: Identity, canvas: Canvas) -> Portrait:
    """Paint everything of a person that stands still."""
    random = np.random.default_rng([person.seed, 0xFACE])
    u, v = canvas.grid()
    edge = skin.outline(v, person)
    soft = 1.5 / canvas.across                                     # over which an edge fades
    alpha = step(edge - np.abs(u), -soft, soft) * (np.abs(v) < 1)
    height, depth = skin.relief(u, v, edge, person)
    light, cavity = skin.shade(height, canvas, person)
    face = skin.skin_colour(u, v, canvas, person, random) * light
    face *= 1 - colour((0.55, 0.75, 0.8)) * cavity                 # hollows are red and dark
    face = skin.wrinkle(face, u, v, canvas, person, random)
    face = skin.add_nose(face, u, v, person)
    face = skin.add_brows(face, u, v, canvas, person, random)
    moustache = None
    if person.beard.worn:
        tint, on_skin, tash, hang = hair.beard(u, v, canvas, person, random)
        # What hangs below the chin is not lit as skin would be there.
        tint = tint * mix(0.25 + 0.75 * light, np.float32(0.35 + 0.5 * person.ambient), step(v, 0.88, 1.0))
        face = mix(mix(face, tint, on_skin), tint, hang)
        alpha = np.maximum(alpha, hang)
        if tash.any():
            moustache = np.concatenate([tint, tash[None]])
    locks = hair.hair_colour(u, v, canvas, person, random)
    behind, behind_alpha = hair.behind(u, v, locks, canvas, person, random)
    fringe = hair.fringe(u, v, canvas, person, random)
    front = np.concatenate([locks * fringe, fringe[None]])
    if person.glasses:
        part = (..., *canvas.rectangle(-1.05, EYE_LINE - 0.3, 1.05, EYE_LINE + 0.3))
        worn = paint_glasses(u[:, part[2]], v[part[1]], canvas, person.glasses, person)
        front[part] = front[part] * (1 - worn[3]) + worn
    return Portrait(
        behind=np.concatenate([behind * behind_alpha, behind_alpha[None]]),
        face=np.concatenate([np.clip(face, 0, 1), alpha[None]]),
        moustache=moustache,
        front=front,
        light=light,
        crease=skin.smile_fold(u, v, person, 0.028),
        depth=depth,
    )
