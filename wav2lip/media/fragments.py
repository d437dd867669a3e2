"""A finished video into a pipe: fragmented mp4, which plays while it comes and needs no way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ffmpeg

from wav2lip.errors import Wav2LipError
from wav2lip.media.ffmpeg import Process, command, open_input

SUFFIX = ".mp4"
"""Of the file that can become one."""

# The head waits for the first packets: without an edit list in it sound is late by what encoders put before it.
_FLAGS = "+frag_keyframe+empty_moov+delay_moov+default_base_moof"
_BLOCK = 1 << 18                                  # bytes


def fragments_command(path: Path) -> list[str]:
    """Return the command line that writes an mp4 file to its output in fragments; nothing is encoded again."""
    source = open_input(path)
    # Bit exact: the muxer else writes its version. All streams, with what is said of them and of the file.
    return command(ffmpeg.output(
        source["v:0"], source["a:0"], "pipe:1", format="mp4", movflags=_FLAGS, fflags="+bitexact", c="copy",
    ))


def write_fragments(path: Path, write: Callable[[bytes], object]) -> None:
    """Give an mp4 file to somebody in fragments.

    Args:
        path: the file, with a picture and a sound.
        write: takes the next bytes.

    Raises:
        Wav2LipError: ffmpeg has failed.
        OSError: what `write` raises.
    """
    buffer = bytearray(_BLOCK)
    with Process(fragments_command(path), stdout=True) as process:
        while got := process.read_into(memoryview(buffer)):
            write(bytes(buffer[:got]))
        failed = process.finish() != 0
        process.check_alive("The result could not be written to stdout")
        if failed:
            raise Wav2LipError(f"The result could not be written to stdout: {process.last_words()}.")
