from __future__ import annotations

import cv2
import numpy as np
import pytest
from media_samples import coloured_frame

from wav2lip.errors import UsageError
from wav2lip.media.geometry import Geometry

FRAME = coloured_frame(101, 60)


def test_by_default_the_frame_itself_comes_back() -> None:
    assert np.shares_memory(Geometry().apply(FRAME), FRAME)
    assert np.array_equal(Geometry().apply(FRAME), FRAME)


def test_frames_are_resized_then_turned_then_cropped() -> None:
    geometry = Geometry(resize_factor=2, rotate=True, crop=(5, -1, 3, 20))
    expected = cv2.rotate(cv2.resize(FRAME, (50, 30)), cv2.ROTATE_90_CLOCKWISE)[5:, 3:20]
    assert np.array_equal(geometry.apply(FRAME), expected)
    assert geometry.size(101, 60) == (17, 45)


def test_larger_frames_are_shrunk_to_the_limit_of_their_shorter_side_before_anything_else() -> None:
    assert np.array_equal(Geometry(shorter_side=40).apply(FRAME), cv2.resize(FRAME, (67, 40)))
    assert Geometry(shorter_side=40).size(60, 101) == (40, 67)
    assert Geometry(2, shorter_side=40).size(101, 60) == (33, 20)
    for enough in (60, 61):
        assert np.shares_memory(Geometry(shorter_side=enough).apply(FRAME), FRAME)


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(), Geometry(3), Geometry(rotate=True), Geometry(crop=(1, 60, 0, 101)),
        Geometry(7, True, (0, 3, 2, -1)), Geometry(shorter_side=33), Geometry(2, True, (1, -1, 0, 9), shorter_side=41),
    ],
)
def test_the_size_told_is_the_size_made(geometry: Geometry) -> None:
    height, width = geometry.apply(FRAME).shape[:2]
    assert geometry.size(101, 60) == (width, height)


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(0), Geometry(61), Geometry(crop=(10, 10, 0, -1)), Geometry(crop=(0, -1, 50, 40)),
        Geometry(crop=(0, 61, 0, -1)), Geometry(crop=(0, -1, 0, 102)), Geometry(crop=(-3, -1, 0, -1)),
        Geometry(shorter_side=0), Geometry(5, shorter_side=4),
    ],
)
def test_what_leaves_nothing_or_reaches_outside_is_refused(geometry: Geometry) -> None:
    for use in (lambda: geometry.size(101, 60), lambda: geometry.apply(FRAME)):
        with pytest.raises(UsageError):
            use()
