"""Who is in a clip: the sights of its shots, put together into people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from string import ascii_uppercase

import numpy as np

from wav2lip.faces.appearance import DIFFERENT, distances
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detections import Detections
from wav2lip.faces.sights import Sight, find_sights, longest_gap, plausible
from wav2lip.faces.track import FaceTrack, track_of

FEWEST = 3              # finds that make a face believable in a longer shot
SHORTEST = 0.25         # seconds that it is there beside somebody: half a face from behind them is found in many frames
ALIKE = 0.95            # of the longest time on screen: those seen about as long differ by their size
BYSTANDER = 0.5         # of the widest face: smaller ones are somebody in the background


@dataclass(frozen=True)
class Person:
    """Somebody in a clip.

    Attributes:
        label: "A", "B", ... "Z", "AA", ...: A is the one who is synced if nobody else is asked for.
        sights: where the face is seen, in order; never two at a time.
        frames: in how many frames it is on screen.
    """

    label: str
    sights: tuple[Sight, ...]
    frames: int

    @property
    def width(self) -> float:
        """Median width of the face, in pixels."""
        return float(np.median([find[2] - find[0] for sight in self.sights for find in sight.finds]))


def find_people(detections: Detections, fps: Fraction | float) -> list[Person]:
    """Find out who is in a clip.

    Args:
        detections: of every frame.
        fps: frames a second.

    Returns:
        First those whose face is at least half as wide as the widest, the one who is on screen longest first; of those
        on screen about as long, the one with the larger face. Then the bystanders in the same order.
    """
    sights = find_sights(detections, fps)
    sure, brief = _believable(sights, detections, fps)
    if detections.looks is None:
        groups = _by_time(sure)
    else:
        groups = _by_look(sure)
        _add_known(groups, brief)
    people = [
        Person("", tuple(sorted(group, key=lambda sight: sight.frames[0])), _on_screen(group, longest_gap(fps)))
        for group in groups
    ]
    return [Person(label(at), one.sights, one.frames) for at, one in enumerate(_in_order(people))]


def label(at: int) -> str:
    """Return the name of the `at`-th person, counted from 0: A to Z, AA, AB, ..."""
    name = ""
    at += 1
    while at:
        at, letter = divmod(at - 1, len(ascii_uppercase))
        name = ascii_uppercase[letter] + name
    return name


def follow(
    detections: Detections, *, pads: Pads, smooth: bool = True, size: tuple[int, int], fps: Fraction | float
) -> FaceTrack:
    """Follow one person through the clip: the first of `find_people`.

    Args:
        detections: of every frame.
        pads, smooth, size: as for `track_of`.
        fps: frames a second.
    """
    people = find_people(detections, fps)
    sights = people[0].sights if people else ()
    return track_of(sights, detections, pads=pads, smooth=smooth, size=size, fps=fps)


def _believable(
    sights: Sequence[Sight], detections: Detections, fps: Fraction | float
) -> tuple[list[Sight], list[Sight]]:
    """Return the sights that are somebody's by themselves, and the others: found seldom, or briefly beside somebody."""
    lengths = np.bincount(detections.shots[detections.looked]) if len(detections) else np.zeros(0, int)
    shortest = int(SHORTEST * fps)
    often = [len(sight.frames) >= min(FEWEST, lengths[sight.shot]) for sight in sights]
    long: dict[int, list[Sight]] = {}
    for sight, found in zip(sights, often, strict=True):
        if found and _span(sight) >= shortest:
            long.setdefault(sight.shot, []).append(sight)
    sure: list[Sight] = []
    unsure: list[Sight] = []
    for sight, found in zip(sights, often, strict=True):
        alone = all(_apart(sight, other) for other in long.get(sight.shot, []))
        (sure if found and (alone or _span(sight) >= shortest) else unsure).append(sight)
    return sure, unsure


