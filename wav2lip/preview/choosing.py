"""The moments of a preview where nobody has named any: where to look for faces, and which frames to show then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import ceil

import numpy as np

from wav2lip.pipeline.hearing import Heard
from wav2lip.pipeline.lane import Lane
from wav2lip.pipeline.speech import Speech
from wav2lip.preview.moments import Moment, Wish, choose, fullest, speed, stretches
from wav2lip.speech.mel import SILENCE

STRETCH = Fraction(1)    # seconds of speech among which a moment is chosen
SHARES = tuple(Fraction(share) for share in ("1/2", "3/4", "1/4"))
"""Where in its part of the speech a moment is looked for, if there is no face at the places before."""

WindowsAt = Callable[[Speech, Sequence[int]], Mapping[int, np.ndarray]]
"""The mel windows (80, 16) of some frames, and perhaps of more, by their numbers."""


def candidates(wish: Wish, heard: Sequence[Heard], fps: Fraction, frames: int, share: Fraction) -> list[np.ndarray]:
    """Return the frames among which each moment may be chosen, by the speech alone.

    Args:
        wish: what is wanted.
        heard: what is said.
        fps: frames a second.
        frames: of the result.
        share: one of `SHARES`; with another there are other frames.
    """
    spoken = np.zeros(frames, bool)
    for lines, speech in heard:
        presence = speech.presence()[:frames]
        for line in lines:
            part = slice(line.frames(fps).start, min(line.frames(fps).stop, frames))
            spoken[part] |= presence[part] == 1
    if not spoken.any():
        spoken[:] = True
    if not wish.seconds:
        return stretches(spoken, wish.count, ceil(STRETCH * fps), share)
    length = ceil(wish.seconds * fps)
    for _ in range(SHARES.index(share)):
        first = fullest(spoken, length)
        spoken[first : first + length] = False
    first = fullest(spoken, length)
    return [np.arange(first, min(first + length, frames))]


def chosen(
    wish: Wish, found: Sequence[np.ndarray], lanes: Sequence[Lane], numbers: np.ndarray,
    presences: Sequence[np.ndarray], fps: Fraction, windows_at: WindowsAt,
) -> tuple[Moment, ...]:
    """Return the moments: while somebody speaks whose face is seen, as far as that can be.

    Args:
        wish: what is wanted.
        found: the candidates that show a face, where faces were looked for around them only; else empty.
        lanes, numbers, presences: as for `Scout.manner`.
        fps: frames a second.
        windows_at: gives what is heard in a frame.
    """
    shown = [lane.shown(numbers) for lane in lanes]
    seen = [track.seen if track.facing is None else track.seen & (track.facing > 0) for track in shown]
    speaking = [some & (presence[: len(numbers)] == 1) for some, presence in zip(seen, presences, strict=True)]
    everything = np.ones(len(numbers), bool)
    good = next(one for one in (np.any(speaking, axis=0), np.any(seen, axis=0), everything) if one.any())
    if wish.seconds:
        length = ceil(wish.seconds * fps)
        first = int(found[0][0]) if found else fullest(good, length)
        return (Moment(first / fps, min(wish.seconds, (len(numbers) - first) / fps)),)
    some = [part[good[part]] for part in found if good[part].any()]
    some = some or stretches(good, wish.count, ceil(STRETCH * fps))
    frames = sorted({int(frame) for part in some for frame in part})
    loudness = dict.fromkeys(frames, SILENCE)
    for lane in lanes:
        heard = windows_at(lane.speech, frames)
        loudness |= {frame: max(loudness[frame], float(heard[frame].mean())) for frame in frames if frame in heard}
    motion = np.max([speed(track.boxes) for track in shown], axis=0)
    return tuple(Moment(frame / fps, why=why) for frame, why in choose(some, loudness, motion))
