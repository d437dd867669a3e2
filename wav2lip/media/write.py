"""From frames and a sound file to a finished video, in one ffmpeg process; the output appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import ffmpeg
import numpy as np

from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.clip import Clip, Colour, Frame
from wav2lip.media.colour import encoded_tags, full_range, levels, numbers, scaler_matrix
from wav2lip.media.encoding import Decided, Encoding, check_encoding, decide, picture_options, sound_options
from wav2lip.media.ffmpeg import Process, command, open_input, url
from wav2lip.media.picture import Picture, Pixels
from wav2lip.media.probe import audio_track
from wav2lip.media.whole import settle

PART_PATTERN = ".wav2lip-*.part.*"
"""Glob of the unfinished files that a killed run may leave in an output's folder."""

NOT_WRITTEN = r"(?i)no space left|error writing trailer|submitting a packet to the muxer|disk quota|file too large"
"""Of ffmpeg's complaints those that a disk is behind."""

_TELL_EVERY = 0.1                                 # seconds
_LARGEST_TERM = 1_001_000                         # of a frame rate on ffmpeg's command line


def check_output(output: str | Path, encoding: Encoding) -> None:
    """Find out before the work begins whether an output can be written.

    Raises:
        UsageError: its name, its folder or the encoding makes no sense.
        Wav2LipError: its folder cannot be written to.
    """
    output = Path(output)
    if output.is_dir():
        raise UsageError(f"The output {output} is a folder; give the name of a file.")
    check_encoding(output, encoding)
    folder = output.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"The output's folder {folder} does not exist.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Wav2LipError(f"The output's folder {folder} cannot be written to.")


