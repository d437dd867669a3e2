"""Which codec goes into which container, and what ffmpeg is told for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wav2lip.errors import UsageError
from wav2lip.media.clip import Sound
from wav2lip.media.ffmpeg import binary, encoders


@dataclass(frozen=True)
class Encoding:
    """How the picture is compressed.

    Attributes:
        codec: "h264", "hevc", "av1", "vp9", "prores" or "ffv1" (lossless); None is the container's usual one.
        crf: quality where the codec has such a scale, lower is better; None is nearly invisible loss.
        preset: speed, in the codec's own words; None is fast.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None


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


_PCM = ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_s16be", "pcm_s24be", "pcm_s32be")
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
_SOUND_ENCODERS = {"aac": "aac", "opus": "libopus", "pcm": "pcm_s16le"}
_KBIT_PER_CHANNEL = 96
_SVT_SMALLEST = 64                                # pixels


def check_encoding(output: str | Path, encoding: Encoding) -> str:
    """Return the codec that an output will have.

    Raises:
        UsageError: the output's extension, the codec, its quality or its preset is unknown, they do not go together,
            or this ffmpeg lacks the encoder.
    """
    container = container_of(output)
    suffix = Path(output).suffix.lower()
    name = encoding.codec or container.codecs[0]
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


def picture_options(output: str | Path, encoding: Encoding, width: int, height: int) -> dict[str, Any]:
    """Return ffmpeg's output options for the picture and the container, but for the pixel format.

    Raises:
        UsageError: as `check_encoding`, or the encoder does not take frames of that size.
    """
    name = check_encoding(output, encoding)
    codec, container = CODECS[name], container_of(output)
    able = [encoder for encoder in _available(codec) if encoder != "libsvtav1" or _suits_svt(width, height)]
    if not able:
        raise UsageError(f"{binary()} cannot encode {name} of {width}×{height} pixels; choose another codec.")
    encoder = able[0]
    options: dict[str, Any] = {"format": container.muxer, "c:v": encoder}
    if codec.crf is not None:
        options["crf"] = codec.crf[0] if encoding.crf is None else encoding.crf
    preset = encoding.preset or codec.preset
    if name in ("h264", "hevc"):
        options["preset"] = preset
    if name == "hevc":
        options["x265-params"] = "log-level=error"
        if container.muxer in ("mp4", "mov"):
            options["tag:v"] = "hvc1"             # Apple's players know no other
    if name == "h264" and container.muxer == "avi":
        options["bf"] = 0                         # AVI has no presentation times: frames in order only
    if encoder == "libsvtav1":
        options["preset"] = preset
    elif encoder == "libaom-av1":
        options |= {"b:v": 0, "cpu-used": min(int(preset), 8), "row-mt": 1}
    elif encoder == "libvpx-vp9":
        options |= {"b:v": 0, "cpu-used": preset, "row-mt": 1, "deadline": "good"}
    elif encoder == "prores_ks":
        options |= {"profile:v": 4 if _odd(width, height) else 3, "vendor": "apl0"}   # 4444 or 422 HQ
    elif encoder == "ffv1":
        options |= {"level": 3, "g": 1, "slicecrc": 1}
    if container.muxer in ("mp4", "mov"):
        options["movflags"] = "+faststart"
    return options


def pixel_format(codec: str, width: int, height: int) -> str:
    """Return the pixel format that a codec stores frames of a size in, keeping odd sizes."""
    known = CODECS[codec]
    return known.odd_pixel_format if _odd(width, height) else known.pixel_format


def sound_options(output: str | Path, sound: Sound) -> dict[str, Any]:
    """Return ffmpeg's output options for the sound: copied as it is where players expect its codec, else encoded.

    Raises:
        UsageError: the output's extension is unknown, or this ffmpeg lacks the encoder.
    """
    container = container_of(output)
    if sound.codec in container.sound:
        return {"c:a": "copy"}
    encoder = _SOUND_ENCODERS[container.fallback]
    if encoder not in encoders(binary()):
        raise UsageError(f"{binary()} cannot encode {container.fallback} sound, which {output} needs.")
    if encoder.startswith("pcm"):
        return {"c:a": encoder}
    if encoder == "libopus" and sound.channels > 2:
        return {"c:a": encoder, "ac": 2, "b:a": f"{2 * _KBIT_PER_CHANNEL}k"}   # it refuses common surround layouts
    return {"c:a": encoder, "b:a": f"{max(2, sound.channels) * _KBIT_PER_CHANNEL}k"}


def _odd(width: int, height: int) -> bool:
    return bool(width % 2 or height % 2)


def _suits_svt(width: int, height: int) -> bool:
    return not _odd(width, height) and min(width, height) >= _SVT_SMALLEST


def _available(codec: _Codec) -> list[str]:
    known = encoders(binary())
    return [encoder for encoder in codec.encoders if encoder in known]


def _list(names: Any) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else str(last)
