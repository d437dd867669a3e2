"""What `find_people` tells."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from wav2lip.cast.seen import Seen, in_time
from wav2lip.cast.survey import Survey
from wav2lip.cast.times import Span

YAW_RANGE = (5, 95)     # per cent of the frames, between which a face is turned so far: single wild ones do not count


@dataclass(frozen=True)
class CastMember:
    """A person in a video. Times are seconds on its clock, whose 0 is the first picture.

    Attributes:
        label: "A", "B", ...: A is the one who is synced if nobody else is asked for.
        frames: in how many frames the face is seen.
        seconds: the same in time.
        share: the same of the whole video, 0 to 1.
        stretches: when; from the first frame of each to the end of its last.
        width: median width of the face, in pixels.
        height: its median height.
        yaw: how far the face is turned, in degrees, as `faces.pose.yaw`: the median; None where nobody knows.
        yaw_range: between which angles it is in nine frames of ten; None likewise.
        shots: in how many shots the face is seen.
    """

    label: str
    frames: int
    seconds: Fraction
    share: float
    stretches: tuple[Span, ...]
    width: int
    height: int
    yaw: float | None
    yaw_range: tuple[float, float] | None
    shots: int

    @property
    def first(self) -> Fraction:
        """When the face is seen first."""
        return self.stretches[0].start

    @property
    def last(self) -> Fraction:
        """When it was seen last: the end of its last frame."""
        end = self.stretches[-1].end
        assert end is not None, "stretches have ends"
        return end

    def turned(self, degrees: str) -> str:
        """Return how far the face is turned, in words; a question mark where nobody knows."""
        if self.yaw is None or self.yaw_range is None:
            return "?"
        low, high = self.yaw_range
        return f"{self.yaw:+.0f}{degrees} ({low:+.0f} to {high:+.0f})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; times are rounded to floats."""
        return {
            "label": self.label,
            "frames": self.frames,
            "seconds": float(self.seconds),
            "share": self.share,
            "first": float(self.first),
            "last": float(self.last),
            "stretches": _pairs(self.stretches),
            "width": self.width,
            "height": self.height,
            "yaw": self.yaw,
            "yaw_range": None if self.yaw_range is None else list(self.yaw_range),
            "shots": self.shots,
        }


@dataclass(frozen=True)
class CastReport:
    """The result of `wav2lip.find_people`."""

    video: Path
    fps: Fraction
    frames: int
    width: int
    height: int
    detector: str                      # "s3fd", "cascade", ...
    people: tuple[CastMember, ...]     # A first
    shots: tuple[Fraction, ...]        # when each begins, in seconds
    faceless: tuple[Span, ...]         # when nobody is seen
    sheet: Path | None = None          # what was written
    tracks: Path | None = None
    overlay: Path | None = None
    edits: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types; fps is a string such as "24000/1001", times are rounded to floats."""
        results = {name: getattr(self, name) for name in ("sheet", "tracks", "overlay", "edits")}
        return {
            "video": str(self.video),
            "fps": str(self.fps),
            "frames": self.frames,
            "seconds": float(self.frames / self.fps),
            "width": self.width,
            "height": self.height,
            "detector": self.detector,
            "people": [person.to_dict() for person in self.people],
            "shots": [float(time) for time in self.shots],
            "faceless": _pairs(self.faceless),
            **{name: None if path is None else str(path) for name, path in results.items()},
        }


def describe(survey: Survey, person: Seen) -> CastMember:
    """Return what there is to tell of somebody."""
    fps, turned = survey.clip.fps, person.yaw
    known = np.zeros(0) if turned is None else turned[~np.isnan(turned)]
    angles = [round(float(angle), 1) for angle in np.percentile(known, (*YAW_RANGE, 50))] if len(known) else []
    width, height = person.size
    return CastMember(
        label=person.label,
        frames=len(person.frames),
        seconds=len(person.frames) / fps,
        share=len(person.frames) / survey.frames,
        stretches=tuple(in_time(stretch, fps) for stretch in person.stretches()),
        width=width,
        height=height,
        yaw=angles[2] if angles else None,
        yaw_range=(angles[0], angles[1]) if angles else None,
        shots=survey.shots_with(person),
    )


def _pairs(spans: tuple[Span, ...]) -> list[list[float | None]]:
    return [[float(span.start), None if span.end is None else float(span.end)] for span in spans]
