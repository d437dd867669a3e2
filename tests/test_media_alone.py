"""Two runs never write the same thing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wav2lip.errors import UsageError
from wav2lip.media.alone import alone

HOLDER = """
import sys, time
from pathlib import Path
from wav2lip.media.alone import alone
with alone(Path(sys.argv[1]), "taken"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_who_comes_second_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    lock = tmp_path / "one.lock"
    with alone(lock, "taken"), pytest.raises(UsageError, match="taken"), alone(lock, "taken"):
        pass
    with alone(lock, "taken"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / "one.lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="taken"), alone(lock, "taken"):
            pass
        holder.kill()
    with alone(lock, "taken"):
        pass
    assert not list(tmp_path.iterdir())
