"""Which codec goes into which container, and what ffmpeg is told for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from wav2lip.errors import UsageError
from wav2lip.media.clip import Clip, Sound
from wav2lip.media.colour import high_range
from wav2lip.media.ffmpeg import binary, encoders, pixel_formats
from wav2lip.media.hardware import NVENC, nvenc_failure, nvenc_options
from wav2lip.media.picture import Pixels, planar


@dataclass(frozen=True)
class Encoding:
    """How the picture is compressed.

    Attributes:
        codec: "h264", "hevc", "av1", "vp9", "prores" or "ffv1" (lossless); None is what suits container and source;
            "copy-settings" is the source's own, with its pixel format and no fewer bits a second.
        crf: quality where the codec has such a scale, lower is better; None is nearly invisible loss.
        preset: speed, in the codec's own words; None is fast.
        pixel_format: ffmpeg's name, such as "yuv420p10le"; None is what suits codec and source.
        gpu: number of the NVIDIA GPU that encodes where it can make the same of the picture; None for software alone.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pixel_format: str | None = None
    gpu: int | None = None


@dataclass(frozen=True)
class Decided:
    """What an output will be.

    Attributes:
        codec: of `CODECS`.
        encoder: ffmpeg's name of it.
        pixel_format: ffmpeg's name.
        bit_rate: bits a second to aim at; 0 where the quality decides.
        profile: number of the ProRes profile; None for other codecs.
        notices: sentences about what the output cannot hold of its source, and about a GPU that cannot encode.
        gpu: number of the GPU that encodes; None for software.
    """

    codec: str
    encoder: str
    pixel_format: str
    bit_rate: int = 0
    profile: int | None = None
    notices: tuple[str, ...] = ()
    gpu: int | None = None


@dataclass(frozen=True)
class _Container:
    muxer: str
    codecs: tuple[str, ...]                       # the first is the usual one
    sound: tuple[str, ...]                        # audio codecs that players expect in it
    fallback: str                                 # and the one for the others


@dataclass(frozen=True)
class _Codec:
    encoders: tuple[str, ...]                     # the first that ffmpeg has is taken
    pixel_format: str
    odd_pixel_format: str                         # where one side is odd: not every format can halve it
    crf: tuple[int, int] | None = None            # (usual, worst)
    presets: tuple[str, ...] = ()
    preset: str = ""                              # the usual one


_PCM = ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_s16be", "pcm_s24be", "pcm_s32be")
_MP4_SOUND = ("aac", "mp3", "ac3", "eac3", "alac")
_MP4 = _Container("mp4", ("h264", "hevc", "av1", "vp9"), _MP4_SOUND, "aac")
CONTAINERS: Mapping[str, _Container] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _Container("mov", ("h264", "hevc", "prores"), (*_MP4_SOUND, *_PCM), "aac"),
    ".mkv": _Container(
        "matroska", ("h264", "hevc", "av1", "vp9", "prores", "ffv1"),
        (*_MP4_SOUND, *_PCM, "pcm_u8", "flac", "opus", "vorbis", "mp2", "dts", "truehd", "wavpack", "tta"), "aac",
    ),
    ".webm": _Container("webm", ("vp9", "av1"), ("opus", "vorbis"), "opus"),
    ".avi": _Container("avi", ("h264", "ffv1"), ("pcm_s16le", "pcm_u8", "mp3", "mp2", "ac3"), "pcm"),
}

