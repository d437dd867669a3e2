"""`-` in the place of a file: the recording from stdin, the result to stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wav2lip.cli.run import BROKEN_PIPE, leave_stdout
from wav2lip.errors import MediaError, UsageError, Wav2LipError

DASH = Path("-")

_BLOCK = 1 << 20                                  # bytes


@dataclass(frozen=True)
class Places:
    """The files that stand for what the command line names.

    Attributes:
        audio: the recording.
        output: the result.
        piped: the result goes on to stdout.
    """

    audio: Path | None
    output: Path | None
    piped: bool

    def deliver(self) -> None:
        """Send the finished result to stdout, where it goes there. Ends the program where nobody reads it.

        Raises:
            Wav2LipError: it cannot be written.
        """
        if not self.piped:
            return
        from wav2lip.media.fragments import write_fragments

        assert self.output is not None
        try:
            write_fragments(self.output, sys.stdout.buffer.write)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            leave_stdout()
            sys.exit(BROKEN_PIPE)
        except OSError as error:
            leave_stdout()
            raise Wav2LipError(f"The result could not be written to stdout: {error.strerror or error}.") from error


@contextmanager
def places(
    face: Path, audio: Path | None, output: Path | None, *, prints: bool, dry: bool, signed: bool
) -> Iterator[Places]:
    """Let files in a folder that goes when the block ends stand for every `-`.

    Args:
        face, audio, output: as the command line has them.
        prints: the command prints something else to stdout.
        dry: nothing is sent to stdout.
        signed: the result is to carry a signature.

    Raises:
        UsageError: `-` where that makes no sense.
        MediaError: nothing comes, or more than is allowed.
        Wav2LipError: what comes cannot be kept.
    """
    if face == DASH:
        raise UsageError("--face cannot be -: a video is read more than once; write it to a file first.")
    if output == DASH and prints and not dry:
        raise UsageError("-o - leaves no room on stdout for --json; leave out one of the two.")
    if output == DASH and signed:
        raise UsageError("-o - cannot be signed: a signature is made of a whole file; name one with -o.")
    if output == DASH and sys.stdout.isatty() and not dry:
        raise UsageError("-o - would write a video to this terminal; pipe it on, or name a file with -o.")
    with ExitStack() as stack:
        given, result = audio, output
        if DASH in (audio, output):
            import tempfile

            try:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wav2lip-")))
            except OSError as error:
                raise Wav2LipError(f"There is no room for temporary files: {error.strerror}.") from error
            given = _kept(folder / "stdin") if audio == DASH else audio
            result = folder / "stdout.mp4" if output == DASH else output
        yield Places(given, result, output == DASH)


def _kept(place: Path) -> Path:
    """Write what comes from stdin to a file, and return the file."""
    from wav2lip.media.limits import allow

    source = stdin()
    size = 0
    try:
        with open(place, "wb") as file:
            while block := source.read(_BLOCK):
                size += len(block)
                allow(Path("stdin"), size=size)
                file.write(block)
    except OSError as error:
        raise Wav2LipError(f"What comes from stdin cannot be kept in {place.parent}: {error.strerror}.") from error
    if not size:
        raise MediaError("Nothing came from stdin, where --audio - reads the recording.")
    return place


def stdin() -> BinaryIO:
    """Return stdin as bytes.

    Raises:
        UsageError: it is a terminal, at which nobody types files.
    """
    if sys.stdin is None or sys.stdin.closed or os.isatty(_number()):
        raise UsageError("- reads from stdin, and stdin is a terminal; pipe a file into it, or name one.")
    return sys.stdin.buffer


def stdin_text() -> str:
    """Return what comes from stdin as text.

    Raises:
        UsageError: it is a terminal.
        MediaError: it is far too much, or no text in UTF-8.
    """
    from wav2lip.media.files import LARGEST_LIST

    content = stdin().read(LARGEST_LIST + 1)
    if len(content) > LARGEST_LIST:
        raise MediaError(f"What comes from stdin is no list that people write: {LARGEST_LIST >> 20} MB and more.")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise MediaError("What comes from stdin is not text in UTF-8.") from error


def _number() -> int:
    try:
        return sys.stdin.fileno()
    except OSError:                               # no file at all
        return -1
