"""One thing that was found out, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """Something that was looked at.

    Attributes:
        level: "ok"; "note" for what a user should know, and `sync` works all the same; "problem" where it would not.
        topic: what it belongs to: "program", "ffmpeg", "device", "disk", "weights", "video", "sound", "faces", ...
        name: which finding it is, the same whatever the text says: for scripts.
        text: what was found, a sentence or two.
        advice: what to do, with options by their names; empty where there is nothing to do.
    """

    level: Level
    topic: str
    name: str
    text: str
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def ok(topic: str, name: str, text: str) -> Finding:
    """Return a finding about which nothing has to be done."""
    return Finding("ok", topic, name, text)


def note(topic: str, name: str, text: str, advice: str = "") -> Finding:
    """Return a finding that a user should know of."""
    return Finding("note", topic, name, text, advice)


def problem(topic: str, name: str, text: str, advice: str = "") -> Finding:
    """Return a finding with which `sync` would not work."""
    return Finding("problem", topic, name, text, advice)
