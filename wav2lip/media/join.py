"""From parts of a picture, encoded one by one, to one video with sound; nothing is encoded twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import ffmpeg

from wav2lip.errors import Wav2LipError
from wav2lip.media.clip import Sound
from wav2lip.media.encoding import container_options, sound_options
from wav2lip.media.ffmpeg import Process, command, open_input, url
from wav2lip.media.probe import audio_track, count_pictures
from wav2lip.media.whole import settle
from wav2lip.media.write import wait_until_written

_LIST, _WHOLE = "parts.txt", "whole"
_MICROSECONDS = 1_000_000                         # of a second, in which ffmpeg counts where a part begins


def join(
    parts: Sequence[Path], output: Path, *, codec: str, frames: Sequence[int], fps: Fraction, sound: Path,
    duration_limit: float | None = None, progress: Callable[[int], object] = lambda count: None,
    tags: Mapping[str, str] | None = None, called: Path | None = None,
) -> None:
    """Write a video whose picture is that of the parts, one after the other. It appears whole or not at all.

    Args:
        parts: files as `VideoWriter` makes them for the same output, all in one folder on the output's file system,
            in which there is room; their names are made of letters, digits and points.
        output: what to write; an existing file is replaced.
        codec: of the picture, of `CODECS`.
        frames: how many each part has.
        fps: exact frames a second.
        sound: a file whose first audio track is put beside the picture, without re-encoding where that can be.
        duration_limit: seconds after which the sound is cut; by default it is kept whole, however long the picture is.
        progress: is told how many more bytes are written.
        tags: what the container says of the whole, as far as it has a place for it.
        called: what errors call the output; by default its name.

    Raises:
        MediaError: there is no audio track in the sound file.
        Wav2LipError: the output cannot be written.
    """
    folder, called = parts[0].parent, called or output
    listed, whole = folder / _LIST, folder / f"{_WHOLE}{output.suffix}"
    try:
        listed.write_text("\n".join(_listing(parts, frames, fps)), encoding="ascii")
        # An ffmpeg that a killed run left behind may still write to it: it goes on in a file without a name.
        whole.unlink(missing_ok=True)
    except OSError as error:
        raise Wav2LipError(f"{called} cannot be written: {error.strerror}.") from error
    track = audio_track(sound)
    arguments = join_command(
        folder, output, codec=codec, sound=sound, track=track, duration_limit=duration_limit, tags=tags or {}
    )
    written = 0

    def look() -> None:
        nonlocal written
        size = whole.stat().st_size if whole.exists() else 0
        progress(max(0, size - written))
        written = max(written, size)

    with Process(arguments, folder=folder) as process:
        wait_until_written(process, whole, called, look)
        if count_pictures(whole) != sum(frames):    # what it cannot read it leaves out
            raise Wav2LipError(f"{called} could not be written: its parts in {folder} cannot be read.")
    try:
        settle(whole, output)
    except OSError as error:
        raise Wav2LipError(f"{called} cannot be written: {error.strerror}.") from error


def join_command(
    folder: Path, output: Path, *, codec: str, sound: Path, track: tuple[Sound, str], tags: Mapping[str, str],
    duration_limit: float | None = None,
) -> list[str]:
    """Return the command line that joins the parts in a folder, to be run in it.

    Args:
        folder: that of the parts and their list.
        track: what `audio_track` says of the sound, which need not be there yet.
        output, codec, sound, tags, duration_limit: as for `join`.
    """
    # ffmpeg looks for what the list names where the list is; in a full path a # or ? would end the folder's name.
    listed, whole = f"file:{_LIST}", folder / f"{_WHOLE}{output.suffix}"
    heard = {} if duration_limit is None else {"t": f"{duration_limit:.6f}"}
    # Bit exact: some containers would get a random number.
    options = {"c:v": "copy", "fflags": "+bitexact", **container_options(output, codec)}
    options |= sound_options(output, track[0])
    # ffmpeg-python takes an option once; ffmpeg passes over what follows the g.
    options |= {f"metadata:g:{at}": f"{name}={value}" for at, (name, value) in enumerate(tags.items())}
    pictures = ffmpeg.input(listed, protocol_whitelist="file,pipe", format="concat")
    inputs = pictures["v:0"], open_input(sound, format=track[1], **heard)["a:0"]
    return command(ffmpeg.output(*inputs, url(whole), map_chapters=-1, **options))


def _listing(parts: Sequence[Path], frames: Sequence[int], fps: Fraction) -> Iterator[str]:
    """Yield the lines of ffmpeg's list of parts. Each begins where it should, to the nearest microsecond: rounded one
    by one, lengths would add up to a drift."""
    yield "ffconcat version 1.0"
    begin = 0
    for part, end in zip(parts, accumulate(frames), strict=True):
        microseconds = round(end / fps * _MICROSECONDS) - round(begin / fps * _MICROSECONDS)
        begin = end
        yield f"file {part.name}"
        yield f"duration {microseconds // _MICROSECONDS}.{microseconds % _MICROSECONDS:06d}"
    yield ""