_X26X_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)
CODECS: Mapping[str, _Codec] = {
    "h264": _Codec(("libx264",), "yuv420p", "yuv444p", (18, 51), _X26X_PRESETS, "veryfast"),
    "hevc": _Codec(("libx265",), "yuv420p", "yuv444p", (20, 51), _X26X_PRESETS, "veryfast"),
    "av1": _Codec(("libsvtav1", "libaom-av1"), "yuv420p", "yuv420p", (24, 63), tuple(map(str, range(13))), "8"),
    "vp9": _Codec(("libvpx-vp9",), "yuv420p", "yuv420p", (22, 63), tuple(map(str, range(9))), "4"),
    "prores": _Codec(("prores_ks",), "yuv422p10le", "yuv444p10le"),
    "ffv1": _Codec(("ffv1",), "bgr0", "bgr0"),
}
COPY_SETTINGS = "copy-settings"
_MORE_BITS = Fraction(5, 4)                       # than the source: what is encoded twice at the same rate gets worse
_PRORES_PROFILES = {"Proxy": 0, "LT": 1, "Standard": 2, "HQ": 3, "4444": 4, "XQ": 5}   # libavcodec's names
_PRORES_HQ, _PRORES_4444 = 3, 4
_ALPHA_CODECS = {".mov": "prores", ".webm": "vp9", ".mkv": "ffv1"}
_HDR_DEPTH = 10
_SOUND_ENCODERS = {"aac": "aac", "opus": "libopus", "pcm": "pcm_s16le"}
_KBIT_PER_CHANNEL = 96
_NOT_LATE = 0.02                                  # seconds: half a frame
_MOST_CHANNELS = 8                                # for more, encoders know no layout
_MP4_SLOWEST_MP3 = 16_000                         # Hz: below, the standard knows none
_SVT_SMALLEST = 64                                # pixels


def check_encoding(output: str | Path, encoding: Encoding) -> str:
    """Return the codec that an output will have, as far as its source does not matter.

    Raises:
        UsageError: the output's extension, the codec, its quality or its preset is unknown, they do not go together,
            or this ffmpeg lacks the encoder.
    """
    container = container_of(output)
    suffix = Path(output).suffix.lower()
    name = encoding.codec or container.codecs[0]
    if name == COPY_SETTINGS:
        return name
    codec = CODECS.get(name)
    if codec is None:
        raise UsageError(f"There is no codec {name!r}; {_list(CODECS)} are known.")
    if name not in container.codecs:
        fitting = [other for other, candidate in CONTAINERS.items() if name in candidate.codecs]
        raise UsageError(
            f"{suffix} files cannot hold {name}: "
            f"write {_list(fitting)}, or choose {_list(container.codecs)} for {suffix}."
        )
    if encoding.crf is not None:
        if codec.crf is None:
            raise UsageError(f"{name} has no quality scale; leave out the CRF.")
        if not 0 <= encoding.crf <= codec.crf[1]:
            raise UsageError(f"The CRF is {encoding.crf}; {name} takes 0 (best) to {codec.crf[1]}.")
    if encoding.preset is not None and encoding.preset not in codec.presets:
        known = f"takes {_list(codec.presets)}" if codec.presets else "has no presets"
        raise UsageError(f"The preset is {encoding.preset!r}; {name} {known}.")
    if not _available(codec):
        working = [other for other in container.codecs if _available(CODECS[other])]
        raise UsageError(
            f"{binary()} has no encoder for {name} ({_list(codec.encoders)}); "
            + (f"it could write {_list(working)} to {suffix} files." if working else "install a complete build.")
        )
    return name


