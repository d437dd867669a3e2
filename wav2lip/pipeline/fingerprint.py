"""What the bytes of a result depend on, in one short word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

from wav2lip import __version__
from wav2lip.faces.track import FaceTrack
from wav2lip.media.ffmpeg import binary, build
from wav2lip.models.remembered import content_digest
from wav2lip.models.store import demo_checkpoint, locate
from wav2lip.pipeline.options import OF_THE_RUN, SyncOptions

FORMAT = 2                  # counts up whenever parts mean something else
_BYTES = 10

_NO_MATTER = (*OF_THE_RUN, "device", "hardware")
"""Options that change no byte of a part, or of which the fingerprint has what they led to."""


def fingerprint(
    inputs: Iterable[Path], options: SyncOptions, tracks: Iterable[FaceTrack], result: Iterable[object]
) -> str:
    """Return a word for all that a result is made from.

    Args:
        inputs: the video and the recordings, in their order. Their content counts, not their names.
        options: of the run; files that they name count by their content.
        tracks: where the faces are that are synced.
        result: what else decides: encoder, device, numbers ... as texts tell them.
    """
    import torch

    digest = hashlib.blake2b(digest_size=_BYTES)

    def add(part: object) -> None:
        data = part if isinstance(part, bytes) else str(part).encode(errors="surrogateescape")    # names of files
        digest.update(f"{len(data)}:".encode() + data)

    add(f"{FORMAT} {__version__} {torch.__version__} {build(binary())}")
    for path in inputs:
        add(content_digest(path))
    add(content_digest(locate(options.checkpoint) if options.checkpoint else demo_checkpoint()))
    for field in fields(options):
        if field.name not in _NO_MATTER:
            add(f"{field.name}={_told(getattr(options, field.name))}")
    for track in tracks:
        for values in (track.boxes, track.shot, track.landmarks, track.angle, track.facing):
            add(b"" if values is None else np.ascontiguousarray(values).tobytes())
    for part in result:
        add(part)
    return digest.hexdigest()


def _told(value: object) -> str:
    """Return what an option says, with the content of files for their names."""
    if isinstance(value, Path):
        path = locate(value)
        return content_digest(path) if path.is_file() else str(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_told, value))})"
    if is_dataclass(value):
        return f"({', '.join(_told(getattr(value, field.name)) for field in fields(value))})"
    return repr(value)
