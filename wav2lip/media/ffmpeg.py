"""Finding ffmpeg and running it: never through a shell, never left behind, its last words kept for the error."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import ffmpeg

from wav2lip.errors import Wav2LipError

BINARY_VARIABLE = "WAV2LIP_FFMPEG"
QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error")
PIPE_BYTES = 1 << 20                              # Linux's limit for ordinary users; 64 KB slows large frames down
# glibc learns to keep ever more freed memory for later, and fragments; with fixed limits (bytes) it kept the same for
# minutes. Freed frames are used again: to get each of them anew from the system takes a tenth of the time of decoding.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(4 << 20)}
# Names of files are bytes. ffmpeg-python takes only Unicode: what is none passes it as characters that nobody uses.
_NO_UNICODE = {0xDC00 + byte: 0x10FE00 + byte for byte in range(0x80, 0x100)}
_BYTES = {stand_in: escaped for escaped, stand_in in _NO_UNICODE.items()}
_STDERR_LINES = 50                                # a damaged file can make millions
_BOILERPLATE = re.compile(
    r"conversion failed|error while (opening|filtering|processing)|error sending frames|task finished|"
    r"terminating thread|nothing was written|could not open encoder|exiting|\[info\]",
    re.IGNORECASE,
)


def binary() -> str:
    """Return the ffmpeg to run: $WAV2LIP_FFMPEG, else the one on PATH, else imageio-ffmpeg's.

    Raises:
        Wav2LipError: there is none.
    """
    chosen = os.environ.get(BINARY_VARIABLE)
    if chosen:
        found = shutil.which(chosen)
        if not found:
            raise Wav2LipError(f"{BINARY_VARIABLE} is {chosen!r}, and there is no program of that name.")
        return os.path.abspath(found)             # it may run in another folder
    found = shutil.which("ffmpeg")
    if found:
        return os.path.abspath(found)
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise Wav2LipError(
            "ffmpeg is missing. Install it (apt install ffmpeg, brew install ffmpeg, pip install imageio-ffmpeg) "
            f"or set {BINARY_VARIABLE} to its path."
        ) from None


@lru_cache
def version(program: str) -> tuple[int, int]:
    """Return ffmpeg's (major, minor) version; builds from the development tree count as newer than any release.

    Raises:
        Wav2LipError: the program does not run, or is not ffmpeg.
    """
    match = re.match(r"ffmpeg version n?(\d+)\.(\d+)", build(program))
    return (int(match[1]), int(match[2])) if match else (sys.maxsize, 0)


@lru_cache
def build(program: str) -> str:
    """Return the line in which ffmpeg says which build it is.

    Raises:
        Wav2LipError: as `version`.
    """
    said = _ask(program, "-version")
    if not said.startswith("ffmpeg version"):
        raise Wav2LipError(f"{program} is not ffmpeg, or does not work.")
    return said.splitlines()[0]


@lru_cache
def encoders(program: str) -> frozenset[str]:
    """Return the names of the encoders that this ffmpeg has."""
    return _listed(_ask(program, "-encoders"))


@lru_cache
def decoders(program: str) -> frozenset[str]:
    """Return the names of the decoders that this ffmpeg has."""
    return _listed(_ask(program, "-decoders"))


@lru_cache
def hwaccels(program: str) -> frozenset[str]:
    """Return the names of the hardware decoders that this ffmpeg knows of, whether or not the machine has them."""
    return frozenset(_ask(program, "-hwaccels").splitlines())


@lru_cache
def pixel_formats(program: str, encoder: str) -> tuple[str, ...]:
    """Return ffmpeg's names of the pixel formats that one of its encoders takes."""
    found = re.search(r"Supported pixel formats: (.*)", _ask(program, "-h", f"encoder={encoder}"))
    return tuple(found[1].split()) if found else ()


def _listed(said: str) -> frozenset[str]:
    """Return the names in ffmpeg's list of encoders or decoders."""
    return frozenset(re.findall(r"^ [VAS][A-Z.]{5} (\S+)", said, re.MULTILINE))


def pass_timestamps_through() -> dict[str, str]:
    """Return the output option that neither repeats nor drops frames, under this ffmpeg's name for it."""
    return {"fps_mode" if version(binary()) >= (5, 1) else "vsync": "passthrough"}


def whole_pictures() -> dict[str, str]:
    """Return the input options with which pictures have the size that `probe` says: ffmpeg 7.1 and later crop them by
    what the container says, too."""
    return {"apply_cropping": "codec"} if version(binary()) >= (7, 1) else {}


def url(path: Path) -> str:
    """Return a file's name in a form that ffmpeg takes neither for an option nor for a protocol; for `command`."""
    return "file:" + os.path.abspath(path).translate(_NO_UNICODE)


def open_input(path: Path, **options: Any) -> Any:
    """Return a local file as an ffmpeg-python input, from which nothing but local files can be reached."""
    return ffmpeg.input(url(path), protocol_whitelist="file,pipe", **options)


def command(output: Any) -> list[str]:
    """Return the argument list that runs an ffmpeg-python output, overwriting what is there."""
    arguments: list[str] = output.compile(cmd=[binary(), *QUIET], overwrite_output=True)
    return [argument.translate(_BYTES) for argument in arguments]


