"""One job of many, and what became of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cached_property
from typing import Any, Literal

from wav2lip.pipeline.options import SyncOptions

Status = Literal["done", "failed", "skipped"]


@dataclass(frozen=True)
class Job:
    """A lip-sync to be made.

    Attributes:
        where: what asks for it, for people: "jobs.csv, line 3".
        face, audio, output: as `wav2lip.sync` takes them, as texts; absolute, so that every process means the same.
        options: everything else.
    """

    where: str
    face: str
    audio: str | None
    output: str
    options: SyncOptions = field(default_factory=SyncOptions)

    @cached_property
    def key(self) -> str:
        """What tells the job from others, wherever it is asked for: a digest of all that decides on the result.

        Options that are as they are by default do not count, so that new ones leave the keys of old jobs as they are.
        """
        said = {each.name: getattr(self.options, each.name) for each in fields(self.options)}
        changed = {name: _plain(value) for name, value in said.items() if value != _DEFAULTS[name]}
        text = json.dumps([self.face, self.audio, self.output, changed], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        key, where, output: the job's.
        status: "done", "failed", or "skipped": done by an earlier run.
        exit_code: what `wav2lip sync` would have ended with.
        error: a sentence that says why it failed; None where it did not.
        attempts: how often it was tried in this run.
        seconds: how long the last of these took.
        frames: of the result.
        report: `SyncReport.to_dict`; None where it failed.
    """

    key: str
    where: str
    output: str
    status: Status
    exit_code: int = 0
    error: str | None = None
    attempts: int = 0
    seconds: float = 0.0
    frames: int = 0
    report: dict[str, Any] | None = None

    @property
    def may_pass(self) -> bool:
        """Whether it failed for a reason that may be gone at the next try, as bad input is not."""
        return self.status == "failed" and self.exit_code == 1

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Outcome:
        """Return the outcome that `to_dict` made these of; what is unknown of them does not count.

        Raises:
            TypeError: something is missing.
        """
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


def failed(job: Job, error: str, exit_code: int = 1, attempts: int = 1, seconds: float = 0.0) -> Outcome:
    """Return the outcome of a job that failed, with a sentence that says why."""
    return Outcome(job.key, job.where, job.output, "failed", exit_code, error, attempts, seconds)


_DEFAULTS = {each.name: getattr(SyncOptions(), each.name) for each in fields(SyncOptions)}


def _plain(value: Any) -> Any:
    """Return an option's value as JSON holds it; paths and fractions are told by their texts."""
    if is_dataclass(value) and not isinstance(value, type):
        return [_plain(getattr(value, each.name)) for each in fields(value)]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
