"""What a row of a jobs file may say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from wav2lip.cast.text import quoted
from wav2lip.errors import UsageError
from wav2lip.pipeline.options import SyncOptions

PLACES = ("face", "audio", "output")
Value = str | bool | tuple[str, ...]
"""A text, yes or no for a flag, or the texts of an option that may be given several times."""


@dataclass(frozen=True)
class Columns:
    """The options of `wav2lip sync`, which are the columns of a jobs file.

    Attributes:
        names: every spelling, with dashes, and the column that it means.
        several: columns that may be given several times in a row.
        options: makes options of what a row says, by column, without the places; paths in it are relative to a folder.
            Raises UsageError.
    """

    names: Mapping[str, str]
    several: Collection[str]
    options: Callable[[Mapping[str, Value], Path], SyncOptions]

    def column(self, written: str) -> str:
        """Return the column that is meant, however it is spelt: face_det_batch_size, Face-Det-Batch-Size, --face.

        Raises:
            UsageError: there is none.
        """
        name = written.strip().lower().replace("_", "-").removeprefix("--")
        if name not in self.names:
            raise UsageError(
                f"there is no column {quoted(written)}; a column is {', '.join(PLACES)} or another option of "
                "`wav2lip sync` (its --help lists them)."
            )
        return self.names[name]
