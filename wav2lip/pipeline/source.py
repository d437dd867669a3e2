"""The frames a run works on: the clip's, turned, scaled and cropped as asked, in any order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

from wav2lip.media.clip import Clip, Colour, Frame
from wav2lip.media.colour import scaler_matrix
from wav2lip.media.geometry import Geometry, shrink
from wav2lip.media.palette import Palette
from wav2lip.media.picture import Picture, Pixels
from wav2lip.media.read import (
    frames_command,
    native,
    pictures_command,
    read_frames,
    read_frames_backwards,
    read_pictures,
    read_pictures_backwards,
)
from wav2lip.pipeline.timeline import Run

Shown = TypeVar("Shown", Frame, Picture)


@dataclass(frozen=True)
class Source:
    """A clip seen through the options.

    Attributes:
        clip: what is read.
        geometry: what is done to every frame.
        stored: take the stored frames one by one and ignore their time stamps, as the original program does.
        static: only the first frame exists.
    """

    clip: Clip
    geometry: Geometry
    stored: bool = False
    static: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, in pixels."""
        return self.geometry.size(self.clip.width, self.clip.height)

    @property
    def fps(self) -> Fraction:
        return self.clip.average_fps if self.stored else self.clip.fps

    @property
    def still(self) -> bool:
        """Whether there is one picture only."""
        return self.static or self.clip.image

    @property
    def frames(self) -> int:
        """How many frames there are, as far as the container tells."""
        if self.still:
            return 1
        return self.clip.stored_frames if self.stored else self.clip.frames

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a pixel over its height, after a turn."""
        return 1 / self.clip.pixel_aspect if self.geometry.rotate else self.clip.pixel_aspect

    @property
    def colour(self) -> Colour:
        """The tags that tell what the numbers mean, for the way back."""
        colour = self.clip.colour
        if colour.matrix is not None:
            return colour
        if self.stored:
            return replace(colour, matrix="smpte170m")    # stored frames are read as BT.601 at any size
        large = scaler_matrix(colour, self.clip.width, self.clip.height)
        if large != scaler_matrix(colour, *self.size):
            return replace(colour, matrix=large)          # what is no longer HD would be taken for BT.601
        return colour

    @property
    def settings(self) -> str:
        """How these frames differ from those of the file at its own rate; empty where they do not."""
        differs = {str(self.geometry): self.geometry != Geometry(), "stored": self.stored, "static": self.static}
        return " ".join(name for name, true in differs.items() if true)

    def read(self, start: int, count: int) -> Generator[Frame]:
        """Yield up to `count` frames from `start` on."""
        for frame in read_frames(self.clip, start, count, stored=self.stored):
            yield self.geometry.apply(frame)

    def read_small(self, count: int, size: tuple[int, int], start: int = 0) -> Generator[Frame]:
        """Yield up to `count` frames from `start` on, scaled down to a width and height in pixels."""
        whole = self.size == (self.clip.width, self.clip.height) and not self.geometry.rotate
        if whole and not self.stored:
            yield from read_frames(self.clip, start, count, size=size)    # much less comes out of ffmpeg
            return
        for frame in self.read(start, count):
            yield shrink(frame, size)

    def read_backwards(self, start: int, count: int) -> Generator[Frame]:
        """Yield `count` frames: start, start - 1, and so on."""
        for frame in read_frames_backwards(self.clip, start, count, stored=self.stored):
            yield self.geometry.apply(frame)

    def play(self, runs: Iterable[Run]) -> Iterator[tuple[int, Frame]]:
        """Yield (number, frame) for every frame of every run.

        Where a damaged file gives fewer frames than its container promised, the last one stands in for the missing.
        """
        return _played(runs, self.read, self.read_backwards)

    @property
    def pixels(self) -> Pixels:
        """The layout of `play_pictures`: the file's own, with unshared chroma where pictures do not keep its grid."""
        pixels = native(self.clip)
        width, height = self.clip.width, self.clip.height
        cut = self.geometry.cut(width, height)
        if cut is None:
            return pixels.unshared
        top, bottom, left, right = cut
        across, down = 2**pixels.across, 2**pixels.down
        on_the_grid = top % down == left % across == 0 and (bottom % down == 0 or bottom == height)
        return pixels if on_the_grid and (right % across == 0 or right == width) else pixels.unshared

    @property
    def palette(self) -> Palette:
        """What the numbers of its pictures mean."""
        return Palette(self.colour, self.pixels, *self.size)

    def read_pictures(self, start: int, count: int) -> Generator[Picture]:
        """Yield what `read` does as pictures in the layout `pixels`."""
        for picture in read_pictures(self.clip, start, count, pixels=self.pixels, stored=self.stored):
            yield self._apply(picture)

    def read_pictures_backwards(self, start: int, count: int) -> Generator[Picture]:
        """Yield what `read_backwards` does as pictures in the layout `pixels`."""
        for picture in read_pictures_backwards(self.clip, start, count, pixels=self.pixels):
            yield self._apply(picture)

    def play_pictures(self, runs: Iterable[Run]) -> Iterator[tuple[int, Picture]]:
        """Yield what `play` does as pictures in the layout `pixels`; one that stands for several is the same object."""
        return _played(runs, self.read_pictures, self.read_pictures_backwards)

    def command(self, start: int, count: int, *, bgr: bool) -> list[str] | None:
        """Return the command line that decodes frames, as BGR or as pictures; None where ffmpeg is not needed."""
        if self.clip.image:
            return None
        if bgr:
            return frames_command(self.clip, start, count, stored=self.stored)
        return pictures_command(self.clip, start, count, pixels=self.pixels, stored=self.stored)

    def _apply(self, picture: Picture) -> Picture:
        cut = self.geometry.cut(*picture.size)
        if cut is None:
            return Picture(tuple(self.geometry.apply(plane) for plane in picture.planes), picture.pixels)
        top, bottom, left, right = cut
        if (right - left, bottom - top) == picture.size:
            return picture
        planes = []
        for number, plane in enumerate(picture.planes):
            across, down = picture.pixels.steps(number)
            planes.append(plane[top >> down : -(-bottom >> down), left >> across : -(-right >> across)])
        return Picture(tuple(planes), picture.pixels)


def _played(
    runs: Iterable[Run],
    forwards: Callable[[int, int], Generator[Shown]],
    backwards: Callable[[int, int], Generator[Shown]],
) -> Iterator[tuple[int, Shown]]:
    frame = None
    for run in runs:
        pictures = backwards(run.first, run.length) if run.step < 0 else forwards(run.first, run.pictures)
        shown = None
        with closing(pictures):
            for number in run.frames():
                if number != shown:
                    frame, shown = next(pictures, frame), number
                if frame is None:
                    frame = _last(forwards(0, number))    # the file ends before
                if frame is None:
                    return
                yield number, frame


def _last(pictures: Generator[Shown]) -> Shown | None:
    """Return the last of some pictures; None where there are none."""
    last = deque(pictures, maxlen=1)
    return last[0] if last else None
