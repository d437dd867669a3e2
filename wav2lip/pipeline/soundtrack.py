"""The sound of a result: a file as it is, or one that is put together in the folder where the result is made."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from wav2lip.media.assemble import assemble_sound
from wav2lip.media.whole import whole_file
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress


def sound_file(script: Script, source: Source, assembled: Path, progress: Progress) -> Path:
    """Return a file that holds the sound of the result.

    Args:
        script: what is heard.
        source: the video, whose own sound may be kept.
        assembled: the file to make where none holds it; one that is there already is taken as it is.
        progress: is told how far it is.

    Raises:
        MediaError, Wav2LipError: a sound that cannot be read, or no room.
    """
    if script.sound is not None:
        return script.sound
    if not assembled.exists():
        own, seconds = source.clip if script.kept else None, Fraction(script.frames) / source.fps
        with whole_file(assembled) as part:
            assemble_sound(part, script.pieces, script.kept, own, seconds, progress)
    return assembled
