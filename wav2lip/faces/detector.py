"""What a face detector is, and which one a name stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from wav2lip.errors import UsageError, WeightsError
from wav2lip.media.clip import Frame
from wav2lip.models.known import KNOWN
from wav2lip.models.store import is_here, locate
from wav2lip.models.store import offline as is_offline

Say = Callable[[str], None]

PLAIN = 5               # columns of a find: x1, y1, x2, y2, score
WITH_LANDMARKS = 15     # and x, y of right eye, left eye, nose tip, right and left corner of the mouth


class Detector(Protocol):
    """Finds faces in single frames; it knows nothing of time.

    Attributes:
        name: as the user chooses it.
        fingerprint: changes whenever the same frame could get another answer: name, settings, weights.
        long_side: pixels; of larger frames it sees no more. None where it has to see every frame, in full size.
    """

    name: str
    fingerprint: str
    long_side: int | None

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        """Find the faces of frames of one size.

        Returns:
            For each frame float32 (n, 5): x1, y1, x2, y2 in pixels of that frame and a score in 0..1, best first.
            Boxes are as S3FD draws them, forehead to chin and cheek to cheek, and may reach beyond the frame.
            A detector that knows landmarks gives (n, 15): then follow x and y, in pixels too, of the right eye, the
            left eye, the nose's tip and the right and left corner of the mouth. Right and left are the person's own:
            of an upright face the right eye has the smaller x.
        """
        ...


def make_detector(
    name: str, *, weights: Path | None, device: str, compat: bool, offline: bool | None, say: Say
) -> Detector:
    """Build a detector.

    Args:
        name: auto, s3fd, cascade, yunet, retinaface or blazeface. "auto" is S3FD when its weights are given, cached or
            can be downloaded, else the cascade.
        weights: file to load instead of the cached or downloaded one, or a name of `wav2lip models`.
        device: "cpu", "cuda", "cuda:1", "mps".
        compat: see frames as the original program does (S3FD only).
        offline: forbid the network; None asks `$WAV2LIP_OFFLINE`.
        say: is told which detector "auto" became, and of downloads.

    Raises:
        WeightsError: weights that are missing or of something else.
        UsageError: no detector of that name.
    """
    if weights is not None:
        weights = locate(weights)
    if name == "cascade":
        from wav2lip.faces.cascade import CascadeDetector

        return CascadeDetector()
    if name in ("auto", "s3fd"):
        return _s3fd_or_cascade(name, weights, device, compat, offline, say)

    import wav2lip.faces.others as others

    weights = _weights_of(name, weights)
    return others.DETECTORS[name](weights, device)


def _weights_of(name: str, weights: Path | None) -> Path:
    """Return the weights of a detector that is neither S3FD nor the cascade."""
    import wav2lip.faces.others as others

    if name not in others.DETECTORS:
        names = ", ".join(["auto", "s3fd", "cascade", *others.DETECTORS])
        raise UsageError(f"There is no face detector {name!r}. Choose {names}.")
    if weights is None:
        raise WeightsError(
            f"The {name} face detector needs its weights file: name it with --detector-weights "
            f"({others.PUBLISHED[name]}), or choose --detector auto, which needs none."
        )
    return weights


def detector_in_words(name: str, *, weights: Path | None, offline: bool | None) -> str:
    """Return which detector `make_detector` would build, and what it would have to get first. Loads none.

    Raises:
        WeightsError: weights that are missing, as far as that can be told without reading them.
        UsageError: no detector of that name.
    """
    if weights is not None and not (place := locate(weights)).is_file():
        raise WeightsError(f"There is no weights file {place}. Check the path.")
    if name == "cascade":
        return name
    if name not in ("auto", "s3fd"):
        _weights_of(name, weights)
        return name
    known = KNOWN["s3fd"]
    if weights is not None or is_here(known):
        return "s3fd"
    if not is_offline(offline):
        return f"s3fd ({known.size / 1e6:.0f} MB to download first)"
    if name == "auto":
        return "cascade (the weights of s3fd are not here)"

    from wav2lip.models.download import fetch_known

    fetch_known("s3fd", offline=True)             # for its sentence
    return name


def _s3fd_or_cascade(
    name: str, weights: Path | None, device: str, compat: bool, offline: bool | None, say: Say
) -> Detector:
    from wav2lip.models.download import fetch_known

    if weights is None:
        try:
            weights = fetch_known("s3fd", offline=offline, say=say)
        except WeightsError as error:
            if name == "s3fd":
                raise
            from wav2lip.faces.cascade import CascadeDetector

            if not is_offline(offline):
                say(str(error))
            say("Looking for faces with the built-in cascade detector (--detector s3fd is finer, once downloaded).")
            return CascadeDetector()
    from wav2lip.faces.s3fd import S3FDDetector

    return S3FDDetector(weights, device=device, compat=compat)
