"""Finds are linked into sights and sights into people by where they are and what they look like, on made-up finds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from wav2lip.faces.appearance import SIZE
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detections import Detections
from wav2lip.faces.people import Person, find_people
from wav2lip.faces.sights import find_sights
from wav2lip.faces.track import track_of

FPS = 25
ANNA, BERT, CARL = 0.0, 1.0, 2.0    # what everybody looks like, all over
Seen = tuple[float, float]          # left side, and look


def film(*frames: Sequence[Seen] | None, shots: Sequence[int] | None = None) -> Detections:
    """Return detections of faces 100 pixels wide; None for a frame that was not looked at."""
    faces = tuple(
        None if seen is None else np.array([(x, 80, x + 100, 220, 0.9) for x, _ in seen], np.float32).reshape(-1, 5)
        for seen in frames
    )
    looks = tuple(
        None if seen is None else np.array([[look] * SIZE for _, look in seen], np.float16).reshape(-1, SIZE)
        for seen in frames
    )
    return Detections(faces, np.array(shots if shots is not None else [0] * len(frames)), looks)


def lefts(person: Person, detections: Detections) -> list[float | None]:
    """Return the left side of a person's box in every frame."""
    track = track_of(
        person.sights, detections, pads=Pads(0, 0, 0, 0), smooth=False, size=(2000, 400), fps=FPS
    )
    return [None if (place := track.place(n)) is None else place[0] for n in range(len(detections))]


def looks_of(person: Person) -> set[float]:
    return {float(look[0]) for sight in person.sights for look in sight.looks}


def test_two_who_pass_each_other_stay_themselves() -> None:
    ways = [[(100 + 10 * n, ANNA), (400 - 10 * n, BERT)][:: (-1) ** n] for n in range(30)]
    sights = find_sights(film(*ways), FPS)
    assert [len(sight.frames) for sight in sights] == [30, 30]
    assert [{float(look[0]) for look in sight.looks} for sight in sights] == [{ANNA}, {BERT}]


def test_two_who_change_places_in_a_cut_that_nobody_noticed_stay_themselves() -> None:
    detections = film(*[[(100, ANNA), (400, BERT)]] * 10, *[[(100, BERT), (400, ANNA)]] * 10)
    one, other = find_people(detections, FPS)
    assert lefts(one, detections) == [100] * 10 + [400] * 10
    assert lefts(other, detections) == [400] * 10 + [100] * 10


def test_who_was_behind_somebody_for_a_moment_has_no_box_there() -> None:
    passing = [[(400 + 30 * (n - 10), BERT)] for n in range(7, 14)]
    detections = film(
        *[[(400, ANNA), (190 + 30 * n, BERT)] for n in range(7)], *passing,
        *[[(400, ANNA), (400 + 30 * (n - 10), BERT)] for n in range(14, 21)],
    )
    people = {min(looks_of(one)): one for one in find_people(detections, FPS)}
    assert len(people) == 2
    assert lefts(people[ANNA], detections) == [400] * 7 + [None] * 7 + [400] * 7
    assert None not in lefts(people[BERT], detections)


def test_who_was_only_overlooked_keeps_the_box() -> None:
    detections = film(*[[(400, ANNA)]] * 7, *[[]] * 7, *[[(400, ANNA)]] * 7)
    (person,) = find_people(detections, FPS)
    assert lefts(person, detections) == [400] * 21


def test_a_turn_of_somebody_else_in_the_same_place_is_not_bridged() -> None:
    detections = film(*[[(100, ANNA)]] * 10, *[[(100, BERT)]] * 6, *[[(100, ANNA)]] * 10)
    one, other = find_people(detections, FPS)
    assert lefts(one, detections) == [100] * 10 + [None] * 6 + [100] * 10
    assert lefts(other, detections) == [None] * 10 + [100] * 6 + [None] * 10


