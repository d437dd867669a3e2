"""A face that leans is cut out and put back along its own axis."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from wav2lip.compose.blend import blend
from wav2lip.compose.mask import box_mask
from wav2lip.compose.place import Place, landmarks_in, sample_face
from wav2lip.media.picture import Picture, planar

UPRIGHT = Place(60.0, 40.0, 132.0, 136.0)
FORMATS = ["yuv420p", "yuv422p", "yuv444p10le", "gbrp"]


def scene(width: int = 200, height: int = 180) -> np.ndarray:
    """Return smooth hills, float64 (height, width) in 0..1."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    return 0.5 + 0.2 * np.sin(x / 17) + 0.2 * np.cos(y / 13 + x / 40)


def pictured(values: np.ndarray, name: str) -> Picture:
    """Return a picture of which every plane shows the values, sampled where the plane's numbers are."""
    pixels = planar(name)
    planes = []
    for number, (rows, columns) in enumerate(pixels.shapes(values.shape[1], values.shape[0])):
        across, down = pixels.steps(number)
        small = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA) if across or down else values
        planes.append(np.rint(small * (2**pixels.depth - 1)).astype(pixels.dtype))
    return Picture(tuple(planes), pixels)


def leaning(values: np.ndarray, place: Place, angle: float) -> np.ndarray:
    """Return the scene turned about the middle of a place."""
    middle = ((place.x1 + place.x2) / 2 - 0.5, (place.y1 + place.y2) / 2 - 0.5)
    matrix = cv2.getRotationMatrix2D(middle, -np.degrees(angle), 1)
    return cv2.warpAffine(values, matrix, values.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("degrees", [-25, 15])
def test_a_leaning_face_is_cut_out_as_the_upright_one(name: str, degrees: float) -> None:
    values, angle = scene(), float(np.radians(degrees))
    upright = sample_face(pictured(values, name), UPRIGHT, 96)
    turned = sample_face(pictured(leaning(values, UPRIGHT, angle), name), UPRIGHT._replace(angle=angle), 96)
    most = 2.0 ** (planar(name).depth - 8)
    assert np.abs(upright - turned).mean() < 1.0 * most
    wrong = sample_face(pictured(leaning(values, UPRIGHT, angle), name), UPRIGHT, 96)
    assert np.abs(upright - wrong).mean() > 5 * most


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_cut_out_and_put_back_changes_nothing_to_speak_of(name: str) -> None:
    place = UPRIGHT._replace(angle=float(np.radians(20)))
    picture = pictured(scene(), name)
    face = sample_face(picture, place, 192)
    back = blend(picture, place, face, box_mask(192))
    level = 2.0 ** (picture.pixels.depth - 8)
    for before, after in zip(picture.planes, back.planes, strict=True):
        difference = np.abs(before.astype(float) - after)
        assert difference.max() <= 3 * level
        assert (before != after).any()


def test_only_the_leaning_rectangle_is_touched() -> None:
    place = UPRIGHT._replace(angle=float(np.radians(30)))
    picture = pictured(np.full((180, 200), 0.5), "yuv420p")
    out = blend(picture, place, np.full((96, 96, 3), 255, np.float32), box_mask(192, hard=True), "hard")
    y, x = np.mgrid[0:180, 0:200] + 0.5
    shares = landmarks_in(place, np.stack([x.ravel(), y.ravel()], axis=1)).reshape(180, 200, 2)
    inside = ((shares >= 0) & (shares <= 1)).all(axis=2)
    touched = out.planes[0] != picture.planes[0]
    assert (touched != inside).sum() <= 40           # at the very edge
    assert touched.sum() == pytest.approx(72 * 96, rel=0.02)


@pytest.mark.parametrize("corner", [(-50, -40), (160, 120), (-50, 120)])
def test_a_leaning_face_at_the_frames_edge_is_cut_there(corner: tuple[int, int]) -> None:
    x, y = corner
    place = Place(x, y, x + 90.0, y + 100.0, float(np.radians(40)))
    picture = pictured(scene(), "yuv420p")
    out = blend(picture, place, np.full((96, 96, 3), 255, np.float32), box_mask(192))
    assert [plane.shape for plane in out.planes] == [plane.shape for plane in picture.planes]
    assert sample_face(picture, place, 96).shape == (96, 96, 3)


def test_landmarks_are_shares_of_the_leaning_rectangle() -> None:
    place = UPRIGHT._replace(angle=0.4)
    shares = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.7], [0.65, 0.7]])
    points = np.array([place.point(*share) for share in shares])
    np.testing.assert_allclose(landmarks_in(place, points), shares, atol=1e-12)
    np.testing.assert_allclose(
        landmarks_in(UPRIGHT, points), (points - [60, 40]) / [72, 96], atol=1e-12
    )
