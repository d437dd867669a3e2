"""Compress a sound for its container before its picture is there: joined to it, it need only be copied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ffmpeg

from wav2lip.media.clip import Sound
from wav2lip.media.encoding import container_of, sound_options
from wav2lip.media.ffmpeg import Process, command, open_input, url
from wav2lip.media.whole import whole_file
from wav2lip.media.write import wait_until_written

_BY = "aac"          # its file tells what the encoder has put before the first sample; other codecs' files may not


def can_wait(output: Path, sound: Sound) -> bool:
    """Return whether the sound of an output is the same, to the millisecond, if it is compressed into a file before.

    Args:
        output: the video.
        sound: what it is made from.
    """
    mp4 = container_of(output).muxer in ("mp4", "mov")
    return mp4 and sound.apart and sound_options(output, sound)["c:a"] == _BY


def compress_command(
    sound: Path, track: tuple[Sound, str], into: Path, output: Path, duration_limit: float | None = None
) -> list[str]:
    """Return the command line that compresses a sound; arguments as for `compress`.

    Args:
        track: what `audio_track` says of the sound, which need not be there yet.
    """
    heard = {} if duration_limit is None else {"t": f"{duration_limit:.6f}"}
    options = sound_options(output, track[0])
    options |= {"format": "mp4", "fflags": "+bitexact", "map_chapters": -1}
    return command(ffmpeg.output(open_input(sound, format=track[1], **heard)["a:0"], url(into), **options))


def compressed_track(sound: Sound) -> tuple[Sound, str]:
    """Return what `audio_track` will say of the file that `compress` makes of a sound."""
    return Sound(_BY, sound.sample_rate, sound.channels, 0.0), "mov"


def compress(
    sound: Path, track: tuple[Sound, str], into: Path, output: Path, *, duration_limit: float | None = None,
    tell: Callable[[], object] = lambda: None,
) -> None:
    """Compress the first audio track of a file. The result appears whole or not at all.

    Args:
        sound: the file.
        track: what `audio_track` says of it.
        into: the file to write.
        output: the video that it is for, of which `can_wait` is true.
        duration_limit: seconds after which the sound is cut; None keeps it whole.
        tell: is called ten times a second; with what it raises the work ends, and nothing is left of it.

    Raises:
        Wav2LipError: it cannot be compressed or written.
    """
    with (
        whole_file(into, output) as part,
        Process(compress_command(sound, track, part, output, duration_limit)) as process,
    ):
        wait_until_written(process, part, output, tell)
