"""How the videos of each benchmark are made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from wav2lip.pipeline.options import Extend


@dataclass(frozen=True)
class Protocol:
    """What the original's evaluation scripts prescribe for a benchmark.

    Attributes:
        name: as the command line has it.
        order: what the two words of a list's line name: ("audio", "face") or ("face", "audio"); None without a list.
        suffix: what is added to those words.
        pads: pixels added to the detected face: top, bottom, left, right.
        fps: what the frame rate is taken to be, whatever the file says; None for the file's own.
        shorter_side: pixels to which larger frames are shrunk; None for any size.
        extend: how a video that is shorter than the sound is extended; None where it is left out.
        cropped: whether results are scored as whole frames, not by their face's track.
    """

    name: str
    order: tuple[str, str] | None
    suffix: str
    pads: tuple[int, int, int, int]
    fps: Fraction | None = None
    shorter_side: int | None = None
    extend: Extend | None = None
    cropped: bool = False


def _lrs(name: str) -> Protocol:
    return Protocol(name, ("audio", "face"), ".mp4", (0, 0, 0, 0), fps=Fraction(25), cropped=True)


def _resynced(name: str, order: tuple[str, str] | None, extend: Extend | None = None) -> Protocol:
    # The original then divides the size by a factor that brings the face near 180 pixels, but only if 480 are left of
    # the shorter side: of the 720 that there are at most, half is less, so the factor is always 1.
    return Protocol(name, order, "", (0, 10, 0, 0), shorter_side=720, extend=extend)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        _lrs("lrs2"),
        _lrs("lrs3"),
        _lrs("lrw"),
        _resynced("resynced-random", ("face", "audio")),
        _resynced("resynced-dubbed", None),
        _resynced("resynced-tts", ("face", "audio"), "stretch"),
    )
}
"""By name."""
