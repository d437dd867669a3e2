"""What a finished run can tell."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from wav2lip.evaluation.tables import SyncScore


@dataclass(frozen=True)
class SyncReport:
    """The result of `wav2lip.sync`."""

    output: Path
    frames: int                      # in the result
    fps: Fraction
    width: int
    height: int
    duration: float                  # seconds of video
    faces: int                       # frames of the result in which a face was synced
    source_frames: int               # frames of the source that were looked at
    source_faces: int                # those of them that show the face
    people: tuple[str, ...]          # labels of all that were found
    synced: tuple[str, ...]          # of those who were synced
    detector: str                    # "s3fd", "cascade", ... or "box", or "track"
    generator: str                   # what the weights are
    device: str
    encoder: str                     # ffmpeg's name of what compressed the picture: "libx264", "h264_nvenc", ...
    extended: str | None             # how the video was made longer, None when it was long enough
    sync: SyncScore | None = None    # how well lips and speech fit, where that was asked for and could be told
    seconds: dict[str, float] = field(default_factory=dict)   # wall time by stage

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types; fps is a string such as "24000/1001"."""
        plain = {"output": str(self.output), "fps": str(self.fps), "sync": self.sync and self.sync.to_dict()}
        return asdict(self) | plain