class VideoWriter:
    """Encodes frames, with sound, to a file that appears under its name when the `with` block ends without an error.

    Args:
        output: what to write; the extension names the container. An existing file is replaced.
        width, height: of the frames, in pixels; odd ones are kept.
        fps: exact frames a second.
        pixels: the layout of the pictures that are given; None for BGR frames. Where the codec stores that layout the
            numbers go to it as they are, elsewhere they change their layout only.
        source: what the picture was, where its kind is to be kept (`decide`).
        colour: the source's tags: what the file gets, and what its numbers are converted by.
        pixel_aspect: width of a pixel over its height.
        sound: a file whose first audio track is put beside the picture, without re-encoding where that can be.
        sound_from: seconds of the sound that are left out at its beginning; copied sound begins with its next packet.
            If negative, it begins so much after the picture.
        encoding: codec and quality.
        duration_limit: seconds after which the sound is cut; by default it is kept whole, however long the picture is.
        called: what errors call the output; by default its name.

    Raises:
        UsageError: the output's name, its folder or the encoding makes no sense.
        MediaError: there is no audio track in the sound file.
        Wav2LipError: the output cannot be written; here, in `write` or when the block ends.
    """

    def __init__(
        self,
        output: str | Path,
        *,
        width: int,
        height: int,
        fps: Fraction,
        pixels: Pixels | None = None,
        source: Clip | None = None,
        colour: Colour = Colour(),   # noqa: B008 - frozen
        pixel_aspect: Fraction = Fraction(1),
        sound: str | Path | None = None,
        sound_from: float = 0.0,
        encoding: Encoding = Encoding(),   # noqa: B008 - frozen
        duration_limit: float | None = None,
        called: Path | None = None,
    ):
        self._output = Path(output)
        self._called = called or self._output
        check_output(self._output, encoding)
        decided = decide(self._output, encoding, width, height, source=source, pixels=pixels)
        self._size, self._pixels, self._on_gpu = (width, height), pixels, decided.gpu is not None
        # Not made from the output's name, which may be as long as names can be.
        self._part = self._output.absolute().parent / f".wav2lip-{secrets.token_hex(8)}.part{self._output.suffix}"
        self._command = writing_command(
            self._part, self._output, encoding, decided, width=width, height=height, fps=fps, pixels=pixels,
            colour=colour, pixel_aspect=pixel_aspect, sound=sound, sound_from=sound_from, duration_limit=duration_limit,
        )
        self._process: Process | None = None
        self._written = 0

    def __enter__(self) -> VideoWriter:
        try:
            # Made here, so that it has the user's usual permissions and a folder that cannot be written to is noticed.
            os.close(os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as error:
            raise Wav2LipError(f"{self._called} cannot be written: {error.strerror}.") from error
        try:
            self._process = Process(self._command, stdin=True)
        except BaseException:
            self._discard()
            raise
        return self

    def write(self, frame: Frame | Picture) -> None:
        """Encode one frame.

        Args:
            frame: uint8 (height, width, 3), BGR; or where the writer was given a layout, a picture of it.

        Raises:
            Wav2LipError: ffmpeg has given up; the message says why.
        """
        assert self._process is not None, "write inside the with block"
        try:
            for plane in self._planes(frame):
                self._process.write(np.ascontiguousarray(plane).data.cast("B"))
        except BrokenPipeError:
            self._process.finish()
            raise self._failure() from None
        self._written += 1

    def _planes(self, frame: Frame | Picture) -> Sequence[np.ndarray]:
        """Return the planes to write, if they are what ffmpeg was told."""
        width, height = self._size
        planes = frame.planes if isinstance(frame, Picture) else (frame,)
        pixels = frame.pixels if isinstance(frame, Picture) else None
        shapes = [(height, width, 3)] if self._pixels is None else self._pixels.shapes(width, height)
        numbers = np.dtype(np.uint8) if self._pixels is None else self._pixels.dtype
        if pixels != self._pixels or [(plane.shape, plane.dtype) for plane in planes] != [
            (shape, numbers) for shape in shapes
        ]:
            wanted = f"uint8 {shapes[0]}" if self._pixels is None else f"{self._pixels.name} of {width}×{height}"
            given = f"{planes[0].dtype} {planes[0].shape}" if pixels is None else f"{pixels.name} {planes[0].shape}"
            raise ValueError(f"the frame is {given}, not {wanted}")
        return planes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        try:
            if error is None:
                with self._process:
                    self._finish(self._process)
        finally:
            self._process.kill()
            self._discard()

    def _finish(self, process: Process) -> None:
        if _has_failed(process):
            raise self._failure()
        if not self._written:
            raise Wav2LipError(f"{self._called} was not written: there is not a single frame.")
        try:
            settle(self._part, self._output)
        except OSError as error:
            raise Wav2LipError(f"{self._called} cannot be written: {error.strerror}.") from error

    def _failure(self) -> Wav2LipError:
        assert self._process is not None
        why = _why_not(self._process, self._part, self._called)
        advice = " With --hardware off the software encoder writes it."
        hardware = self._on_gpu and not self._process.said(NOT_WRITTEN)
        return Wav2LipError(f"{why}{advice if hardware else ''}")

    def _discard(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._part)


def wait_until_written(process: Process, part: Path, called: Path, tell: Callable[[], object]) -> None:
    """Wait until an ffmpeg has written a file.

    Args:
        process: the ffmpeg.
        part: the file.
        called: what an error calls it.
        tell: is called ten times a second; what it raises is raised here.

    Raises:
        Wav2LipError: it could not be written.
    """
    while not process.ended(_TELL_EVERY):
        tell()
    if _has_failed(process):
        raise Wav2LipError(_why_not(process, part, called))


def _has_failed(process: Process) -> bool:
    """Wait for an ffmpeg's end; return whether it has not written all that it should."""
    # Some versions end with code 0 although the last bytes did not fit on the disk.
    return process.finish() != 0 or process.said(NOT_WRITTEN)


def _why_not(process: Process, part: Path, called: Path) -> str:
    """Return the sentence for what an ffmpeg could not write.

    Raises:
        Wav2LipError: it was killed.
    """
    process.check_alive(f"{called} could not be written")
    words = process.last_words().replace(url(part), str(called))
    return f"{called} could not be written: {words}."


def writing_command(
    part: Path, output: Path, encoding: Encoding, decided: Decided, *, width: int, height: int, fps: Fraction,
    pixels: Pixels | None, colour: Colour, pixel_aspect: Fraction, sound: str | Path | None = None,
    sound_from: float = 0.0, duration_limit: float | None = None,
) -> list[str]:
    """Return the command line that encodes frames from its input to a file, which becomes the output.

    The other arguments are those of `VideoWriter`.

    Raises:
        MediaError: there is no audio track in the sound file.
    """
    given = "bgr24" if pixels is None else pixels.name
    inputs = [ffmpeg.input(
        "pipe:0", format="rawvideo", pix_fmt=given, video_size=(width, height), framerate=str(_rate(fps))
    )["v:0"]]
    options = output_options(
        output, encoding, decided, width=width, height=height, pixels=pixels, colour=colour, pixel_aspect=pixel_aspect,
    )
    if sound is not None:
        track, container = audio_track(sound)
        heard = {} if duration_limit is None else {"t": f"{duration_limit:.6f}"}
        if sound_from > 0:
            heard["ss"] = f"{sound_from:.6f}"
            options["copypriorss:a"] = 0         # packets from before that time: left out, not heard early
        elif sound_from < 0:
            options["af"] = f"adelay=delays={-1000 * sound_from:.3f}:all=1"
            track = replace(track, codec="")     # what is filtered is encoded
            if duration_limit is not None:
                heard["t"] = f"{max(0.0, duration_limit + sound_from):.6f}"
        inputs.append(open_input(Path(sound), format=container, **heard)["a:0"])
        options |= sound_options(output, track)
    return command(ffmpeg.output(*inputs, url(part), map_chapters=-1, **options))


def output_options(
    output: Path, encoding: Encoding, decided: Decided, *, width: int, height: int, pixels: Pixels | None,
    colour: Colour, pixel_aspect: Fraction,
) -> dict[str, Any]:
    """Return ffmpeg's options for all of an output but its sound; the arguments are those of `VideoWriter`."""
    picture = picture_options(output, encoding, decided)
    return picture | _colour_options(colour, pixels, decided, width, height, pixel_aspect)


def _colour_options(
    colour: Colour, pixels: Pixels | None, decided: Decided, width: int, height: int, pixel_aspect: Fraction
) -> dict[str, Any]:
    """Return the output options that convert frames where they must be and tag the result, for every ffmpeg."""
    stored = decided.pixel_format
    rgb, given_rgb = stored.startswith(("gbr", "rgb", "bgr")), pixels is None or pixels.rgb
    tags = encoded_tags(colour, rgb=rgb) if rgb or given_rgb else colour
    if decided.codec == "prores" or stored.startswith("yuvj"):
        tags = replace(tags, range="pc" if stored.startswith("yuvj") else "tv")     # they have no other
    same_levels = rgb or given_rgb or full_range(tags) == full_range(colour)
    filters = []
    if pixels is None or pixels.name != stored or not same_levels:
        filters.append(_converting(colour, given_rgb, tags, rgb, width, height))
    matrix, primaries, transfer, tagged = numbers(tags)
    filters += (
        f"format={stored}",
        f"setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}:range={tagged}",
        f"setsar=sar={pixel_aspect}:max=65535",
    )
    return {
        "vf": ",".join(filters),
        "colorspace": matrix,
        "color_primaries": primaries,
        "color_trc": transfer,
        "color_range": tagged,
    }


def _converting(colour: Colour, given_rgb: bool, tags: Colour, rgb: bool, width: int, height: int) -> str:
    """Return the scaler that brings pictures of one meaning to another, or only to another layout."""
    scale = "scale=flags=bicubic+accurate_rnd+full_chroma_inp"
    if not given_rgb:
        # Said for both sides: a scaler that is told nothing squeezes full range.
        scale += f":in_color_matrix={scaler_matrix(colour, width, height)}:in_range={levels(colour)}"
    if not rgb:
        scale += f":out_color_matrix={scaler_matrix(tags, width, height)}:out_range={levels(tags)}"
    elif not given_rgb:
        scale += ":out_range=pc"
    return scale


def _rate(fps: Fraction) -> Fraction:
    """Return the frame rate in terms that ffmpeg's command line takes; all but odd averages stay what they are."""
    if max(fps.numerator, fps.denominator) <= _LARGEST_TERM:
        return fps
    return fps.limit_denominator(int(_LARGEST_TERM / max(float(fps), 1.0)))
