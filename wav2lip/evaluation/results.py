"""What was measured in a video."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wav2lip.evaluation.picture import PictureFigures
from wav2lip.evaluation.tables import SyncScore
from wav2lip.models.syncnet import FPS


@dataclass(frozen=True)
class TrackScore:
    """One uninterrupted sight of the face.

    Attributes:
        start, end: seconds after the first frame.
        shot: counted from 0.
        frames: at 25 a second.
        size: pixels: the mean width or the mean height of the face's box, whichever is larger.
        sync: by judge.
    """

    start: float
    end: float
    shot: int
    frames: int
    size: float
    sync: dict[str, SyncScore]

    def to_dict(self) -> dict[str, Any]:
        return {
            "start": round(self.start, 3), "end": round(self.end, 3), "shot": self.shot, "frames": self.frames,
            "size": self.size, **_dicts(self.sync),
        }


@dataclass(frozen=True)
class Point:
    """What a judge says of two seconds: the middle in seconds after the first frame, the offset and the confidence."""

    time: float
    offset: int
    confidence: float


@dataclass(frozen=True)
class VideoScore:
    """What was measured in a video.

    Attributes:
        path: the file.
        frames: at 25 a second.
        faces: how many of them show the face.
        detector: what found it; "cropped" where the frame is the face.
        sync: by judge ("expert", "syncnet_v2"): all tracks together, every window counting the same.
        tracks: each sight of the face.
        over_time: by judge, about two points a second.
        picture: figures of the picture; None where they were not asked for.
        reference: those of the video that it was compared with.
    """

    path: Path
    frames: int
    faces: int
    detector: str
    sync: dict[str, SyncScore]
    tracks: tuple[TrackScore, ...] = ()
    over_time: dict[str, tuple[Point, ...]] = field(default_factory=dict)
    picture: PictureFigures | None = None
    reference: PictureFigures | None = None

    @property
    def seconds(self) -> float:
        """How long the picture lasts."""
        return float(self.frames / FPS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "path": str(self.path),
            "seconds": round(self.seconds, 3),
            "frames": self.frames,
            "faces": self.faces,
            "detector": self.detector,
            **_dicts(self.sync),
            "picture": asdict(self.picture) if self.picture else None,
            "reference": asdict(self.reference) if self.reference else None,
            "tracks": [track.to_dict() for track in self.tracks],
            "over_time": {
                name: [[round(point.time, 3), point.offset, round(point.confidence, 4)] for point in points]
                for name, points in self.over_time.items()
            },
        }


def _dicts(sync: dict[str, SyncScore]) -> dict[str, Any]:
    return {name: score.to_dict() for name, score in sync.items()}
