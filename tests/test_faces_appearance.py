"""What faces look like: alike for one person in any light and size, unlike for two."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest

from wav2lip.faces.appearance import DIFFERENT, LEAN, SIZE, UNLIKE, describe, distances
from wav2lip.media.clip import Frame
from wav2lip.training.heads import draw_head

PEOPLE = range(8)
SIDE = 200
BOX = np.array([[60, 40, 140, 156, 0.9]], np.float32)    # about where a drawn head's face is


@lru_cache
def head(person: int, opening: float = 0.0) -> Frame:
    return draw_head(person, opening, 0.0, 0.5, SIDE)


def apart(one: Frame, other: Frame, there: np.ndarray = BOX) -> float:
    return float(distances(describe(one, BOX), describe(other, there))[0, 0])


def lit(frame: Frame, gain: float, gamma: float) -> Frame:
    return np.rint(255 * np.clip(gain * (frame / 255.0) ** gamma, 0, 1)).astype(np.uint8)


def test_different_people_look_different() -> None:
    looks = np.concatenate([describe(head(person), BOX) for person in PEOPLE])
    others = distances(looks, looks)[~np.eye(len(looks), dtype=bool)]
    assert others.min() > max(DIFFERENT, UNLIKE)


@pytest.mark.parametrize("person", PEOPLE)
def test_a_person_is_the_same_speaking_smaller_and_in_other_light(person: int) -> None:
    frame = head(person)
    half = cv2.resize(frame, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    assert apart(frame, head(person, 0.8)) < UNLIKE
    assert apart(frame, half, BOX * [0.4, 0.4, 0.4, 0.4, 1]) < UNLIKE
    for gain, gamma in ((0.7, 1.0), (1.25, 1.0), (1.0, 0.75), (1.0, 1.35)):
        assert apart(frame, lit(frame, gain, gamma)) < UNLIKE


def test_a_box_that_trembles_changes_little() -> None:
    for shift in ([4, 0, 4, 0, 0], [0, -5, 0, -5, 0], [-3, -3, 3, 3, 0]):
        assert apart(head(3), head(3), BOX + np.array(shift)) < 0.6


def test_faces_at_the_border_and_beyond_it_are_described_too() -> None:
    boxes = [(-40, -30, 30, 60), (180, 190, 260, 300), (-300, -300, -200, -180), (50, 50, 50, 50), (9e5, 5, 9e6, 60)]
    looks = describe(head(3), np.array([(*box, 0.9) for box in boxes], np.float32))
    assert looks.shape == (len(boxes), SIZE)
    assert np.isfinite(looks[:, :LEAN]).all()


def test_a_picture_without_any_structure_has_no_look_but_is_no_error() -> None:
    black = np.zeros((20, 20, 3), np.uint8)
    assert apart(black, black) == 0
    assert np.isfinite(apart(black, head(3)))


def test_no_faces_have_no_looks() -> None:
    assert describe(head(3), np.zeros((0, 5), np.float32)).shape == (0, SIZE)
    assert distances(np.zeros((0, SIZE), np.float16), describe(head(3), BOX)).shape == (0, 1)
