"""What the system tells of this process and of those that it started. Most of it only Linux tells."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_STARTED = 22    # the field of /proc/<pid>/stat: ticks after the machine's start; counted from 1, see proc(5)


def process_age() -> float:
    """Return the seconds since this process was started; elsewhere than on Linux, those that it has computed."""
    if sys.platform != "linux":
        return time.process_time()
    try:
        # The second field is the program's name, in brackets, and may hold anything.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:                               # a jail without /proc
        return time.process_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[_STARTED - 3]) / os.sysconf("SC_CLK_TCK")


def children_cpu() -> float:
    """Return the CPU seconds of all processes that this one started and that have ended; 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system


def children(pid: int) -> Iterator[int]:
    """Yield the processes that a running one started, as far as they run themselves; nothing but on Linux."""
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (task / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return


def peak_memory(pid: int) -> int:
    """Return the most bytes of memory that a running process has had at once; 0 where that is not told."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0
