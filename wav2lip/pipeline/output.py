"""Where the result goes, and what it must never overwrite."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wav2lip.errors import UsageError

ENDINGS = {"ffv1": "mkv", "prores": "mov", "vp9": "webm"}    # where mp4 will not do


def default_output(face: Path, audio: Path, codec: str | None) -> Path:
    """Return `<face>_<audio>.mp4`, or the ending that the codec needs, in the current folder."""
    return Path(f"{face.stem}_{audio.stem}.{ENDINGS.get(codec or '', 'mp4')}")


def check_output(output: Path, inputs: Iterable[Path | None], clobber: bool) -> None:
    """Refuse to write over an input, and over anything else unless `clobber`.

    Raises:
        UsageError: the output exists and must stay.
    """
    if not output.exists():
        return
    if any(path is not None and path.exists() and output.samefile(path) for path in inputs):
        raise UsageError(f"The output {output} is also an input; choose another name with -o.")
    if not clobber:
        raise UsageError(f"{output} exists already and --no-clobber is on; choose another name with -o.")
