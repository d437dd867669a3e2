"""A Ray cluster, joined for as long as there are jobs."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from wav2lip.ending import SIGNALLED, ending_signals
from wav2lip.errors import UsageError
from wav2lip.extras import require

EXTRA = "ray"
LOCAL = "local"
KNOCK = 10.0          # seconds
LONGEST = 20          # bytes of a folder's name: Ray adds about 80, and some systems allow 103
OBJECTS = 80 << 20    # bytes of shared memory for objects: hardly any are needed, and Ray wants no less


@contextmanager
def joined(address: str) -> Iterator[Any]:
    """Give the module `ray`, connected. A process that is connected already stays so, whatever the address.

    Args:
        address: "auto" for the cluster that this machine belongs to, host:port, or "local" for one of this machine
            alone, which goes again.

    Raises:
        UsageError: Ray is not installed, or nothing answers at the address.
    """
    if "ray" not in sys.modules:                                 # it reads them only once
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")    # it else tells its makers that it is used
        if address == LOCAL and "RAY_AUTH_MODE" not in os.environ:
            # Nobody else who reaches this machine may use it; Ray's own token would stay in the home folder.
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    ray = require("ray", EXTRA)
    if ray.is_initialized():
        yield ray
        return
    with ExitStack() as leaving:
        more: dict[str, Any] = {}
        if address == LOCAL:
            folder = leaving.enter_context(
                tempfile.TemporaryDirectory(prefix="wav2lip-", dir=short_folder(), ignore_cleanup_errors=True)
            )
            more = {"_temp_dir": folder, "include_dashboard": False, "object_store_memory": OBJECTS}
        else:
            _knock(address)
        restore_signals = leaving.enter_context(_own_signals())
        leaving.enter_context(_quiet(ray))
        leaving.callback(ray.shutdown)
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **more)
        except (OSError, RuntimeError, ValueError) as error:
            why = str(error).strip().partition("\n")[0]
            raise UsageError(f"No Ray cluster could be joined at {address!r}: {why}") from error
        restore_signals()
        yield ray


def short_folder() -> str | None:
    """Return a folder for Ray's sockets, whose names the system bounds to about 100 bytes; None for the usual one."""
    usual = tempfile.gettempdir()
    return "/tmp" if len(os.fsencode(usual)) > LONGEST and os.access("/tmp", os.W_OK) else None


def _knock(address: str) -> None:
    """Make sure that somebody listens at host:port: Ray tries for minutes, with many words."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"No Ray cluster answers at {address}: {error}.") from error


@contextmanager
def _own_signals() -> Iterator[Callable[[], object]]:
    """Keep what is done on SIGTERM and SIGHUP: Ray has a way of its own. Call what is given when it is up."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    handlers, codes = {number: signal.getsignal(number) for number in ending_signals()}, []

    def terminate(signum: int, frame: FrameType | None) -> None:
        handler = handlers[signal.Signals(signum)]
        if not callable(handler):                 # Python's own way, which is to end
            sys.exit(SIGNALLED + signum)
        try:
            handler(signum, frame)
        except SystemExit as ending:
            codes.append(ending.code)
            raise

    def keep() -> None:
        for number in handlers:
            signal.signal(number, terminate)

    try:
        yield keep
    except SystemExit:
        if codes:
            raise SystemExit(codes[0]) from None      # where Ray is interrupted, it forgets the code
        raise
    finally:
        for number, handler in handlers.items():
            if signal.getsignal(number) != signal.SIG_IGN:    # else the program is ending, and tidies up
                signal.signal(number, handler)


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Keep Ray from printing what its nodes say: it goes to stdout, among results, and there is no option for it."""
    module = ray._private.worker
    before = getattr(module, "_worker_logs_enabled", True)
    module._worker_logs_enabled = False
    try:
        yield
    finally:
        module._worker_logs_enabled = before


@dataclass(frozen=True)
class Share:
    """What one worker takes of a node.

    Attributes:
        cpus: processors, which is also how many threads it computes with.
        gpus: GPUs, from 0 to 1; 0.25 lets four workers share one.
    """

    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.cpus < 0 or not 0 <= self.gpus <= 1 or not self.cpus + self.gpus:
            raise UsageError(
                f"A worker cannot have {self.cpus:g} processors and {self.gpus:g} GPUs: give it some of either, and no "
                "more than one GPU."
            )

    def slots(self, nodes: list[dict[str, Any]]) -> int:
        """Return how many workers there is room for on nodes, as `ray.nodes()` tells of them."""
        return sum(self._room(node["Resources"]) for node in nodes if node["Alive"])

    def _room(self, has: dict[str, float]) -> int:
        rooms = []
        if self.cpus:
            rooms.append(int(has.get("CPU", 0) / self.cpus + 1e-6))
        if self.gpus:
            rooms.append(int(has.get("GPU", 0)) * int(1 / self.gpus + 1e-6))
        return min(rooms)