def decide(
    output: str | Path, encoding: Encoding, width: int, height: int, *, source: Clip | None = None,
    pixels: Pixels | None = None,
) -> Decided:
    """Decide what an output will be, so that nothing of its source is lost that it could hold.

    By default more than 8 bits are kept as HEVC rather than H.264, whose 10 bits play nearly nowhere; transparency as
    ProRes (.mov), VP9 (.webm) or FFV1 (.mkv). HDR keeps its tags, but not what its file says of the screen that it was
    made on (mastering display, content light level).

    Args:
        output: its extension names the container.
        encoding: what was asked for.
        width, height: of the frames, in pixels.
        source: where they come from; None if nothing is to be kept of it.
        pixels: their layout; None for 8-bit BGR.

    Raises:
        UsageError: as `check_encoding`; or the encoder does not take such frames, HDR would get fewer than 10 bits, or
            there is no source of a known codec whose settings could be copied.
    """
    wanted = planar(encoding.pixel_format) if encoding.pixel_format else pixels
    name = _codec(output, encoding, source, wanted)
    check_encoding(output, replace(encoding, codec=name))
    pixel_format, encoder = _pixel_format(output, name, encoding, width, height, source, pixels)
    kept = planar(pixel_format)
    file, container = Path(output).name, Path(output).suffix.lower()
    notices = []
    given = 8 if pixels is None else pixels.depth
    if source is not None and high_range(source.colour) and kept.depth < min(_HDR_DEPTH, given):
        able = [other for other in CONTAINERS[container].codecs if other != "h264" and _available(CODECS[other])]
        advice = f"choose --codec {_list(able)}" if name == "h264" and able else "choose a --pix-fmt of 10 bits"
        raise UsageError(
            f"{source.path} is HDR ({source.colour.transfer}), which needs 10 bits, but {file} would have "
            f"{kept.depth} ({name}, {pixel_format}); {advice}."
        )
    if pixels is not None and pixels.depth > kept.depth and not encoding.pixel_format:
        notices.append(f"{file} gets {kept.depth} bits of the {pixels.depth} that its source has ({name}).")
    if pixels is not None and pixels.alpha and not (kept.alpha and _holds_alpha(output, name)):
        others = _list([f"{suffix} ({codec})" for suffix, codec in _ALPHA_CODECS.items()])
        notices.append(f"{file} is without the transparency of its source ({name}); {others} would keep it.")
    copied = source if encoding.codec == COPY_SETTINGS else None
    by_rate = copied is not None and encoding.crf is None and CODECS[name].crf is not None
    decided = Decided(
        codec=name,
        encoder=encoder,
        pixel_format=pixel_format,
        # A smaller picture needs fewer.
        bit_rate=round(copied.bit_rate * _MORE_BITS * min(1.0, width * height / (copied.width * copied.height)))
        if copied is not None and by_rate else 0,
        profile=_prores_profile(kept, copied.profile if copied else "") if name == "prores" else None,
        notices=tuple(notices),
    )
    return decided if encoding.gpu is None else _by_nvenc(output, encoding, decided, width, height)


def _by_nvenc(output: str | Path, encoding: Encoding, decided: Decided, width: int, height: int) -> Decided:
    """Return the same output by NVENC, or as it was where NVENC would make another, is not there or does not work."""
    encoder, formats = NVENC.get(decided.codec, ("", {}))
    pixel_format = formats.get(decided.pixel_format)
    # A CRF of 0 can mean lossless, and how a GPU fills up odd sides is in doubt.
    other = encoding.codec == COPY_SETTINGS or encoding.crf == 0 or _odd(width, height)
    if other or pixel_format is None or encoder not in encoders(binary()) or not _takes(encoder, pixel_format):
        return decided
    faster = replace(decided, encoder=encoder, pixel_format=pixel_format, gpu=encoding.gpu)
    failure = nvenc_failure(_encoder_options(output, encoding, faster), pixel_format, width, height)
    if failure:
        notice = f"NVENC did not start ({failure}); encoding with {decided.encoder}."
        return replace(decided, notices=(*decided.notices, notice))
    return faster


def _codec(output: str | Path, encoding: Encoding, source: Clip | None, wanted: Pixels | None) -> str:
    """Return the codec that was asked for, or that holds the wanted layout in the output's container."""
    container, suffix = container_of(output), Path(output).suffix.lower()
    if encoding.codec == COPY_SETTINGS:
        if source is None or source.codec not in CODECS:
            what = "no video" if source is None or not source.codec else f"{source.codec} video"
            where = "The source" if source is None else source.path
            raise UsageError(f"{where} is {what}, whose settings cannot be copied; choose {_list(CODECS)}.")
        return source.codec
    if encoding.codec:
        return encoding.codec
    usual = container.codecs[0]
    if wanted is None:
        return usual
    if wanted.alpha and suffix in _ALPHA_CODECS and _available(CODECS[_ALPHA_CODECS[suffix]]):
        return _ALPHA_CODECS[suffix]
    deep = usual == "h264" and wanted.depth > 8 and "hevc" in container.codecs
    if deep and any(_takes(encoder, "yuv420p10le") for encoder in _available(CODECS["hevc"])):
        return "hevc"
    return usual


