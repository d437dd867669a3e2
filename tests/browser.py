"""A browser without a window, and the web page as a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)
PATIENCE = 150        # seconds for what takes one or two
TERMINATED = 143


@contextmanager
def chromium() -> Iterator[Any]:
    """Give Playwright's browser; skip where there is none, and fail where the one that is named does not work."""
    named = os.environ.get(VARIABLE)
    program = named or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no Chromium here; {VARIABLE} can name one")
    playwright = import_module("playwright.sync_api") if named else pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass(frozen=True)
class Served:
    """A page that is served.

    Attributes:
        address: of it, without the last slash.
        folder: where visitors' folders are.
        log: what the server has to say to whoever runs it.
    """

    address: str
    folder: Path
    log: Path

    @property
    def kept(self) -> list[Path]:
        """What there is of visitors: their folders, and what they have uploaded."""
        return [path for path in self.folder.glob("*/*") if path.name.startswith("visitor-") or len(path.name) == 64]


@contextmanager
def served(folder: Path, *words: str) -> Iterator[Served]:
    """Serve a page with `wav2lip ui`, on any free port, until the block ends; then nothing may be left of it."""
    project = str(Path(__file__).resolve().parent.parent)
    environment = {
        **os.environ, "WAV2LIP_OFFLINE": "1", "WAV2LIP_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([project, os.environ.get("PYTHONPATH", "")]),
        "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",     # nobody is there, nor asked
    }
    visitors = folder / "visitors"
    command = [sys.executable, "-m", "wav2lip", "ui", "--folder", str(visitors), *words]
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("http://127.0.0.1:"), (folder / "log").read_text()
            yield Served(first.split()[0].rstrip("/"), visitors, folder / "log")
        finally:
            process.terminate()
            code = process.wait(PATIENCE)
    assert code == TERMINATED, (folder / "log").read_text()
    assert list(visitors.iterdir()) == []


def until(happened: Any, seconds: float = PATIENCE) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)
