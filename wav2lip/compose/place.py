"""Between the face's own square and the frame: sampling one from the other, to fractions of a pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from wav2lip.media.picture import Picture, Pixels

TOO_FINE = 1.2          # times the face's size in the frame: what is larger is averaged down before it is sampled
EDGE = 8                # samples for which a face goes on beyond its edge: a mask ends sooner
STRIP = 1 << 17         # pixels of a region that are worked on together: their numbers stay in the processor's cache


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

    def size(self, steps: tuple[int, int]) -> tuple[float, float]:
        """Return width and height in numbers of a plane with these steps (across, down)."""
        across, down = steps
        return (self.x2 - self.x1) / 2**across, (self.y2 - self.y1) / 2**down

    def lattice(self, size: int, steps: tuple[int, int], column: int, row: int) -> Lattice:
        """Return where the numbers of a plane lie on an upright face's square (size, size), from one of them on."""
        across, down = steps
        wide, high = self.size(steps)
        # A chroma number stands for the middle of the pixels that it colours.
        x = (column + 0.5 - self.x1 / 2**across) / wide * size - 0.5
        y = (row + 0.5 - self.y1 / 2**down) / high * size - 0.5
        return Lattice(x, y, size / wide, size / high)

    def onto(self, size: int, steps: tuple[int, int]) -> np.ndarray:
        """Return the map from columns and rows of a plane to those of the face's square (size, size), (2, 3)."""
        matrix = self.lattice(size, steps, 0, 0).matrix
        if not self.angle:
            return matrix
        # Back from the turned plane to where its numbers would be, were the face upright.
        return _after(matrix, cv2.invertAffineTransform(self.turn(steps)))

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


class Brought(NamedTuple):
    """A face's own square, as it is read for a plane.

    Attributes:
        face: float32 (s, s), in the size in which it is read.
        cubic: whether it is read smoothly.
        matrix: (2, 3), from columns and rows of the plane to those of the square.
    """

    face: np.ndarray
    cubic: bool
    matrix: np.ndarray


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
        x, y = _corners(place, within).T
        columns = _whole(min(x), max(x), width, pixels.across)
        rows = _whole(min(y), max(y), height, pixels.down)
        if columns.start >= columns.stop or rows.start >= rows.stop:
            return None
        return cls(place, rows, columns, pixels)

    def strips(self, within: tuple[float, float, float, float]) -> Iterator[Region]:
        """Yield the region in parts, one below the other, each of the columns in which a part of the face can be seen.

        Args:
            within: as for `around`.
        """
        corners = _corners(self.place, within)
        step = 1 << self.pixels.down
        high = max(STRIP // (self.columns.stop - self.columns.start) // step, 1) * step
        for top in range(self.rows.start, self.rows.stop, high):
            rows = slice(top, min(top + high, self.rows.stop))
            x = _crossed(corners, rows.start, rows.stop)
            if x:
                columns = _whole(min(x), max(x), self.columns.stop, self.pixels.across)
                if columns.start < columns.stop:
                    yield replace(self, rows=rows, columns=columns)

    def part(self, plane: int) -> tuple[slice, slice]:
        """Return the rows and columns of a plane that the region is, as an index."""
        across, down = self.pixels.steps(plane)
        return _shifted(self.rows, down), _shifted(self.columns, across)

    def sample(self, face: np.ndarray, plane: int, *, cubic: bool = False) -> np.ndarray:
        """Return what the face's own square shows at every number of a plane's part, and zero beyond the square.

        Args:
            face: float32 (s, s), the square of any size.
            plane: which plane of the picture it is sampled for.
            cubic: smoothly; otherwise linearly, which never overshoots.

        Returns:
            float32 of the part's shape.
        """
        return self.read(self.bring(face, plane, cubic=cubic), plane)

    def bring(self, face: np.ndarray, plane: int, *, cubic: bool = False, goes_on: bool = False) -> Brought:
        """Return the face's own square as it is read for a plane; arguments as for `sample`.

        Args:
            goes_on: some samples beyond its edge there is what is at the edge, not zero.
        """
        size, cubic, _ = self.lattice(face.shape[0], plane, cubic=cubic)
        if size != face.shape[0]:
            brought = cv2.INTER_AREA if size < face.shape[0] else cv2.INTER_CUBIC
            face = cv2.resize(face, (size, size), interpolation=brought)
        matrix = self.place.onto(size, self.pixels.steps(plane))
        if goes_on:    # four times as fast as to look for the edge at every number that is far from the face
            face = cv2.copyMakeBorder(face, EDGE, EDGE, EDGE, EDGE, cv2.BORDER_REPLICATE)
            matrix[:, 2] += EDGE
        return Brought(face, cubic, matrix)

    def read(self, brought: Brought, plane: int) -> np.ndarray:
        """Return what `sample` does, of what `bring` gave for the same place."""
        rows, columns = self.part(plane)
        matrix = brought.matrix.copy()
        matrix[:, 2] += matrix[:, 0] * columns.start + matrix[:, 1] * rows.start
        return cv2.warpAffine(
            brought.face, matrix, (columns.stop - columns.start, rows.stop - rows.start),
            flags=(cv2.INTER_CUBIC if brought.cubic else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )

    def lattice(self, size: int, plane: int, *, cubic: bool) -> tuple[int, bool, Lattice]:
        """Return how a square (size, size) is read for a plane's part; `cubic` as in `sample`.

        Returns:
            The size to which it is brought before, averaged down or smoothly doubled; whether it is then read smoothly;
            and where the part's numbers lie on it.
        """
        wide, high = self.place.size(self.pixels.steps(plane))
        if size > TOO_FINE * max(wide, high):
            size = max(1, round(max(wide, high)))
        if cubic and min(wide, high) > 2 * size:     # the same to the eye, and three times as fast
            size, cubic = 2 * size, False
        rows, columns = self.part(plane)
        return size, cubic, self.place.lattice(size, self.pixels.steps(plane), columns.start, rows.start)


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


def _corners(place: Place, within: tuple[float, float, float, float]) -> np.ndarray:
    """Return the corners of a part of a face in the frame, (4, 2), going round; `within` as for `Region.around`."""
    left, top, right, bottom = within
    return np.array([
        place.point(across, down) for across, down in ((left, top), (right, top), (right, bottom), (left, bottom))
    ])


def _crossed(corners: np.ndarray, top: float, bottom: float) -> list[float]:
    """Return columns between which a convex figure (n, 2) is in the rows from top to bottom; none where it is not."""
    found = []
    x, y = corners[-1].tolist()
    for further, below in corners.tolist():
        if top <= below <= bottom:
            found.append(further)
        found += [
            x + (edge - y) / (below - y) * (further - x) for edge in (top, bottom) if (y - edge) * (below - edge) < 0
        ]
        x, y = further, below
    return found


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
