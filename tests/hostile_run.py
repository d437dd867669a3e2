"""Runs a command as a process of its own, without paying for its imports each time, and looks at what it leaves.

Commands run in children that are forked off a process which has imported everything and computed nothing.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
import pkgutil
import resource
import signal
import stat
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hostile_case import Case

import wav2lip
from wav2lip.provenance.sidecar import sidecar_of

MEMORY = 12 << 30  # bytes of address space, of which importing torch takes some
LONGEST = 60  # seconds
HASHED = 1 << 24  # bytes: larger files are sparse ones
OTHERS = (
    "av",
    "cv2",
    "torch",
    "torch.utils.serialization",
    "skimage.feature",
    "PIL.PngImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.TiffImagePlugin",
    "PIL.WebPImagePlugin",
    "PIL.BmpImagePlugin",
    "multiprocessing.reduction",
)
_SUBREAPER = 36  # prctl's number for becoming the parent of orphans


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        case: what was run.
        code: its exit code; negative for the signal that killed it.
        seconds: how long it took.
        peak: bytes of memory that it took at most.
        said: what it wrote to standard error.
        faults: what is wrong with that, a phrase each; none where all is as it should be.
    """

    case: Case
    code: int
    seconds: float
    peak: int
    said: str
    faults: tuple[str, ...]


def import_everything() -> None:
    """Import what commands import, so that their processes need not."""
    for name in OTHERS:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(wav2lip.__path__, "wav2lip."):
        if module.name.split(".")[1] not in ("__main__", "training", "benchmark"):
            importlib.import_module(module.name)
    sys.modules["cv2"].setNumThreads(1)
    sys.modules["torch"].set_num_threads(1)


def become_parent_of_orphans() -> None:
    """Become the parent of whatever a command leaves running."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def run(case: Case, folder: Path, scratch: Path) -> Outcome:
    """Run a case in a folder that is made ready, and look at what it did.

    Args:
        case: what to run.
        folder: where.
        scratch: an empty folder for temporary files, the cache and what is said.
    """
    for name in ("tmp", "cache"):
        (scratch / name).mkdir(parents=True)
    case.make(folder)
    before = dict(_state(folder))
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        _command(case, folder, scratch)
    code, used = _wait(child, begun + LONGEST)
    seconds = time.monotonic() - begun
    said = (scratch / "stderr").read_text(errors="replace")
    after = dict(_state(folder))
    faults = [*_faults_of(case, code, seconds, said), *_left_running()]
    results = {os.fsencode(name) for name in case.results} if code == 0 else set()
    records = {os.fsencode(sidecar_of(Path(os.fsdecode(name)))) for name in results}
    faults += [f"left {name!r}" for name in sorted(after.keys() - before.keys() - results - records)]
    faults += [f"made no {name!r}" for name in sorted(results - after.keys())]
    stayed = sorted((before.keys() & after.keys()) - results)
    faults += [f"changed {name!r}" for name in stayed if before[name] != after[name]]
    faults += [f"removed {name!r}" for name in sorted(before.keys() - after.keys())]
    faults += [f"left {path} among temporary files" for path in (scratch / "tmp").rglob("*")]
    faults += [f"left {path.name} in the cache" for path in (scratch / "cache").rglob("*.tmp")]
    return Outcome(case, code, seconds, used.ru_maxrss << 10, said, tuple(faults))


def _command(case: Case, folder: Path, scratch: Path) -> None:
    """Become the command."""
    code = 99
    try:
        os.setsid()
        os.chdir(folder)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(scratch / name, os.O_WRONLY | os.O_CREAT), number)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace")
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.environ.update({"TMPDIR": str(scratch / "tmp"), "WAV2LIP_CACHE": str(scratch / "cache"), **case.environment})
        from wav2lip.cli import main

        main([os.fsdecode(word) for word in case.words])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, until: float) -> tuple[int, resource.struct_rusage]:
    while True:
        found, status, used = os.wait4(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), used
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            until += LONGEST
        time.sleep(0.01)


def _faults_of(case: Case, code: int, seconds: float, said: str) -> Iterator[str]:
    if code not in case.codes:
        yield f"exit code {code} instead of {case.code}"
    if seconds > LONGEST:
        yield "hung"
    if "Traceback" in said or "this should not happen" in said:
        yield "a traceback"
    errors = [line for line in said.splitlines() if line.startswith("Error: ")]
    if code and len(errors) != 1:
        yield f"{len(errors)} lines of errors"
    elif code and (case.says not in errors[0] or len(errors[0]) > 6000):
        yield f"an error that does not say {case.says!r}"


def _left_running() -> Iterator[str]:
    for task in Path("/proc/self/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            name = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
            if name:  # no zombie: those are reaped here
                yield f"left {name} running"
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _state(folder: Path) -> Iterator[tuple[bytes, object]]:
    """Yield all that is in a folder, with what would change if somebody wrote to it."""
    for top, folders, files in os.walk(os.fsencode(folder)):
        for name in (*folders, *files):
            path = os.path.join(top, name)
            state = os.lstat(path)
            content = ""
            if stat.S_ISREG(state.st_mode) and state.st_size < HASHED and os.access(path, os.R_OK):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            yield os.path.relpath(path, os.fsencode(folder)), (state.st_mode, state.st_size, state.st_mtime_ns, content)
