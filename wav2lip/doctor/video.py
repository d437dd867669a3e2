"""What is special about a video, and what `sync` makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wav2lip.doctor.finding import Finding, note, ok, problem
from wav2lip.errors import UsageError
from wav2lip.media.clip import Clip
from wav2lip.media.colour import full_range, high_range
from wav2lip.media.encoding import Encoding, decide
from wav2lip.media.picture import planar
from wav2lip.pipeline.options import FULL_FRAME, SyncOptions
from wav2lip.pipeline.prepare import cautions
from wav2lip.pipeline.source import Source

SLOW = 15           # frames a second: sounds of speech take 60 to 100 ms, and fewer frames miss mouths in between
LARGE = 2200        # pixels of the shorter side: 4K and more
_USUAL_DEPTH = 8    # bits


def look_at_video(source: Source, options: SyncOptions) -> Iterator[Finding]:
    """Say what a video or picture is, and what is special about it."""
    clip = source.clip
    width, height = source.size
    if clip.image:
        yield ok("video", "video", f"{clip.path.name}: a picture, {width}×{height}, shown at {_rate(source.fps)} "
                                   "frames a second (--fps).")
    else:
        seen = "" if (width, height) == (clip.width, clip.height) else f", synced as {width}×{height}"
        yield ok("video", "video", f"{clip.path.name}: {clip.width}×{clip.height}{seen}, {_rate(source.fps)} frames a "
                                   f"second, {source.frames} frames ({float(source.frames / source.fps):.2f} s), "
                                   f"{clip.codec} {clip.pixel_format} in {clip.container}.")
        yield from _timing(source)
    if clip.rotation:
        yield note("video", "rotation", f"It is stored turned by {clip.rotation} degrees; faces are looked for, and "
                                        f"the result is stored, upright ({clip.width}×{clip.height}).",
                   "" if not options.rotate else "--rotate turns it by 90 degrees more: leave that out.")
    yield from _colour(clip, options)
    if width % 2 or height % 2:
        yield note("video", "odd-size", f"{width}×{height} has an odd side; the size is kept, as H.264 and HEVC in a "
                                        "pixel format that few players know (yuv444p).", _even(width, height, options))
    if min(width, height) > LARGE:
        yield note("video", "large", f"{width}×{height} takes long, and the mouth is made at 96×96 all the same.",
                   "--resize-factor 2 halves both sides.")
    for caution in cautions(source, options):
        yield note("video", "caution", caution)


def look_at_own_sound(source: Source, options: SyncOptions) -> Iterator[Finding]:
    """Say what becomes of the video's own sound."""
    sound = source.clip.sound
    if source.clip.image:
        return
    if sound is None:
        fate = "" if not options.keeps_sound else " There is nothing for --keep-audio to keep."
        yield ok("video", "own-sound", f"The video has no sound of its own.{fate}")
        return
    fate = "is heard where nobody is synced" if options.keeps_sound else "is replaced (--keep-audio keeps it)"
    channels = {1: "mono", 2: "stereo"}.get(sound.channels, f"{sound.channels} channels")
    yield ok("video", "own-sound", f"Its own sound ({sound.codec}, {sound.sample_rate} Hz, {channels}) {fate}.")


def look_at_result(source: Source, output: Path, encoding: Encoding, options: SyncOptions) -> Iterator[Finding]:
    """Say how the result's picture is encoded."""
    kept, pixels = (None, None) if options.compat else (source.clip, source.pixels)
    try:
        decided = decide(output, encoding, *source.size, source=kept, pixels=pixels)
    except UsageError as error:
        yield problem("result", "encoding", str(error))
        return
    yield ok("result", "encoding", f"{output}: {decided.codec} by {decided.encoder}, {decided.pixel_format}.")
    for notice in decided.notices:
        yield note("result", "encoding", notice)


def _timing(source: Source) -> Iterator[Finding]:
    clip = source.clip
    if clip.times is not None and len(clip.times) > 1:
        apart = np.diff(clip.times)
        apart = apart[apart > 0]
        shortest, longest = 1000 * float(apart.min()), 1000 * float(apart.max())
        fate = "stored pictures are taken one by one (--compat)" if source.stored else (
            f"it is made constant, {_rate(clip.fps)} a second, by showing pictures again or leaving them out"
        )
        yield note("video", "variable-rate", f"Its frame rate varies: {clip.stored_frames} pictures, {shortest:.0f} to "
                                             f"{longest:.0f} ms apart; {fate}, and the sound stays in time.")
    if source.fps < SLOW:
        yield note("video", "low-rate", f"{_rate(source.fps)} frames a second are few: lips change 10 to 15 times a "
                                        "second in speech, so many of their positions fall between two frames.",
                   "Take a recording of 24 frames a second or more, or make one of it first "
                   f"(ffmpeg -i {clip.path.name} -vf minterpolate=fps=25 ...).")


def _colour(clip: Clip, options: SyncOptions) -> Iterator[Finding]:
    colour, depth = clip.colour, planar(clip.pixel_format).depth
    if options.compat:
        return                                    # frames are BGR of 8 bits; `cautions` warns
    if high_range(colour):
        yield note("video", "hdr", f"It is HDR ({colour.transfer}, {depth} bits); the result is too, unless its format "
                                   "cannot be.",
                   "Leave --codec and --pix-fmt as they are. For ordinary screens convert it first.")
    elif depth > _USUAL_DEPTH:
        yield note("video", "deep-colour", f"It has {depth} bits a colour; the result keeps them where its format can.")
    if full_range(colour) and not clip.image and colour.matrix != "gbr":
        yield note("video", "full-range", "Its levels go from 0 to 255 (full range); they are kept and tagged so.")


def _even(width: int, height: int, options: SyncOptions) -> str:
    if options.crop != FULL_FRAME:
        return "Choose a --crop with even sides."
    return f"--crop 0 {height - height % 2} 0 {width - width % 2} leaves out the last row or column."


def _rate(fps: object) -> str:
    return f"{float(fps):.6g}"    # type: ignore[arg-type]

