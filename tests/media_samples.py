"""Small videos and sounds that the tests make for themselves with ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from wav2lip.media.clip import Colour
from wav2lip.media.colour import numbers as colour_numbers
from wav2lip.media.ffmpeg import QUIET, binary, pass_timestamps_through, url
from wav2lip.media.picture import Picture, Pixels
from wav2lip.media.probe import probe

NUMBER_STEP = 3                                   # grey levels between one number and the next
BT709 = Colour("bt709", "bt709", "bt709", "tv")
NUMBERS = 72                                      # how many there are


def run_ffmpeg(*arguments: object, given: bytes | None = None) -> None:
    """Run ffmpeg, overwriting its output, with bytes on its standard input."""
    done = subprocess.run(
        [binary(), *QUIET, "-y", *map(str, arguments)], input=given, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def make_video(
    path: Path, frames: Iterable[np.ndarray], fps: Fraction | int = 25, options: Sequence[object] = (),
    sound: Path | None = None,
) -> Path:
    """Encode uint8 (height, width, 3) BGR frames; `options` are ffmpeg's, for the output."""
    pictures = list(frames)
    height, width = pictures[0].shape[:2]
    beside = ["-i", url(sound), "-map", "0:v", "-map", "1:a"] if sound else []
    run_ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", f"{width}x{height}", "-framerate", fps, "-i", "pipe:0",
        *beside, *options, url(path), given=b"".join(picture.tobytes() for picture in pictures),
    )
    return path


def noise_pictures(pixels: Pixels, count: int = 3, width: int = 34, height: int = 26) -> list[Picture]:
    """Return pictures that use every number a layout has."""
    noise, most = np.random.default_rng(0), 2**pixels.depth
    shapes = pixels.shapes(width, height)
    return [
        Picture(tuple(noise.integers(0, most, shape).astype(pixels.dtype) for shape in shapes), pixels)
        for _ in range(count)
    ]


def flat_pictures(pixels: Pixels, count: int = 3, width: int = 96, height: int = 64) -> list[Picture]:
    """Return pictures of gentle slopes, which an encoder loses little of; the alpha goes from clear to opaque."""
    def plane(rows: int, columns: int, turn: int) -> np.ndarray:
        y, x = np.mgrid[0:rows, 0:columns] / (rows, columns)[turn % 2]
        return np.rint((0.25 + 0.5 * (x, y)[turn % 2]) * 2**pixels.depth).astype(pixels.dtype)

    shapes = pixels.shapes(width, height)
    picture = Picture(tuple(plane(*shape, turn) for turn, shape in enumerate(shapes)), pixels)
    return [picture] * count


def make_pictures(
    path: Path, pictures: Sequence[Picture], options: Sequence[object] = ("-c:v", "ffv1"), colour: Colour = BT709,
) -> Path:
    """Encode pictures as they are, tagged so by every version of ffmpeg; `options` are ffmpeg's, for the output."""
    (width, height), pixels = pictures[0].size, pictures[0].pixels
    matrix, primaries, transfer, levels = colour_numbers(colour)
    tags = f"setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}:range={levels}"
    beside = ["-colorspace", matrix, "-color_primaries", primaries, "-color_trc", transfer, "-color_range", levels]
    run_ffmpeg(
        "-f", "rawvideo", "-pix_fmt", pixels.name, "-video_size", f"{width}x{height}", "-framerate", 25,
        "-i", "pipe:0", "-vf", tags, *beside, *options, url(path),
        given=b"".join(plane.tobytes() for picture in pictures for plane in picture.planes),
    )
    return path


