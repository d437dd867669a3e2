"""Everything a user can choose about a lip-sync, with its default and its check."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from wav2lip.errors import UsageError

Extend = Literal["bounce", "loop", "freeze", "stretch", "cut"]
DetectorName = Literal["auto", "s3fd", "cascade", "yunet", "retinaface", "blazeface"]
NO_BOX = (-1, -1, -1, -1)
FULL_FRAME = (0, -1, 0, -1)


@dataclass(frozen=True)
class SyncOptions:
    """Options of `wav2lip.sync`; the command line has one of the same name for each but the last three.

    Attributes:
        checkpoint: generator weights; None for the one that ships with the package.
        static: use the first frame only, as if it were a still image.
        fps: frame rate of the result when the face is a still image.
        pads: pixels added to the detected face: top, bottom, left, right.
        face_det_batch_size: frames detected at a time; None for what suits the device.
        wav2lip_batch_size: faces generated at a time; None for what suits the device.
        resize_factor: divide the frame's width and height by this before anything else.
        crop: the part of the frame that is kept: top, bottom, left, right; -1 for the full extent.
        box: the face as top, bottom, left, right, instead of detection.
        rotate: turn frames by 90 degrees clockwise.
        smooth: calm the face box over time.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        detector: which face detector; "auto" is S3FD when its weights can be had, else the cascade.
        detector_weights: weights file of the detector.
        compat: reproduce the frames of the original program, defects included.
        codec: video codec of the result; None for what suits the file's ending.
        crf: its quality, smaller is better; None for the codec's default here.
        preset: its speed; None likewise.
        extend: what happens when the sound is longer than the video; None for "bounce", or "loop" with `compat`.
        offline: never reach for the network.
        clobber: replace an existing result.
        score: measure how well lips and speech fit together in the result.
        shorter_side: shrink frames whose shorter side has more pixels to so many, before anything else; None for any.
        strict: refuse a video with a frame that shows no face, or shorter than the sound while `extend` is None.
        tail: with `compat`, end with the original's frame of the last window; its evaluation scripts have none.
    """

    checkpoint: Path | None = None
    static: bool = False
    fps: Fraction = Fraction(25)
    pads: tuple[int, int, int, int] = (0, 10, 0, 0)
    face_det_batch_size: int | None = None
    wav2lip_batch_size: int | None = None
    resize_factor: int = 1
    crop: tuple[int, int, int, int] = FULL_FRAME
    box: tuple[int, int, int, int] = NO_BOX
    rotate: bool = False
    smooth: bool = True
    device: str = "auto"
    detector: DetectorName = "auto"
    detector_weights: Path | None = None
    compat: bool = False
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    extend: Extend | None = None
    offline: bool = False
    clobber: bool = True
    score: bool = False
    shorter_side: int | None = None
    strict: bool = False
    tail: bool = True

    def __post_init__(self) -> None:
        for name in ("face_det_batch_size", "wav2lip_batch_size", "resize_factor"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; it must be 1 or more.")
        if not 0 < self.fps <= 1000:
            raise UsageError(f"fps is {float(self.fps):g}; it must be above 0 and at most 1000.")
        if self.extend is not None and self.extend not in get_args(Extend):
            raise UsageError(f"extend is {self.extend!r}; choose {', '.join(get_args(Extend))}.")
        if self.detector not in get_args(DetectorName):
            raise UsageError(f"detector is {self.detector!r}; choose {', '.join(get_args(DetectorName))}.")

    @property
    def has_box(self) -> bool:
        """Whether a fixed face box is given; the original looks at the first number only."""
        return self.box[0] != -1

    @property
    def extension(self) -> Extend:
        """How a video that is too short is extended."""
        return self.extend or ("loop" if self.compat else "bounce")
