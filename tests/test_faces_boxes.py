"""Boxes over time: the original's smoothing number by number, and ours, which neither trembles nor lags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wav2lip.faces.boxes import Pads, clamp, iou, pad, smooth, smooth_compat, smooth_landmarks

FPS = 25.0


def moving(path: np.ndarray, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the true boxes of a face of 100 x 140 pixels whose left side is at `path`, and what a detector says."""
    true = np.stack([path, np.full_like(path, 50), path + 100, np.full_like(path, 190)], axis=1)
    return true, true + np.random.default_rng(0).normal(0, noise, true.shape)


def test_the_originals_smoothing_is_reproduced_exactly(shared: Path) -> None:
    golden = np.load(shared / "reference" / "golden" / "smoothing.npz")
    np.testing.assert_array_equal(smooth_compat(golden["raw"]), golden["smoothed"])
    np.testing.assert_array_equal(smooth_compat(golden["short_raw"]), golden["short_smoothed"])


@pytest.mark.parametrize(
    "expected",
    [
        [0],
        [5, 7],
        [15, 15, 17],
        [30, 30, 30, 30],
        [20, 24, 26, 28, 27],
        [20, 30, 34, 36, 38, 37],
        [20, 30, 40, 50, 54, 56, 58, 57],
    ],
)
def test_the_originals_quirks_with_few_rows_are_kept(expected: list[int]) -> None:
    ramp = np.repeat(10 * np.arange(len(expected))[:, None], 4, axis=1)
    assert smooth_compat(ramp)[:, 0].tolist() == expected


def test_smoothing_does_not_change_what_it_is_given() -> None:
    boxes = np.arange(40).reshape(10, 4)
    smooth_compat(boxes)
    smooth(boxes.astype(float), FPS)
    np.testing.assert_array_equal(boxes, np.arange(40).reshape(10, 4))


def test_a_still_face_hardly_moves_although_the_detector_trembles() -> None:
    _, seen = moving(np.full(100, 300.0), noise=2.0)
    step = np.abs(np.diff(smooth(seen, FPS), axis=0))
    assert step.mean() < 0.05 * np.abs(np.diff(seen, axis=0)).mean()


@pytest.mark.parametrize("noise", [1.0, 3.0])    # pixels, of a face of 300
@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_the_box_of_a_still_face_moves_less_than_a_third_of_a_pixel_a_frame(noise: float, fps: float) -> None:
    true = np.array([400.0, 200.0, 700.0, 500.0])
    for seed in range(5):
        seen = true + np.random.default_rng(seed).normal(0, noise, (200, 4))
        calm = smooth(seen, fps)
        assert np.abs(np.diff(calm, axis=0)).max() < 0.3
        assert np.abs(calm - true).max() < 0.6 * noise


@pytest.mark.parametrize(("hertz", "left"), [(0.3, 0.15), (1.0, 0.2), (2.0, 0.5)])
def test_a_nodding_head_is_followed(hertz: float, left: float) -> None:
    nod = 10 * np.sin(2 * np.pi * hertz * np.arange(150) / FPS)    # pixels, of a face of 300
    true = np.array([400.0, 200.0, 700.0, 500.0]) + nod[:, None] * [0, 1, 0, 1]
    calm = smooth(true + np.random.default_rng(0).normal(0, 0.5, true.shape), FPS)
    assert np.abs(calm - true)[:, 1].mean() < left * np.abs(nod).mean()


@pytest.mark.parametrize("speed", [-8.0, 2.0, 8.0])    # pixels a frame, of a face of 100 pixels
def test_a_moving_face_is_not_lagged_behind_from_its_first_frame_to_its_last(speed: float) -> None:
    true, seen = moving(300 + speed * np.arange(60.0))
    np.testing.assert_allclose(smooth(seen, FPS), true, atol=0.01)


def test_a_face_that_starts_and_stops_is_followed_within_three_percent_of_its_width() -> None:
    true, seen = moving(300 + 4 * np.clip(np.arange(100.0) - 40, 0, 25), noise=1.0)
    assert np.abs(smooth(seen, FPS) - true).max() < 4


def test_one_wild_box_is_outvoted() -> None:
    true, seen = moving(np.full(50, 300.0))
    seen[20] += 60
    np.testing.assert_allclose(smooth(seen, FPS), true, atol=0.01)


FACE = np.array([[450, 300], [580, 300], [515, 360], [460, 420], [570, 420]], float)    # of a box of 300 x 400 pixels
BOX = np.array([400, 200, 700, 600], float)


@pytest.mark.parametrize("noise", [1.0, 3.0])
def test_landmarks_of_a_still_face_tremble_no_more_than_its_box(noise: float) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        boxes = smooth(BOX + rng.normal(0, noise, (200, 4)), FPS)
        landmarks = smooth_landmarks(FACE + rng.normal(0, noise, (200, 5, 2)), boxes, FPS)
        assert np.abs(np.diff(landmarks, axis=0)).max() < 0.3
        assert np.abs(np.diff(landmarks, axis=0)).mean() < 1.5 * np.abs(np.diff(boxes, axis=0)).mean()
        assert np.abs(landmarks - FACE).max() < 0.8 * noise


def test_landmarks_do_not_lag_behind_a_face_that_moves() -> None:
    way = 6 * np.arange(60.0)[:, None] * [1, 0]
    boxes = smooth(BOX + np.tile(way, 2), FPS)
    np.testing.assert_allclose(smooth_landmarks(FACE + way[:, None], boxes, FPS), FACE + way[:, None], atol=0.01)


def test_a_head_that_leans_within_a_still_box_is_followed() -> None:
    angles = np.radians(20 * np.sin(2 * np.pi * 0.5 * np.arange(100) / FPS))
    middle = FACE.mean(axis=0)
    turned = [(FACE - middle) @ [[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]] + middle for a in angles]
    noisy = np.array(turned) + np.random.default_rng(0).normal(0, 1, (100, 5, 2))
    eyes = np.diff(smooth_landmarks(noisy, np.tile(BOX, (100, 1)), FPS)[:, :2], axis=1)[:, 0]
    assert np.degrees(np.abs(np.arctan2(eyes[:, 1], eyes[:, 0]) - angles)).mean() < 2.5


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_face_seen_in_few_frames_stays_where_it_is(count: int) -> None:
    true, seen = moving(np.full(count, 300.0))
    np.testing.assert_allclose(smooth(seen, FPS), true, atol=1e-6)


def test_pads_move_each_side_outwards_and_clamping_keeps_the_box_in_the_frame() -> None:
    box = np.array([[10, 20, 30, 40]])
    assert pad(box, Pads(top=1, bottom=2, left=3, right=4)).tolist() == [[7, 19, 34, 42]]
    assert clamp(np.array([[-5, -6, 200, 90]]), (100, 80)).tolist() == [[0, 0, 100, 80]]


def test_overlap_is_one_for_equal_boxes_and_zero_for_distant_ones() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [50, 50, 60, 60]])
    np.testing.assert_allclose(iou(boxes[:1], boxes)[0], [1, 1 / 3, 0])
