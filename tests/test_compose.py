"""What the generator sees, and the paste of the original program."""

from __future__ import annotations

import numpy as np
import pytest

from wav2lip.compose.face import network_input, paste_hard

BOX = (40, 20, 130, 140)    # x1, y1, x2, y2


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (160, 200, 3), dtype=np.uint8)


def test_the_original_paste_truncates() -> None:
    flat = np.zeros((160, 200, 3), np.uint8)
    assert paste_hard(flat, np.full((96, 96, 3), 99.7, np.float32), *BOX).max() == 99


def test_hard_paste_overwrites_the_whole_box_and_nothing_else(frame: np.ndarray) -> None:
    out = paste_hard(frame, np.full((96, 96, 3), 7.0, np.float32), *BOX)
    x1, y1, x2, y2 = BOX
    assert (out[y1:y2, x1:x2] == 7).all()
    out[y1:y2, x1:x2] = frame[y1:y2, x1:x2]
    assert np.array_equal(out, frame)


def test_the_generator_sees_the_upper_half_first_and_the_reference_second() -> None:
    faces = np.full((1, 96, 96, 3), 255, np.uint8)
    references = np.full((1, 96, 96, 3), 51, np.uint8)
    stacked = network_input(faces, references)
    assert stacked.shape == (1, 6, 96, 96)
    assert stacked.dtype == np.float32
    assert (stacked[:, :3, :48] == 1).all()
    assert (stacked[:, :3, 48:] == 0).all()
    assert np.allclose(stacked[:, 3:], 0.2)
