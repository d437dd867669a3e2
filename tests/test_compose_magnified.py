"""A face that is much larger in the frame than it was generated looks as if every pixel had been read for itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from wav2lip.compose import blend as blending
from wav2lip.compose.blend import blend
from wav2lip.compose.magnified import magnifies
from wav2lip.compose.mask import box_mask, landmark_mask, lower_face_mask
from wav2lip.compose.place import Place, Region
from wav2lip.media.picture import BGR, Picture, Pixels

LAYOUTS = [
    BGR, Pixels(8, 1, 1), Pixels(10, 1, 1), Pixels(10, 1, 0), Pixels(8), Pixels(8, 1, 1, alpha=True), Pixels(8, 2, 0),
]
PLACES = [
    Place(20.3, 30.6, 620.8, 690.1), Place(20.3, 30.6, 620.8, 690.1, 0.3), Place(-61.7, 100.2, 601.4, 700.9, -0.26),
    Place(101, 33, 701, 633),
]
LANDMARKS = np.array([[0.26, 0.36], [0.74, 0.34], [0.5, 0.55], [0.34, 0.72], [0.66, 0.7]])


def noise(pixels: Pixels, width: int = 703, height: int = 741) -> Picture:
    rng = np.random.default_rng(0)
    planes = [rng.integers(0, 2**pixels.depth, shape).astype(pixels.dtype) for shape in pixels.shapes(width, height)]
    return Picture(tuple(planes), pixels)


def soft_face(most: int) -> np.ndarray:
    """Return a face as soft as generated ones are, whose lights are clipped, float32 (96, 96, 3)."""
    light = cv2.GaussianBlur(np.random.default_rng(1).standard_normal((96, 96, 3)), (0, 0), 3)
    return (most * (0.5 + 0.3 * light / light.std()).clip(0, 1)).astype(np.float32)


def lip_line(most: int) -> np.ndarray:
    """Return a face with a line as dark and as thin as between lips, float32 (96, 96, 3)."""
    face = np.full((96, 96, 3), 0.8 * most, np.float32)
    face[70:74, 30:66] = 0.15 * most
    return cv2.GaussianBlur(face, (0, 0), 0.8)


def of_every_pixel(monkeypatch: pytest.MonkeyPatch, *given: object, **more: float) -> Picture:
    """Return what `blend` gives where every pixel is read for itself."""
    with monkeypatch.context() as patched:
        patched.setattr(blending, "magnifies", lambda *_given: False)
        return blend(*given, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", PLACES, ids=["upright", "leaning", "beyond the frame", "on whole pixels"])
@pytest.mark.parametrize("pixels", LAYOUTS, ids=lambda pixels: pixels.name)
def test_it_is_what_reading_every_pixel_gives_but_for_next_to_nothing(
    pixels: Pixels, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, most = noise(pixels), 2**pixels.depth - 1
    mask = landmark_mask(LANDMARKS, place.aspect)
    for face, opacity in ((soft_face(most), 1.0), (soft_face(most), 0.3), (lip_line(most), 1.0)):
        assert magnifies(place, picture, face, mask) == (pixels.across < 2)
        quick = blend(picture, place, face, mask, opacity=opacity)
        slow = of_every_pixel(monkeypatch, picture, place, face, mask, opacity=opacity)
        for number in range(3):
            off = np.abs(quick.planes[number].astype(float) - slow.planes[number]) * 255 / most
            assert off.max() <= (8 if number == 0 or pixels.rgb else 15)
            # Chroma of every pixel is drawn in straight lines between samples, not smoothly.
            assert off.mean() <= (0.1 if number == 0 or pixels.rgb else 0.3)


@pytest.mark.parametrize("mask", [lower_face_mask(), box_mask()], ids=["lower face", "box"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("pixels", LAYOUTS[:6], ids=lambda pixels: pixels.name)
def test_every_number_outside_the_mask_stays_bit_exact(pixels: Pixels, place: Place, mask: np.ndarray) -> None:
    picture = noise(pixels)
    before = picture.copy()
    face = np.full((96, 96, 3), 2.0**pixels.depth - 1, np.float32)
    assert magnifies(place, picture, face, mask)
    out = blend(picture, place, face, mask)
    region = Region.around(place, (0, 0, 1, 1), picture)
    assert region is not None
    for number, (plane, source) in enumerate(zip(out.planes, picture.planes, strict=True)):
        assert np.array_equal(source, before.planes[number]), "the source frame was painted on"
        if number == 3:
            assert np.array_equal(plane, source), "the transparency was painted on"
            continue
        shown = np.zeros(plane.shape, bool)
        shown[region.part(number)] = region.sample(mask, number) > 0
        assert np.array_equal(plane[~shown], source[~shown])
        assert (plane[shown] != source[shown]).mean() > 0.9


def test_there_is_no_line_where_one_strip_ends_and_the_next_begins() -> None:
    flat = Picture(tuple(np.full(shape, 100, np.uint8) for shape in Pixels(8, 1, 1).shapes(1280, 720)), Pixels(8, 1, 1))
    y, x = np.mgrid[0:96, 0:96].astype(np.float32)
    face = np.repeat((x + y)[..., None], 3, axis=2)
    out = blend(flat, Place(0, 0, 1280, 720, 0.2), face, np.ones((192, 192), np.float32)).planes[0].astype(int)
    # A plane that climbs by a seventh of a level a pixel: nowhere two levels from one row to the next.
    inside = out[150:-150, 200:-200]
    assert np.abs(np.diff(inside, axis=0)).max() <= 1
    assert np.abs(np.diff(inside, axis=1)).max() <= 1
    assert np.ptp(inside) > 80


def test_values_are_rounded_and_never_wrap_around() -> None:
    pixels = Pixels(8, 1, 1)
    black = Picture(tuple(np.zeros(shape, np.uint8) for shape in pixels.shapes(703, 741)), pixels)
    for value, shown in ((99.7, 100), (99.3, 99), (400.0, 255), (-30.0, 0)):
        out = blend(black, PLACES[0], np.full((96, 96, 3), value, np.float32), lower_face_mask())
        assert out.planes[0].max() == shown
    stripes = np.zeros((96, 96, 3), np.float32)
    stripes[::4] = 255
    bright = blend(black, PLACES[1], stripes, np.ones((192, 192), np.float32))
    # Smooth curves through such stripes reach beyond white and black: cut there, not wrapped around.
    assert np.abs(np.diff(bright.planes[0][200:400, 200:400].astype(int), axis=0)).max() < 100


def test_enhanced_faces_are_read_at_every_pixel() -> None:
    face = np.zeros((192, 192, 3), np.float32)
    assert not magnifies(Place(0, 0, 1300, 1300), noise(Pixels(8, 1, 1)), face, lower_face_mask())


def test_small_faces_and_other_ways_to_blend_are_read_at_every_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, face, mask = noise(Pixels(8, 1, 1)), soft_face(255), lower_face_mask()
    assert not magnifies(Place(100, 100, 650, 700), picture, face, mask)
    for more in ({"how": "hard"}, {"how": "poisson"}, {"grain": 3}):
        ways = blend(picture, PLACES[0], face, mask, **more), of_every_pixel(  # type: ignore[arg-type]
            monkeypatch, picture, PLACES[0], face, mask, **more  # type: ignore[arg-type]
        )
        assert all(np.array_equal(one, other) for one, other in zip(ways[0].planes, ways[1].planes, strict=True))
