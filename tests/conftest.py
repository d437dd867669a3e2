"""What every test stands on: no network, a cache of its own, the reference data where there is any."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")    # before torch is loaded: the processes have a core each

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

_OF_THE_MACHINE = ("WAV2LIP_FFMPEG", "WAV2LIP_LIMITS")


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests off the network, and away from the user's cache, defaults and taste in colours."""
    for name in list(os.environ):
        if name in ("NO_COLOR", "FORCE_COLOR") or (name.startswith("WAV2LIP_") and name not in _OF_THE_MACHINE):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WAV2LIP_NO_CONFIG", "1")
    monkeypatch.setenv("WAV2LIP_OFFLINE", "1")
    monkeypatch.setenv("WAV2LIP_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference outputs and real recordings beside a development checkout."""
    if not SHARED.is_dir():
        pytest.skip("no reference data beside this checkout")
    return SHARED


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let networks run on one thread: tiny ones gain nothing from more, and threads wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


LONG = (
    "test_training_road.py", "test_sync_resume.py", "test_faces_people.py", "test_sync_people.py", "test_hostile.py",
    "test_batch_ray.py", "test_docs_commands.py", "test_docs_commands_readme.py", "test_cli_real.py", "test_ui_page.py",
)
"""Files that take minutes: a process that begins one last works on while the other has nothing left to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object | None) -> None:
    """Say how a process of pytest-xdist ended that died: by which signal, or with which code."""
    process = getattr(getattr(node.gateway, "_io", None), "popen", None)
    if error and process is not None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        print(f"\n{node.gateway.id} ended with {process.returncode} (negative: the signal)", file=sys.stderr)
