"""One face is followed: through strangers, gaps and cuts, on detections made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from wav2lip.errors import UsageError
from wav2lip.faces.boxes import Box, Pads
from wav2lip.faces.detections import Detections
from wav2lip.faces.people import follow
from wav2lip.faces.track import FaceTrack, compat_track, fixed_track

SIZE = (640, 360)
FPS = 25
NO_PADS = Pads(0, 0, 0, 0)
LEFT, RIGHT = (100, 80, 200, 220, 0.9), (400, 80, 500, 220, 0.9)


def found(*frames: Sequence[tuple[float, ...]], shots: Sequence[int] | None = None) -> Detections:
    """Return detections with these faces in each frame."""
    faces = tuple(np.array(frame, np.float32).reshape(-1, 5) for frame in frames)
    return Detections(faces, np.array(shots if shots is not None else [0] * len(frames)))


def track(detections: Detections, smooth: bool = False, pads: Pads = NO_PADS) -> FaceTrack:
    return follow(detections, pads=pads, smooth=smooth, size=SIZE, fps=FPS)


def left_sides(result: FaceTrack) -> list[int | None]:
    return [None if (box := result.box(frame)) is None else box.x1 for frame in range(len(result))]


def test_a_stranger_with_a_better_score_is_not_jumped_to() -> None:
    stranger = (400, 80, 480, 190, 0.99)
    result = track(found(*[[LEFT]] * 5, *[[stranger, LEFT]] * 5))
    assert left_sides(result) == [100] * 10


def test_the_stranger_is_not_taken_either_while_the_face_is_away() -> None:
    both = [LEFT, (400, 80, 440, 135, 0.8)]
    result = track(found(*[both] * 20, *[both[1:]] * 15))
    assert left_sides(result) == [100] * 20 + [None] * 15


def test_of_two_in_front_the_one_on_screen_longest_is_followed() -> None:
    both = [LEFT, (400, 80, 480, 190, 0.8)]
    result = track(found(*[both] * 20, *[both[1:]] * 15))
    assert left_sides(result) == [400] * 35


def test_a_face_that_appears_after_the_first_has_gone_is_taken() -> None:
    result = track(found(*[[LEFT]] * 10, *[[]] * 20, *[[RIGHT]] * 10))
    assert left_sides(result) == [100] * 10 + [None] * 20 + [400] * 10


def test_the_largest_face_is_followed_first() -> None:
    small = (400, 80, 430, 122, 0.95)
    assert left_sides(track(found(*[[small, LEFT]] * 5))) == [100] * 5


def test_a_gap_of_half_a_second_is_bridged_in_a_straight_line() -> None:
    moved = (124, 80, 224, 220, 0.9)
    result = track(found(*[[LEFT]] * 3, *[[]] * 11, *[[moved]] * 3))
    assert left_sides(result) == [100] * 3 + list(range(102, 124, 2)) + [124] * 3
    assert result.score[5] == 0
    assert result.found == 17


def test_a_longer_gap_stays_without_a_face() -> None:
    result = track(found(*[[LEFT]] * 3, *[[]] * 13, *[[LEFT]] * 3))
    assert left_sides(result)[3:16] == [None] * 13


def test_a_gap_whose_ends_disagree_stays_without_a_face() -> None:
    apart = (170, 80, 270, 220, 0.9)
    result = track(found(*[[LEFT]] * 3, *[[]] * 5, *[[apart]] * 3))
    assert left_sides(result) == [100] * 3 + [None] * 5 + [170] * 3


def test_a_gap_across_a_cut_stays_without_a_face() -> None:
    result = track(found(*[[LEFT]] * 3, *[[]] * 4, *[[LEFT]] * 3, shots=[0] * 5 + [1] * 5))
    assert left_sides(result)[3:7] == [None] * 4


def test_smoothing_stops_at_a_cut() -> None:
    near = (110, 80, 210, 220, 0.9)
    result = track(found(*[[LEFT]] * 10, *[[near]] * 10, shots=[0] * 10 + [1] * 10), smooth=True)
    assert left_sides(result) == [100] * 10 + [110] * 10


def test_smoothing_calms_a_trembling_box() -> None:
    shaken = [[(*(side + shift for side in LEFT[:4]), 0.9)] for shift in np.random.default_rng(0).normal(0, 2, 50)]
    calm, raw = (track(found(*shaken), smooth=smooth).boxes for smooth in (True, False))
    assert np.abs(np.diff(calm, axis=0)).max() < 0.2
    assert np.abs(np.diff(raw, axis=0)).max() > 4


def test_a_find_of_one_or_two_frames_in_a_long_shot_is_no_face() -> None:
    assert track(found(*[[]] * 10, [LEFT], [LEFT], *[[]] * 10)).found == 0


def test_a_single_picture_needs_a_single_find() -> None:
    assert track(found([LEFT]), smooth=True).box(0) == Box(100, 80, 200, 220)


def test_nothing_found_gives_a_track_without_a_face() -> None:
    result = track(found([], [], []), smooth=True)
    assert result.found == 0
    assert left_sides(result) == [None] * 3
    assert len(track(found())) == 0


def test_pads_are_added_and_the_box_stays_in_the_frame() -> None:
    corner = (10.0, 5.0, 110.0, 345.0, 0.9)
    assert track(found([corner]), pads=Pads(10, 20, 5, 7)).box(0) == Box(5, 0, 117, 360)


def test_a_box_that_its_pads_make_empty_is_no_face() -> None:
    assert track(found([LEFT]), pads=Pads(-100, -100, 0, 0)).box(0) is None


def test_compat_takes_the_best_score_truncates_and_pads() -> None:
    best = (399.9, 80.9, 500.9, 220.9, 0.95)
    result = compat_track(found([best, LEFT]), pads=Pads(1, 2, 3, 4), smooth=False, size=SIZE)
    assert result.box(0) == Box(396, 79, 504, 222)


def test_compat_smooths_forward_and_passes_over_frames_without_a_face() -> None:
    faces = [[(10.0 * at, 80, 10 * at + 100, 220, 0.9)] for at in range(5)]
    result = compat_track(found(*faces[:2], [], *faces[2:]), pads=NO_PADS, smooth=True, size=SIZE)
    assert left_sides(result) == [20, 24, None, 26, 28, 27]


def test_compat_boxes_lie_in_the_frame() -> None:
    result = compat_track(found([(-20, -30, 700, 400, 0.9)]), pads=Pads(), smooth=False, size=SIZE)
    assert result.box(0) == Box(0, 0, 640, 360)


def test_a_fixed_box_is_given_as_top_bottom_left_right() -> None:
    result = fixed_track((30, 110, 50, 120), 3, SIZE)
    assert [result.box(frame) for frame in range(3)] == [Box(50, 30, 120, 110)] * 3


def test_a_fixed_box_that_reaches_beyond_the_frame_is_cut_to_it_but_not_under_compat() -> None:
    assert fixed_track((-10, 110, 600, 700), 1, SIZE).box(0) == Box(600, 0, 640, 110)
    with pytest.raises(UsageError, match="640x360"):
        fixed_track((-10, 110, 600, 700), 1, SIZE, compat=True)


@pytest.mark.parametrize("box", [(110, 30, 50, 120), (30, 30, 50, 120), (400, 500, 50, 120), (30, 110, 640, 700)])
def test_a_fixed_box_that_is_empty_or_outside_is_refused(box: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="top bottom left right"):
        fixed_track(box, 1, SIZE)


def test_landmarks_go_with_the_face_through_gaps_and_calming() -> None:
    points = np.array([[130, 120], [170, 120], [150, 150], [135, 180], [165, 180]], float)
    rng = np.random.default_rng(0)
    frames = []
    for number in range(60):
        trembling = np.add(points, [number, 0]) + rng.normal(0, 0.5, points.shape)
        face = np.concatenate([np.add(LEFT, [number, 0, number, 0, 0]), trembling.ravel()])
        frames.append(np.zeros((0, 15)) if 20 <= number < 26 else face[None])
    faces = tuple(np.asarray(frame, np.float32) for frame in frames)
    result = follow(Detections(faces, np.zeros(60, int)), pads=NO_PADS, smooth=True, size=SIZE, fps=FPS)
    assert result.landmarks is not None
    expected = points + np.stack([np.arange(60.0), np.zeros(60)], axis=1)[:, None]
    assert np.abs(result.landmarks - expected).max() < 1.0
    here = result.landmarks_at(22)
    assert here is not None
    np.testing.assert_allclose(here, expected[22], atol=1.0)


def test_without_landmarks_a_track_has_none() -> None:
    result = track(found(*[[LEFT]] * 5))
    assert result.landmarks is None
    assert result.landmarks_at(0) is None


def test_frames_that_nobody_looked_at_get_what_is_between_those_around() -> None:
    sparse: list[np.ndarray | None] = [None] * 25
    for at, x in ((0, 100), (12, 124), (24, 124)):
        sparse[at] = np.array([(x, 80, x + 100, 220, 0.9 if x > 100 else 0.6)], np.float32)
    result = track(Detections(tuple(sparse), np.zeros(25, int)))
    assert left_sides(result) == list(range(100, 124, 2)) + [124] * 13
    assert result.score[[0, 6, 12, 20]].tolist() == pytest.approx([0.6, 0.75, 0.9, 0.9])
    assert result.first(13).found == 13


def test_who_was_looked_at_more_often_does_not_count_as_longer_there() -> None:
    large, small = (100, 80, 220, 240, 0.9), (400, 80, 500, 200, 0.9)
    faces: list[np.ndarray | None] = [None] * 53
    for at in (0, 12, 24):
        faces[at] = np.array([large], np.float32)
    for at in range(36, 53):
        faces[at] = np.array([large, small] if at <= 40 else [small], np.float32)
    assert left_sides(track(Detections(tuple(faces), np.zeros(53, int)))) == [100] * 41 + [None] * 12


def test_detections_in_small_frames_are_brought_back_to_the_frame() -> None:
    landmarks = np.arange(10, dtype=np.float32)
    faces = np.concatenate([[10, 20, 30, 40, 0.9], landmarks])[None].astype(np.float32)
    back = Detections((faces, None, faces[:, :5]), np.zeros(3, int)).scaled(2, 3)
    assert back.faces[0] is not None
    assert back.faces[0][0, :5].tolist() == pytest.approx([20, 60, 60, 120, 0.9])
    assert back.faces[0][0, 5:].tolist() == [0, 3, 4, 9, 8, 15, 12, 21, 16, 27]
    assert back.faces[1] is None
