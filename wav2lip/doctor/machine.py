"""All that is looked at without a video: whether `sync` can work here at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wav2lip.doctor.disk import look_at_disk
from wav2lip.doctor.finding import Finding
from wav2lip.doctor.program import look_at_extras, look_at_program

IMPORTS = ("opencv", "torch", "packages", "numpy")    # names of findings without which nothing else can be looked at


def look_at_machine(output: Path | None, device: str, precision: str, detector: str) -> tuple[list[Finding], float]:
    """Look at the program, ffmpeg, the device, memory, disks, weights and extras.

    Args:
        output: the result, where one is named.
        device, precision, detector: as in `SyncOptions`.

    Returns:
        What was found, and the seconds that the program takes to be imported.
    """
    found, seconds = look_at_program()
    found += _rest(output, device, precision, detector, whole=importable(found))
    return found, seconds


def importable(found: list[Finding]) -> bool:
    """Return whether all packages can be imported, by what was found."""
    return not any(finding.level == "problem" and finding.name in IMPORTS for finding in found)


def _rest(output: Path | None, device: str, precision: str, detector: str, *, whole: bool) -> Iterator[Finding]:
    if whole:
        from wav2lip.doctor.hardware import look_at_device, look_at_memory
        from wav2lip.doctor.tools import look_at_ffmpeg

        yield from look_at_ffmpeg()
        yield from look_at_device(device, precision)
        yield from look_at_memory()
    yield from look_at_disk(output)
    if whole:
        from wav2lip.doctor.weights import look_at_weights

        yield from look_at_weights(detector)
        yield from look_at_extras()
