"""What a run will ask for anyway, found out while Python imports PyTorch, which takes a second."""

from __future__ import annotations

import contextlib
from pathlib import Path
from threading import Thread

from wav2lip.errors import Wav2LipError
from wav2lip.media.ffmpeg import binary, build, encoders
from wav2lip.models.remembered import content_digest


def look_ahead(files: list[Path | None], checkpoint: Path | None) -> None:
    """Begin to ask ffmpeg what it can do, and to digest files, in a thread. Both answers are remembered.

    Whatever is wrong is said later, by those who want to know.

    Args:
        files: that are read whole; None for those that are not given.
        checkpoint: the generator's weights, or a name of them; None for those that ship, which are small.
    """
    def look() -> None:
        with contextlib.suppress(Wav2LipError, OSError):
            build(binary())
            encoders(binary())
        for path in (checkpoint, *files):
            with contextlib.suppress(OSError):
                if path is not None and path.is_file():
                    content_digest(path)

    Thread(target=look, name="ahead", daemon=True).start()
