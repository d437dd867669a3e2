"""Which videos are meant: files, folders, lists, and what each is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from wav2lip.errors import UsageError
from wav2lip.media.clip import VIDEO_SUFFIXES
from wav2lip.media.files import check_file, is_folder, is_hidden, read_list

LIST_SUFFIXES = (".txt", ".lst")


def find_videos(inputs: Iterable[Path]) -> list[Path]:
    """Return the videos that are meant: files, those in folders and the folders in them, those that lists name.

    A list is a text file (.txt, .lst) with a path in every line, relative to the list's folder. The order is that of
    the inputs, within a folder by name; nothing comes twice.

    Raises:
        UsageError: a folder or a list has no video in it.
        MediaError: an input does not exist.
    """
    found: dict[Path, None] = {}
    for path in inputs:
        found |= dict.fromkeys(_videos(path))
    return list(found)


def _videos(path: Path) -> list[Path]:
    if is_folder(path):
        inside = sorted(
            inner for inner in path.rglob("*")
            if inner.suffix.lower() in VIDEO_SUFFIXES and not is_hidden(inner, path) and inner.is_file()
        )
        if not inside:
            raise UsageError(f"There is no video in the folder {path}.")
        return inside
    check_file(path)
    if path.suffix.lower() not in LIST_SUFFIXES:
        return [path]
    try:
        lines = read_list(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"The list {path} cannot be read: {error}.") from None
    if any("\0" in line for line in lines):
        raise UsageError(f"The list {path} has zero bytes in it, which no path has.")
    listed = [path.parent / line.strip() for line in lines if line.strip()]
    if not listed:
        raise UsageError(f"The list {path} is empty; it needs the path of a video in every line.")
    return listed


def find_references(paths: Sequence[Path], reference: Path | None) -> list[Path | None]:
    """Return the video that each one is compared with: the one that is given, or that of the same name in a folder.

    Raises:
        UsageError: there is no reference for a video, or one for several.
    """
    if reference is None:
        return [None] * len(paths)
    if not is_folder(reference):
        if len(paths) > 1:
            raise UsageError(f"{reference} is one reference for {len(paths)} videos; name a folder with one for each.")
        return [reference]
    by_name: dict[str, Path] = {}
    for path in _videos(reference):
        other = by_name.setdefault(path.stem, path)
        if other != path:
            raise UsageError(f"{other} and {path} have the same name; a reference is found by its name alone.")
    missing = next((path for path in paths if path.stem not in by_name), None)
    if missing:
        raise UsageError(f"The folder {reference} has no reference for {missing.name}: it needs a video of that name.")
    return [by_name[path.stem] for path in paths]


def unlike_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Return a name for each video that no other has: its own, with as many folders before it as that takes."""
    depth = 1
    while True:
        names = {path: "-".join(path.with_suffix("").parts[-depth:]).replace("/", "") for path in paths}
        if len(set(names.values())) == len(names):
            return names
        if depth > max(len(path.parts) for path in paths):    # a.mp4 and a.mkv of one folder
            return {path: f"{number}-{path.stem}" for number, path in enumerate(paths)}
        depth += 1
