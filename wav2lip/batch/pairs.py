"""A folder of jobs: a face and an audio of the same name, side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from wav2lip.batch.files import codec_of, located
from wav2lip.batch.job import Job
from wav2lip.errors import MediaError, UsageError
from wav2lip.media.clip import VIDEO_SUFFIXES
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.output import default_output
from wav2lip.progress import Progress

FACES = VIDEO_SUFFIXES | {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
SOUNDS = frozenset({".wav", ".mp3", ".flac", ".m4a", ".aac", ".ogg", ".opus", ".oga", ".aif", ".aiff", ".wma", ".mka"})

_TOLD = 5             # names of files without a partner


def read_pairs(folder: Path, results: Path, options: SyncOptions, progress: Progress) -> list[Job]:
    """Return a job for every face and audio of the same name (a.mp4, a.wav), in the folder and all that are in it.

    Results are called `<name>_<name>.mp4`, or as `wav2lip.sync` would call them, in the same folders below `results`,
    which may be a URL. What has no partner is told.

    Raises:
        MediaError: the folder cannot be read.
        UsageError: there is no pair.
    """
    folder = Path(os.path.abspath(folder))
    jobs, lonely = [], []
    for face, audio in _pairs(folder, results):
        if face is None or audio is None:
            lonely.append(face or audio)
            continue
        named = default_output(face, audio, codec_of(str(face), options))
        output = located(str(face.parent.relative_to(folder) / named), results)
        jobs.append(Job(f"{face}, {audio.name}", str(face), str(audio), output, options))
    if not jobs:
        raise UsageError(f"There is no pair such as a.mp4 and a.wav in the folder {folder}.")
    made = {job.output for job in jobs}
    alone = [str(path.relative_to(folder)) for path in lonely if path and str(path) not in made]
    if alone:
        more = f", and {len(alone) - _TOLD} more" if len(alone) > _TOLD else ""
        progress.say(f"Without a partner of the same name, and passed over: {', '.join(alone[:_TOLD])}{more}.")
    return jobs


def _pairs(folder: Path, results: Path) -> Iterator[tuple[Path | None, Path | None]]:
    """Yield faces with the audio of their name, None where there is none, and audios without a face."""
    past = Path(os.path.abspath(results))

    def unreadable(error: OSError) -> None:
        raise MediaError(f"{error.filename} cannot be read: {error.strerror}.") from error

    for parent, below, names in os.walk(folder, onerror=unreadable):
        here = Path(parent)
        below[:] = sorted(name for name in below if not name.startswith(".") and here / name != past)
        faces, sounds = (
            sorted(name for name in names if os.path.splitext(name)[1].lower() in kind and not name.startswith("."))
            for kind in (FACES, SOUNDS)
        )
        by_name: dict[str, list[str]] = {}
        for sound in sounds:
            by_name.setdefault(os.path.splitext(sound)[0], []).append(sound)
        used = set()
        for face in faces:
            name = os.path.splitext(face)[0]
            used.add(name)
            yield from ((here / face, here / sound) for sound in by_name.get(name, ()))
            if name not in by_name:
                yield here / face, None
        yield from ((None, here / sound) for sound in sounds if os.path.splitext(sound)[0] not in used)
