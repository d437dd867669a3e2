"""One hostile input: what it is, the command that meets it, and how that has to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BOX = ("--box", "4", "44", "12", "52")
BARE = ("sync", "--device", "cpu", "-q", "--face", "face.mp4", "-o", "out.mp4")
HEARD = (*BARE, "--audio", "speech.wav")
TINY = ("--checkpoint", "tiny.safetensors")
SYNC = ("sync", "--device", "cpu", "--checkpoint", "tiny.safetensors", *BOX, "-q")

Make = Callable[[Path], None]


def nothing(folder: Path) -> None:
    """Make no file beside those that are there."""


def writing(name: str, content: bytes) -> Make:
    """Return what makes a file."""
    return lambda folder: (folder / name).write_bytes(content) and None


@dataclass(frozen=True)
class Case:
    """A command in a folder that holds `face.mp4`, `speech.wav` and the weights `tiny.safetensors`.

    Attributes:
        name: what it is, as a few words.
        words: the command line.
        code: the exit code that it has to have; several where versions of ffmpeg may differ.
        make: makes the hostile files in the folder.
        says: what has to stand in the error.
        results: files that there have to be in the end, and no others.
        environment: variables to set.
    """

    name: str
    words: Sequence[str | bytes]
    code: int | tuple[int, ...]
    make: Make = nothing
    says: str = ""
    results: Sequence[str | bytes] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def codes(self) -> tuple[int, ...]:
        return (self.code,) if isinstance(self.code, int) else self.code


def syncing(
    name: str,
    code: int | tuple[int, ...],
    make: Make = nothing,
    *more: str,
    face: str = "face.mp4",
    audio: str = "speech.wav",
    says: str = "",
    output: str = "out.mp4",
) -> Case:
    """Return a case of `wav2lip sync`."""
    words = (*SYNC, "--face", face, "--audio", audio, "-o", output, *more)
    good = 0 in ((code,) if isinstance(code, int) else code)
    return Case(name, words, code, make, says, (output,) if good else ())