def _pixel_format(
    output: str | Path, name: str, encoding: Encoding, width: int, height: int, source: Clip | None,
    pixels: Pixels | None,
) -> tuple[str, str]:
    """Return the pixel format of an output, and the encoder that takes it."""
    codec = CODECS[name]
    able = [encoder for encoder in _available(codec) if encoder != "libsvtav1" or _suits_svt(width, height)]
    if not able:
        raise UsageError(f"{binary()} cannot encode {name} of {width}×{height} pixels; choose another codec.")
    usual = codec.odd_pixel_format if _odd(width, height) else codec.pixel_format
    if encoding.pixel_format:
        candidates = [encoding.pixel_format]
    else:
        alpha = pixels is not None and pixels.alpha and _holds_alpha(output, name)
        candidates = [] if pixels is None else _candidates(name, pixels, usual, alpha)
        if encoding.codec == COPY_SETTINGS and source is not None:
            copied = [source.pixel_format.replace("yuvj", "yuv"), planar(source.pixel_format).name]
            candidates = [one for one in copied if planar(one).alpha <= alpha] + candidates
        candidates = [one for one in candidates if _halves(codec, one, width, height)] + [usual]
    for candidate in candidates:
        for encoder in able:
            if candidate == usual or (_halves(codec, candidate, width, height) and _takes(encoder, candidate)):
                return candidate, encoder
    if not _halves(codec, candidates[0], width, height):
        raise UsageError(
            f"{name} cannot share the chroma of {width}×{height} pixels as {candidates[0]} does; choose {usual}."
        )
    known = dict.fromkeys(one for encoder in able for one in pixel_formats(binary(), encoder))
    raise UsageError(f"{name} ({_list(able)}) has no pixel format {candidates[0]!r}; it takes {_list(known)}.")


def _halves(codec: _Codec, pixel_format: str, width: int, height: int) -> bool:
    """Return whether a codec stores an odd side in a format in which two pixels share their chroma."""
    pixels = planar(pixel_format)
    odd = (pixels.across and width % 2) or (pixels.down and height % 2)
    return not odd or codec.pixel_format == codec.odd_pixel_format


def _candidates(name: str, pixels: Pixels, usual: str, alpha: bool) -> list[str]:
    """Return the pixel formats in which a codec should keep a layout, the best first."""
    if name == "ffv1":
        packed = {"gbrp": "bgr0", "gbrap": "bgra"}
        layouts = [replace(pixels, alpha=alpha, depth=depth) for depth in (pixels.depth, 16)]
        layouts += [layout.unshared for layout in layouts]
        return [packed.get(layout.name, layout.name) for layout in layouts]
    if name == "prores":
        full = alpha or pixels.rgb or not (pixels.across or pixels.down)
        return ["yuva444p10le" if alpha else "yuv444p10le"] if full else []
    # H.264 of 10 bits plays nearly nowhere: it has them if they are asked for.
    deep = [f"{usual}10le"] if pixels.depth > 8 and name != "h264" else []
    return ["yuva420p"] * alpha + deep


def _holds_alpha(output: str | Path, name: str) -> bool:
    """Return whether a codec keeps transparency in the output's container."""
    return name in ("prores", "ffv1") or (name == "vp9" and container_of(output).muxer in ("webm", "matroska"))


def _prores_profile(kept: Pixels, copied: str) -> int:
    """Return the number of the ProRes profile for a layout: the copied one if it can hold it."""
    full = not kept.across
    number = _PRORES_PROFILES.get(copied, -1)
    if number >= 0 and (number >= _PRORES_4444) == full:
        return number
    return _PRORES_4444 if full else _PRORES_HQ


def container_of(output: str | Path) -> _Container:
    """Return what is known of the container that an output's extension names.

    Raises:
        UsageError: the extension is unknown.
    """
    suffix = Path(output).suffix.lower()
    if suffix not in CONTAINERS:
        what = f"the extension {suffix!r}" if suffix else "no extension"
        raise UsageError(f"{output} has {what}; an output's extension is one of {_list(CONTAINERS)}.")
    return CONTAINERS[suffix]


def picture_options(output: str | Path, encoding: Encoding, decided: Decided) -> dict[str, Any]:
    """Return ffmpeg's output options for the picture and the container, but for the pixel format and the colours."""
    return {**container_options(output, decided.codec), **_encoder_options(output, encoding, decided)}


def container_options(output: str | Path, codec: str) -> dict[str, Any]:
    """Return ffmpeg's output options for the container of a picture in a codec of `CODECS`."""
    options: dict[str, Any] = {"format": container_of(output).muxer}
    if options["format"] in ("mp4", "mov"):
        options["movflags"] = "+faststart"
        if codec == "hevc":
            options["tag:v"] = "hvc1"             # Apple's players know no other
    return options


