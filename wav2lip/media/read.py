"""From a clip to frames, forwards or backwards, at the constant rate that its description promises."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from wav2lip.errors import MediaError
from wav2lip.media.clip import Clip, Colour, Frame
from wav2lip.media.colour import RGB, full_range, scaler_matrix
from wav2lip.media.ffmpeg import Process, command, open_input, pass_timestamps_through
from wav2lip.media.image import read_image

BACKWARD_BYTES = 96 << 20                         # of frames held while reading backwards: 15 at 1920×1080
# A jump lands this many frames early: those around a key frame may be stored out of order.
_REORDER_FRAMES = 16
_ACCURATE = "bicubic+accurate_rnd+full_chroma_int"
_ORIGINAL = "bicubic"


def read_frames(clip: Clip, start: int = 0, count: int | None = None, *, stored: bool = False) -> Generator[Frame]:
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

    Yields:
        uint8 (clip.height, clip.width, 3), BGR, upright, writable, a new array each.

    Raises:
        MediaError: nothing can be decoded, or ffmpeg breaks off.
    """
    total = clip.stored_frames if stored else clip.frames
    count = max(0, total - start) if count is None else min(count, total - start)
    if count <= 0:
        return
    if clip.image:
        image = read_image(clip.path)
        if image is not None:
            yield image
            return
    frames = 0
    with Process(command(_decoding(clip, start, count, stored)), stdout=True) as process:
        while frames < count:
            frame = np.empty((clip.height, clip.width, 3), np.uint8)
            if process.read_into(frame.data.cast("B")) < frame.nbytes:
                break
            frames += 1
            yield frame
        if frames == count:
            return                                # what ffmpeg still has to say no longer matters
        code = process.finish()
        if code != 0 or (not frames and start == 0):
            raise MediaError(f"{clip.path} cannot be decoded: {process.last_words()}.")


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


def nearest_frame(number: int, fps: Fraction, clip_fps: Fraction) -> int:
    """Return which frame at `clip_fps` is nearest in time to frame `number` at `fps`, of two the earlier."""
    return ceil(number * clip_fps / fps - Fraction(1, 2))


def read_frames_backwards(clip: Clip, start: int, count: int) -> Generator[Frame]:
    """Yield the frames number `start`, `start` - 1, ... down to `start` - `count` + 1, or to 0.

    They are read forwards in blocks that together take at most about 96 MB (or one frame, if that is larger).

    Yields, Raises:
        As `read_frames`.
    """
    block = max(1, BACKWARD_BYTES // (clip.width * clip.height * 3))
    end = min(start, clip.frames - 1) + 1
    last = max(0, start + 1 - count)
    while end > last:
        first = max(last, end - block)
        frames = list(read_frames(clip, first, end - first))
        while frames:
            yield frames.pop()
        end = first


def _decoding(clip: Clip, start: int, count: int, stored: bool) -> Any:
    """Return the ffmpeg-python output that decodes `count` frames from number `start` on to a pipe."""
    jump: dict[str, Any] = {}
    if start and clip.seekable and not stored:
        # The time stamps stay those of the file, so that the frame is found by its own, wherever the jump lands.
        offset = _stored_time(clip, start) + clip.start - float(_REORDER_FRAMES / clip.fps)
        jump = {"ss": f"{max(0.0, offset):.6f}", "noaccurate_seek": None}
    if clip.container:
        jump["format"] = clip.container
    source = open_input(clip.path, reinit_filter=0, **jump)
    return source["V:0"].output(
        "pipe:1",
        format="rawvideo",
        vf=",".join([*_choosing(clip, start, stored), *_converting(clip, stored)]),
        copyts=None,
        **{"frames:v": count},
        **pass_timestamps_through(),
    )


def _stored_time(clip: Clip, frame: int) -> float:
    """Return when the picture shown as a frame is stamped, in seconds after the first picture."""
    time = float(frame / clip.fps)
    if clip.times is None:
        return time
    # With half a frame to spare: the frame rate filter rounds to the nearest.
    return float(clip.times[max(0, int(np.searchsorted(clip.times, time - 0.5 / float(clip.fps))) - 1)])


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


def _converting(clip: Clip, stored: bool) -> list[str]:
    """Return the filters that make upright, full-range BGR of the clip's own size."""
    scale = f"scale={clip.width}:{clip.height}:flags={_ORIGINAL if stored else _ACCURATE}"
    if clip.colour.matrix == RGB:
        return [scale, "format=bgr24"]
    matrix = _original_matrix(clip.colour) if stored else scaler_matrix(clip.colour, clip.width, clip.height)
    levels = "pc" if full_range(clip.colour) else "tv"
    scale += f":in_color_matrix={matrix}:in_range={levels}:out_range=pc"
    if stored:
        return [scale, "format=bgr24"]
    # By way of planes the scaler gives the same values in half the time: 7 ms instead of 17 at 1920×1080.
    return [scale, "format=gbrp", "scale", "format=bgr24"]


def _original_matrix(colour: Colour) -> str:
    """Return the matrix that OpenCV takes: the tagged one, else BT.601 whatever the size."""
    return scaler_matrix(colour, 1, 1)
