"""Single frames out of a long video: what lies far between two of them is jumped over."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import TypeVar

import numpy as np

FAR = 250                # frames that nobody wants and that are jumped over: about what a jump decodes for nothing

Shown = TypeVar("Shown")


def pick(
    numbers: Sequence[int], read: Callable[[int, int], Generator[Shown]], *, jumping: bool
) -> Generator[tuple[int, Shown]]:
    """Yield (number, frame) for some frames of a video; those that its file turns out not to hold are left out.

    Args:
        numbers: ascending, at least one.
        read: the number of a first frame, how many -> these frames.
        jumping: whether a jump lands where it should and saves time; otherwise all from the first to the last are read.
    """
    wanted = np.array(numbers)
    groups = np.split(wanted, np.flatnonzero(np.diff(wanted) > FAR) + 1) if jumping else [wanted]
    for group in groups:
        first, last, here = int(group[0]), int(group[-1]), set(map(int, group))
        with closing(read(first, last - first + 1)) as frames:
            for number, frame in enumerate(frames, first):
                if number in here:
                    yield number, frame
