"""Drawn talking heads: a person of a seed, a mouth that follows a known curve, blinks and a little sway.

A head is painted once, at twice its size in the picture. For a frame only what moves is painted again (the lower face,
the eyes when they do), and one warp turns the head and brings it down to the picture's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np

from wav2lip.media.clip import Frame
from wav2lip.training.articulation import Articulation
from wav2lip.training.identity import Identity
from wav2lip.training.mouth import JAW_SHARE, SPREAD, WIDEST_GAP, MouthShape, draw_eye, draw_mouth
from wav2lip.training.painting import Canvas, Rectangle, bump, interleave, mix, step
from wav2lip.training.portrait import EYE_LINE, paint
from wav2lip.training.wear import paint_clothes, paint_wall

FACE_SHARE = 0.31           # of the picture's height: the face's half height, for a head of scale 1
FACE_MIDDLE = 0.47          # of the picture's height: where the eyes are
OVERSAMPLING = 2            # the canvas is this much finer than the picture
SOFTNESS_SIZE = 224         # pixels: the picture that an identity's softness is told for

BLINK_SECONDS = 0.28
BLINK_EVERY = 3.4           # seconds, on average


class Head:
    """A person ready to be drawn at one size; painting what stands still is done once, here.

    Args:
        person: who.
        size: height and width of the square pictures, in pixels.
    """

    def __init__(self, person: Identity, size: int):
        self.person = person
        self.size = size
        down = FACE_SHARE * person.scale * size * OVERSAMPLING
        self._canvas = Canvas(person.slimness * down, down)
        self._portrait = paint(person, self._canvas)
        self._u, self._v = self._canvas.grid()
        random = np.random.default_rng([person.seed, 0x5A1])
        self._phases = random.uniform(0, 2 * np.pi, 9)
        self._blink_offset = random.uniform(0.5, BLINK_EVERY)

        # Clothes lie over head and wall: picture = wall * (1 - head's opacity) + head * uncovered + clothes.
        cloth, covered = paint_clothes(size, FACE_MIDDLE, FACE_SHARE * person.scale, person)
        self._wall = interleave(paint_wall(size, person) * (1 - covered))
        self._cloth = interleave(cloth * covered)
        self._uncovered = cv2.merge([1 - covered] * 3)
        self._tone = _tone_curve(person)
        self._depth = cv2.GaussianBlur(self._portrait.depth, (0, 0), 0.045 * down)

        self._layers = np.zeros((*self._canvas.size, 4), np.float32)
        height, width = self._canvas.size
        self._put((slice(0, height), slice(0, width)), self._portrait.face)
        self._eyes: tuple[float, float] | None = None
        self._prepare_jaw()

    def draw(self, opening: float, width: float, time: float) -> Frame:
        """Return the head as it looks at a time.

        Args:
            opening: of the mouth, in [0, 1]; 0 is closed.
            width: of the mouth, in [-1, 1]; -1 is round, 1 is spread.
            time: seconds; blinks, gaze and sway depend on it.

        Returns:
            uint8 (size, size, 3), BGR.
        """
        self._look((self._lids(time), self._gaze(time)))
        self._speak(opening, width)
        columns, rows = self._motion(time)
        moved = cv2.remap(self._layers, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        through = cv2.cvtColor(1 - cv2.extractChannel(moved, 3), cv2.COLOR_GRAY2BGR)
        picture = cv2.multiply(self._wall, through)
        picture = cv2.add(picture, cv2.multiply(cv2.cvtColor(moved, cv2.COLOR_BGRA2BGR), self._uncovered))
        frame = cv2.LUT(cv2.convertScaleAbs(cv2.add(picture, self._cloth), alpha=255), self._tone)
        if self.person.softness:
            frame = cv2.GaussianBlur(frame, (0, 0), self.person.softness * self.size / SOFTNESS_SIZE)
        return cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)

    def _put(self, part: Rectangle, face: np.ndarray) -> None:
        """Lay a part of the face, planes (4, h, w), between what is behind and before it."""
        p, (rows, columns) = self._portrait, part
        head = p.behind[:, rows, columns] * (1 - face[3])
        head[:3] += face[:3] * face[3]
        head[3] += face[3]
        front = p.front[:, rows, columns]
        if front[3].any():
            head *= 1 - front[3]
            head += front
        # A canvas twice as fine is sampled at every second pixel: each has to be a mean of its neighbours.
        smooth = cv2.GaussianBlur(interleave(head), (3, 3), 0.7)
        inner = slice(rows.start + 1, rows.stop - 1), slice(columns.start + 1, columns.stop - 1)
        self._layers[inner] = smooth[1:-1, 1:-1]

    def _look(self, eyes: tuple[float, float]) -> None:
        """Paint both eyes with lids and gaze, unless they are as they were."""
        if eyes == self._eyes:
            return
        self._eyes = eyes
        person = self.person
        for side in (-1, 1):
            centre = side * person.eye_distance
            part = self._canvas.rectangle(centre - 0.30, EYE_LINE - 0.17, centre + 0.30, EYE_LINE + 0.13)
            rows, columns = part
            skin = self._portrait.face[:, rows, columns].copy()
            skin[:3] = draw_eye(
                skin[:3], self._u[:, columns], self._v[rows], person, side, *eyes,
                self._portrait.light[:, rows, columns], 1 / self._canvas.down,
            )
            self._put(part, skin)

    def _prepare_jaw(self) -> None:
        """Find out where the skin of the lower face goes when the mouth moves."""
        person, canvas, p = self.person, self._canvas, self._portrait
        mouth = person.mouth_height
        bottom = 1.04 + WIDEST_GAP * JAW_SHARE + person.beard.length * 1.1
        self._lower = canvas.rectangle(-1.06, mouth - 0.34, 1.06, bottom)
        rows, columns = self._lower
        u, v = self._u[:, columns], self._v[rows]
        self._face_layer, self._moustache_layer = interleave(p.face), None
        if p.moustache is not None:
            self._moustache_layer = interleave(p.moustache)
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        self._column = np.broadcast_to(np.arange(columns.start, columns.stop, dtype=np.float32), shape).copy()
        self._row = np.broadcast_to(np.arange(rows.start, rows.stop, dtype=np.float32)[:, None], shape).copy()
        # The skin begins to stretch between nose and mouth; from the lower lip on it moves fully, less at the sides.
        fall = step(v, mouth - 0.11, mouth + 0.13) * (1 - 0.45 * step(np.abs(u), 0.40, 1.0))
        self._fall = fall * np.float32(canvas.down)
        self._rise = bump(u, v, (0, mouth - 0.07), (0.24, 0.06)) * np.float32(canvas.down)
        pull = bump(np.abs(u), v, (person.mouth_width, mouth + 0.02), (0.17, 0.13)) * np.sign(u)
        self._pull = pull * np.float32(canvas.across)

    def _speak(self, opening: float, width: float) -> None:
        """Paint the lower face with the mouth at an opening and a width."""
        person, p = self.person, self._portrait
        shape = MouthShape.of(person, opening, width)
        rows, columns = self._lower
        map_x = self._column - self._pull * np.float32(0.8 * (shape.half_width - person.mouth_width))
        map_y = self._row - self._fall * np.float32(shape.down) + self._rise * np.float32(shape.up)
        face = np.stack(cv2.split(cv2.remap(self._face_layer, map_x, map_y, cv2.INTER_LINEAR)))
        stretched = (0.06 + 0.20 * person.folds) * (0.4 * opening + 0.6 * max(0.0, width))
        face[:3] *= 1 - np.float32(stretched) * p.crease[rows, columns]

        across = person.mouth_width * (1 + SPREAD) * 1.04 + 0.05
        low = person.mouth_height + shape.down + 1.2 * person.lower_lip + 0.10
        part = self._canvas.rectangle(-across, person.mouth_height - 0.18, across, low)
        inside = _within(part, self._lower)
        patch = face[:, inside[0], inside[1]]
        patch[:3] = draw_mouth(
            patch[:3], self._u[:, part[1]], self._v[part[0]], person, shape,
            p.light[:, part[0], part[1]], 1 / self._canvas.down,
        )
        if self._moustache_layer is not None:
            # It goes with the upper lip, whatever the jaw does.
            raised = self._row[inside] + np.float32(0.9 * shape.up * self._canvas.down)
            hairs = np.stack(cv2.split(cv2.remap(self._moustache_layer, map_x[inside], raised, cv2.INTER_LINEAR)))
            patch[:3] = mix(patch[:3], hairs[:3], hairs[3])
        self._put(self._lower, face)

    def _motion(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Return which canvas pixel each pixel of the picture shows: the head turns, nods and sways slowly."""
        person, a = self.person, self._phases

        def wave(seconds: float, phase: float) -> float:
            return person.liveliness * float(np.sin(2 * np.pi * time / seconds + phase))

        roll = np.deg2rad(person.roll + 1.2 * wave(5.3, a[0]) + 0.6 * wave(2.3, a[1]))
        yaw = person.yaw + 0.05 * wave(6.1, a[2]) + 0.02 * wave(2.9, a[3])
        nod = person.pitch + 0.03 * wave(4.3, a[4])
        finer = OVERSAMPLING * (1 + 0.012 * wave(5.9, a[7]))
        shift = 0.008 * self.size * np.array([wave(7.3, a[5]), 0.7 * wave(3.7, a[6])])
        x0, y0 = np.array([0.5, FACE_MIDDLE]) * self.size + shift
        cx, cy = self._canvas.pixel(0, 0)
        cos, sin = finer * np.cos(roll), finer * np.sin(roll)

        def grid(step: int) -> tuple[np.ndarray, np.ndarray]:
            """Where every pixel, or every block of step x step, lies on the flat canvas."""
            at = (np.arange(0, self.size, step) + step / 2)[None]
            x, y = at - x0, (at - y0).T
            columns, rows = (cos * x + cx) + sin * y, (cos * y + cy) - sin * x
            return columns.astype(np.float32), rows.astype(np.float32)

        # What stands out towards the viewer moves further than the outline. Depth is smooth: a coarse grid will do.
        sideways, upwards = np.float32(yaw * self._canvas.across), np.float32(nod * self._canvas.down)
        columns, rows = grid(2)
        depth = cv2.remap(self._depth, columns, rows, cv2.INTER_LINEAR)
        depth = cv2.remap(self._depth, columns - depth * sideways, rows - depth * upwards, cv2.INTER_LINEAR)
        depth = cv2.resize(depth, (2 * depth.shape[1], 2 * depth.shape[0]), interpolation=cv2.INTER_LINEAR)
        depth = depth[: self.size, : self.size]
        columns, rows = grid(1)
        return columns - depth * sideways, rows - depth * upwards

    def _lids(self, time: float) -> float:
        """Return how far the eyes are closed: one blink about every 3.4 s, at irregular times."""
        turn = int(np.floor((time + self._blink_offset) / BLINK_EVERY))
        jitter = np.random.default_rng([self.person.seed, 0xB11, turn + 1]).uniform(0.1, 0.9)
        since = time + self._blink_offset - (turn + jitter) * BLINK_EVERY
        return float(max(0.0, 1 - abs(2 * since / BLINK_SECONDS))) ** 0.7

    def _gaze(self, time: float) -> float:
        """Return where the eyes look: mostly at the viewer, with small jumps."""
        jump = np.random.default_rng([self.person.seed, 0x6A2E, int(time / 1.3)]).normal()
        return float(np.clip(0.010 * jump, -0.03, 0.03)) - 0.12 * self.person.yaw


