"""Put a face into a frame in which it is much larger than it was generated: quickly, as there is little to be seen."""

from __future__ import annotations

import cv2
import numpy as np

from wav2lip.compose.place import EDGE, Place, Region
from wav2lip.media.picture import Picture

LARGE = 3              # pixels of the frame at least from one sample of the face that is read to the next
OTHERS = (1, 1)        # steps of a plane of every other pixel and row, as the chroma mostly is
COLOURS = 3            # planes


def magnifies(place: Place, picture: Picture, face: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether a face is so large in a frame that it may be read at every other pixel; arguments as for `blend`.

    What lies between the samples of a face is drawn there, not seen, and drawn as well from every other pixel. Only the
    sharpest edges that a face can have differ, by some levels.
    """
    across, down = picture.pixels.steps(1)
    return (
        max(across, down) <= 1
        and mask.shape[0] == 2 * face.shape[0]
        and min(place.size((0, 0))) >= LARGE * 2 * face.shape[0]
    )


def magnify(
    out: Picture, region: Region, part: tuple[float, float, float, float], face: np.ndarray, mask: np.ndarray
) -> None:
    """Put a face into a frame, softly.

    All planes of the face and its mask are read together, at every other pixel: OpenCV reads four numbers of a pixel
    as fast as one, and doubles a picture in a quarter of the time.

    Args:
        out: the frame; it is painted on, but not where the mask is 0.
        region: of what the mask shows.
        part: that, as `extent` gives it.
        face: float32 (s, s, 3), in the picture's own numbers.
        mask: float32 (2 s, 2 s) in [0, 1], how much of it is shown.
    """
    everything = _painted(face, mask, 2**out.pixels.depth - 1)
    way = region.place.onto(2 * face.shape[0], OTHERS)
    for strip in region.strips(part):
        few = _read(everything, way, strip)
        left = {}
        for number, plane in enumerate(out.planes[:COLOURS]):
            index, steps = strip.part(number), out.pixels.steps(number)
            there = plane[index]
            if steps not in left:
                left[steps] = _enlarged(few, COLOURS, steps, there.shape)
            made = there * left[steps]
            made += _enlarged(few, number, steps, there.shape)
            plane[index] = made    # cut down to whole numbers: with the half that was added that is rounding


def _painted(face: np.ndarray, mask: np.ndarray, most: int) -> np.ndarray:
    """Return what is to be added to a picture, half a number included, and what share of it is left, with an edge.

    Returns:
        float32 (2 s + 2 EDGE, 2 s + 2 EDGE, 4): the planes, and the share.
    """
    size = 2 * face.shape[0]
    # Without its outermost samples, or what is enlarged would reach to where the mask is 0.
    mask = mask * (cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0)
    planes = []
    for plane in cv2.split(face):
        large: np.ndarray = cv2.resize(plane, (size, size), interpolation=cv2.INTER_CUBIC)
        np.clip(large, 0, most, out=large)       # smooth curves overshoot
        large *= mask
        large += np.float32(0.5)
        planes.append(large)
    painted = cv2.merge([*planes, 1 - mask])
    return cv2.copyMakeBorder(painted, EDGE, EDGE, EDGE, EDGE, cv2.BORDER_REPLICATE)


def _read(everything: np.ndarray, way: np.ndarray, strip: Region) -> np.ndarray:
    """Return what there is at every other pixel of a strip, and one further on every side, (rows, columns, 4)."""
    matrix = way.copy()
    matrix[:, 2] += EDGE + matrix[:, :2] @ [strip.columns.start / 2 - 1, strip.rows.start / 2 - 1]
    columns, rows = (-(-(side.stop - side.start) // 2) + 2 for side in (strip.columns, strip.rows))
    return cv2.warpAffine(
        everything, matrix, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 1),    # a frame beyond the face stays
    )


def _enlarged(few: np.ndarray, channel: int, steps: tuple[int, int], size: tuple[int, ...]) -> np.ndarray:
    """Return a channel of what was read, for a plane's numbers (rows, columns)."""
    across, down = (2 >> step for step in steps)
    one = cv2.extractChannel(few, channel)
    if (across, down) != (1, 1):
        one = cv2.resize(one, None, fx=across, fy=down, interpolation=cv2.INTER_LINEAR)
    return one[down : down + size[0], across : across + size[1]]