def _by_time(sights: Sequence[Sight]) -> list[list[Sight]]:
    """Return the sights person by person where nobody knows what they look like: whoever is alone is the same."""
    groups: list[list[Sight]] = []
    for sight in sorted(sights, key=lambda sight: len(sight.frames) * sight.area, reverse=True):
        fitting = (group for group in groups if all(_apart(sight, other) for other in group))
        group = next(fitting, None)
        if group is None:
            groups.append([sight])
        else:
            group.append(sight)
    return groups


def _by_look(sights: Sequence[Sight]) -> list[list[Sight]]:
    """Return the sights person by person: those that look most alike are joined first, never two of one moment.

    Average linkage: how different two groups look is the mean over their sights, by the number of finds.
    """
    groups = [[sight] for sight in sights]
    if len(groups) < 2:
        return groups
    looks = np.array([sight.look for sight in sights])
    apart = distances(looks, looks)
    apart = np.maximum(apart, apart.T)    # rounding
    starts, ends = np.array([[sight.frames[0], sight.frames[-1]] for sight in sights]).T
    apart[(starts[:, None] <= ends) & (starts <= ends[:, None])] = np.inf      # a sight and itself, too
    weight = np.array([len(sight.frames) for sight in sights], np.float32)
    nearest = apart.argmin(axis=1)
    near = apart.min(axis=1)
    while near[one := int(near.argmin())] < DIFFERENT:
        other = int(nearest[one])
        groups[one] += groups[other]
        groups[other] = []
        joined = (weight[one] * apart[one] + weight[other] * apart[other]) / (weight[one] + weight[other])
        weight[one] += weight[other]
        apart[one], apart[:, one] = joined, joined
        apart[other], apart[:, other] = np.inf, np.inf
        near[other] = np.inf
        stale = np.flatnonzero(((nearest == one) | (nearest == other)) & (near < np.inf))
        nearest[stale] = apart[stale].argmin(axis=1)
        near[stale] = apart[stale, nearest[stale]]
        closer = joined < near
        nearest[closer], near[closer] = one, joined[closer]
    return [group for group in groups if group]


def _add_known(groups: list[list[Sight]], sights: Sequence[Sight]) -> None:
    """Put sights that are too short to be believed by themselves to the people whom they look like."""
    if not groups or not sights:
        return
    people = np.array([_mean_look(group) for group in groups])
    for sight in sights:
        apart = distances(sight.look[None], people)[0]
        apart[[any(not _apart(sight, other) for other in group) for group in groups]] = np.inf
        nearest = int(apart.argmin())
        if apart[nearest] < DIFFERENT:
            groups[nearest].append(sight)


def _mean_look(sights: Sequence[Sight]) -> np.ndarray:
    return np.average([sight.look for sight in sights], axis=0, weights=[len(sight.frames) for sight in sights])


def _span(sight: Sight) -> int:
    return sight.frames[-1] - sight.frames[0] + 1


def _apart(one: Sight, other: Sight) -> bool:
    """Return whether one sight ends before the other begins."""
    return one.frames[-1] < other.frames[0] or one.frames[0] > other.frames[-1]


def _on_screen(sights: Sequence[Sight], longest: int) -> int:
    """Return in how many frames a face is there, those between two finds included."""
    frames = 0
    for sight in sights:
        gaps = zip(pairwise(sight.frames), pairwise(sight.finds), strict=True)
        frames += 1 + sum(
            after - before if plausible(*finds, after - before, longest) else 1 for (before, after), finds in gaps
        )
    return frames


def _in_order(people: list[Person]) -> list[Person]:
    """Return the people as `find_people` does."""
    widths = [one.width for one in people]
    ordered: list[int] = []
    left = list(range(len(people)))
    while left:
        seen = [at for at in left if widths[at] >= BYSTANDER * max(widths)] or left
        longest = max(people[at].frames for at in seen)
        alike = (at for at in seen if people[at].frames >= ALIKE * longest)
        ordered.append(max(alike, key=lambda at: (widths[at], people[at].frames)))
        left = [at for at in left if at != ordered[-1]]
    return [people[at] for at in ordered]
