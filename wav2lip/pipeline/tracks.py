"""Track files, held against the video that they are for."""

from __future__ import annotations

from pathlib import Path

from wav2lip.cast.track_file import TrackFile, check_tracks, read_tracks
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress


def fitting_tracks(source: Source, path: Path, progress: Progress) -> TrackFile:
    """Return the tracks in a file; tell what the user should know of them.

    Raises:
        UsageError: they are those of another video.
        MediaError: the file cannot be read.
    """
    given = read_tracks(path)
    # Of a video that is held still all frames may be known; a picture has no rate but the result's.
    frames = max(source.frames, min(given.frames, source.clip.frames)) if source.static else source.frames
    for notice in check_tracks(given, frames, source.size, None if source.clip.image else source.fps):
        progress.say(notice)
    return given
