"""Videos side by side, with where they differ: as a video and as a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import inf, log10
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wav2lip.errors import MediaError, UsageError
from wav2lip.evaluation.drawing import Board, Column, Moment, Text, draw_sheet, heat_map, resized, sheet_picture
from wav2lip.media.clip import Clip, Frame
from wav2lip.media.encoding import Encoding, check_encoding
from wav2lip.media.probe import probe
from wav2lip.media.read import frames_at, read_at_rate
from wav2lip.media.results import prepare_results
from wav2lip.media.whole import whole_file
from wav2lip.media.write import VideoWriter, check_output
from wav2lip.progress import Progress

NAMES = ("a", "b", "truth")
PAIRS = {2: ((0, 1),), 3: ((0, 2), (1, 2), (0, 1))}    # which videos are subtracted, by how many there are
MOMENTS = 6


@dataclass(frozen=True)
class Difference:
    """How far apart two pictures are, or two videos over all their frames.

    Attributes:
        mean: absolute, of all pixels and colours, in levels of 255.
        square: the mean of the squares.
    """

    mean: float
    square: float

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB; infinite where nothing differs."""
        return 10 * log10(255**2 / self.square) if self.square else inf

    def table(self) -> tuple[Text, Text]:
        """Return names and values as they are written."""
        psnr = f"{self.psnr:.1f} dB" if self.square else "infinite"
        return ("mean difference", f"{self.mean:.2f} of 255"), ("PSNR", psnr)

    def note(self) -> Text:
        """Return the same for a line with little room."""
        return f"mean {self.mean:.2f}", " ".join(self.table()[1])

    def to_dict(self) -> dict[str, float | None]:
        """Return plain JSON types, which know no infinity: the PSNR of what is identical is None."""
        return {"mean": self.mean, "psnr": self.psnr if self.square else None}


@dataclass(frozen=True)
class ComparisonReport:
    """The result of `compare`."""

    output: Path
    sheet: Path | None
    videos: dict[str, Path]              # by "a", "b" and "truth"
    frames: int                          # that were compared
    fps: Fraction
    width: int                           # of the output
    height: int
    differences: dict[str, Difference]   # over all frames, by "a - b", "a - truth" and "b - truth"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types; fps is a string such as "24000/1001"."""
        return {
            "output": str(self.output),
            "sheet": None if self.sheet is None else str(self.sheet),
            "videos": {name: str(path) for name, path in self.videos.items()},
            "frames": self.frames,
            "fps": str(self.fps),
            "width": self.width,
            "height": self.height,
            "differences": {pair: difference.to_dict() for pair, difference in self.differences.items()},
        }


@dataclass(frozen=True)
class Instant:
    """What all videos show at one time.

    Attributes:
        time: seconds.
        pictures: one of each video, all of one size, uint8 (height, width, 3).
        gaps: absolute differences of some pairs of them, of the same kind.
    """

    time: float
    pictures: Sequence[Frame]
    gaps: Sequence[Frame]

    def differences(self) -> list[Difference]:
        """Return the figures of the gaps."""
        means = [float(np.mean(cv2.mean(gap)[:3])) for gap in self.gaps]
        squares = [float(cv2.norm(gap, cv2.NORM_L2SQR)) / gap.size for gap in self.gaps]
        return [Difference(*figures) for figures in zip(means, squares, strict=True)]

    def panels(self, size: tuple[int, int]) -> list[Frame]:
        """Return the pictures and then the heat maps, each (width, height) `size`."""
        return [resized(picture, size) for picture in self.pictures] + [
            heat_map(resized(gap, size)) for gap in self.gaps
        ]


Captions = Callable[[], Sequence[Mapping[str, str]]]
"""Gives values by name for each video."""


