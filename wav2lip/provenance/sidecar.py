"""The record beside a result: what it was made from, and how, so that it can be made again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.media.files import check_file, read_list
from wav2lip.media.whole import whole_file
from wav2lip.models.remembered import content_digest

FORMAT = 1                      # counts up whenever a record means something else
SUFFIX = ".wav2lip.json"

_KIND = "wav2lip result"
_LONGEST = 255                  # bytes: a name, on nearly all file systems
_BYTES = 4                      # of a digest


@dataclass(frozen=True)
class File:
    """A file as a record knows it.

    Attributes:
        role: what it was to the result: "face", "audio", "generator" ...
        given: its name as it was given.
        path: in full.
        sha256: of its content, hexadecimal.
        size: bytes.
    """

    role: str
    given: str
    path: str
    sha256: str
    size: int

    @classmethod
    def of(cls, role: str, path: Path, given: object = None) -> File:
        """Look at a file; one that has been read for its digest in this process, and has not changed, is not again.

        Raises:
            MediaError: it is missing, or cannot be read.
        """
        size = check_file(path).st_size
        try:
            digest = content_digest(path)
        except OSError as error:
            raise MediaError(f"{path} cannot be read: {error.strerror}.") from error
        return cls(role, str(path if given is None else given), str(path.absolute()), digest, size)

    @classmethod
    def told(cls, said: Any) -> File:
        """Return the file that a record tells of.

        Raises:
            MediaError: this is not how it tells of one.
        """
        try:
            found = cls(said.get("role", "output"), *(said[key] for key in ("given", "path", "sha256", "bytes")))
        except (AttributeError, KeyError, TypeError) as error:
            raise MediaError("The record does not say which files it is about.") from error
        texts = found.role, found.given, found.path, found.sha256
        if not (all(isinstance(text, str) for text in texts) and isinstance(found.size, int)):
            raise MediaError("The record does not say which files it is about.")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return it as a record tells of it."""
        return {
            "role": self.role, "given": self.given, "path": self.path, "sha256": self.sha256, "bytes": self.size,
        }

    def is_content_of(self, path: Path) -> bool:
        """Return whether a file has this content.

        Raises:
            MediaError: it is missing, or cannot be read.
        """
        return check_file(path).st_size == self.size and File.of(self.role, path).sha256 == self.sha256


def sidecar_of(output: Path) -> Path:
    """Return the name of the record beside a result: that of the result with `SUFFIX` after it.

    Where that would be longer than names can be, a digest stands in for the end of the result's name.
    """
    stem, ending = output.name, SUFFIX
    if len(os.fsencode(stem + ending)) > _LONGEST:
        ending = f"~{hashlib.blake2b(os.fsencode(stem), digest_size=_BYTES).hexdigest()}{SUFFIX}"
        while len(os.fsencode(stem + ending)) > _LONGEST:
            stem = stem[:-1]
    return output.with_name(stem + ending)


def check_sidecar(output: Path) -> None:
    """Find out before the work begins whether there can be a record beside a result.

    Raises:
        UsageError: its name is too long, or that of a folder.
    """
    try:
        folder = sidecar_of(output).is_dir()
    except OSError as error:
        raise UsageError(
            f"The record beside {output} cannot be written ({error.strerror}); choose a shorter name with -o, "
            "or --no-sidecar."
        ) from error
    if folder:
        raise UsageError(
            f"{sidecar_of(output)} is a folder, and the record of the result would have its name; choose another "
            "with -o, or --no-sidecar."
        )


def write_sidecar(output: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a finished result, whole or not at all; an older one is replaced.

    Raises:
        Wav2LipError: it cannot be written; the result is there all the same.
    """
    text = json.dumps({"kind": _KIND, "format": FORMAT, **record}, indent=2, ensure_ascii=False) + "\n"
    try:
        with whole_file(sidecar_of(output)) as part:
            part.write_bytes(text.encode(errors="backslashreplace"))    # names of files need not be Unicode
    except Wav2LipError as error:
        raise Wav2LipError(f"{output} is there, but not the record beside it. {error}") from error


def remove_sidecar(output: Path) -> None:
    """Remove the record of an earlier result of that name, which would tell of another file; what is none stays.

    Raises:
        Wav2LipError: it cannot be removed; the result is there all the same.
    """
    sidecar = sidecar_of(output)
    try:
        read_sidecar(sidecar)
    except MediaError:
        return
    try:
        sidecar.unlink(missing_ok=True)
    except OSError as error:
        raise Wav2LipError(
            f"{output} is there, but the record of an earlier one beside it cannot be removed: {error.strerror}."
        ) from error


def retell(output: Path, names: Mapping[str, str]) -> Path | None:
    """Put other names of files into the record beside a result; return the record, or None where there is none.

    Args:
        output: the result.
        names: by the paths in whose place they are.

    Raises:
        Wav2LipError: it cannot be written.
    """
    if not sidecar_of(output).is_file():
        return None

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: told(one) for key, one in value.items()}
        if isinstance(value, list):
            return [told(one) for one in value]
        return names.get(value, value) if isinstance(value, str) else value

    write_sidecar(output, told(read_sidecar(sidecar_of(output))))
    return sidecar_of(output)


def read_sidecar(path: Path) -> dict[str, Any]:
    """Return what a record says.

    Raises:
        MediaError: it is missing or no record, or a later version of this program wrote it.
    """
    try:
        said = json.loads(read_list(path))
    except (ValueError, RecursionError) as error:
        raise MediaError(f"{path} is no record of a result: it is not JSON.") from error
    if not isinstance(said, dict) or said.get("kind") != _KIND:
        raise MediaError(f"{path} is no record of a result; that is what `wav2lip sync` writes as OUT{SUFFIX}.")
    if said.get("format") != FORMAT:
        raise MediaError(
            f"{path} is a record of format {said.get('format')}; this version of wav2lip reads format {FORMAT}."
        )
    if not _is_whole(said):
        raise MediaError(f"{path} is damaged: it does not say what a record has to say.")
    return said


def files_of(record: Mapping[str, Any], what: str) -> list[File]:
    """Return the files that a record tells of.

    Args:
        record: as `read_sidecar` gives it.
        what: "inputs" or "weights".
    """
    return [File.told(one) for one in record[what]]


def _is_whole(said: dict[str, Any]) -> bool:
    """Return whether a record says all that somebody may ask it, in the right kinds."""
    try:
        File.told(said["output"])
        files = [*files_of(said, "inputs"), *files_of(said, "weights")]
        frames = [number for one in said["generated"] for start, end in one["frames"] for number in (start, end)]
        people = [one["person"] for one in said["generated"]]
    except (MediaError, KeyError, TypeError, ValueError):
        return False
    return (
        all(isinstance(number, int) for number in frames) and all(isinstance(person, str) for person in people)
        and isinstance(said.get("options"), dict) and isinstance(said.get("made_with"), dict)
        and isinstance(said["output"].get("unsigned", {}), dict) and any(file.role == "face" for file in files)
    )
