"""The journal of a batch: a line of JSON for every job that has come to its end."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from datetime import datetime, timezone
from io import FileIO
from pathlib import Path
from types import TracebackType

from wav2lip.batch.job import Job, Outcome
from wav2lip.batch.places import Places
from wav2lip.batch.remote import Listings
from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.media.alone import alone, lock_of

_BEGINNING = b'{"key": "'             # of every line


class Journal:
    """Remembers from one run to the next which jobs are done. Nobody else can write it in the `with` block.

    A line is on the disk before the next job's is written; one that a killed run left half-written goes.

    Args:
        path: the file, made if need be, in a folder that is there.
    """

    def __init__(self, path: Path):
        self.path = path
        self._done: dict[str, str] = {}      # by the place of an output: the key of the job that made what is there
        self._places = Places()
        self._listings = Listings()
        self._file: FileIO | None = None
        self._held = ExitStack()

    def __enter__(self) -> Journal:
        """Open the journal.

        Raises:
            UsageError: another batch is writing it, or the file is something else.
            MediaError: it cannot be read.
            Wav2LipError: it cannot be written.
        """
        with ExitStack() as held:
            refusal = f"Another batch is writing {self.path}; wait for it, or name another --journal."
            held.enter_context(alone(lock_of(self.path), refusal))
            end = self._read()
            try:
                # Unbuffered: what cannot be written now is not tried again when the file is closed.
                self._file = held.enter_context(open(self.path, "ab", buffering=0))
                if end != self._file.tell():
                    self._file.truncate(end)
            except OSError as error:
                raise self._unwritten(error) from error
            self._held = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file = None
        self._held.close()

    def look(self) -> None:
        """Find out what is done, without opening the journal.

        Raises:
            UsageError: it is something else.
            MediaError: it cannot be read.
        """
        self._read()

    def has(self, job: Job) -> bool:
        """Whether a job is done, and its output still there."""
        return self._done.get(self._places.of(job.output)) == job.key and self._listings.has(job.output)

    def add(self, outcome: Outcome) -> None:
        """Write down what became of a job.

        Raises:
            Wav2LipError: that cannot be written.
        """
        assert self._file is not None
        line = json.dumps(outcome.to_dict() | {"time": datetime.now(timezone.utc).isoformat(timespec="seconds")})
        rest = line.encode() + b"\n"
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unwritten(error) from error
        self._remember(outcome)

    def _remember(self, outcome: Outcome) -> None:
        place = self._places.of(outcome.output)
        if outcome.status == "done":
            self._done[place] = outcome.key
        elif self._done.get(place) == outcome.key:
            del self._done[place]

    def _read(self) -> int:
        """Remember what the journal says; return where its last whole line ends, in bytes."""
        end = 0
        try:
            if self.path.exists() and not self.path.is_file():
                raise self._foreign()
            with open(self.path, "rb") as file:
                for line in file:
                    if end == 0 and not line.startswith(_BEGINNING) and not _BEGINNING.startswith(line):
                        raise self._foreign()
                    if not line.endswith(b"\n"):
                        break
                    end += len(line)
                    outcome = _outcome(line)
                    if outcome is not None:
                        self._remember(outcome)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise MediaError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        return end

    def _foreign(self) -> UsageError:
        return UsageError(f"{self.path} is not the journal of a batch; name another --journal.")

    def _unwritten(self, error: OSError) -> Wav2LipError:
        return Wav2LipError(f"The journal {self.path} cannot be written: {error.strerror or error}.")


def _outcome(line: bytes) -> Outcome | None:
    """Return what a line tells; None for one that is damaged, whose job is done again."""
    try:
        return Outcome.from_dict(json.loads(line))
    except (ValueError, TypeError, AttributeError):
        return None
