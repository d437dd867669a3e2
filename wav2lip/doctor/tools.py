"""ffmpeg: which one, how old, and what it can encode."""

from __future__ import annotations

import os
from collections.abc import Iterator

from wav2lip.doctor.finding import Finding, note, ok, problem
from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.clip import Sound
from wav2lip.media.encoding import CODECS, CONTAINERS, Encoding, check_encoding, sound_options
from wav2lip.media.ffmpeg import BINARY_VARIABLE, binary, build

USUAL = ".mp4"      # what a result is where nothing else is asked for
_SOUND = Sound("unknown", 48_000, 2, 1.0)
_INSTALL = (
    "Install it: apt install ffmpeg (Debian, Ubuntu), brew install ffmpeg (macOS), or pip install imageio-ffmpeg "
    f"anywhere; or set {BINARY_VARIABLE} to its path."
)


def look_at_ffmpeg() -> Iterator[Finding]:
    """Say whether ffmpeg works and what it lacks."""
    try:
        program = binary()
        about = build(program)
    except Wav2LipError as error:
        yield problem("ffmpeg", "ffmpeg", str(error).partition(" Install it")[0], _INSTALL)
        return
    by = f", named by {BINARY_VARIABLE}" if os.environ.get(BINARY_VARIABLE) else ""
    yield ok("ffmpeg", "ffmpeg", f"{program}{by}: {about.partition(' Copyright')[0]}.")
    yield from _encoders(program)


def _encoders(program: str) -> Iterator[Finding]:
    lacking = {name: failure for name in CODECS if (failure := _picture_failure(name))}
    usual = CONTAINERS[USUAL].codecs[0]
    advice = "Install a complete build of ffmpeg; the one of pip install imageio-ffmpeg is one."
    if usual in lacking:
        yield problem("ffmpeg", "encoders", f"{lacking[usual]} It is what results have by default.", advice)
    have = ", ".join(name for name in CODECS if name not in lacking)
    others = [f"{name} ({' or '.join(CODECS[name].encoders)})" for name in lacking if name != usual]
    if others:
        yield note("ffmpeg", "encoders", f"It encodes {have or 'none of our codecs'}; it cannot encode "
                                         f"{', '.join(others)}.", advice)
    elif usual not in lacking:
        yield ok("ffmpeg", "encoders", f"It encodes {have}.")
    mute = [suffix for suffix in CONTAINERS if _sound_failure(suffix)]
    if mute:
        kind = problem if USUAL in mute else note
        yield kind("ffmpeg", "sound-encoders", f"{program} cannot encode sound for {', '.join(mute)} files.", advice)


def _picture_failure(codec: str) -> str:
    """Return why a codec cannot be encoded; "" where it can."""
    suffix = next(suffix for suffix, container in CONTAINERS.items() if codec in container.codecs)
    try:
        check_encoding(f"result{suffix}", Encoding(codec))
    except UsageError as error:
        return str(error)
    return ""


def _sound_failure(suffix: str) -> str:
    try:
        sound_options(f"result{suffix}", _SOUND)
    except UsageError as error:
        return str(error)
    return ""
