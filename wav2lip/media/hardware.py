"""The video engines of an NVIDIA GPU: what ffmpeg is told for them, and whether they do it here, found by trying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import ffmpeg

from wav2lip.media.clip import Clip
from wav2lip.media.colour import levels
from wav2lip.media.ffmpeg import (
    attempt,
    binary,
    command,
    hwaccels,
    open_input,
    pass_timestamps_through,
    whole_pictures,
)
from wav2lip.media.picture import Pixels, planar

# What NVENC takes for a format that was decided on, by codec; others, and those that few GPUs have, are not tried.
_EIGHT = {"yuv420p": "yuv420p", "yuv444p": "yuv444p"}
_SEMI_PLANAR = {"yuv420p10le": "p010le"}          # the same numbers, chroma interleaved
NVENC: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "h264": ("h264_nvenc", _EIGHT),
    "hevc": ("hevc_nvenc", _EIGHT | _SEMI_PLANAR),
    "av1": ("av1_nvenc", {"yuv420p": "yuv420p"} | _SEMI_PLANAR),
}
_PRESETS = {
    "ultrafast": 1, "superfast": 1, "veryfast": 2, "faster": 3, "fast": 3, "medium": 4, "slow": 5, "slower": 6,
    "veryslow": 7, "placebo": 7,
    **{str(number): max(1, 7 - number // 2) for number in range(13)},    # AV1's: 0 is the slowest
}
_USUAL_PRESET = 4                                 # of 1 (fastest) to 7: NVENC's own default

# Decoders whose standards prescribe every number of a frame, so that the GPU gives the same ones.
_EXACT_CODECS = ("h264", "hevc", "av1", "vp9")
_DECODED = {Pixels(8, 1, 1): "nv12", Pixels(10, 1, 1): "p010le"}
WORTHWHILE = 500
"""Frames of the shortest read that a GPU decodes, as each read opens it anew. An estimate, not measured: that may take
half a second, and two CPU cores decode so many frames of 720p in 2.5 s."""

_TRIAL_FRAMES = 8                                 # enough for frames that lean on later ones
_TRIAL_SECONDS = 30.0                             # a driver that sleeps takes some to wake


def nvenc_options(codec: str, gpu: int, crf: int, preset: str | None) -> dict[str, Any]:
    """Return ffmpeg's output options for NVENC.

    Its quality scale has the ends of x264's, x265's or SVT-AV1's, but the same number is only roughly as good.

    Args:
        codec: of `NVENC`.
        gpu: its number.
        crf: quality on their scale, above 0, which NVENC takes for "automatic".
        preset: speed in the words of those; None for NVENC's middle.
    """
    speed = _USUAL_PRESET if preset is None else _PRESETS[preset]
    return {"c:v": NVENC[codec][0], "gpu": gpu, "rc": "vbr", "cq": crf, "b:v": 0, "preset": f"p{speed}"}


def nvenc_failure(options: Mapping[str, Any], pixel_format: str, width: int, height: int) -> str:
    """Return why NVENC cannot encode such frames here, in ffmpeg's words; "" if it can. It is tried once a process.

    Args:
        options: ffmpeg's for the encoder.
        pixel_format: of the frames, ffmpeg's name.
        width, height: their size in pixels.
    """
    black = ffmpeg.input(f"color=black:size={width}x{height}:rate=25", format="lavfi")["v:0"]
    trial = black.output("-", format="null", vf=f"format={pixel_format}", **{"frames:v": _TRIAL_FRAMES}, **options)
    return _failure(tuple(command(trial)))


@lru_cache
def _failure(arguments: tuple[str, ...]) -> str:
    return attempt(arguments, _TRIAL_SECONDS)[1]


def decoded_on(clip: Clip, gpu: int) -> tuple[Clip, str]:
    """Return a clip that NVDEC decodes, if it does so here and gives the numbers of the software decoder.

    Args:
        clip: as `probe` describes it.
        gpu: its number.

    Returns:
        The clip, changed or not, and why NVDEC failed: "" where it did not, or where it is not meant for such a clip.
    """
    suited = clip.codec in _EXACT_CODECS and planar(clip.pixel_format) in _DECODED and not clip.interlaced
    if not suited or clip.image or clip.frames < WORTHWHILE or "cuda" not in hwaccels(binary()):
        return clip, ""
    changed = replace(clip, gpu=gpu)
    # Only frames that are in the GPU can be downloaded: a decoder that fell back to software is found out.
    download = f"hwdownload,format={_DECODED[planar(clip.pixel_format)]}"
    given, failure = _first_frames(changed, nvdec_options(changed) | {"hwaccel_output_format": "cuda"}, download)
    if not failure and given != _first_frames(clip, {}, "null")[0]:
        failure = "its frames are not those of the software decoder"
    return (clip, failure) if failure else (changed, "")


def nvdec_options(clip: Clip) -> dict[str, Any]:
    """Return ffmpeg's input options for a clip that `decoded_on` gave to a GPU."""
    # ffmpeg's own decoder by name: the preferred one for AV1 knows no GPU.
    return {"hwaccel": "cuda", "hwaccel_device": clip.gpu, "c:v": clip.codec}


def as_stored(clip: Clip) -> str:
    """Return the filters that make of NVDEC's pictures those that the software decoder gives.

    NVDEC interleaves the chroma (nv12), and shifts 10 bits to the upper end of 16 (p010). The scaler takes that back
    without arithmetic on the numbers; it has to be told the range on both sides, or it squeezes the full one.
    """
    known = levels(clip.colour)
    return f"scale=in_range={known}:out_range={known},format={planar(clip.pixel_format).name}"


def _first_frames(clip: Clip, options: dict[str, Any], first: str) -> tuple[bytes, str]:
    """Return a checksum of a clip's first frames, unturned, and why there is none; `first` is their first filter."""
    if clip.container:
        options = options | {"format": clip.container}
    source = open_input(clip.path, noautorotate=None, **whole_pictures(), **options)
    checksum = source["V:0"].output(
        "-", format="md5", vf=f"{first},{as_stored(clip)}", **{"frames:v": _TRIAL_FRAMES}, **pass_timestamps_through()
    )
    return attempt(command(checksum), _TRIAL_SECONDS)
