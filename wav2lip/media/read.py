"""From a clip to frames, forwards or backwards, at the constant rate that its description promises."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from fractions import Fraction
from math import ceil, floor, prod
from typing import Any, TypeVar

import numpy as np

from wav2lip.errors import MediaError
from wav2lip.media.clip import ALPHA_DECODERS, Clip, Colour, Frame
from wav2lip.media.colour import RGB, levels, scaler_matrix
from wav2lip.media.ffmpeg import (
    Process,
    binary,
    command,
    open_input,
    pass_timestamps_through,
    version,
    whole_pictures,
)
from wav2lip.media.geometry import shrink
from wav2lip.media.hardware import WORTHWHILE, as_stored, nvdec_options
from wav2lip.media.image import read_deep_image, read_image
from wav2lip.media.limits import limits
from wav2lip.media.picture import Picture, Pixels, planar

Shown = TypeVar("Shown", Frame, Picture)

BACKWARD_BYTES = 96 << 20                         # of frames held while reading backwards: 15 at 1920×1080
_SLOW_BLOCKS = 20                                 # read backwards, frames are then decoded ten times on average
# A jump lands this many pictures early: those around a key frame may be stored out of order.
_REORDERED = 16
# Read packed and taken apart here: on the way from packed to planar some versions of the scaler raise alpha by 1.
_RGBA = Pixels(rgb=True, alpha=True)
_ACCURATE = "bicubic+accurate_rnd+full_chroma_int"
_AREA = "area+accurate_rnd+full_chroma_int"
_ORIGINAL = "bicubic"
# By degrees clockwise, for a photograph in a video's container; only from that version on ffmpeg turns it.
_TURNS = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}
_TURNS_PHOTOS = (8, 0)


def read_frames(
    clip: Clip, start: int = 0, count: int | None = None, *, stored: bool = False, size: tuple[int, int] | None = None
) -> Generator[Frame]:
    """Yield the frames of a clip from number `start` on.

    Frame i is what is shown at i / clip.fps after the first picture: a variable rate is made constant by repeating
    and leaving out pictures. From any start the frames are the same ones. A file that holds fewer than it
    promises ends early.

    Args:
        clip: as `probe` describes it.
        start: number of the first frame, from 0.
        count: how many frames at most; all that remain by default.
        stored: give the pictures as the original program sees them: each stored one once, whatever its time, and
            without colour tags in BT.601.
        size: width and height in pixels that they are scaled down to before they leave ffmpeg; None for the clip's own.

    Yields:
        uint8 (height, width, 3), BGR, upright, writable, a new array each.

    Raises:
        MediaError: nothing can be decoded, or ffmpeg breaks off.
    """
    count = _remaining(clip, start, count, stored)
    if count <= 0:
        return
    if clip.image:
        image = read_image(clip.path)
        if image is not None:
            yield image if size is None else shrink(image, size)
            return
    width, height = size or (clip.width, clip.height)
    shape = (height, width, 3)
    arguments = frames_command(clip, start, count, stored=stored, size=size)
    yield from _decoded(clip, start, count, arguments, prod(shape), lambda data: data.reshape(shape))


def frames_command(
    clip: Clip, start: int, count: int, *, stored: bool = False, size: tuple[int, int] | None = None
) -> list[str]:
    """Return the command line that decodes what `read_frames` yields, to its output."""
    width, height = size or (clip.width, clip.height)
    return command(_decoding(clip, start, count, stored, _converting(clip, stored, width, height)))


def read_pictures(
    clip: Clip, start: int = 0, count: int | None = None, *, pixels: Pixels | None = None, stored: bool = False
) -> Generator[Picture]:
    """Yield the same frames as `read_frames`, as the numbers that the file holds.

    Args:
        clip, start, count, stored: as for `read_frames`.
        pixels: their layout; `native(clip)` by default, which needs no conversion. Others are converted by ffmpeg's
            scaler, but never to another matrix, nor to another range unless from grey to RGB.

    Yields:
        clip.width × clip.height pixels, upright, writable, new arrays each.

    Raises:
        MediaError: as `read_frames`.
    """
    pixels = pixels or native(clip)
    count = _remaining(clip, start, count, stored)
    if count <= 0:
        return
    if clip.image and pixels.rgb:
        picture = read_deep_image(clip.path, pixels)
        if picture is not None:
            yield picture
            return
    size = pixels.bytes(clip.width, clip.height)
    arguments = pictures_command(clip, start, count, pixels=pixels, stored=stored)
    yield from _decoded(clip, start, count, arguments, size, lambda data: _picture(data, pixels, clip))


def pictures_command(clip: Clip, start: int, count: int, *, pixels: Pixels, stored: bool = False) -> list[str]:
    """Return the command line that decodes what `read_pictures` yields, to its output."""
    decoder = ALPHA_DECODERS.get(clip.codec) if pixels.alpha and planar(clip.pixel_format).alpha else None
    return command(_decoding(clip, start, count, stored, _laying_out(clip, pixels), decoder))


def native(clip: Clip) -> Pixels:
    """Return the layout that holds the pictures of a clip, upright, as they are stored."""
    pixels = planar(clip.pixel_format)
    # Turned by a quarter, chroma that is shared in one direction only would be shared in the other.
    return pixels.unshared if clip.rotation in (90, 270) and pixels.across != pixels.down else pixels


def read_at_rate(clip: Clip, fps: Fraction, count: int | None = None) -> Generator[Frame]:
    """Yield frames at another rate: frame n is the picture whose time is nearest to n / fps s after the first one's.

    Args:
        clip: as `probe` describes it.
        fps: frames a second.
        count: how many frames at most; all by default.

    Yields, Raises:
        As `read_frames`; a frame that stands for several comes several times, the same array.
    """
    given = 0
    with closing(read_frames(clip)) as frames:
        for number, frame in enumerate(frames):
            while number == nearest_frame(given, fps, clip.fps) and (count is None or given < count):
                yield frame
                given += 1
            if given == count:
                return


def frames_at(clip: Clip, fps: Fraction) -> int:
    """Return how many frames `read_at_rate` makes of a clip."""
    return floor((clip.frames - Fraction(1, 2)) * fps / clip.fps) + 1


def nearest_frame(number: int, fps: Fraction, clip_fps: Fraction) -> int:
    """Return which frame at `clip_fps` is nearest in time to frame `number` at `fps`, of two the earlier."""
    return ceil(number * clip_fps / fps - Fraction(1, 2))


def read_frames_backwards(clip: Clip, start: int, count: int, *, stored: bool = False) -> Generator[Frame]:
    """Yield the frames number `start`, `start` - 1, ... down to `start` - `count` + 1, or to 0; `stored` as there.

    They are read forwards in blocks that together take at most about 96 MB (or one frame, if that is larger).

    Yields, Raises:
        As `read_frames`.
    """
    size = clip.width * clip.height * 3
    there = clip.stored_frames if stored else clip.frames
    yield from _backwards(
        there, start, count, size, lambda first, length: read_frames(clip, first, length, stored=stored)
    )


def read_pictures_backwards(
    clip: Clip, start: int, count: int, *, pixels: Pixels | None = None
) -> Generator[Picture]:
    """Yield pictures in the order of `read_frames_backwards`.

    Yields, Raises:
        As `read_pictures`.
    """
    pixels = pixels or native(clip)
    size = pixels.bytes(clip.width, clip.height)
    yield from _backwards(
        clip.frames, start, count, size, lambda first, length: read_pictures(clip, first, length, pixels=pixels)
    )


def slow_backwards(clip: Clip, count: int, pixels: Pixels) -> bool:
    """Return whether reading so many pictures of a layout backwards takes many times as long as forwards: where no jump
    is exact, every block is decoded from the beginning of the file."""
    block = max(1, BACKWARD_BYTES // pixels.bytes(clip.width, clip.height))
    return not clip.seekable and count > _SLOW_BLOCKS * block


def _remaining(clip: Clip, start: int, count: int | None, stored: bool) -> int:
    """Return how many frames there are from number `start` on, but at most `count`."""
    left = max(0, (clip.stored_frames if stored else clip.frames) - start)
    return left if count is None else min(count, left)


def _decoded(
    clip: Clip, start: int, count: int, arguments: list[str], size: int, shape: Callable[[np.ndarray], Shown]
) -> Generator[Shown]:
    """Run ffmpeg and yield what `shape` makes of each of its `count` pictures, uint8 (size,)."""
    frames = 0
    with Process(arguments, stdout=True) as process:
        while frames < count:
            data = np.empty(size, np.uint8)
            if process.read_into(data.data) < size:
                break
            frames += 1
            yield shape(data)
        if frames == count:
            return                                # what ffmpeg still has to say no longer matters
        code = process.finish()
        process.check_alive(f"{clip.path} cannot be decoded")
        if code != 0 or (not frames and start == 0):
            advice = " With --hardware off the software decoder reads it." if _on_gpu(clip, count) else ""
            raise MediaError(f"{clip.path} cannot be decoded: {process.last_words()}.{advice}")


def _backwards(
    there: int, start: int, count: int, size: int, read: Callable[[int, int], Generator[Shown]]
) -> Generator[Shown]:
    """Yield what `read(first, length)` gives, from number `start` of `there` down, in blocks; one is `size` bytes."""
    block = max(1, BACKWARD_BYTES // size)
    end = min(start, there - 1) + 1
    last = max(0, start + 1 - count)
    while end > last:
        first = max(last, end - block)
        frames = list(read(first, end - first))
        while frames:
            yield frames.pop()
        end = first


def _decoding(
    clip: Clip, start: int, count: int, stored: bool, converting: list[str], decoder: str | None = None
) -> Any:
    """Return the ffmpeg-python output that decodes `count` frames from number `start` on to a pipe."""
    jump: dict[str, Any] = whole_pictures() | ({} if decoder is None else {"c:v": decoder})
    if _on_gpu(clip, count):
        jump |= nvdec_options(clip)
        converting = [as_stored(clip), *converting]
    if clip.image and clip.rotation in _TURNS and version(binary()) < _TURNS_PHOTOS:
        jump["noautorotate"] = None
        converting = [_TURNS[clip.rotation], *converting]
    if start and clip.seekable and not stored:
        # The time stamps stay those of the file, so that the frame is found by its own, wherever the jump lands.
        offset = _jump_time(clip, start) + clip.start
        jump |= {"ss": f"{max(0.0, offset):.6f}", "noaccurate_seek": None}
    if clip.container:
        jump["format"] = clip.container
    # Pictures may grow in mid-stream.
    source = open_input(clip.path, reinit_filter=0, max_pixels=limits().pixels, **jump)
    return source["V:0"].output(
        "pipe:1",
        format="rawvideo",
        vf=_unsqueezed(clip) + ",".join([*_choosing(clip, start, stored), *converting]),
        copyts=None,
        **{"frames:v": count},
        **pass_timestamps_through(),
    )


def _unsqueezed(clip: Clip) -> str:
    """Return what keeps the range where ffmpeg turns pictures: of chroma that is shared in one direction only it makes
    another layout before, and a scaler that is told nothing squeezes full range."""
    pixels = planar(clip.pixel_format)
    if clip.rotation not in (90, 270) or pixels.across == pixels.down or levels(clip.colour) != "pc":
        return ""
    return f"sws_flags={_ACCURATE}:in_range=pc:out_range=pc;"


def _on_gpu(clip: Clip, count: int) -> bool:
    return clip.gpu is not None and count >= WORTHWHILE


def _jump_time(clip: Clip, frame: int) -> float:
    """Return where to jump to for the picture shown as a frame, in seconds after the first picture."""
    if clip.times is None:
        return float((frame - _REORDERED) / clip.fps)
    # With half a frame to spare: the frame rate filter rounds to the nearest.
    moment = float(frame / clip.fps) - 0.5 / float(clip.fps)
    shown = int(np.searchsorted(clip.times, moment)) - 1
    # Of the stored pictures: among sparse ones so many frames may lie between two.
    return float(clip.times[max(0, shown - _REORDERED)])


def _choosing(clip: Clip, start: int, stored: bool) -> list[str]:
    """Return the filters that leave the frames from number `start` on, at the constant rate."""
    if clip.times is not None and not stored:
        # Versions differ in whether the last picture is held to its end: hold it in any case.
        held = clip.frames - round(clip.times[-1] * float(clip.fps))
        rate = f"fps={clip.fps}:start_time=" + (f"{float(clip.first_time):.6f}" if clip.seekable else "0")
        constant = [rate, f"tpad=stop={max(1, held)}:stop_mode=clone", f"trim=start_frame={start}"]
        return constant if clip.seekable else ["setpts=PTS-STARTPTS", *constant]
    if not start:
        return []
    if not clip.seekable or stored:
        return [f"trim=start_frame={start}"]
    return [f"trim=start={float(clip.first_time + (start - 0.5) / clip.fps):.6f}"]


def _converting(clip: Clip, stored: bool, width: int, height: int) -> list[str]:
    """Return the filters that make upright, full-range BGR of a size."""
    smaller = (width, height) != (clip.width, clip.height)
    scale = f"scale={width}:{height}:flags={_ORIGINAL if stored else _AREA if smaller else _ACCURATE}"
    if clip.colour.matrix == RGB:
        return [scale, "format=bgr24"]
    matrix = _original_matrix(clip.colour) if stored else scaler_matrix(clip.colour, clip.width, clip.height)
    scale += f":in_color_matrix={matrix}:in_range={levels(clip.colour)}:out_range=pc"
    if stored:
        return [scale, "format=bgr24"]
    # By way of planes the scaler gives the same values in half the time: 7 ms instead of 17 at 1920×1080.
    return [scale, "format=gbrp", "scale", "format=bgr24"]


def _laying_out(clip: Clip, pixels: Pixels) -> list[str]:
    """Return the filters that make upright pictures of a layout; what can stay the same number does."""
    scale = f"scale={clip.width}:{clip.height}:flags={_ACCURATE}"
    if clip.colour.matrix != RGB:
        matrix, given = scaler_matrix(clip.colour, clip.width, clip.height), levels(clip.colour)
        # Said for both sides: a scaler that is told nothing squeezes full range.
        scale += f":in_color_matrix={matrix}:out_color_matrix={matrix}"
        scale += f":in_range={given}:out_range={'pc' if pixels.rgb else given}"
    return [scale, f"format={'rgba' if pixels == _RGBA else pixels.name}"]


def _picture(data: np.ndarray, pixels: Pixels, clip: Clip) -> Picture:
    """Return the picture in what ffmpeg gives after `_laying_out`, uint8 (bytes,)."""
    if pixels != _RGBA:
        return Picture.of(data, pixels, clip.width, clip.height)
    packed = data.reshape(clip.height, clip.width, 4)
    return Picture(tuple(np.ascontiguousarray(packed[..., channel]) for channel in (1, 2, 0, 3)), pixels)


def _original_matrix(colour: Colour) -> str:
    """Return the matrix that OpenCV takes: the tagged one, else BT.601 whatever the size."""
    return scaler_matrix(colour, 1, 1)
