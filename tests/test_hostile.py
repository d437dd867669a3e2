"""What strangers send ends in no traceback, hangs nobody and leaves nothing: `python tests/hostile.py` tells more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hostile import all_cases, make_good

PROGRAM = Path(__file__).resolve().parent / "hostile.py"
ROOT = PROGRAM.parent.parent
LEAST = 120


def environment(**more: str) -> dict[str, str]:
    """Return that of a process which finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}


def run_share(share: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, share], capture_output=True, text=True, env=environment(), check=False
    )


@pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes that are left where Linux lists them")
def test_every_hostile_input_ends_with_its_exit_code_and_a_sentence_and_leaves_nothing() -> None:
    cases = all_cases()
    assert len({case.name for case in cases}) == len(cases) >= LEAST
    with ThreadPoolExecutor(2) as both:            # each waits for files and processes half of the time
        halves = list(both.map(run_share, ("1/2", "2/2")))
    said = "".join(half.stdout for half in halves)
    assert len(re.findall(r"^.* \d+ MB ", said, re.M)) == len(cases)
    wrong = [line for line in said.splitlines() if " !! " in line]
    assert [half.returncode for half in halves] == [0, 0], "\n".join(wrong) + halves[0].stderr + halves[1].stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
@pytest.mark.parametrize("language", ["C.UTF-8", "POSIX"])
def test_a_process_of_its_own_prints_the_name_that_it_was_given(tmp_path: Path, language: str) -> None:
    make_good(tmp_path)
    name = b"-\xff \xc3\xa9\n.mp4"
    words = ["sync", "--face", "face.mp4", "--audio", "speech.wav", "--checkpoint", "tiny.safetensors", "-o", name]
    done = subprocess.run(
        [sys.executable, "-m", "wav2lip", *words, "-q", "--device", "cpu", "--box", "4", "44", "12", "52"],
        cwd=tmp_path, capture_output=True, env=environment(LC_ALL=language), check=False,
    )
    assert (done.returncode, done.stdout) == (0, name + b"\n"), done.stderr
    assert os.path.exists(os.fsencode(tmp_path) + b"/" + name)
