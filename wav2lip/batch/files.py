"""Which files a row means: names, globs, every face with every audio; and what the results are called."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wav2lip.batch.job import Job
from wav2lip.batch.remote import has_wildcard, matching, path_of, url_of
from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.media.encoding import COPY_SETTINGS
from wav2lip.media.picture import planar
from wav2lip.media.probe import picture_format
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.output import default_output, naming_codec

# What a face may be that shows through.
TRANSPARENT = frozenset({".png", ".webp", ".gif", ".tif", ".tiff", ".avif", ".mov", ".webm", ".mkv", ".avi"})


def located(name: str, folder: Path) -> str:
    """Return a file's name in full; one that is relative is so to a folder. Either may be a URL."""
    if url_of(name) is not None:
        return name
    base = url_of(folder)
    name = path_of(name)
    return f"{base.rstrip('/')}/{name}" if base and not os.path.isabs(name) else os.path.abspath(folder / name)


@dataclass(frozen=True)
class Found:
    """The files that a name means.

    Attributes:
        paths: in full, in order.
        glob: the name, where it is one.
        folder: in which it looks.
        past: of the folders below that, the one into which it does not look.
    """

    paths: Sequence[str]
    glob: str | None = None
    folder: str = ""
    past: str | None = None

    def would_find(self, output: str) -> bool:
        """Whether it is a glob that would take an output for one of its files when it looks again."""
        if self.glob is None or (self.past and output.startswith(self.past)):
            return False
        deep = glob.has_magic(os.path.dirname(self.glob))
        here = output.startswith(self.folder + os.sep) if deep else os.path.dirname(output) == self.folder
        return here and fnmatch.fnmatch(os.path.basename(output), os.path.basename(self.glob))


def expand(
    where: str, face: str, audio: str | None, output: str | None, options: SyncOptions, folder: Path, results: Path
) -> Iterator[Job]:
    """Yield the jobs of a row: every face with every audio.

    Args:
        where: the row, for people.
        face, audio: names or globs (`**` too), relative to `folder`; a glob never looks into a folder of results.
        output: relative to `results`; None for `<face>_<audio>.mp4`, or another ending as for `wav2lip.sync`, there, in
            the folders in which the glob found the face.
        options: of all of them.

    Raises:
        MediaError: a glob matches nothing.
        UsageError: one output is given for several jobs, a name is none, or a glob would find the results.
    """
    if "" in (face, audio, output):
        raise UsageError("a name of a file is empty.")
    faces = find(face, folder, results)
    audios = Found(()) if audio is None else find(audio, folder, results)
    many = len(faces.paths) * max(1, len(audios.paths))
    if many > 1 and output is not None:
        raise UsageError(f"it is {many} jobs with one output; leave that out, and each is named after its files.")
    others: Sequence[str | None] = audios.paths or [None]
    for one in faces.paths:
        codec = None if output else codec_of(one, options)
        for other in others:
            place = located(output, results) if output else _named_after(one, other, faces, options, codec, results)
            for found in (faces, audios):
                if found.would_find(place):
                    raise UsageError(f"{found.glob} would find its results; choose a folder for these with -o.")
            which = f" ({os.path.basename(one)}, {os.path.basename(other or '-')})" if many > 1 else ""
            yield Job(where + which, one, other, place, options)


def find(name: str, folder: Path, results: Path) -> Found:
    """Return the files that a name means, in order. A name that a file has is no glob, whatever signs are in it.

    Raises:
        MediaError: a glob matches nothing.
        UsageError, Wav2LipError: as `matching`.
    """
    full = located(name, folder)
    if url_of(name) is not None and has_wildcard(name):
        return Found(matching(name), name, fixed_part(name))
    if url_of(name) is not None or not glob.has_magic(name) or os.path.lexists(full):
        return Found([full])
    root, made = located(fixed_part(name), folder), os.path.abspath(results) + os.sep
    # The folder's own name may look like a glob.
    pattern = name if os.path.isabs(name) else os.path.join(glob.escape(os.path.abspath(folder)), name)
    found = [os.path.abspath(path) for path in glob.iglob(pattern, recursive=True) if not os.path.isdir(path)]
    past = made if made.startswith(root + os.sep) and made != root + os.sep else None
    found = sorted(path for path in found if not (past and path.startswith(past)))
    if not found:
        raise MediaError(f"No file matches {full}.")
    return Found(found, name, root, past)


def fixed_part(pattern: str) -> str:
    """Return the folder in which a glob looks."""
    while glob.has_magic(pattern):
        pattern = os.path.dirname(pattern)
    return pattern


def codec_of(face: str, options: SyncOptions) -> str | None:
    """Return the codec after which the results of a face are named, as those of `wav2lip.sync` are.

    Faces are only looked at where they may decide on it, and none that is elsewhere; what cannot be read is for its job
    to tell.
    """
    copied = options.codec == COPY_SETTINGS
    transparent = options.codec is None and os.path.splitext(face)[1].lower() in TRANSPARENT
    if (copied or transparent) and not options.compat and url_of(face) is None:
        with suppress(Wav2LipError, OSError):
            path = path_of(face)
            found, alpha = _picture(path, os.stat(path).st_mtime_ns)
            return naming_codec(options.codec, found, alpha)
    return options.codec


@cache
def _picture(path: str, changed: int) -> tuple[str, bool]:
    """Return the codec of a face and whether it may show through; one of many rows is looked at once, until it changes.

    Raises:
        Wav2LipError: it cannot be read.
    """
    codec, pixel_format = picture_format(path)
    return codec, planar(pixel_format).alpha


def _named_after(
    face: str, audio: str | None, faces: Found, options: SyncOptions, codec: str | None, results: Path
) -> str:
    """Return where the result of a face and an audio goes that have not been told."""
    named = default_output(Path(face), options.recording(Path(audio) if audio else None), codec)
    below = os.path.relpath(os.path.dirname(face), faces.folder) if faces.glob else ""
    return located(str(Path(below) / named), results)
