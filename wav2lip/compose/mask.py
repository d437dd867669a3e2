"""How much of the generated face is shown, as a square picture of the face: 1 in full, 0 not at all."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

SIZE = 192              # pixels: so fine that lines between its samples are as smooth as the curve itself
BOX_RAMP = 0.06         # of the face: how wide the edge of the whole box is feathered
CHIN_RAMP = 0.08        # of the face: how wide the lower face's edge is, at the bottom of the box

# An upright face that looks at the camera, as YuNet sees it in the mean of 16 clips, in shares of the padded box.
ASPECT = 0.68           # width of the box by its height
EYES, NOSE, MOUTH = 0.36, 0.556, 0.70    # rows of eyes, nose tip and mouth
EYES_APART = 0.48       # of the box's width

# The lower face by its landmarks.
TO_THE_LIP = 0.65       # of the way from the nose tip to the mouth: there all of the face is shown
SIZES = (0.7, 1.4)      # of the box: bounds of the size that the landmarks may give the mask
SIDE_RAMP = 0.125       # of the face: how wide the lower face's edge is at the box's sides
ABOVE = 0.45            # of the face: the row where it begins; the generator's hidden half begins at 0.5
TALLEST = 1.25          # rows in which an upright lower face is drawn, in heights of the box: its sides close at 1.22

# From where to where landmarks turn from not believed at all to believed in full.
OUTSIDE, INSIDE = -0.05, 0.05            # of the box: how far the outermost is from its edge
CLOSE, APART = 0.05, 0.15                # of the box's width: distance of the eyes; less in profile
LYING, LEANING = 60.0, 45.0              # degrees: tilt
UNORDERED, ORDERED = 0.2, 0.5            # of the usual face: from the eyes down to the nose, from there to the mouth


@lru_cache
def lower_face_mask(size: int = SIZE) -> np.ndarray:
    """Return the lower face, float32 (size, size).

    One over mouth, chin and lower cheeks; zero at the box's sides, at its very bottom and above the nose's tip,
    with cosine ramps between.
    """
    y, x = _grid(size)
    top = _ramp((y - ABOVE) / 0.15)
    bottom = _ramp((1.0 - y) / CHIN_RAMP)
    return _constant(top * bottom * _cheeks(y, x))


def landmark_mask(landmarks: np.ndarray | None, aspect: float, size: int = SIZE) -> np.ndarray:
    """Return the lower face, float32 (size, size), as its landmarks say where it is.

    It leans with the face, is as large, lies around the mouth and begins at the nose's tip; for a face that looks at
    the camera it is `lower_face_mask` without the nose. It changes steadily with the landmarks. Those that no face
    seen from the front has, such as a profile's, give way to `lower_face_mask`.

    Args:
        landmarks: (5, 2), as shares of the square: x, y of right eye, left eye, nose tip, right and left corner of the
            mouth. None where they are not known.
        aspect: width of the face's box by its height.
    """
    pose = _pose(landmarks, aspect)
    if pose is None:
        return lower_face_mask(size)
    turn, shift = pose.upright[:, :2], pose.upright[:, 2]
    first = int(np.clip(pose.top * size, 0, size - 1))
    y, x = _grid(size)
    way = pose.way.astype(np.float32)
    top = _ramp(way[0] * x + (way[1] * y[first:] + way[2]))
    # The same from pixel to pixel, whose centres are half a one further.
    offset = size * shift + (turn.sum(axis=1) - 1) / 2 + turn[:, 1] * first
    cheeks = cv2.warpAffine(
        _upright_cheeks(size), np.column_stack([turn, offset]), (size, size - first),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    mask = np.zeros((size, size), np.float32)
    beside, below = _edges(size)
    np.multiply(top * below[first:], np.minimum(cheeks, beside), out=mask[first:])
    if pose.believed == 1:
        return mask
    return np.float32(pose.believed) * mask + np.float32(1 - pose.believed) * lower_face_mask(size)


def mask_top(landmarks: np.ndarray | None, aspect: float) -> float:
    """Return the row of the face, as a share of it, above which `landmark_mask` is zero."""
    pose = _pose(landmarks, aspect)
    if pose is None:
        return ABOVE
    return pose.top if pose.believed == 1 else min(pose.top, ABOVE)


@lru_cache
def box_mask(size: int = SIZE, hard: bool = False) -> np.ndarray:
    """Return the whole box, float32 (size, size), with feathered edges or up to the very edge."""
    if hard:
        return _constant(np.ones((size, size)))
    y, x = _grid(size)
    return _constant(_ramp(np.minimum(x, 1 - x) / BOX_RAMP) * _ramp(np.minimum(y, 1 - y) / BOX_RAMP))


def border(mask: np.ndarray) -> np.ndarray:
    """Return how nearly a mask is half, in [0, 1]: its border, where the face has to have its source's colours."""
    return 4 * mask * (1 - mask)


