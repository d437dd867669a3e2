"""What a media file holds, found in process: ffprobe is not needed, nor is ffmpeg itself."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wav2lip.errors import MediaError, Wav2LipError
from wav2lip.media.boxes import check_index
from wav2lip.media.clip import ALPHA_DECODERS, SPEAKERS, Clip, Colour, Sound
from wav2lip.media.colour import MATRICES, PRIMARIES, RANGES, RGB, TRANSFERS
from wav2lip.media.ffmpeg import binary, decoders
from wav2lip.media.files import check_media_file
from wav2lip.media.limits import allow, limits
from wav2lip.media.rates import constant_rate, rate_for_variable

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

IMAGE_FPS = Fraction(25)
FALLBACK_FPS = Fraction(25)                       # for one picture in a video container
FASTEST_STATED = 1000                             # frames a second; what claims more is a unit of time, not a rate
_SLOWEST = 1000                                   # samples a second: less is no sound, but would last for hours
_SLOWEST_STATED = 10                              # frames a second; of one picture, less tells how long it is shown

_HEAD_BYTES = 4096
_TRIES = 300                                      # packets that may decode to nothing before the first picture
# By bits and transparency.
_IMAGE_FORMATS = {(8, False): "bgr24", (8, True): "bgra", (16, False): "bgr48le", (16, True): "bgra64le"}
# Lists and scripts that name other files to open, which happens as soon as they are opened themselves.
_REFERRING = frozenset({
    "hls", "applehttp", "concat", "dash", "imf", "image2", "sdp", "rtsp", "rtp", "sap", "vapoursynth", "avisynth",
    "lavfi", "webm_dash_manifest",
})
# A jump in these lands exactly on the pictures' time stamps.
_SEEKABLE = ("mov", "matroska")
_SEEKABLE_IF_INTRA = ("avi",)
_PHOTOS = (b"avif", b"mif1", b"heic", b"heix")    # brands of pictures in a video's container
# Of these ffmpeg takes time zero to be where the first of the streams begins that it reads, not where the file does.
WITHOUT_BEGINNING = ("mpegts", "mpeg")
_LONGEST_STEP = 10                                # seconds from one picture to the next by one clock of theirs
# The length in their header is exact; elsewhere it is estimated from the bit rate, or missing.
_TRUE_LENGTH = ("mov", "matroska", "wav", "flac", "ogg", "avi", "aiff", "w64", "caf")


def probe(path: str | Path, *, image_fps: Fraction = IMAGE_FPS) -> Clip:
    """Describe a video or a still image.

    Every packet of the video is looked at, none but the first decoded: time stamps, not headers, tell the rate.

    Args:
        path: a local file of any kind that ffmpeg reads.
        image_fps: frames a second to give a still image.

    Raises:
        MediaError: the file is missing, unreadable, damaged, or has no picture in it.
    """
    path = Path(path)
    head = _head(path)
    if _is_still(head):
        clip = _probe_image(path, image_fps)
        if clip is not None:
            return clip
    with _opened(path, head) as container:
        return _probe_video(container, path, image_fps, head)


def picture_format(path: str | Path) -> tuple[str, str]:
    """Return the codec and the pixel format of a file's pictures as its header tells; all else stays unread.

    Raises:
        MediaError: the file is missing or unreadable, or has no picture in it.
    """
    path = Path(path)
    head = _head(path)
    still = _probe_image(path, IMAGE_FPS) if _is_still(head) else None
    if still is not None:
        return still.codec, still.pixel_format
    with _opened(path, head) as container:
        stream = _video_stream(container)
        if stream is None or stream.codec_context is None or stream.codec_context.pix_fmt is None:
            raise MediaError(f"{path} has no picture in it that can be decoded.")
        return stream.codec_context.codec.canonical_name, _pixel_format(path, stream, stream.codec_context.pix_fmt)


def probe_sound(path: str | Path) -> Sound:
    """Describe the first audio track of a file.

    Raises:
        MediaError: the file is missing or unreadable, or has no audio track.
    """
    sound, container = audio_track(path)
    if sound.duration and container in _TRUE_LENGTH:
        return sound
    length = _counted_length(Path(path))
    allow(Path(path), duration=length)
    return replace(sound, duration=length)


def audio_track(path: str | Path) -> tuple[Sound, str]:
    """Return the first audio track of a file, its length as the container claims, and the container's format.

    Raises:
        MediaError: as `probe_sound`.
    """
    path = Path(path)
    with _opened(path, _head(path)) as container:
        sound = _sound(container, path)
        if sound is None:
            raise MediaError(f"{path} has no audio track.")
        return sound, _format(container)


def container_tags(path: str | Path) -> dict[str, str]:
    """Return what a file's container says of the whole, by names in small letters.

    Raises:
        MediaError: the file is missing or unreadable.
    """
    path = Path(path)
    with _opened(path, _head(path)) as container:
        return {name.lower(): value for name, value in container.metadata.items()}


def count_pictures(path: Path) -> int:
    """Return how many pictures are stored in a video that this program made; 0 where it cannot be read.

    The limits of `wav2lip.media.limits` are for what others made: a result may be longer or larger than its inputs.
    """
    import av

    with contextlib.suppress(av.error.FFmpegError, OSError, ValueError), _open(path) as container:
        stream = _video_stream(container)
        if stream is not None and stream.codec_context is not None:
            frame, packets = _scan(container, stream, path, limited=False)
            return 0 if frame is None else len(packets)
    return 0


def _head(path: Path) -> bytes:
    """Return the beginning of a file; refuse what is certainly no media file."""
    check_media_file(path)
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        raise MediaError(f"{path} is empty.")
    if head.startswith(b"#EXTM3U") or head.startswith(b"ffconcat"):
        raise MediaError(f"{path} is a playlist that refers to other files; give the video itself.")
    if _is_text(head):
        raise MediaError(f"{path} is a text file, not a media file (a failed download?).")
    return head


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:           # not merely a character cut in two by the end
            return False
        text = head[: error.start].decode()
    return all(character.isprintable() or character in "\t\n\r\f\ufeff" for character in text)


def _is_still(head: bytes) -> bool:
    """Return whether the content is that of a still image, whatever the file is called."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"acTL" not in head                # animated
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return True
    return head.startswith((b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*"))


def _probe_image(path: Path, fps: Fraction) -> Clip | None:
    """Describe a still image; None if it cannot be decoded as one."""
    from wav2lip.media.image import describe_image

    found = describe_image(path)
    if found is None:
        return None
    width, height, pixels = found
    name = _IMAGE_FORMATS[pixels.depth, pixels.alpha]
    return Clip(
        path=path, width=width, height=height, fps=fps, frames=1, stored_frames=1, average_fps=fps,
        variable_rate=False, pixel_format=name, colour=Colour(RGB, None, None, "pc"), pixel_aspect=Fraction(1),
        rotation=0, start=0.0, seekable=False, image=True, sound=None, container="",
    )


@contextlib.contextmanager
def _opened(path: Path, head: bytes) -> Iterator[InputContainer]:
    """Open a local file that refers to no other."""
    import av

    check_index(path)
    try:
        container = _open(path, max_pixels=str(limits().pixels))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        kind = "video" if head[4:8] == b"ftyp" or head.startswith((b"\x1aE\xdf\xa3", b"RIFF")) else "media file"
        why = "it is damaged or incomplete" if kind == "video" else "ffmpeg does not know what it is"
        raise MediaError(f"{path} cannot be read as a {kind}: {why}.") from error
    with container:
        allow(path, streams=len(container.streams))
        yield container


def _open(path: Path, **options: str) -> InputContainer:
    import av

    options |= {"protocol_whitelist": "file", "format_whitelist": _formats()}
    with _named(path) as name:
        return av.open("file:" + name, options=options)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[str]:
    """Give a name of a file that is Unicode, as PyAV wants it; names are bytes, and may be none."""
    name = os.path.abspath(path)
    if name.isprintable() or not any("\ud800" <= sign <= "\udfff" for sign in name):
        yield name
        return
    with open(path, "rb") as file:
        yield f"/dev/fd/{file.fileno()}"


@lru_cache
def _formats() -> str:
    """Return the formats of files that hold all that is theirs, as ffmpeg lists them."""
    import av

    return ",".join(sorted(av.formats_available - _REFERRING))


def _format(container: InputContainer) -> str:
    return container.format.name.split(",")[0]


def _probe_video(container: InputContainer, path: Path, image_fps: Fraction, head: bytes) -> Clip:
    from av.stream import Disposition

    stream = _video_stream(container)
    if stream is None:
        if container.streams.audio:
            raise MediaError(f"{path} has sound but no picture; give a video or an image.")
        raise MediaError(f"{path} has no picture in it: it is damaged, or no video.")
    photo = head[4:8] == b"ftyp" and head[8:12] in _PHOTOS
    if photo and stream.disposition & Disposition.dependent:
        raise MediaError(f"{path} is a photograph in tiles, which are not put together here; save it as JPEG or PNG.")
    if stream.codec_context is None:
        raise MediaError(f"{path} holds video in a format that ffmpeg cannot decode.")
    allow(path, pixels=stream.codec_context.width * stream.codec_context.height)
    # The first picture may be larger than the header says.
    stream.codec_context.options = {"max_pixels": str(limits().pixels)}
    frame, packets = _scan(container, stream, path)
    if frame is None:
        raise MediaError(f"{path} holds no picture that can be decoded: it is damaged or incomplete.")
    packets = _decodable(packets, frame.pts)
    allow(path, pixels=frame.width * frame.height)
    tick = stream.time_base or Fraction(1, 1000)
    name = _format(container)
    timing = _Timing(packets, tick, _stated_rates(stream), _restarts(packets, tick, name, path, head))
    allow(path, fps=timing.fps, frames=timing.frames, duration=timing.frames / timing.fps)
    rotation = round(-frame.rotation) % 360
    width, height, aspect = frame.width, frame.height, Fraction(stream.sample_aspect_ratio or 1)
    if rotation in (90, 270):
        width, height, aspect = height, width, 1 / aspect
    image = timing.stored == 1 and (name.endswith("_pipe") or name == "gif" or photo)
    shown_long = timing.stored == 1 and timing.fps < _SLOWEST_STATED
    exact_jumps = name in _SEEKABLE or (name in _SEEKABLE_IF_INTRA and all(packet.key for packet in packets))
    return Clip(
        path=path,
        width=width,
        height=height,
        fps=image_fps if image or shown_long else timing.fps,
        frames=timing.frames,
        stored_frames=timing.stored,
        average_fps=image_fps if image else timing.average,
        variable_rate=timing.times is not None,
        pixel_format=_pixel_format(path, stream, frame.format.name),
        colour=_colour(stream, frame),
        pixel_aspect=aspect,
        rotation=rotation,
        start=float(timing.first - _sound_begins(container, name)),
        seekable=exact_jumps and timing.stamped,
        image=image,
        sound=_sound(container, path),
        container=name,
        interlaced=frame.interlaced_frame,
        codec=stream.codec_context.codec.canonical_name,
        profile=stream.codec_context.profile or "",
        bit_rate=0 if image else round(sum(packet.size for packet in packets) * 8 * timing.fps / timing.frames),
        first_time=timing.first,
        times=timing.times,
    )


def _video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first video stream that is not a cover picture, as ffmpeg's specifier V:0 does."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails
    return next((stream for stream in container.streams.video if not stream.disposition & still), None)


class _Stamp:
    """What is kept of a packet."""

    __slots__ = ("decode", "duration", "key", "shown", "size")

    def __init__(self, packet: Packet):
        self.shown: int | None = packet.pts
        self.decode: int | None = packet.dts
        self.duration: int = packet.duration or 0
        self.key: bool = packet.is_keyframe
        self.size: int = packet.size              # bytes


def _scan(
    container: InputContainer, stream: VideoStream, path: Path, *, limited: bool = True
) -> tuple[VideoFrame | None, list[_Stamp]]:
    """Return the first picture and the stamps of all packets that are shown; a damaged rest is left out."""
    import av

    frame: VideoFrame | None = None
    packets: list[_Stamp] = []
    most = limits().frames
    with contextlib.suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            if frame is None and len(packets) < _TRIES:
                with contextlib.suppress(av.error.FFmpegError):
                    frame = next(iter(stream.decode(packet)), None)
            if packet.size and not packet.is_discard:
                packets.append(_Stamp(packet))
                if limited and len(packets) > most:
                    allow(path, frames=len(packets))
    return frame, packets


def _decodable(packets: list[_Stamp], first: int | None) -> list[_Stamp]:
    """Return the packets without those before the first picture that can be decoded: a cut took what they refer to.

    Args:
        packets: in the order of decoding.
        first: when the first picture that can be decoded is shown; None where it does not say.
    """
    if first is None:
        return packets
    at = next((number for number, packet in enumerate(packets) if packet.shown == first), None)
    if at is None:
        return packets
    # Pictures that are shown before it may also follow it; later on, time stamps may begin anew.
    following = takewhile(lambda packet: packet.shown is not None and packet.shown < first, packets[at + 1 :])
    end = at + 1 + len(list(following))
    return [packet for packet in packets[:end] if packet.shown is None or packet.shown >= first] + packets[end:]


def _sound_begins(container: InputContainer, name: str) -> Fraction:
    """Return the time stamp, in seconds, with which ffmpeg begins when it decodes the sound alone."""
    begins = Fraction(container.start_time or 0, 1_000_000)
    if name in WITHOUT_BEGINNING and container.streams.audio:
        sound = container.streams.audio[0]
        if sound.start_time is not None and sound.time_base is not None:
            return sound.start_time * sound.time_base
    return begins


def _stated_rates(stream: VideoStream) -> list[Fraction]:
    rates = (stream.average_rate, stream.base_rate, stream.guessed_rate)
    return [Fraction(rate) for rate in rates if rate is not None and 0 < rate <= FASTEST_STATED]


class _Timing:
    """When the pictures of a stream are shown.

    Attributes:
        stored: how many there are.
        fps, frames: the constant rate that they get, and how many frames that makes.
        average: what the file says of its rate, as OpenCV passes it on.
        first: seconds, the first picture's time stamp.
        times: seconds after the first, for variable rate only.
        stamped: whether every picture says when it is shown.
    """

    def __init__(self, packets: list[_Stamp], tick: Fraction, stated: list[Fraction], restarts: bool):
        self.stored = max(len(packets), 1)
        self.stamped = bool(packets) and all(packet.shown is not None for packet in packets)
        stamps = [packet.shown if self.stamped else packet.decode for packet in packets]
        ticks = np.sort(np.array([stamp for stamp in stamps if stamp is not None], np.int64))
        self.first = int(ticks[0]) * tick if len(ticks) else Fraction(0)
        self.average = stated[0] if stated else FALLBACK_FPS
        self.fps, self.frames, self.times = self.average, self.stored, None
        if len(ticks) < 2 or len(ticks) < self.stored or ticks[0] == ticks[-1] or restarts:
            self.stamped = self.stamped and len(ticks) == 1
            return                                # nothing to go by but what the file states
        fps = constant_rate(ticks, tick, stated)
        if fps is not None:
            self.fps = fps
            return
        self.fps = rate_for_variable(ticks, tick, stated)
        self.times = (ticks - ticks[0]) * float(tick)
        last = max(packets, key=lambda packet: packet.shown or 0)
        held = last.duration or int(np.median(np.diff(ticks)))
        self.frames = max(1, round(int(ticks[-1] - ticks[0] + held) * tick * self.fps))


def _restarts(packets: list[_Stamp], tick: Fraction, name: str, path: Path, head: bytes) -> bool:
    """Return whether the clock jumps within the file, as in recordings strung together."""
    decode = [packet.decode for packet in packets if packet.decode is not None]
    steps = [later - earlier for earlier, later in pairwise(decode)]
    if min(steps, default=0) < 0:
        return True
    # A clock that goes round makes libavformat see every jump as one ahead; ffmpeg draws the line there, too.
    if name not in WITHOUT_BEGINNING or max(steps, default=0) * tick <= _LONGEST_STEP:
        return False
    return not _sound_runs_on(path, head)


def _sound_runs_on(path: Path, head: bytes) -> bool:
    """Return whether there is sound whose clock never jumps: then a picture stands still where the others' does."""
    import av

    heard: list[int] = []
    with _opened(path, head) as container:
        if not container.streams.audio:
            return False
        stream = container.streams.audio[0]
        with contextlib.suppress(av.error.FFmpegError):
            heard += [packet.dts for packet in container.demux(stream) if packet.dts is not None]
        tick = stream.time_base or Fraction(1, 1000)
    return bool(heard) and all(0 <= (later - earlier) * tick <= _LONGEST_STEP for earlier, later in pairwise(heard))


def _pixel_format(path: Path, stream: VideoStream, name: str) -> str:
    """Return the format of a stream's pictures, with the transparency where the ffmpeg that reads them can see it."""
    kind = stream.codec_context.codec.canonical_name
    if kind == "gif" and name == "bgra" and _is_opaque(path):
        return "bgr0"                             # the decoder knows no other format
    decoder = ALPHA_DECODERS.get(kind)
    said = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    return "yuva420p" if said and name == "yuv420p" and decoder and _decodes(decoder) else name


def _is_opaque(path: Path) -> bool:
    """Return whether no picture of a file shows through anywhere."""
    import av

    with contextlib.suppress(av.error.FFmpegError), av.open(str(path)) as container:
        return all(frame.to_ndarray()[..., 3].min() == 255 for frame in container.decode(video=0))
    return False


def _decodes(decoder: str) -> bool:
    """Return whether the ffmpeg that will read the pictures, if there is one, has a decoder."""
    with contextlib.suppress(Wav2LipError):
        return decoder in decoders(binary())
    return False


def _colour(stream: VideoStream, frame: VideoFrame) -> Colour:
    context = stream.codec_context
    name = frame.format.name
    matrix = MATRICES.get(int(context.colorspace))
    if frame.format.is_rgb or name.startswith(("gbr", "pal8")):
        matrix = RGB
    levels = RANGES.get(int(context.color_range))
    if name.startswith("yuvj") or (levels is None and (name.startswith(("gray", "ya8", "ya16")) or matrix == RGB)):
        levels = "pc"                             # so the decoder and the scaler take them
    return Colour(matrix, PRIMARIES.get(int(context.color_primaries)), TRANSFERS.get(int(context.color_trc)), levels)


def _sound(container: InputContainer, path: Path) -> Sound | None:
    if not container.streams.audio:
        return None
    stream = container.streams.audio[0]
    context: Any = stream.codec_context
    if context is None or not context.sample_rate or not context.channels:
        return None
    allow(path, channels=context.channels, samplerate=context.sample_rate)
    if context.sample_rate < _SLOWEST:
        raise MediaError(f"{path} has {context.sample_rate} samples of sound a second; nothing can be heard in it.")
    start = container.start_time or 0
    tick = stream.time_base or Fraction(0)
    length = (stream.duration or 0) * tick
    late = Fraction(0) if stream.start_time is None else stream.start_time * tick - Fraction(start, 1_000_000)
    offset = late if length else Fraction(0)
    if not length and container.duration and not container.streams.video:
        length = Fraction(container.duration, 1_000_000)
    if _format(container) not in WITHOUT_BEGINNING:    # there it may be the distance between the clocks of two parts
        allow(path, duration=length)
    speakers = tuple(channel.name for channel in context.layout.channels)
    return Sound(
        codec=context.codec.canonical_name,
        sample_rate=context.sample_rate,
        channels=context.channels,
        duration=max(0.0, float(length + offset)),
        numbers=context.format.name.removesuffix("p") if context.format else "flt",     # p: channel by channel
        speakers=speakers if set(speakers) <= SPEAKERS.keys() else (),
        late=0.0 if _format(container) in WITHOUT_BEGINNING else max(0.0, float(late)),
        apart=abs(late) * 1_000_000 < 1 and "title" not in {name.lower() for name in stream.metadata},
    )


def _counted_length(path: Path) -> float:
    """Return the seconds from the container's start to the end of the last audio packet, by going through them all."""
    import av

    end = 0.0
    with _opened(path, _head(path)) as container:
        start = (container.start_time or 0) / 1_000_000
        with contextlib.suppress(av.error.FFmpegError):
            for packet in container.demux(container.streams.audio[0]):
                if packet.pts is not None and packet.size:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base) - start)
    return end
