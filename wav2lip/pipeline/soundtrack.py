"""The sound of a result: a file as it is, or one that is put together beside the output and goes again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from wav2lip.media.assemble import assemble_sound
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress


@contextmanager
def sound_of(script: Script, source: Source, output: Path, progress: Progress) -> Iterator[Path]:
    """Enter with a file that holds the sound of the result.

    Args:
        script: what is heard.
        source: the video, whose own sound may be kept.
        output: the result, in whose folder there is room.
        progress: is told how far it is.

    Raises:
        MediaError, Wav2LipError: a sound that cannot be read, or no room.
    """
    if script.sound is not None:
        yield script.sound
        return
    # As a killed run's unfinished results are called, too.
    part = output.absolute().parent / f".wav2lip-{secrets.token_hex(8)}.part.wav"
    own, seconds = source.clip if script.kept else None, Fraction(script.frames) / source.fps
    try:
        assemble_sound(part, script.pieces, script.kept, own, seconds, progress)
        yield part
    finally:
        part.unlink(missing_ok=True)