def attempt(arguments: Sequence[str], seconds: float) -> tuple[bytes, str]:
    """Run an ffmpeg to its end; return what it wrote to its output, and why it failed: "" where it did not.

    Args:
        arguments: the whole command line.
        seconds: how long it may take.
    """
    try:
        done = subprocess.run(
            list(arguments), stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, start_new_session=True,
            check=False,
        )
    except OSError as error:
        return b"", f"{arguments[0]} cannot be started: {error.strerror}"
    except subprocess.TimeoutExpired:
        return b"", f"no answer within {seconds:g} s"
    words = _telling(done.stderr.decode(errors="replace").splitlines(), done.returncode)
    return done.stdout, words if done.returncode else ""


class Process:
    """A running ffmpeg. Leaving the `with` block kills it if it still runs, and always reaps it.

    Args:
        arguments: the whole command line.
        stdin: whether we write to it.
        stdout: whether we read from it.
        folder: where it runs.

    Raises:
        Wav2LipError: it cannot be started.
    """

    def __init__(
        self, arguments: Sequence[str], *, stdin: bool = False, stdout: bool = False, folder: Path | None = None
    ):
        try:
            self._process = subprocess.Popen(
                list(arguments),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=folder,
                env={**_MEMORY, **os.environ},
                start_new_session=True,           # Ctrl-C is ours to handle: it must not reach ffmpeg first
            )
        except OSError as error:
            raise Wav2LipError(f"{arguments[0]} cannot be started: {error.strerror}.") from error
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                _enlarge(pipe.fileno())
        self._lines: deque[str] = deque(maxlen=_STDERR_LINES)
        self._listener = threading.Thread(target=self._listen, name="ffmpeg-stderr", daemon=True)
        self._listener.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def read_into(self, buffer: memoryview) -> int:
        """Fill a byte buffer from ffmpeg's output; return how many bytes came before it ended."""
        assert self._process.stdout is not None
        filled = 0
        while filled < len(buffer):
            got = self._process.stdout.readinto(buffer[filled:])  # type: ignore[attr-defined]
            if not got:
                break
            filled += got
        return filled

    def write(self, data: memoryview) -> None:
        """Give ffmpeg all of a byte buffer.

        Raises:
            BrokenPipeError: it has closed its input, most likely because it has ended.
        """
        assert self._process.stdin is not None
        written = 0
        while written < len(data):
            try:
                written += self._process.stdin.write(data[written:]) or 0
            except OSError as error:
                if error.errno == errno.EINVAL:       # what Windows says of a closed pipe
                    raise BrokenPipeError from error
                raise

    def finish(self) -> int:
        """Close ffmpeg's input, wait until it has ended, and return its exit code (negative: the signal)."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        code = self._process.wait()
        self._listener.join()
        return code

    def ended(self, seconds: float) -> bool:
        """Wait for so long at most; return whether ffmpeg has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def check_alive(self, what: str) -> None:
        """Tell a killed ffmpeg from one that does not like its input: the next one may do better.

        Args:
            what: was not done, as in "in.mp4 cannot be decoded".

        Raises:
            Wav2LipError: it has ended by a signal.
        """
        code = self._process.returncode
        if code is not None and code < 0:
            raise Wav2LipError(f"{what}: ffmpeg was killed (signal {-code}). Is there too little memory?")

    def kill(self) -> None:
        """End ffmpeg now, if it still runs, and free everything that belonged to it."""
        if self._process.poll() is None:
            self._process.kill()
        self.finish()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def last_words(self) -> str:
        """Return what ffmpeg complained of last, fit for the end of an error message."""
        return _telling(self._lines, self._process.returncode)

    def said(self, pattern: str) -> bool:
        """Return whether any of the kept lines of ffmpeg's complaints contains a pattern."""
        return any(re.search(pattern, line) for line in self._lines)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with contextlib.suppress(ValueError, OSError):
            rest = b""
            while block := self._process.stderr.read(4096):
                *lines, rest = (rest + block).replace(b"\r", b"\n").split(b"\n")
                rest = rest[-4096:]
                self._lines.extend(line.decode(errors="replace") for line in lines)
            self._lines.append(rest.decode(errors="replace"))


def _telling(lines: Iterable[str], code: int | None) -> str:
    """Return the last lines of ffmpeg's complaints that say something."""
    lines = [re.sub(r" @ (0x)?[0-9a-f]+\]", "]", line.strip()) for line in lines if line.strip()]
    telling = [line for line in lines if not _BOILERPLATE.search(line)] or lines
    words = "; ".join(dict.fromkeys(telling[-2:]))[:400].rstrip(".")
    return words or f"exit code {code}, no message"


def _ask(program: str, *question: str) -> str:
    try:
        return subprocess.run(
            [program, *question],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace",
            check=False,
        ).stdout
    except OSError as error:
        raise Wav2LipError(f"{program} cannot be started: {error.strerror}.") from error


def _enlarge(pipe: int) -> None:
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):        # a limit of the machine: slower, not wrong
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
