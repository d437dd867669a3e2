"""Between the face's own square and the frame: sampling one from the other, to fractions of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from wav2lip.media.picture import Picture, Pixels

TOO_FINE = 1.2          # times the face's size in the frame: what is larger is averaged down before it is sampled


class Place(NamedTuple):
    """Where a face is in a frame: columns x1 to x2 and rows y1 to y2, in pixels and fractions of them.

    Where it leans, the whole rectangle is turned about its middle: by `angle` radians, clockwise in the picture.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    angle: float = 0.0

    @property
    def aspect(self) -> float:
        """Width by height."""
        return (self.x2 - self.x1) / (self.y2 - self.y1)

    def point(self, across: float, down: float) -> tuple[float, float]:
        """Return where a point of the face is in the frame, x and y in pixels.

        Args:
            across, down: where it is in the face, as shares of its width and height.
        """
        wide, high = self.x2 - self.x1, self.y2 - self.y1
        if not self.angle:
            return self.x1 + across * wide, self.y1 + down * high
        x, y = (across - 0.5) * wide, (down - 0.5) * high
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return (self.x1 + self.x2) / 2 + cos * x - sin * y, (self.y1 + self.y2) / 2 + sin * x + cos * y

    def turn(self, steps: tuple[int, int]) -> np.ndarray:
        """Return what turns a plane about the face's middle as the face is turned, (2, 3), in indices of its numbers.

        Args:
            steps: across and down, of the plane.
        """
        # A number stands for the middle of the pixels that it colours; they are turned, and they are square.
        size = 2.0 ** np.array(steps)
        middle = np.array([(self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2])
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        return np.column_stack([turn * size / size[:, None], (middle + turn @ (0.5 * size - middle)) / size - 0.5])


class Lattice(NamedTuple):
    """Where the numbers of one grid lie on another: the first at (x, y), the next `across` and `down` from there."""

    x: float
    y: float
    across: float
    down: float

    @property
    def matrix(self) -> np.ndarray:
        """From columns and rows of the one to those of the other, (2, 3)."""
        return np.array([[self.across, 0, self.x], [0, self.down, self.y]])


@dataclass(frozen=True)
class Region:
    """The whole pixels that a part of a face touches, on the grid of the chroma.

    Attributes:
        place: of the face.
        rows, columns: of the frame, as slices in luma pixels.
        pixels: how the frame is laid out.
    """

    place: Place
    rows: slice
    columns: slice
    pixels: Pixels

    @classmethod
    def around(cls, place: Place, within: tuple[float, float, float, float], picture: Picture) -> Region | None:
        """Return the region of a part of the face.

        Args:
            place: of the face.
            within: left, top, right and bottom of the part, as shares of the face.
            picture: the frame.

        Returns:
            None where nothing of it is in the frame.
        """
        width, height = picture.size
        pixels = picture.pixels
        left, top, right, bottom = within
        x, y = zip(*(place.point(across, down) for across in (left, right) for down in (top, bottom)), strict=True)
        columns = _whole(min(x), max(x), width, pixels.across)
        rows = _whole(min(y), max(y), height, pixels.down)
        if columns.start >= columns.stop or rows.start >= rows.stop:
            return None
        return cls(place, rows, columns, pixels)

    def part(self, plane: int) -> tuple[slice, slice]:
        """Return the rows and columns of a plane that the region is, as an index."""
        across, down = self.pixels.steps(plane)
        return _shifted(self.rows, down), _shifted(self.columns, across)

    def sample(self, face: np.ndarray, plane: int, *, cubic: bool, outside: int = cv2.BORDER_REPLICATE) -> np.ndarray:
        """Return what the face's own square shows at every number of a plane's part.

        Args:
            face: float32 (s, s), the square of any size.
            plane: which plane of the picture it is sampled for.
            cubic: smoothly; otherwise linearly, which never overshoots.
            outside: OpenCV's rule for what is beyond the square's edge.

        Returns:
            float32 of the part's shape.
        """
        rows, columns = self.part(plane)
        size, cubic, lattice = self.lattice(face.shape[0], plane, cubic=cubic)
        if size != face.shape[0]:
            brought = cv2.INTER_AREA if size < face.shape[0] else cv2.INTER_CUBIC
            face = cv2.resize(face, (size, size), interpolation=brought)
        matrix = lattice.matrix
        if self.place.angle:
            # Back from the turned plane to where its numbers would be, were the face upright.
            first = np.array([columns.start, rows.start], float)
            back = cv2.invertAffineTransform(self.place.turn(self.pixels.steps(plane)))
            back[:, 2] += back[:, :2] @ first - first
            matrix = _after(matrix, back)
        return cv2.warpAffine(
            face, matrix, (columns.stop - columns.start, rows.stop - rows.start),
            flags=(cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP, borderMode=outside,
        )

    def lattice(self, size: int, plane: int, *, cubic: bool) -> tuple[int, bool, Lattice]:
        """Return how a square (size, size) is read for a plane's part; `cubic` as in `sample`.

        Returns:
            The size to which it is brought before, averaged down or smoothly doubled; whether it is then read smoothly;
            and where the part's numbers lie on it.
        """
        across, down = self.pixels.steps(plane)
        rows, columns = self.part(plane)
        place = self.place
        # A chroma number stands for the middle of the pixels that it colours.
        wide, high = (place.x2 - place.x1) / 2**across, (place.y2 - place.y1) / 2**down
        if size > TOO_FINE * max(wide, high):
            size = max(1, round(max(wide, high)))
        if cubic and min(wide, high) > 2 * size:     # the same to the eye, and three times as fast
            size, cubic = 2 * size, False
        x = (columns.start + 0.5 - place.x1 / 2**across) / wide * size - 0.5
        y = (rows.start + 0.5 - place.y1 / 2**down) / high * size - 0.5
        return size, cubic, Lattice(x, y, size / wide, size / high)


def sample_face(picture: Picture, place: Place, size: int) -> np.ndarray:
    """Return the face as a square, in the picture's own numbers.

    Args:
        picture: the frame.
        place: where the face is.
        size: of the square, in pixels.

    Returns:
        float32 (size, size, 3) in the order of the planes, bilinear as in training.
    """
    planes = []
    for number, plane in enumerate(picture.planes[:3]):
        steps = picture.pixels.steps(number)
        matrix = face_lattice(place, size, steps).matrix
        planes.append(cv2.warpAffine(
            plane, _after(place.turn(steps), matrix) if place.angle else matrix, (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        ))
    return np.stack(planes, axis=2).astype(np.float32)


def face_lattice(place: Place, size: int, steps: tuple[int, int]) -> Lattice:
    """Return where the samples of a face as a square (size, size) lie on a plane with these steps (across, down)."""
    across, down = steps
    wide, high = (place.x2 - place.x1) / 2**across / size, (place.y2 - place.y1) / 2**down / size
    # Shrunk by whole steps alone it would skip pixels, as training does: the networks know no other.
    x, y = place.x1 / 2**across + 0.5 * wide - 0.5, place.y1 / 2**down + 0.5 * high - 0.5
    return Lattice(x, y, wide, high)


def landmarks_in(place: Place, landmarks: np.ndarray) -> np.ndarray:
    """Return landmarks (k, 2), x and y in pixels of the frame, as shares of a face's width and height."""
    corner, size = np.array([place.x1, place.y1]), np.array([place.x2 - place.x1, place.y2 - place.y1])
    if place.angle:
        cos, sin = np.cos(place.angle), np.sin(place.angle)
        middle = corner + size / 2
        landmarks = middle + (landmarks - middle) @ np.array([[cos, -sin], [sin, cos]])
    return np.asarray((landmarks - corner) / size)


def _after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the affine map (2, 3) that does the one after the other."""
    return np.column_stack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]])


def _whole(start: float, end: float, length: int, step: int) -> slice:
    """Return the whole pixels between two positions, widened to whole chroma numbers and cut to the frame."""
    first = max(0, int(np.floor(start)) >> step << step)
    last = min(length, -(-int(np.ceil(end)) >> step) << step)
    return slice(first, last)


def _shifted(pixels: slice, step: int) -> slice:
    return slice(pixels.start >> step, -(-pixels.stop >> step))


def extent(mask: np.ndarray) -> tuple[float, float, float, float] | None:
    """Return left, top, right and bottom of what a mask (s, s) shows, as shares of it; None if that is nothing."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return None
    size = mask.shape[0]
    # A sample beside the last one still sees it.
    sides: Sequence[float] = (columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2)
    left, top, right, bottom = (min(max(side / size, 0.0), 1.0) for side in sides)
    return left, top, right, bottom