def stored_bytes(path: Path, pixel_format: str) -> bytes:
    """Return all pictures of a file as its decoder gives them, which must be in that format."""
    assert probe(path).pixel_format == pixel_format
    command = [binary(), *QUIET, "-i", url(path), "-f", "rawvideo", "pipe:1"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def numbered_frame(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Return a grey frame from which `number_of` reads the number, 0 to 71, after any encoding."""
    return np.full((height, width, 3), 20 + NUMBER_STEP * number, np.uint8)


def number_of(frame: np.ndarray) -> int:
    """Return the number that a frame of `numbered_frame` was made with."""
    return round((float(frame.mean()) - 20) / NUMBER_STEP)


def numbered_video(
    path: Path, count: int, fps: Fraction | int = 25, options: Sequence[object] = (), *, width: int = 64,
    height: int = 48, sound: Path | None = None,
) -> Path:
    """Make a video whose frame n shows the number n modulo 72."""
    frames = (numbered_frame(n % NUMBERS, width, height) for n in range(count))
    return make_video(path, frames, fps, options, sound)


def variable_rate_video(
    path: Path, shown: Sequence[int] | str, fps: Fraction | int = 30, options: Sequence[object] = (), *, count: int = 0
) -> Path:
    """Make a video that stores only some of its pictures, each at number / fps after the start.

    Args:
        shown: the numbers of those pictures, or for many an expression of ffmpeg's in `n`, with `count` before it.
    """
    kept = shown if isinstance(shown, str) else "+".join(f"eq(n,{number})" for number in shown)
    count = count or int(shown[-1]) + 1
    through = [part for option, value in pass_timestamps_through().items() for part in (f"-{option}", value)]
    return numbered_video(path, count, fps, ["-vf", f"select='{kept}'", *through, *options])


def tagged(tags: str, levels: str = "tv", *, pixels: str = "yuv420p", quality: int = 2) -> list[object]:
    """Return the options for H.264 of one colour matrix and range, tagged so by every version of ffmpeg."""
    scaler = {"bt2020nc": "bt2020"}.get(tags, tags)
    primaries, transfer = {"bt2020nc": ("bt2020", "bt2020-10")}.get(tags, (tags, tags))
    filters = (
        f"scale=out_color_matrix={scaler}:out_range={levels}:flags=accurate_rnd", f"format={pixels}",
        f"setparams=colorspace={tags}:color_primaries={primaries}:color_trc={transfer}:range={levels}",
    )
    return ["-vf", ",".join(filters), "-c:v", "libx264", "-qp", quality, "-colorspace", tags, "-color_range", levels]


def coloured_frame(width: int, height: int) -> np.ndarray:
    """Return a frame of gentle gradients through many colours: what an encoder loses little of."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    planes = [128 + 100 * np.sin(a * x + b * y + c) for a, b, c in ((5, 2, 0), (2, 6, 2), (4, 4, 4))]
    return np.stack(planes, axis=2).astype(np.uint8)


def moving_frames(count: int, width: int = 96, height: int = 64) -> list[np.ndarray]:
    """Return frames with detail and motion, so that an encoder uses every kind of frame."""
    wide = coloured_frame(width + 4 * count, height)
    grain = np.random.default_rng(0).integers(-20, 20, wide.shape)
    textured = np.clip(wide + grain, 0, 255).astype(np.uint8)
    return [np.ascontiguousarray(textured[:, 4 * n : 4 * n + width]) for n in range(count)]


def make_sound(
    path: Path, seconds: float, rate: int = 16_000, frequencies: Sequence[float] = (440.0,),
    options: Sequence[object] = (),
) -> Path:
    """Make a sound file of sines at half of full scale, one channel for each frequency."""
    time = np.arange(round(seconds * rate)) / rate
    channels = np.stack([0.5 * np.sin(2 * np.pi * frequency * time) for frequency in frequencies], axis=1)
    run_ffmpeg(
        "-f", "f32le", "-ar", rate, "-ac", len(frequencies), "-i", "pipe:0", *options, url(path),
        given=channels.astype("<f4").tobytes(),
    )
    return path


def loudest_frequency(samples: np.ndarray, rate: int) -> float:
    """Return the frequency, in Hz, that a waveform has most of."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / rate)[int(spectrum.argmax())])


def mean_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean absolute difference of two frames, in levels of 255."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())
