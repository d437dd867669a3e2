"""The program run in a process of its own, as users run it: how long it takes, and how much memory."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from wav2lip.errors import Wav2LipError
from wav2lip.pipeline.process import children, peak_memory

EVERY = 0.1       # seconds between two looks at the memory
LASTING = 0.02    # seconds that a peak lasts at least


class Finished(NamedTuple):
    """A run that has ended well.

    Attributes:
        seconds: from its start to its end.
        said: what it printed to stdout.
        memory: bytes at the peak of all its processes together, what they share counted once; 0 if nobody looked.
        own_memory: of the first process alone.
    """

    seconds: float
    said: str
    memory: int = 0
    own_memory: int = 0


def run(command: Sequence[str], environment: Mapping[str, str] | None = None, *, watched: bool = False) -> Finished:
    """Run a command of the program to its end.

    Args:
        command: the whole command line.
        environment: of the process; None for this one's.
        watched: look at its memory ten times a second, which only Linux tells, and which takes time itself.

    Raises:
        Wav2LipError: it failed, with its own last words; of the class that its exit code stands for.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            with _memory_of(process.pid, watched) as peaks:
                said, complaints = process.communicate()
        except BaseException:
            process.kill()
            raise
    seconds = time.perf_counter() - start
    if process.returncode:
        kinds: dict[int, type[Wav2LipError]] = {kind.exit_code: kind for kind in Wav2LipError.__subclasses__()}
        words = complaints.strip().splitlines() or [f"{' '.join(command)} ended with code {process.returncode}."]
        raise kinds.get(process.returncode, Wav2LipError)(words[-1].removeprefix("Error: "))
    return Finished(seconds, said, *peaks)


def resident(pid: int) -> int:
    """Return the bytes of memory of a process and all below it; a page that n processes share counts 1/n for each."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except (FileNotFoundError, ProcessLookupError):
            continue
        waiting += children(one)
    return total


@contextmanager
def _memory_of(pid: int, watched: bool) -> Iterator[list[int]]:
    """Give a list that becomes the peak memory of a process and all below it, and of that process alone."""
    peaks, done = [0, 0], threading.Event()

    def watch() -> None:
        while not done.wait(EVERY):
            now = resident(pid)
            if now > peaks[0] and not done.wait(LASTING):
                # A process that is about to become another program shares its parent's memory: that would count twice.
                now = min(now, resident(pid))
            peaks[:] = max(peaks[0], now), max(peaks[1], peak_memory(pid))

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    if watched:
        watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        if watched:
            watcher.join()
