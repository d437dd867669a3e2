"""The frames a run works on: the clip's, turned, scaled and cropped as asked, in any order."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction

from wav2lip.media.clip import Clip, Colour, Frame
from wav2lip.media.geometry import Geometry
from wav2lip.media.read import read_frames, read_frames_backwards
from wav2lip.pipeline.timeline import Run


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
        """The tags that tell what the frames were converted by, for the way back."""
        if self.stored and self.clip.colour.matrix is None:
            return replace(self.clip.colour, matrix="smpte170m")    # stored frames are read as BT.601 at any size
        return self.clip.colour

    @property
    def settings(self) -> str:
        """How these frames differ from those of the file at its own rate; empty where they do not."""
        differs = {str(self.geometry): self.geometry != Geometry(), "stored": self.stored, "static": self.static}
        return " ".join(name for name, true in differs.items() if true)

    def read(self, start: int, count: int) -> Generator[Frame]:
        """Yield up to `count` frames from `start` on."""
        for frame in read_frames(self.clip, start, count, stored=self.stored):
            yield self.geometry.apply(frame)

    def read_backwards(self, start: int, count: int) -> Generator[Frame]:
        """Yield `count` frames: start, start - 1, and so on."""
        for frame in read_frames_backwards(self.clip, start, count):
            yield self.geometry.apply(frame)

    def play(self, runs: Iterable[Run]) -> Iterator[tuple[int, Frame]]:
        """Yield (number, frame) for every frame of every run.

        Where a damaged file gives fewer frames than its container promised, the last one stands in for the missing.
        """
        frame = None
        for run in runs:
            if run.step < 0:
                pictures = self.read_backwards(run.start, run.length)
            else:
                pictures = self.read(run.start, run.pictures)
            shown = None
            with closing(pictures):
                for number in run.frames():
                    if number != shown:
                        frame, shown = next(pictures, frame), number
                    if frame is None:
                        return
                    yield number, frame
