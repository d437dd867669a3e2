"""What is known of a video, an image or a sound before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

VIDEO_SUFFIXES = frozenset({
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts",
    ".webm", ".wmv",
})
"""What names of video files end with, where a folder is searched for them."""

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""The decoders that see the transparency of these codecs, a second stream within the stream; ffmpeg's own do not."""

SPEAKERS = {
    name: 1 << bit for bit, name in enumerate((
        "FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC",
        "SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR",
    ))
}
"""What a channel can be for, in ffmpeg's names, and its bit in the channel mask of a WAV file."""

Frame = np.ndarray
"""One picture: uint8 (height, width, 3), BGR, upright."""


@dataclass(frozen=True)
class Colour:
    """How a video's numbers mean colours, in ffmpeg's names; None where the file does not say."""

    matrix: str | None = None       # "bt709", "smpte170m", "bt470bg", "bt2020nc", "gbr", ...
    primaries: str | None = None
    transfer: str | None = None
    range: str | None = None        # "tv" or "pc"


@dataclass(frozen=True)
class Sound:
    """The first audio stream of a file."""

    codec: str                      # ffmpeg's name: "aac", "pcm_s16le", ...
    sample_rate: int                # Hz
    channels: int
    duration: float                 # seconds, as the container says; 0.0 where it does not
    numbers: str = "flt"            # ffmpeg's name of what its decoder gives: "u8", "s16", "s32", "flt", "dbl", ...
    speakers: tuple[str, ...] = ()  # what each channel is for, of `SPEAKERS`; () where it is not said
    late: float = 0.0               # seconds of silence that its file has before it
    apart: bool = True              # in an MP4 of its own it is the same: its file begins with it, and it has no title


@dataclass(frozen=True)
class Clip:
    """A video or still image, as it is shown: width and height are those after rotation.

    `fps` and `frames` describe the constant-rate stream that `read_frames` gives. For a variable-rate file that is
    not what is stored: `stored_frames` pictures at `average_fps` on average, which is what the original program sees.
    """

    path: Path
    width: int                      # pixels, upright
    height: int
    fps: Fraction                   # exact: 24000/1001 stays so
    frames: int
    stored_frames: int
    average_fps: Fraction
    variable_rate: bool
    pixel_format: str               # ffmpeg's name: "yuv420p", ...
    colour: Colour
    pixel_aspect: Fraction          # 1 for square pixels
    rotation: int                   # degrees clockwise that players turn it, already applied to width and height
    start: float                    # seconds: time stamp of the first picture relative to where its sound is read from
    seekable: bool                  # whether a jump to a time lands exactly
    image: bool                     # a still: one frame, fps is meaningless
    sound: Sound | None
    container: str = ""             # ffmpeg's name of the container's format: "mov", "matroska", ...
    interlaced: bool = False        # its pictures are two fields each, woven together
    codec: str = ""                 # ffmpeg's name of the picture's: "h264", "prores", ...
    profile: str = ""               # libavcodec's name of its profile: "High", "4444", ...
    bit_rate: int = 0               # bits a second that the pictures take; 0 where that is unknown
    first_time: Fraction = Fraction(0)   # seconds: the first picture's time stamp as stored, whatever the container's
    gpu: int | None = field(default=None, compare=False)
    """Number of the NVIDIA GPU that decodes it, to the same numbers; None for the CPU."""
    times: np.ndarray | None = field(default=None, repr=False, compare=False)
    """Variable rate only: when each stored picture is shown, float64 (stored_frames,) seconds after the first."""

    @property
    def duration(self) -> float:
        """Seconds of video at the constant rate."""
        return float(self.frames / self.fps)
