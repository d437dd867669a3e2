"""How the process ends: all that Python tidies up is tidied up, and nothing is said twice or lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

END = """
import atexit, os, sys, threading, time
from wav2lip.ending import leaving_at_once
class Late:
    def __del__(self): os.write(1, b"taken apart ")
with leaving_at_once():
    late = Late()
    atexit.register(print, "tidied up", end=" ")
    threading.Thread(target=lambda: (time.sleep(0.2), print("finished", end=" "))).start()
    print("done", end=" ")
"""


def ended(code: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(    # type: ignore[call-overload,no-any-return]
        [sys.executable, "-c", END + code], check=False, text=True, **{"capture_output": True, **more}
    )


@pytest.mark.parametrize(("code", "expected"), [("3", 3), ("0", 0), ("None", 0), ("130", 130)])
def test_threads_and_exit_functions_come_before_and_python_is_not_taken_apart(code: str, expected: int) -> None:
    done = ended(f"    sys.exit({code})")
    assert (done.returncode, done.stdout, done.stderr) == (expected, "done finished tidied up ", "")


@pytest.mark.parametrize(("code", "said"), [
    ("    raise ValueError('unforeseen')", "ValueError: unforeseen"), ("    sys.exit('in words')", "in words"),
])
def test_what_is_no_code_ends_as_it_does_in_python(code: str, said: str) -> None:
    done = ended(code)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout.split() == ["done", "finished", "tidied", "up", "taken", "apart"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="nothing here is always full")
def test_words_that_find_no_room_at_the_very_end_are_not_lost_quietly() -> None:
    with open("/dev/full", "w") as full:
        done = ended(
            "    sys.exit(0)", capture_output=False, stdout=full, stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": ""},
        )
    assert done.returncode == 120
    assert "No space left" in done.stderr


def test_the_program_ends_so() -> None:
    code = "import sys; sys.argv = ['wav2lip', '--version']; from wav2lip.__main__ import run\n" \
        "class Late:\n    def __del__(self): print('taken apart')\nlate = Late()\nrun()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("wav2lip, version")
    assert "apart" not in done.stdout
