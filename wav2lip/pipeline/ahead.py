"""What a run will ask for anyway, found out while Python imports PyTorch, which takes a second."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Thread

from wav2lip.errors import Wav2LipError
from wav2lip.media.ffmpeg import binary, build, encoders
from wav2lip.models.remembered import content_digest


@contextlib.contextmanager
def looking_ahead(files: Sequence[Path | None], weights: Sequence[Path | None]) -> Iterator[None]:
    """While the block runs, ask ffmpeg what it can do, and digest files, in threads. The answers are remembered.

    Whatever is wrong is said later, by those who want to know.

    Args:
        files: that are read whole; None for those that are not given.
        weights: of networks, or names of them; None for those that are not given.
    """
    Thread(target=_digest, args=((*weights, *files),), name="ahead", daemon=True).start()
    asking = Thread(target=_ask, name="ahead")
    asking.start()
    try:
        yield
    finally:
        asking.join()    # no ffmpeg outlives the run


def _ask() -> None:
    with contextlib.suppress(Wav2LipError, OSError):
        build(binary())
        encoders(binary())


def _digest(files: Iterable[Path | None]) -> None:
    for path in files:
        with contextlib.suppress(OSError):
            if path is not None and path.is_file():
                content_digest(path)
