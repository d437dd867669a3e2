"""The weights that are on this machine, and whether they are what they should be."""

from __future__ import annotations

import os
from collections.abc import Iterator

from wav2lip.doctor.finding import Finding, note, ok, problem
from wav2lip.doctor.program import AGAIN
from wav2lip.errors import WeightsError
from wav2lip.models.known import KNOWN, KnownFile
from wav2lip.models.store import offline, place_of, sha256_of


def look_at_weights(detector: str) -> Iterator[Finding]:
    """Hash every published file that is here.

    Args:
        detector: as `SyncOptions.detector`: what has to be said of its weights.
    """
    good: list[str] = []
    unknown: list[str] = []
    for known in KNOWN.values():
        bad = _fault(known)
        if bad is not None:
            yield bad
        elif os.path.isfile(place_of(known)):
            (unknown if known.sha256 is None else good).append(known.name)
    yield ok("weights", "weights", f"Here, with the right SHA-256: {', '.join(good) or 'none'}.")
    if unknown:
        yield ok("weights", "unchecked-weights", f"Here, of a SHA-256 that nobody knows: {', '.join(unknown)}.")
    if detector == "auto" and "s3fd" not in good:
        comes = "cannot be downloaded while WAV2LIP_OFFLINE is set" if offline() else (
            f"is downloaded when it is first needed, {KNOWN['s3fd'].size / 1e6:.0f} MB, or by `wav2lip models get s3fd`"
        )
        yield note(
            "weights", "detector-weights", f"The face detector S3FD is not here; it {comes}.",
            "Without it the built-in cascade looks for faces, and sees those that face the camera.",
        )


def _fault(known: KnownFile) -> Finding | None:
    """Return what is wrong with a published file; None where nothing is, or where it is not here."""
    try:
        path = place_of(known)
    except WeightsError as error:
        return problem("weights", known.name, str(error))
    try:
        if not os.path.isfile(path) or known.sha256 is None or sha256_of(path) == known.sha256:
            return None
    except OSError as error:
        return note("weights", known.name, f"{path} cannot be read: {error.strerror}.", "Check its permissions.")
    text = f"{path} is not {known.file} as published, by its SHA-256."
    if known.ships:
        return problem("weights", known.name, text, f"Install the package again, {AGAIN}")
    return note("weights", known.name, text, f"`wav2lip models get {known.name}` puts that right.")
