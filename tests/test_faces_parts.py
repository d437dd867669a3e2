"""Parts of a video are looked at as all of it would be."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from test_faces_sparse import SIZE, Seeing
from test_faces_sparse import frame as drawn

from wav2lip.faces.detections import Detections
from wav2lip.faces.look import Way
from wav2lip.faces.parts import joined_parts, look_at_part, spread
from wav2lip.media.clip import Frame

FRAMES = 200
WAY = Way(SIZE, SIZE, 12)


def read(count: int, size: tuple[int, int], start: int = 0) -> Generator[Frame]:
    """Yield a face that stands, walks, is away, and comes back elsewhere with a cut to another picture."""
    for number in range(start, min(start + count, FRAMES)):
        lefts = () if 90 <= number < 100 else (30 + max(0, number - 40),)
        picture = drawn(number, *lefts)
        if number >= 130:
            picture[picture == 0] = 200
            picture[0, 0, 0] = number
        yield picture


def look(part: range) -> Detections:
    return look_at_part(part, WAY, read, Seeing(), 1, lambda count: None)


def test_parts_begin_where_anybody_looks_and_do_not_touch() -> None:
    parts = joined_parts([range(70, 90), range(-5, 20), range(80, 100), range(190, 260)], FRAMES, 12)
    assert parts == [range(0, 20), range(60, 100), range(180, 200)]
    assert joined_parts([range(250, 260)], FRAMES, 12) == []
    assert joined_parts([range(7, 9)], FRAMES, 5) == [range(0, 9)], "how a head leans is told every sixth frame"


def test_what_is_found_in_a_part_is_what_is_found_in_all() -> None:
    whole = look(range(FRAMES))
    parts = [range(24, 73), range(84, 145)]
    found = spread({part: look(part) for part in parts}, FRAMES)
    assert len(found) == FRAMES
    assert found.looks is not None
    assert whole.looks is not None
    for number in range(FRAMES):
        inside = any(number in part for part in parts)
        last = number in (72, 144)                # which is looked at as the last of all frames is
        if inside and not last and whole.faces[number] is not None:
            np.testing.assert_array_equal(found.faces[number], whole.faces[number])
            np.testing.assert_array_equal(found.looks[number], whole.looks[number])
        elif not inside:
            assert found.faces[number] is None
    assert len({int(found.shots[number]) for number in (10, 50, 80, 100, 140, 180)}) == 6, "every part is apart"