def compare(
    videos: Sequence[Path],
    output: Path,
    sheet: Path | None,
    *,
    captions: Captions | None = None,
    moments: int = MOMENTS,
    progress: Progress | None = None,
) -> ComparisonReport:
    """Show videos side by side, with heat maps of where they differ, as a video and as a contact sheet.

    The first one rules: the others are scaled to its size and shown at its rate, by time, until the shortest ends.

    Args:
        videos: two, and the truth as a third if there is one.
        output: the video to write, with the sound of the truth, else of the first that has one. It appears whole or
            not at all.
        sheet: the PNG to write, in the same manner; None for none.
        captions: gives the figures to draw in with each video; called once all else is in order. None for none.
        moments: how many the sheet shows, at least 1, evenly spread; fewer where there are fewer frames.
        progress: receives words and progress; None for silence.

    Raises:
        UsageError: a wrong number of videos, or a result that is also an input or has a name that makes no sense.
        MediaError: a video that cannot be read.
        Wav2LipError: a result that cannot be written.
    """
    if len(videos) not in PAIRS:
        raise UsageError(f"Two videos can be compared, or two and the truth; {len(videos)} were given.")
    if moments < 1:
        raise ValueError(f"{moments} moments cannot be shown")
    progress = progress or Progress()
    clips = [_probe_video(path) for path in videos]
    _prepare(output, sheet, videos)
    for line in _unlike(clips):
        progress.say(line)

    fps = clips[0].fps
    frames = min(frames_at(clip, fps) for clip in clips)
    chosen = {frames * (2 * number + 1) // (2 * moments) for number in range(moments)}
    layout = _Layout(clips, captions() if captions else [{}] * len(videos))
    kept: list[Moment] = []
    sums, done = np.zeros((len(layout.pairs), 2)), 0
    heard = _heard(clips)
    writer = VideoWriter(
        output, width=layout.size[0], height=layout.size[1], fps=fps, colour=clips[0].colour,
        sound=heard.path if heard else None, sound_from=heard.start if heard else 0.0,
        duration_limit=float(frames / fps),
    )
    with _saving(sheet) as save, writer, progress.stage("Comparing", frames) as advance:
        with closing(instants(clips, frames)) as together:
            for instant in together:
                differences = instant.differences()
                writer.write(layout.page(instant, differences))
                if done in chosen:
                    kept.append(layout.moment(instant, differences))
                sums += [(difference.mean, difference.square) for difference in differences]
                done += 1
                advance(1)
        overall = [Difference(*map(float, figures)) for figures in sums / max(1, done)]
        # A video that breaks off may have none of the chosen moments.
        save(layout.sheet(kept or [layout.moment(instant, differences)], overall))
    if done < frames - 1:
        progress.say(f"Only {done} of {frames} frames were compared: one of the videos breaks off.")
    return ComparisonReport(
        output, sheet, dict(zip(NAMES, videos, strict=False)), done, fps, *layout.size,
        differences=dict(zip(layout.pairs, overall, strict=True)),
    )


def instants(clips: Sequence[Clip], frames: int) -> Generator[Instant]:
    """Yield what videos show at the first one's times and in its size, until the shortest ends.

    Args:
        clips: two or three, as `probe` describes them.
        frames: how many at most.

    Raises:
        MediaError: as `read_frames`.
    """
    first, pairs = clips[0], PAIRS[len(clips)]
    with ExitStack() as stack:
        streams = [stack.enter_context(closing(read_at_rate(clip, first.fps, frames))) for clip in clips]
        for number, frames_then in enumerate(zip(*streams, strict=False)):
            pictures = [resized(frame, (first.width, first.height)) for frame in frames_then]
            gaps = [cv2.absdiff(pictures[one], pictures[other]) for one, other in pairs]
            yield Instant(float(number / first.fps), pictures, gaps)


class _Layout:
    """Which columns there are, and where they stand in the video and in the sheet."""

    def __init__(self, clips: Sequence[Clip], captions: Sequence[Mapping[str, str]]):
        self.pairs = [f"{NAMES[one]} - {NAMES[other]}" for one, other in PAIRS[len(clips)]]
        self._columns = [
            Column(f"{name}   {clip.path.name}", tuple(lines.items()))
            for name, clip, lines in zip(NAMES, clips, captions, strict=False)
        ]
        heats = self._heats([()] * len(self.pairs))
        width, height = _seen_size(clips[0])
        # Three wide pictures in a row would be a narrow strip on a screen.
        rows = [self._columns, heats] if len(heats) > 1 or width > height else [self._columns + heats]
        self._board = Board(rows, width, height)
        self._small = sheet_picture(len(self._columns) + len(heats), width, height)
        self.size = self._board.size

    def page(self, instant: Instant, differences: Sequence[Difference]) -> Frame:
        """Return a frame of the video."""
        notes = [(f"{instant.time:.2f} s", "   ".join(difference.note())) for difference in differences]
        return self._board.draw(instant.panels(self._board.picture), notes)

    def moment(self, instant: Instant, differences: Sequence[Difference]) -> Moment:
        """Return a row of the sheet, as small as it will be shown."""
        return Moment(instant.time, instant.panels(self._small), [difference.note() for difference in differences])

    def sheet(self, moments: Sequence[Moment], overall: Sequence[Difference]) -> Frame:
        """Return the contact sheet, with the figures of the whole videos in its head."""
        return draw_sheet(self._columns + self._heats([difference.table() for difference in overall]), moments)

    def _heats(self, tables: Sequence[Sequence[Text]]) -> list[Column]:
        titles = [f"difference   |{pair}|" for pair in self.pairs]
        return [Column(title, table, heat=True) for title, table in zip(titles, tables, strict=True)]


def _probe_video(path: Path) -> Clip:
    clip = probe(path)
    if clip.image:
        raise MediaError(f"{path} is a picture; only videos can be compared.")
    return clip


def _prepare(output: Path, sheet: Path | None, videos: Sequence[Path]) -> None:
    """Make sure, before any work is done, that the results can be written: their folders are made if need be."""
    check_encoding(output, Encoding())
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise UsageError(f"The sheet {sheet} is to be a PNG picture; give it a name that ends in .png.")
    results = {"-o": output} if sheet is None else {"-o": output, "--sheet": sheet}
    prepare_results(results, videos)
    check_output(output, Encoding())


def _unlike(clips: Sequence[Clip]) -> Iterator[str]:
    """Yield a sentence for everything that keeps videos from being compared frame by frame as they are."""
    first = clips[0]
    lengths = [clip.frames / clip.fps for clip in clips]
    for clip in clips[1:]:
        if (clip.width, clip.height) != (first.width, first.height):
            yield (
                f"{clip.path} has {clip.width}×{clip.height} pixels; it is scaled to the "
                f"{first.width}×{first.height} of {first.path}."
            )
        if abs(clip.fps - first.fps) * min(lengths) > 1:
            yield (
                f"{clip.path} has {float(clip.fps):.6g} frames a second and {first.path} {float(first.fps):.6g}; "
                "those nearest in time are compared."
            )
    if (max(lengths) - min(lengths)) * first.fps > 1:
        seconds = ", ".join(f"{float(length):.2f}" for length in lengths)
        yield f"The videos last {seconds} seconds; they are compared until the shortest ends."


def _seen_size(clip: Clip) -> tuple[int, int]:
    """Return (width, height) in square pixels."""
    return max(1, round(clip.width * clip.pixel_aspect)), clip.height


def _heard(clips: Sequence[Clip]) -> Clip | None:
    """Return the video whose sound is heard: the truth, else the first that has any."""
    return next((clip for clip in (*clips[2:], *clips[:2]) if clip.sound is not None), None)


@contextmanager
def _saving(sheet: Path | None) -> Iterator[Callable[[Frame], object]]:
    """Give what writes the contact sheet; the file appears under its name when the block ends without an error."""
    if sheet is None:
        yield lambda picture: None
        return
    with whole_file(sheet) as part:
        yield lambda picture: part.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
