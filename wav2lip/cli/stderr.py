"""What stderr is: as it is, with a little colour for people, or lines of JSON for programs (--log-json)."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

EVERY = 0.5     # seconds between two lines about how far a stage is

_START = time.monotonic()
_plain: list[TextIO] = []
"""What stderr was before it was dressed."""

_ERROR, _INTERRUPTED = "Error: ", "Interrupted; "
_RED, _YELLOW, _PLAIN = "\x1b[1;31m", "\x1b[33m", "\x1b[0m"
_COLOURS = {_ERROR: _RED, _INTERRUPTED: _YELLOW}


class JsonLines:
    """A text stream of which every line comes out as a JSON object, whoever has written it.

    Every object has the seconds since the program began, by a clock that never jumps, and the event:
    `say`, `detail`, `error` (text; of what nobody has foreseen its traceback), `stage`, `progress` (stage, done,
    total, unit), `done` (exit_code).

    Args:
        file: where they go.
    """

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, file: TextIO):
        self.file = file
        self._begun = ""

    def event(self, event: str, **told: Any) -> None:
        """Write an object."""
        line = json.dumps({"time": round(time.monotonic() - _START, 3), "event": event} | told)    # ASCII
        self.file.write(line + "\n")
        self.file.flush()

    def write(self, text: str) -> int:
        """Take what somebody writes who knows nothing of events."""
        if not isinstance(text, str):
            raise TypeError("this is a text stream")    # click asks by trying
        *lines, self._begun = (self._begun + text.replace("\r", "\n")).split("\n")
        for line in filter(str.strip, lines):
            self._line(line)
        return len(text)

    def finish(self) -> None:
        """Write what was begun, and has no end of line."""
        begun, self._begun = self._begun, ""
        if begun.strip():
            self._line(begun)

    def _line(self, line: str) -> None:
        if line.startswith(_ERROR):
            self.event("error", text=line.removeprefix(_ERROR))
        else:
            self.event("say", text=line)

    def flush(self) -> None:
        self.file.flush()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.file.fileno()


class Coloured:
    """A stream that colours the words by which errors begin, and is else the one that it is given."""

    def __init__(self, file: TextIO):
        self._file = file

    def write(self, text: str) -> int:
        word = next((word for word in _COLOURS if text.startswith(word)), "")
        if word:
            self._file.write(f"{_COLOURS[word]}{word.strip()}{_PLAIN} {text[len(word):]}")
        else:
            self._file.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def wants_colour(file: TextIO) -> bool:
    """Return whether there shall be colour: https://no-color.org, https://force-color.org, and only for people."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return file.isatty() and os.environ.get("TERM") != "dumb" and sys.platform != "win32"


def json_lines() -> JsonLines | None:
    """Return the stream of JSON that stderr is; None where it is none."""
    return sys.stderr if isinstance(sys.stderr, JsonLines) else None


def log_json() -> None:
    """Make stderr lines of JSON until `dressed` ends; outside of it nothing happens."""
    if _plain and json_lines() is None:
        sys.stderr = JsonLines(_plain[-1])


@contextmanager
def dressed() -> Iterator[None]:
    """Put on stderr what the environment asks for while the block runs. The last line of JSON tells the exit code.

    In JSON an exception that nobody has foreseen is an error with its traceback, and ends the program with code 1.
    """
    plain = sys.stderr
    _plain.append(plain)
    if plain is not None and wants_colour(plain):
        sys.stderr = Coloured(plain)
    code: Any = 1
    try:
        yield
        code = 0
    except SystemExit as end:
        code = end.code
        raise
    except Exception as error:
        lines = json_lines()
        if lines is None:
            raise
        lines.event("error", text=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
        sys.exit(code)
    finally:
        lines = json_lines()
        sys.stderr = _plain.pop()
        if lines is not None:
            lines.finish()
            lines.event("done", exit_code=code if isinstance(code, int) else 0 if code is None else 1)
