"""Which files a row means: names, globs, every face with every audio; and what the results are called."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from wav2lip.batch.job import Job
from wav2lip.batch.remote import has_wildcard, matching, path_of, url_of
from wav2lip.cast.text import quoted
from wav2lip.errors import MediaError, UsageError
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.output import default_output


def located(name: str, folder: Path) -> str:
    """Return a file's name in full; one that is relative is so to a folder. Either may be a URL."""
    if url_of(name) is not None:
        return name
    base = url_of(folder)
    name = path_of(name)
    return f"{base.rstrip('/')}/{name}" if base and not os.path.isabs(name) else os.path.abspath(folder / name)


def expand(
    where: str, face: str, audio: str | None, output: str | None, options: SyncOptions, folder: Path, results: Path
) -> Iterator[Job]:
    """Yield the jobs of a row: every face with every audio.

    Args:
        where: the row, for people.
        face, audio: names or globs (`**` too), relative to `folder`.
        output: relative to `results`; None for `<face>_<audio>.mp4` there, in the folders in which the glob found the
            face.
        options: of all of them.

    Raises:
        MediaError: a glob matches nothing.
        UsageError: one output is given for several jobs, or a name is none.
    """
    for name in (face, audio, output):
        if name is not None and (not name or "\0" in name):
            raise UsageError(f"{quoted(name)} is not the name of a file.")
    faces, within = matches(face, folder)
    audios: list[str | None] = [None] if audio is None else [*matches(audio, folder)[0]]
    many = len(faces) * len(audios)
    if many > 1 and output is not None:
        raise UsageError(f"it is {many} jobs with one output; leave that out, and each is named after its files.")
    for one in faces:
        for other in audios:
            if output is None:
                named = default_output(Path(one), options.recording(Path(other) if other else None), options.codec)
                below = os.path.relpath(os.path.dirname(one), within) if within is not None else ""
                place = located(str(Path(below) / named), results)
            else:
                place = located(output, results)
            which = f" ({os.path.basename(one)}, {os.path.basename(other or '-')})" if many > 1 else ""
            yield Job(where + which, one, other, place, options)


def matches(name: str, folder: Path) -> tuple[list[str], str | None]:
    """Return the files that a name means, in order, and the folder in which a glob looks for them.

    A name that a file has is no glob, whatever signs are in it.

    Raises:
        MediaError: a glob matches nothing.
        UsageError, Wav2LipError: as `matching`.
    """
    full = located(name, folder)
    if url_of(name) is not None and has_wildcard(name):
        return matching(name), None
    if url_of(name) is not None or not glob.has_magic(name) or os.path.lexists(full):
        return [full], None
    # The folder's own name may look like a glob.
    pattern = name if os.path.isabs(name) else os.path.join(glob.escape(os.path.abspath(folder)), name)
    found = sorted(os.path.abspath(path) for path in glob.iglob(pattern, recursive=True) if not os.path.isdir(path))
    if not found:
        raise MediaError(f"No file matches {name} in {folder}.")
    fixed = name
    while glob.has_magic(fixed):
        fixed = os.path.dirname(fixed)
    return found, located(fixed, folder)