def _within(part: Rectangle, whole: Rectangle) -> Rectangle:
    """Return a rectangle as seen from the corner of one that it lies in."""
    (y, x), (y0, x0) = part, (whole[0].start, whole[1].start)
    return slice(y.start - y0, y.stop - y0), slice(x.start - x0, x.stop - x0)


def _tone_curve(person: Identity) -> np.ndarray:
    """Return what the camera makes of each value of light, uint8 (256,)."""
    light = np.linspace(0, 1, 256) ** person.gamma
    return np.clip(255 * (0.45 + person.contrast * (light - 0.45)) + 0.5, 0, 255).astype(np.uint8)


@lru_cache(maxsize=4)
def _head(identity: int, size: int) -> Head:
    return Head(Identity.from_seed(identity), size)


def draw_head(identity: int, opening: float, width: float, time: float, size: int = 320) -> Frame:
    """Return the head number `identity` at a time, uint8 (size, size, 3), BGR; see `Head.draw`."""
    return _head(identity, size).draw(opening, width, time)


def draw_talking(identity: int, articulation: Articulation, fps: float, size: int = 320) -> Iterator[Frame]:
    """Yield the frames of a head that says something.

    Args:
        identity: number of the person.
        articulation: the mouth at every frame.
        fps: frames a second.
        size: height and width of the frames, in pixels.

    Yields:
        uint8 (size, size, 3), BGR, one for every frame of the articulation.
    """
    head = _head(identity, size)
    for frame, (opening, width) in enumerate(zip(articulation.opening, articulation.width, strict=True)):
        yield head.draw(float(opening), float(width), frame / fps)
