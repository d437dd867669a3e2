"""The ffmpeg command lines of a run, without running them."""

from __future__ import annotations

from pathlib import Path

from wav2lip.media.assemble import assemble_commands, assembled_track
from wav2lip.media.compress import can_wait, compress_command, compressed_track
from wav2lip.media.encoding import Decided, Encoding
from wav2lip.media.join import join_command
from wav2lip.media.probe import audio_track
from wav2lip.media.sound import sound_command
from wav2lip.media.write import writing_command
from wav2lip.pipeline.folder import WorkFolder
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.prepare import sound_limit
from wav2lip.pipeline.render import picture_of
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.timeline import Run
from wav2lip.provenance.tags import TAGS

UNNAMED = "0"
"""Stands for what makes the names of hidden files unlike any other, which only a run knows."""


def commands_of(
    source: Source, script: Script, options: SyncOptions, output: Path, encoding: Encoding, decided: Decided,
    parts: tuple[range, ...], first: Run,
) -> dict[str, list[list[str]]]:
    """Return the command lines of a run, by what they do, from the functions that run them.

    Args:
        source, script, options, output, encoding, decided: as `prepare` has them.
        parts: the frames of each part.
        first: of the runs of source frames that are shown.

    Raises:
        MediaError: a sound cannot be read.
    """
    folder = WorkFolder.of(output, UNNAMED, parts)
    frames = parts[-1].stop
    decode = source.command(first.first, first.pictures, bgr=options.compat)
    hear = [sound_command(path, *audio_track(path)) for path in dict.fromkeys(script.recordings)]
    own = source.clip if script.kept else None
    if script.sound is None:
        assemble = assemble_commands(script.pieces, script.kept, own)
        sound, track = folder.sound, assembled_track(script.pieces, own)
    else:
        assemble, sound, track = [], script.sound, audio_track(script.sound)
    limit, compress = sound_limit(frames, source, script, options), []
    if can_wait(output, track[0]):
        compress = [compress_command(sound, track, _hidden(folder.compressed), output, limit)]
        sound, track, limit = folder.compressed, compressed_track(track[0]), None
    join = join_command(
        folder.path, output, codec=decided.codec, sound=sound, track=track, tags=TAGS, duration_limit=limit,
    )
    encode = writing_command(_hidden(folder.part(0)), output, encoding, decided, **picture_of(source, options))
    return {
        "hear": hear, "decode": [] if decode is None else [decode], "encode": [encode], "sound": assemble,
        "compress": compress, "join": [join],
    }


def _hidden(file: Path) -> Path:
    """Return the name that a file has until it is whole."""
    return file.with_name(f".wav2lip-{UNNAMED}.part{file.suffix}")
