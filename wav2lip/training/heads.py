"""Drawn talking heads: a person of a seed, a mouth that follows a known curve, blinks and a little sway."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np

from wav2lip.media.clip import Frame
from wav2lip.training.articulation import Articulation
from wav2lip.training.identity import Identity
from wav2lip.training.mouth import WIDEST_GAP, MouthShape, draw_eyes, draw_mouth
from wav2lip.training.portrait import EYE_LINE, Canvas, mix, noise, paint, step

FACE_SHARE = 0.31           # of the picture's height: the face's half height
FACE_MIDDLE = 0.47          # of the picture's height: where the eyes are
OVERSAMPLING = 2            # the picture is drawn at twice its size and averaged down

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
        self._big = size * OVERSAMPLING
        down = FACE_SHARE * self._big
        self._canvas = Canvas(person.slimness * down, down)
        self._portrait = paint(person, self._canvas)
        self._u, self._v = self._canvas.grid()
        self._backdrop = self._paint_backdrop()
        self._cloth_alpha, self._cloth = self._paint_clothes()
        random = np.random.default_rng([person.seed, 0x5A1])
        self._phases = random.uniform(0, 2 * np.pi, 8)
        self._blink_offset = random.uniform(0.5, BLINK_EVERY)

    def draw(self, opening: float, width: float, time: float) -> Frame:
        """Return the head as it looks at a time.

        Args:
            opening: of the mouth, in [0, 1]; 0 is closed.
            width: of the mouth, in [-1, 1]; -1 is round, 1 is spread.
            time: seconds; blinks, gaze and sway depend on it.

        Returns:
            uint8 (size, size, 3), BGR.
        """
        face, alpha = self._face(opening, width, time)
        p = self._portrait
        head = mix(p.behind, face, alpha)
        head = mix(head, p.front, p.front_alpha)
        cover = np.maximum(np.maximum(p.behind_alpha, alpha), p.front_alpha)
        layered = np.dstack([head * cover[..., None], cover])
        columns, rows = self._motion(time)
        moved = cv2.remap(layered, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        picture = self._backdrop * (1 - moved[..., 3:]) + moved[..., :3]
        self._dress(picture)
        small = cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return np.clip(255 * small[..., ::-1] + 0.5, 0, 255).astype(np.uint8)

    def _face(self, opening: float, width: float, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the skin layer and its opacity with the jaw dropped, the mouth and the eyes drawn."""
        canvas = self._canvas
        soft = 1.0 / canvas.down
        shape = MouthShape.of(self.person, opening, width)
        face, alpha = self._drop_jaw(shape.down)
        picture = face.copy()
        mouth, eyes = _rectangle(canvas, *_MOUTH_PATCH), _rectangle(canvas, *_EYE_PATCH)
        picture[mouth] = draw_mouth(face[mouth], self._u[mouth], self._v[mouth], self.person, shape, soft)
        picture[eyes] = draw_eyes(
            face[eyes], self._u[eyes], self._v[eyes], self.person, self._lids(time), self._gaze(time), soft
        )
        return picture, alpha

    def _drop_jaw(self, drop: float) -> tuple[np.ndarray, np.ndarray]:
        """Return face and opacity with everything under the mouth moved down by `drop` of v; the skin stretches."""
        p, canvas = self._portrait, self._canvas
        if drop < 0.5 / canvas.down:
            return p.face, p.face_alpha
        mouth = self.person.mouth_height
        # The skin begins to stretch between nose and mouth; from the lower lip on it moves fully.
        v = self._v[:, 0]
        fall = drop * step(v, mouth - 0.11, mouth + 0.13)
        rows = (np.arange(len(v)) - fall * canvas.down).astype(np.float32)
        map_y = np.broadcast_to(rows[:, None], self._v.shape).astype(np.float32)
        map_x = np.broadcast_to(np.arange(self._v.shape[1], dtype=np.float32), self._v.shape)
        moved = cv2.remap(np.dstack([p.face, p.face_alpha]), map_x, map_y, cv2.INTER_LINEAR)
        return moved[..., :3], moved[..., 3]

    def _motion(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Return which canvas pixel each pixel of the big picture shows: the head turns, nods and sways slowly."""
        a = self._phases

        def wave(seconds: float, phase: float) -> float:
            return float(np.sin(2 * np.pi * time / seconds + phase))

        roll = np.deg2rad(self.person.roll + 1.2 * wave(5.3, a[0]) + 0.6 * wave(2.3, a[1]))
        yaw = self.person.yaw + 0.05 * wave(6.1, a[2]) + 0.02 * wave(2.9, a[3])
        nod = 0.03 * wave(4.3, a[4])
        shift = 0.008 * self._big * np.array([wave(7.3, a[5]), 0.7 * wave(3.7, a[6])])
        middle = np.array([0.5, FACE_MIDDLE]) * self._big + shift
        y, x = np.mgrid[: self._big, : self._big].astype(np.float32) + 0.5
        x, y = x - np.float32(middle[0]), y - np.float32(middle[1])
        cos, sin = np.float32(np.cos(roll)), np.float32(np.sin(roll))
        cx, cy = self._canvas.pixel(0, 0)
        columns, rows = cos * x + sin * y + np.float32(cx), cos * y - sin * x + np.float32(cy)
        # What stands out towards the viewer moves further than the outline.
        depth = cv2.remap(self._portrait.depth, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        sideways, upwards = np.float32(yaw * self._canvas.across), np.float32(nod * self._canvas.down)
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

    def _paint_backdrop(self) -> np.ndarray:
        """Return the wall behind the head, float32 (big, big, 3): a gradient with large soft blots."""
        random = np.random.default_rng([self.person.seed, 0xBACC])
        y, x = np.mgrid[: self._big, : self._big].astype(np.float32) / self._big
        angle = random.uniform(0, 2 * np.pi)
        t = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)
        first, second = (np.asarray(c, np.float32) for c in self.person.backdrop)
        wall = np.clip(first, 0.05, 1) + (np.clip(second, 0.05, 1) - np.clip(first, 0.05, 1)) * t[..., None]
        blots = noise((self._big, self._big), self._big / 4, random)
        wall = wall * (1 + 0.08 * blots[..., None]) * (1 - 0.25 * np.hypot(x - 0.5, y - 0.5)[..., None])
        return np.clip(wall, 0, 1).astype(np.float32)

    def _paint_clothes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return opacity (big, big) and colour (big, big, 3) of the clothes."""
        random = np.random.default_rng([self.person.seed, 0xC107])
        y, x = np.mgrid[: self._big, : self._big].astype(np.float32) / self._big
        out = np.abs(x - 0.5) / (FACE_SHARE * self.person.slimness)       # in u
        v = (y - FACE_MIDDLE) / FACE_SHARE
        collar = 1.44 + random.uniform(0, 0.15)
        # Deepest in the middle, highest at the neck's sides, then sloping down over the shoulders.
        neckline = 1.12 + (collar - 1.12) * np.clip(1 - (out / 0.68) ** 2, 0, 1)
        neckline = neckline + 0.16 * np.clip(out - 0.6, 0, 3) ** 1.5
        alpha = step(v - neckline, -0.012, 0.012)
        fold = 1 + 0.07 * noise((self._big, self._big), self._big / 12, random)
        tone = (0.95 - 0.28 * np.clip(out / 2.2, 0, 1) ** 2 + 0.12 * self.person.light[0] * (x - 0.5)) * fold
        tone = tone * (1 - 0.30 * np.exp(-(((v - neckline - 0.03) / 0.03) ** 2)))
        cloth = np.asarray(self.person.cloth, np.float32) * tone[..., None]
        return alpha.astype(np.float32), np.clip(cloth, 0, 1).astype(np.float32)

    def _dress(self, picture: np.ndarray) -> None:
        """Lay the clothes over the lower rows of a picture, in place."""
        top = int(self._cloth_alpha.any(axis=1).argmax())
        picture[top:] += (self._cloth[top:] - picture[top:]) * self._cloth_alpha[top:, :, None]


_MOUTH_PATCH = (-0.62, 0.38, 0.62, 1.0 + WIDEST_GAP)     # u0, v0, u1, v1
_EYE_PATCH = (-0.72, EYE_LINE - 0.16, 0.72, EYE_LINE + 0.12)


def _rectangle(canvas: Canvas, u0: float, v0: float, u1: float, v1: float) -> tuple[slice, slice]:
    """Return the rows and columns of a canvas between two places."""
    (x0, y0), (x1, y1) = canvas.pixel(u0, v0), canvas.pixel(u1, v1)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


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