class _Pose(NamedTuple):
    """How a face is held.

    Attributes:
        upright: (2, 3), from shares of the square to those of the usual upright face, whose mouth is where this one is.
        nose: row of the nose's tip there.
        believed: how far, 0 to 1.
    """

    upright: np.ndarray
    nose: float
    believed: float

    @property
    def way(self) -> np.ndarray:
        """How far a point (x, y, 1) of the square is on its way from the nose to the lip: a plane, (3,)."""
        return (self.upright[1] - [0, 0, self.nose]) / (TO_THE_LIP * (MOUTH - self.nose))

    @property
    def top(self) -> float:
        """The row, as a share of the square, above which nobody is on that way."""
        way = self.way
        return float(-(way[2] + max(way[0], 0)) / way[1])


def _pose(landmarks: np.ndarray | None, aspect: float) -> _Pose | None:
    """Return how a face is held; None where its landmarks say nothing that can be believed."""
    if landmarks is None or not np.isfinite(landmarks).all():
        return None
    unit = np.array([aspect, 1.0])           # heights of the box: turning needs one measure for both ways
    right_eye, left_eye, nose, right_corner, left_corner = landmarks * unit
    eyes, mouth = (right_eye + left_eye) / 2, (right_corner + left_corner) / 2
    apart, down = float(np.hypot(*(left_eye - right_eye))), float(np.hypot(*(mouth - eyes)))
    # Turned aside the eyes come together, looking down the mouth comes up: the longer way tells the face's size.
    scale = float(np.clip(max(apart / (EYES_APART * ASPECT), down / (MOUTH - EYES)), *SIZES))
    width = min(scale * ASPECT, aspect)      # a narrow face's cheeks are not wider than its box
    along = (left_eye - right_eye) + (left_corner - right_corner)
    tilt = float(np.arctan2(along[1], along[0]))
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]) / [[width], [scale]]
    nose_to_mouth, eyes_to_nose = float(turn[1] @ (mouth - nose)), float(turn[1] @ (nose - eyes))
    signs = [
        (min(landmarks.min(), 1 - landmarks.max()) - OUTSIDE) / (INSIDE - OUTSIDE),
        (apart / aspect - CLOSE) / (APART - CLOSE),
        (LYING - abs(np.degrees(tilt))) / (LYING - LEANING),
        (nose_to_mouth / (MOUTH - NOSE) - UNORDERED) / (ORDERED - UNORDERED),
        (eyes_to_nose / (NOSE - EYES) - UNORDERED) / (ORDERED - UNORDERED),
    ]
    believed = float(_ramp(np.array(signs)).prod())
    if believed == 0:
        return None
    return _Pose(np.column_stack([turn * unit, [0.5, MOUTH] - turn @ mouth]), MOUTH - nose_to_mouth, believed)


def _cheeks(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the lower face without its upper edge: narrower towards the chin, an ellipse rather than a rectangle."""
    distance = np.sqrt(((x - 0.5) / 0.5) ** 2 + (np.maximum(y - 0.6, 0) / 0.62) ** 2)
    return _ramp((1.0 - distance) / (2 * SIDE_RAMP))


@lru_cache
def _upright_cheeks(size: int) -> np.ndarray:
    """Return the cheeks of an upright face of usual size, which reach beyond its box where nothing cuts them."""
    y = (np.arange(round(TALLEST * size), dtype=np.float32) + 0.5) / size
    return _constant(_cheeks(y[:, None], _grid(size)[1]))


@lru_cache
def _edges(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of the lower face the box leaves in every column (1, size) and in every row (size, 1)."""
    y, x = _grid(size)
    return _constant(_ramp(np.minimum(x, 1 - x) / SIDE_RAMP)), _constant(_ramp(np.minimum(y, 1 - y) / CHIN_RAMP))


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, columns) of the pixels' centres as shares of the square."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    return centres[:, None], centres[None, :]


def _ramp(x: np.ndarray) -> np.ndarray:
    """Rise from 0 at x <= 0 to 1 at x >= 1 without corners."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(x, 0, 1))


def _constant(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float32)
    values.flags.writeable = False               # it is shared by all who ask for it
    return values
