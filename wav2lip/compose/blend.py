"""Put a generated face into a frame, in the frame's own numbers; what the mask does not show stays as it is."""

from __future__ import annotations

import numpy as np

from wav2lip.compose.choices import Blend
from wav2lip.compose.grain import add_grain
from wav2lip.compose.magnified import magnifies, magnify
from wav2lip.compose.place import Brought, Place, Region, extent
from wav2lip.compose.poisson import poisson_blend
from wav2lip.media.picture import Picture

HALF = 0.5 - 1e-4        # of the mask: a number in the very middle of a hard edge is shown, however it is rounded


def blend(
    picture: Picture, place: Place, face: np.ndarray, mask: np.ndarray, how: Blend = "soft", *, opacity: float = 1.0,
    grain: int | None = None,
) -> Picture:
    """Return a frame with a face blended in.

    Args:
        picture: the frame; it is not changed.
        place: where the face goes.
        face: float32 (s, s, 3), the generated face in the picture's own numbers.
        mask: float32 (m, m) in [0, 1], how much of it is shown.
        how: through the mask as it is, in full where the mask is at least half, or with the colours of the surroundings
            and the face's own gradients.
        opacity: of all of it, 0 to 1.
        grain: number of the frame, to give the face its source's grain; None for none.

    Returns:
        A new frame, bit for bit the old one wherever the mask is 0 (of the chroma, whatever its share of the pixels);
        rounded, not truncated, elsewhere.
    """
    part = extent(mask)
    region = None if part is None else Region.around(place, part, picture)
    out = picture.copy()
    if part is None or region is None:
        return out
    if how == "soft" and grain is None and magnifies(place, picture, face, mask):
        magnify(out, region, part, face, mask if opacity == 1 else mask * np.float32(opacity))
        return out
    planes = range(len(out.planes[:3]))
    whole = [plane == 0 or picture.pixels.rgb for plane in planes]    # the eye sees less in the chroma
    faces = [
        region.bring(np.ascontiguousarray(face[..., plane]), plane, cubic=whole[plane], goes_on=True)
        for plane in planes
    ]
    masks: dict[tuple[int, int], Brought] = {}    # by how a plane is sampled
    for plane in planes:
        if picture.pixels.steps(plane) not in masks:
            masks[picture.pixels.steps(plane)] = region.bring(mask, plane)
    # What looks around itself needs all of it at once.
    for strip in [region] if how == "poisson" or grain is not None else region.strips(part):
        seen: dict[tuple[int, int], np.ndarray] = {}    # the masks
        for number in planes:
            index, steps = strip.part(number), picture.pixels.steps(number)
            source = out.planes[number][index].astype(np.float32)
            if steps not in seen:
                seen[steps] = strip.read(masks[steps], number)
            shown = seen[steps]
            ours = strip.read(faces[number], number)
            if how == "hard":
                shown = (shown >= HALF).astype(np.float32)
            elif how == "poisson":
                ours = poisson_blend(source, ours, shown > 0)
            if grain is not None and whole[number]:
                # Around a turned face lies what is none of it.
                judged = shown > 0 if place.angle else None
                ours = add_grain(ours, source, grain, 2.0 ** (picture.pixels.depth - 8), judged)
            # source + opacity * shown * (ours - source), in memory that is there already.
            ours -= source
            ours *= shown if opacity == 1 else shown * np.float32(opacity)
            ours += source
            out.planes[number][index] = np.clip(np.rint(ours, out=ours), 0, 2**picture.pixels.depth - 1, out=ours)
    return out
