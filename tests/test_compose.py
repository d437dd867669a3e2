"""Only the mouth changes."""

from __future__ import annotations

import numpy as np
import pytest

from wav2lip.compose.face import lower_face_mask, network_input, paste_hard, paste_soft

BOX = (40, 20, 130, 140)    # x1, y1, x2, y2


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (160, 200, 3), dtype=np.uint8)


def test_soft_paste_leaves_every_pixel_outside_the_mask_bit_exact(frame: np.ndarray) -> None:
    before = frame.copy()
    out = paste_soft(frame, np.full((96, 96, 3), 250.0, np.float32), *BOX)
    x1, y1, x2, y2 = BOX
    mask = np.zeros(frame.shape[:2], bool)
    mask[y1:y2, x1:x2] = lower_face_mask(y2 - y1, x2 - x1)[..., 0] > 0
    assert np.array_equal(out[~mask], frame[~mask])
    assert (out[mask] != frame[mask]).mean() > 0.8
    assert np.array_equal(frame, before), "the source frame was painted on"


def test_soft_paste_has_no_edge_where_the_mask_ends() -> None:
    flat = np.full((160, 200, 3), 100, np.uint8)
    out = paste_soft(flat, np.full((96, 96, 3), 120.0, np.float32), *BOX).astype(int)
    assert out.max() == 120
    assert max(np.abs(np.diff(out, axis=axis)).max() for axis in (0, 1)) <= 5    # a hard paste has a step of 20


def test_soft_paste_rounds_where_the_original_truncates() -> None:
    flat = np.zeros((160, 200, 3), np.uint8)
    face = np.full((96, 96, 3), 99.7, np.float32)
    assert paste_soft(flat, face, *BOX).max() == 100
    assert paste_hard(flat, face, *BOX).max() == 99


def test_hard_paste_overwrites_the_whole_box_and_nothing_else(frame: np.ndarray) -> None:
    out = paste_hard(frame, np.full((96, 96, 3), 7.0, np.float32), *BOX)
    x1, y1, x2, y2 = BOX
    assert (out[y1:y2, x1:x2] == 7).all()
    out[y1:y2, x1:x2] = frame[y1:y2, x1:x2]
    assert np.array_equal(out, frame)


def test_the_mouth_is_shown_in_full_and_the_eyes_not_at_all() -> None:
    mask = lower_face_mask(96, 96)[..., 0]
    assert (mask[66:84, 30:66] == 1).all()
    assert (mask[:42] == 0).all()
    assert (mask[:, 0] < 0.01).all()
    assert (mask[-1] < 0.02).all()


def test_the_generator_sees_the_upper_half_first_and_the_reference_second() -> None:
    faces = np.full((1, 96, 96, 3), 255, np.uint8)
    references = np.full((1, 96, 96, 3), 51, np.uint8)
    stacked = network_input(faces, references)
    assert stacked.shape == (1, 6, 96, 96)
    assert stacked.dtype == np.float32
    assert (stacked[:, :3, :48] == 1).all()
    assert (stacked[:, :3, 48:] == 0).all()
    assert np.allclose(stacked[:, 3:], 0.2)
