"""The sound of a result: a file as it is, or one that is put together or compressed where the result is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from threading import Event, Thread

from wav2lip.errors import Wav2LipError
from wav2lip.media.assemble import assemble_sound
from wav2lip.media.compress import can_wait, compress
from wav2lip.media.probe import audio_track
from wav2lip.media.whole import whole_file
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress

_TELL_EVERY = 0.1    # seconds


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


def sound_to_join(
    sound: Path, compressed: Path, output: Path, limit: float | None, tell: Callable[[], object]
) -> tuple[Path, float | None]:
    """Return the file whose sound is put beside the picture, and the seconds after which that is to be cut.

    Args:
        sound: as `sound_file` gives it.
        compressed: the file to make where the sound is compressed before; one that is there already is taken as it is.
        output: the result.
        limit: seconds after which it is cut; None for never.
        tell: is called several times a second while it is worked on.

    Raises:
        MediaError: there is no audio track in the file.
        Wav2LipError: as `compress`.
    """
    if not compressed.exists():
        track = audio_track(sound)
        if not can_wait(output, track[0]):
            return sound, limit
        compress(sound, track, compressed, output, duration_limit=limit, tell=tell)
    return compressed, None


@contextmanager
def compressing(
    sound: Path, compressed: Path, output: Path, limit: float | None, tell: Callable[[], object]
) -> Iterator[None]:
    """Compress the sound, where that can be done before, while the block makes the picture.

    What is wrong with it `sound_to_join` says later, when the picture is there.

    Args:
        sound, compressed, output, limit: as there.
        tell: is called several times a second while it is waited for, after the block.
    """
    over = Event()

    def end() -> None:
        if over.is_set():
            raise Wav2LipError("The sound was given up.")

    def run() -> None:
        with suppress(Wav2LipError, OSError):
            sound_to_join(sound, compressed, output, limit, end)

    thread = Thread(target=run, name="sound")
    thread.start()
    try:
        yield
        while thread.is_alive():
            tell()
            thread.join(_TELL_EVERY)
    finally:
        over.set()
        thread.join()