def test_a_face_that_moves_fast_is_followed_where_it_was_going() -> None:
    detections = film(*[[(50 * n, ANNA)] for n in range(4)], [], [(250, ANNA)], [(300, ANNA)])
    assert len(find_sights(detections, FPS)) == 1


def test_people_are_found_again_after_cuts_and_absences() -> None:
    scenes = [[(100, ANNA)]] * 5 + [[(600, BERT)]] * 5 + [[]] * 200 + [[(900, ANNA)]] * 5
    detections = film(*scenes, shots=[0] * 5 + [1] * 5 + [2] * 205)
    one, other = find_people(detections, FPS)
    assert (one.label, looks_of(one), one.frames) == ("A", {ANNA}, 10)
    assert (other.label, looks_of(other), other.frames) == ("B", {BERT}, 5)


def test_twins_who_are_seen_at_once_are_two() -> None:
    people = find_people(film(*[[(100, ANNA), (400, ANNA)]] * 10), FPS)
    assert [len(one.sights) for one in people] == [1, 1]


@pytest.mark.parametrize("both_first", [True, False])
@pytest.mark.parametrize("left", [0.05, -0.12])
def test_of_two_who_could_be_somebody_it_is_the_more_similar_whoever_comes_first(both_first: bool, left: float) -> None:
    both, alone = [[(100, left), (400, -0.07 - left)]] * 5, [[(700, 0.0)]] * 5
    detections = film(*(both + alone if both_first else alone + both), shots=[0] * 5 + [1] * 5)
    one, other = sorted(find_people(detections, FPS), key=lambda person: len(person.sights))
    np.testing.assert_allclose(sorted(looks_of(other)), [0, 0.05], atol=1e-3)
    np.testing.assert_allclose(sorted(looks_of(one)), [-0.12], atol=1e-3)


def test_a_glimpse_belongs_to_whom_it_looks_like_and_is_nobody_otherwise() -> None:
    scenes = [[(100, ANNA)]] * 10 + [[(500, ANNA)]] * 2 + [[]] * 5 + [[(500, CARL)]] * 2 + [[]] * 5
    detections = film(*scenes, shots=[0] * 10 + [1] * 14)
    (person,) = find_people(detections, FPS)
    assert lefts(person, detections) == [100] * 10 + [500] * 2 + [None] * 12


def test_half_a_face_that_appears_for_a_moment_is_nobody_however_often_it_is_found() -> None:
    detections = film(*[[(100, ANNA)]] * 10, *[[(100, ANNA), (500, BERT)]] * 5, *[[(100, ANNA)]] * 10)
    (person,) = find_people(detections, FPS)
    assert looks_of(person) == {ANNA}


def test_a_glimpse_of_somebody_who_is_there_already_is_nobody() -> None:
    detections = film(*[[(100, ANNA)]] * 5, *[[(100, ANNA), (500, ANNA)]] * 2, *[[(100, ANNA)]] * 5)
    (person,) = find_people(detections, FPS)
    assert lefts(person, detections) == [100] * 12


def test_frames_between_looks_belong_to_the_same_person() -> None:
    detections = film(*([[(100, ANNA), (400, BERT)], *[None] * 11] * 4), [(100, ANNA), (400, BERT)])
    assert [one.frames for one in find_people(detections, FPS)] == [49, 49]


def test_the_same_finds_give_the_same_people() -> None:
    random = np.random.default_rng(0)
    frames = [[(150.0 * random.integers(8), float(random.integers(4))) for _ in range(3)] for _ in range(60)]
    first, second = (find_people(film(*frames, shots=[n // 4 for n in range(60)]), FPS) for _ in range(2))
    assert [(one.label, one.frames, len(one.sights)) for one in first] == [
        (one.label, one.frames, len(one.sights)) for one in second
    ]
    for one in first:
        ends = [(sight.frames[0], sight.frames[-1]) for sight in one.sights]
        assert all(before[1] < after[0] for before, after in pairwise(ends))
