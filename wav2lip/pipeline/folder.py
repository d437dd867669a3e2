"""The hidden folder beside a result in which its parts wait: a killed run leaves it, the next one goes on."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wav2lip import __version__
from wav2lip.errors import Wav2LipError
from wav2lip.media.probe import count_pictures

WORK_PATTERN = ".wav2lip-*.work"
"""Glob of the folders that killed runs may leave in an output's folder."""

_JOB = "job.json"


@dataclass(frozen=True)
class WorkFolder:
    """Where the parts of one result are.

    Attributes:
        path: the folder.
        output: the result.
        segments: the frames of each part.
    """

    path: Path
    output: Path
    segments: tuple[range, ...]

    @classmethod
    def of(cls, output: Path, fingerprint: str, segments: tuple[range, ...]) -> WorkFolder:
        """Return the folder for a result of that fingerprint; it need not exist yet."""
        return cls(output.absolute().parent / f".wav2lip-{fingerprint}.work", output, segments)

    def make(self, *, shared: bool = False) -> None:
        """Make it if need be, and say in it what it is for.

        Args:
            shared: several runs make its parts, and none of them holds the result.

        Raises:
            Wav2LipError: it cannot be written to.
        """
        told = {"output": self.output.name, "parts": len(self.segments), "wav2lip": __version__}
        told |= {"shared": True} if shared else {}
        try:
            self.path.mkdir(exist_ok=True)
            (self.path / _JOB).write_text(json.dumps(told) + "\n", encoding="utf-8")
        except OSError as error:
            raise Wav2LipError(f"{self.output} cannot be written: {error.strerror}.") from error

    @property
    def sound(self) -> Path:
        """The file for a sound that is put together."""
        return self.path / "sound.wav"

    @property
    def compressed(self) -> Path:
        """The file for a sound that is compressed before the picture is there."""
        return self.path / "sound.m4a"

    @property
    def unsigned(self) -> Path:
        """The file for a result that is to be signed."""
        return self.path / f"unsigned{self.output.suffix}"

    def part(self, number: int) -> Path:
        """Return the file of a part."""
        return self.path / f"{number:06d}{self.output.suffix}"

    def parts(self) -> list[Path]:
        """Return the files of all parts."""
        return [self.part(number) for number in range(len(self.segments))]

    def missing(self) -> list[int]:
        """Return the numbers of the parts that are not there yet; a damaged one is removed."""
        return [number for number in range(len(self.segments)) if not self._whole(number)]

    def _whole(self, number: int) -> bool:
        part = self.part(number)
        if not part.exists():
            return False
        whole = count_pictures(part) == len(self.segments[number])
        if not whole:
            part.unlink(missing_ok=True)
        return whole

    def others(self) -> list[Path]:
        """Return the folders that runs with other options or inputs have left for the same output."""
        return [folder for folder in folders_for(self.output) if folder != self.path]

    def tidy(self) -> int:
        """Remove all but the finished parts, and the folder where there are none; return how many frames they have."""
        kept = [number for number in range(len(self.segments)) if self.part(number).exists()]
        if not kept:
            self.remove()
            return 0
        keep = {*map(self.part, kept), self.path / _JOB}
        for file in self.path.iterdir():
            if file not in keep:
                with suppress(OSError):
                    file.unlink()
        return sum(len(self.segments[number]) for number in kept)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def folders_for(output: Path) -> list[Path]:
    """Return the folders that runs have left for an output."""
    return [folder for folder in output.absolute().parent.glob(WORK_PATTERN) if output_named(folder) == output.name]


def output_named(folder: Path) -> str | None:
    """Return the name of the result that a work folder is for; None where that cannot be told."""
    name = _told(folder).get("output")
    return name if isinstance(name, str) else None


def is_shared(folder: Path) -> bool:
    """Return whether several runs make the parts in a work folder."""
    return bool(_told(folder).get("shared"))


def _told(folder: Path) -> dict[str, Any]:
    """Return what a work folder says of itself; nothing where it is damaged."""
    try:
        told = json.loads((folder / _JOB).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def others_in_words(folders: Sequence[Path], output: Path) -> str:
    """Return the sentence that says what others have left for an output."""
    many = "run" if len(folders) == 1 else f"{len(folders)} runs"
    return (f"Parts of an earlier {many} for {output.name} with other inputs or options lie beside it; "
            f"{cleaning(output)} removes them.")


def cleaning(output: Path) -> str:
    """Return the command that removes what runs have left beside an output, as it can be typed."""
    quoted = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    return f"`{quoted(['wav2lip', 'clean', *([] if output.parent == Path() else [str(output.parent)])])}`"
