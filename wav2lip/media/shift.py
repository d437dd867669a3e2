"""Move a video's sound in time without touching either: what is stored is copied as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import ffmpeg

from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.clip import Clip
from wav2lip.media.encoding import CONTAINERS, container_of
from wav2lip.media.ffmpeg import Process, command, open_input, url
from wav2lip.media.probe import WITHOUT_BEGINNING
from wav2lip.media.whole import whole_file

UNTIMED = ("avi",)       # pictures and sound begin together, whatever is asked for


def shifted_name(video: Path) -> Path:
    """Return `<video>_aligned` with the video's ending, or that of a container that can hold it, in this folder."""
    suffix = video.suffix.lower()
    fits = suffix in CONTAINERS and CONTAINERS[suffix].muxer not in UNTIMED
    return Path(f"{video.stem}_aligned{video.suffix if fits else '.mkv'}")


def shift_sound(clip: Clip, output: Path, seconds: float) -> None:
    """Write a copy of a video in which all sound is heard later, or for a negative time earlier.

    Nothing is encoded anew: pictures, subtitles and sound are copied, and what sound would come before the first
    picture is left out. The copy appears whole or not at all.

    Args:
        clip: the video, as `probe` describes it.
        output: what to write; its ending names the container.
        seconds: how much later.

    Raises:
        UsageError: the output's ending is unknown, or its container holds no times.
        Wav2LipError: it cannot be written, or its container does not take what is in the video.
    """
    muxer = container_of(output).muxer
    if muxer in UNTIMED and seconds:
        raise UsageError(f"{output.suffix} files hold no times, so {output} cannot have its sound moved; write .mkv.")
    with ExitStack() as leaving:
        part, path, container = leaving.enter_context(whole_file(output)), clip.path, clip.container
        if container in WITHOUT_BEGINNING:
            # Opened twice, as they are below, its streams would both begin at zero.
            path, container = _brought_together(clip, leaving.enter_context(_folder_beside(output)), output)
        moved = {"itsoffset": f"{seconds:.6f}"} if seconds >= 0 else {"ss": f"{-seconds:.6f}"}
        how = {"format": container} if container else {}
        picture, sound = open_input(path, **how), open_input(path, **how, **moved)
        _copy([picture["V:0"], sound["a"], picture["s?"]], part, output, muxer)


def _brought_together(clip: Clip, folder: Path, output: Path) -> tuple[Path, str]:
    """Return a copy of a video in a container whose streams keep their distance, and ffmpeg's name of that."""
    given = open_input(clip.path, format=clip.container, fflags="+genpts")
    streams = [given["V:0"], given["a"], given["s?"]]
    try:
        _copy(streams, folder / "whole.mov", output, "mov")      # with times as exact as they are
        return folder / "whole.mov", "mov"
    except Wav2LipError:
        _copy(streams, folder / "whole.mkv", output, "matroska")     # holds nearly everything, to the millisecond
        return folder / "whole.mkv", "matroska"


def _copy(streams: Sequence[Any], path: Path, output: Path, muxer: str) -> None:
    """Copy streams into a file; errors speak of the output."""
    arguments = command(ffmpeg.output(
        *streams, url(path), format=muxer, codec="copy", map_metadata=0,
        **{"copypriorss:a": 0},      # packets from before the time that is jumped to: left out, not shown early
    ))
    with Process(arguments) as process:
        if process.finish() != 0:
            words = process.last_words().replace(url(path), str(output))
            raise Wav2LipError(f"{output} could not be written: {words}.")


@contextmanager
def _folder_beside(output: Path) -> Iterator[Path]:
    """Give a hidden folder, which goes when the block ends; `wav2lip clean` knows what a kill leaves."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=".wav2lip-", suffix=".work", dir=output.absolute().parent)
    except OSError as error:
        raise Wav2LipError(f"{output} cannot be written: {error.strerror}.") from error
    with folder as name:
        yield Path(name)