def _encoder_options(output: str | Path, encoding: Encoding, decided: Decided) -> dict[str, Any]:
    container, name = container_of(output), decided.codec
    options: dict[str, Any] = {}
    if name == "h264" and container.muxer == "avi":
        options["bf"] = 0                         # AVI has no presentation times: frames in order only
    if decided.gpu is None:
        return options | _software_options(encoding, decided)
    usual = CODECS[name].crf
    assert usual is not None, "codecs of NVENC have a quality scale"
    return options | nvenc_options(name, decided.gpu, encoding.crf or usual[0], encoding.preset)


def _software_options(encoding: Encoding, decided: Decided) -> dict[str, Any]:
    codec = CODECS[decided.codec]
    name, encoder, rate = decided.codec, decided.encoder, decided.bit_rate
    options: dict[str, Any] = {"c:v": encoder}
    if rate:
        options["b:v"] = rate
        if name in ("h264", "hevc"):
            # Without a limit these encoders stay far below what they are told; this one evens out 2 s.
            options |= {"maxrate": rate, "bufsize": 2 * rate}
    elif codec.crf is not None:
        options["crf"] = codec.crf[0] if encoding.crf is None else encoding.crf
    preset = encoding.preset or codec.preset
    if name in ("h264", "hevc"):
        options["preset"] = preset
    if name == "hevc":
        options["x265-params"] = "log-level=error"
    if encoder == "libsvtav1":
        options["preset"] = preset
    elif encoder == "libaom-av1":
        options |= {"b:v": rate, "cpu-used": min(int(preset), 8), "row-mt": 1}
    elif encoder == "libvpx-vp9":
        options |= {"b:v": rate, "cpu-used": preset, "row-mt": 1, "deadline": "good"}
        if planar(decided.pixel_format).alpha:
            options["auto-alt-ref"] = 0           # it does not go with transparency
    elif encoder == "prores_ks":
        options |= {"profile:v": decided.profile, "vendor": "apl0"}
    elif encoder == "ffv1":
        options |= {"level": 3, "g": 1, "slicecrc": 1}
    return options


def sound_options(output: str | Path, sound: Sound) -> dict[str, Any]:
    """Return ffmpeg's output options for the sound: copied as it is where players expect its codec, else encoded.

    Raises:
        UsageError: the output's extension is unknown, this ffmpeg lacks the encoder, or there are too many channels.
    """
    container = container_of(output)
    if container.muxer == "avi" and sound.late > _NOT_LATE:
        return {"c:a": "pcm_s16le", "af": "aresample=async=1:first_pts=0"}     # it holds no times, but silence
    slow = container is _MP4 and sound.codec == "mp3" and sound.sample_rate < _MP4_SLOWEST_MP3
    if sound.codec in container.sound and not slow:
        return {"c:a": "copy"}
    encoder = _SOUND_ENCODERS[container.fallback]
    if encoder not in encoders(binary()):
        raise UsageError(f"{binary()} cannot encode {container.fallback} sound, which {output} needs.")
    if encoder.startswith("pcm"):
        return {"c:a": encoder}
    if sound.channels > _MOST_CHANNELS:
        raise UsageError(
            f"The sound has {sound.channels} channels, and {container.fallback} in {output} has {_MOST_CHANNELS} at "
            "most; make it fewer first, or choose .avi."
        )
    if encoder == "libopus" and sound.channels > 2:
        return {"c:a": encoder, "ac": 2, "b:a": f"{2 * _KBIT_PER_CHANNEL}k"}   # it refuses common surround layouts
    return {"c:a": encoder, "b:a": f"{max(2, sound.channels) * _KBIT_PER_CHANNEL}k"}


def _odd(width: int, height: int) -> bool:
    return bool(width % 2 or height % 2)


def _suits_svt(width: int, height: int) -> bool:
    return not _odd(width, height) and min(width, height) >= _SVT_SMALLEST


def _takes(encoder: str, pixel_format: str) -> bool:
    return pixel_format in pixel_formats(binary(), encoder)


def _available(codec: _Codec) -> list[str]:
    known = encoders(binary())
    return [encoder for encoder in codec.encoders if encoder in known]


def _list(names: Any) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else str(last)
