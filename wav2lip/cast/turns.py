"""From what is seen of mouths and heard of speech to who talks when."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from wav2lip.cast.mouths import Mouths
from wav2lip.evaluation.tables import REACH
from wav2lip.models.syncnet import FPS

NOBODY = -1

# What each kind of evidence is worth a frame, in units of log odds: fitted to tell talkers from others whose mouth says
# something else (`benchmarks/talking.py` says how often it does).
FIT, GAP, MOTION = 0.11, 0.04, 0.10
LEAST = 0.02             # how much evidence a frame of speech needs to be somebody's rather than nobody's who is seen
ABSENT = 0.1             # the same against somebody who is not seen
TURN = 2.5               # what it takes to change to another within a shot
PAUSE = 0.01             # by which a frame without speech is nobody's: a pause of many seconds, or a silent shot

MOVES = 0.2              # without sound: what a level of the mouth's motion is worth a frame,
RESTS = 0.25             # beyond that of most mouths that rest; those that speak move by 0.5 to 1.3

SETTLE = 1.0             # seconds (sigma): loudness and mouths are held against what they are around
WILD = 3.0               # standard deviations: what is further off counts no more
FAR = 2                  # frames: how far off a whole clip's sound may be
FAR_GAIN = 1.1           # how much better the lips must fit there than where they belong


def turns(mouths: Mouths) -> np.ndarray:
    """Return who talks in each frame: the likeliest course of every shot, as few changes as the evidence bears.

    A pause belongs to who talks before or after it. Where there is sound without any speech, and without sound, whose
    mouth moves most tells.

    Args:
        mouths: as they were seen, of at least one person.

    Returns:
        int (n,): index of the person, -1 for nobody.
    """
    heard = mouths.loud is not None and bool(mouths.spoken.any())
    evidence = evidence_of_speech(mouths) if heard else evidence_of_motion(mouths)
    gains = np.concatenate([evidence, np.zeros((1, len(mouths)))])
    if heard:
        gains[:-1, ~mouths.spoken] = 0
        gains[-1, ~mouths.spoken] = PAUSE
    course = np.empty(len(mouths), int)
    for here in _stretches(mouths.shot):
        course[here] = _likeliest(gains[:, here])
    return np.where(course == len(evidence), NOBODY, course)


def evidence_of_speech(mouths: Mouths) -> np.ndarray:
    """Return how much tells for each person in each frame, as against nobody who is seen, float (people, n)."""
    assert mouths.loud is not None
    fits = [_standard(fit) for fit in mouths.fit]
    late = _late(fits, mouths.spoken)
    everywhere = np.zeros_like(mouths.shot)    # sound does not stop at a cut
    loud = _around(mouths.loud, everywhere, mouths.spoken)
    total = np.full(mouths.gap.shape, -ABSENT)
    for person, fit in enumerate(fits):
        seen = np.isfinite(mouths.gap[person])
        gap, motion = (
            np.nan_to_num(_around(what[person], mouths.shot, seen)) * loud for what in (mouths.gap, mouths.motion)
        )
        total[person, seen] = (FIT * _at(fit, late) + GAP * gap + MOTION * motion - LEAST)[seen]
    return total


def evidence_of_motion(mouths: Mouths) -> np.ndarray:
    """Return the same where nothing is heard: whose mouth moves more than it must."""
    total = np.full(mouths.motion.shape, -ABSENT)
    for person, motion in enumerate(mouths.motion):
        seen = np.isfinite(motion)
        total[person, seen] = MOVES * (_level(motion, mouths.shot)[seen] - RESTS).clip(max=1)
    return total


def _standard(fit: np.ndarray) -> np.ndarray:
    """Return cosines (n, 31) as how much more they are than a frame's others, in standard deviations; 0 for NaN."""
    known = np.isfinite(fit)
    usual = np.nan_to_num(fit.astype(np.float32)).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    beyond = np.where(known, fit - usual[:, None], 0)
    return np.asarray(beyond / max(float(np.sqrt((beyond**2).sum() / max(known.sum(), 1))), 1e-3))


def _at(fit: np.ndarray, late: int) -> np.ndarray:
    """Return how well lips fit the speech of so many frames later, and of those beside it, (n,)."""
    at = REACH + late
    return np.asarray(fit[:, at - 1 : at + 2] @ np.array([0.25, 0.5, 0.25]))


def _late(fits: list[np.ndarray], spoken: np.ndarray) -> int:
    """Return by how many frames a clip's sound is late, told by who fits best every second."""
    def best(late: int) -> float:
        each = np.stack([_smooth(_at(fit, late)) for fit in fits])
        return float(each.max(axis=0)[spoken].mean())

    found = max(range(-FAR, FAR + 1), key=best)
    return found if best(found) > FAR_GAIN * best(0) else 0


def _smooth(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(values, SETTLE * float(FPS), mode="constant"))


def _level(values: np.ndarray, shots: np.ndarray) -> np.ndarray:
    """Return the mean around each value (n,), of those of its shot that are not NaN."""
    known = np.isfinite(values)
    level = np.empty(len(values))
    for here in _stretches(shots):
        there = known[here].astype(float)
        level[here] = _smooth(np.where(known, values, 0)[here]) / np.maximum(_smooth(there), 1e-6)
    return level


def _around(values: np.ndarray, shots: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return how far each value (n,) is from those around it in its shot, in standard deviations; NaN stays.

    Args:
        values: (n,).
        shots: int (n,).
        counted: bool (n,): those that the deviation is taken of.
    """
    beyond = values - _level(values, shots)
    known = beyond[counted & np.isfinite(beyond)]
    spread = float(known.std()) if len(known) else 0.0
    return np.asarray((beyond / max(spread, 1e-6)).clip(-WILD, WILD))


def _stretches(shots: np.ndarray) -> list[slice]:
    """Return the frames of each shot."""
    edges = [0, *(np.flatnonzero(np.diff(shots)) + 1), len(shots)]
    return [slice(int(start), int(end)) for start, end in pairwise(edges)]


def _likeliest(gains: np.ndarray) -> np.ndarray:
    """Return the course (n,) through gains (states, n) that gains most, at the price of its changes."""
    states, n = gains.shape
    total = gains[:, 0].copy()
    came = np.zeros((n, states), int)
    for at in range(1, n):
        best = int(total.argmax())
        changes = total[best] - TURN > total
        came[at] = np.where(changes, best, np.arange(states))
        total = np.where(changes, total[best] - TURN, total) + gains[:, at]
    course = np.empty(n, int)
    course[-1] = int(total.argmax())
    for at in range(n - 1, 0, -1):
        course[at - 1] = came[at, course[at]]
    return course
