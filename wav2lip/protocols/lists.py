"""Which face says which sound: the original's file lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wav2lip.errors import MediaError, UsageError
from wav2lip.media.files import is_there, read_list
from wav2lip.protocols.protocol import Protocol


@dataclass(frozen=True)
class Pair:
    """A video to generate.

    Attributes:
        number: of its line in the list, counted from 0 as the original counts, blank lines too; it names the result.
        face: the video whose face is synced.
        audio: the file whose sound it says.
    """

    number: int
    face: Path
    audio: Path


def read_pairs(protocol: Protocol, data_root: Path, filelist: Path | None = None) -> list[Pair]:
    """Return all pairs of a benchmark, in their order.

    A line of the lists of LRS2, LRS3 and LRW is "audio video" without endings: `a/1 b/2` pairs the sound of
    `data_root`/a/1.mp4 with the face of `data_root`/b/2.mp4. LRW's flat names (`WORD_00001`) are looked for in
    `data_root` itself, so its clips have to be moved or linked there from their folders. A line of the lists of
    ReSyncED is "video audio" with endings. Its dubbed videos need no list: each file of the folder is paired with
    itself, in the order of the names, where the original takes them as the file system gives them.

    Args:
        protocol: the benchmark.
        data_root: the folder with its recordings.
        filelist: its list; None for resynced-dubbed.

    Raises:
        UsageError: a list that is missing, not wanted, empty or malformed; a folder that is none or empty.
        MediaError: a file that a line names does not exist.
    """
    if not data_root.is_dir():
        raise UsageError(f"{data_root} is not a folder; name the one with the recordings of {protocol.name}.")
    if protocol.order is None:
        if filelist is not None:
            raise UsageError(f"{protocol.name} takes every file of its folder; leave the list {filelist} out.")
        return _folder_pairs(data_root)
    if filelist is None:
        raise UsageError(f"{protocol.name} needs its file list, which comes with the original program.")
    pairs = list(_list_pairs(protocol, protocol.order, data_root, filelist))
    if not pairs:
        raise UsageError(f"The list {filelist} has no pairs in it.")
    return pairs


def _folder_pairs(folder: Path) -> list[Pair]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise UsageError(f"There is no file in {folder}.")
    return [Pair(number, path, path) for number, path in enumerate(files)]


def _list_pairs(protocol: Protocol, order: tuple[str, str], root: Path, filelist: Path) -> Iterator[Pair]:
    for number, line in enumerate(_lines(filelist)):
        words = line.split()
        if not words:
            continue
        where = f"{filelist}, line {number + 1}"
        if len(words) != 2:
            what = " ".join({"audio": "AUDIO", "face": "VIDEO"}[part] for part in order)
            raise UsageError(
                f"{where} does not hold two words ({what}). Names with spaces cannot be told apart in such a list: "
                "rename those files."
            )
        paths = {part: root / f"{word}{protocol.suffix}" for part, word in zip(order, words, strict=True)}
        for path in paths.values():
            if not is_there(path):
                raise MediaError(f"{where}: there is no file {path}. Is {root} the right folder for this list?")
        yield Pair(number, **paths)


def _lines(filelist: Path) -> list[str]:
    if not filelist.exists():
        raise UsageError(f"There is no list {filelist}; it comes with the original program.")
    try:
        text = read_list(filelist).decode("utf-8-sig")
    except MediaError as error:
        raise UsageError(f"The list {filelist} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{filelist} is not a text file in UTF-8, so it is no file list.") from error
    if "\0" in text:
        raise UsageError(f"{filelist} has zero bytes in it, so it is no file list.")
    return text.replace("\r\n", "\n").split("\n")
