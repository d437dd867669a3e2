"""What the command line answers to what is wrong."""

from __future__ import annotations


def assert_one_sentence(stdout: str, stderr: str, *parts: str) -> None:
    """An error is the last line said, with all the parts, and there is neither a result nor a traceback."""
    assert stdout == ""
    assert "Traceback" not in stderr
    last = stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    for part in parts:
        assert part in last
