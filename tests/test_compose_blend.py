"""Only the mouth changes, and nobody sees where: masks, sub-pixel sampling, colours, grain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from wav2lip.compose.blend import Blend, blend
from wav2lip.compose.compositor import Compositor, Finish
from wav2lip.compose.grain import add_grain, character
from wav2lip.compose.mask import border, box_mask, lower_face_mask
from wav2lip.compose.patch import Patch
from wav2lip.compose.place import Place, Region, sample_face
from wav2lip.compose.tone import match_colour
from wav2lip.media.clip import Colour
from wav2lip.media.palette import Palette
from wav2lip.media.picture import BGR, Picture, Pixels

PLACE = Place(40.3, 20.6, 130.8, 140.1)
LAYOUTS = [BGR, Pixels(8, 1, 1), Pixels(10, 1, 1), Pixels(10, 1, 0), Pixels(8, 1, 1, alpha=True), Pixels(16, rgb=True)]


def smooth_picture(pixels: Pixels, width: int = 201, height: int = 163, grain: float = 0.004) -> Picture:
    """Return a picture of gentle light and shade with a little grain, as a share of the whole range."""
    rng = np.random.default_rng(0)
    most = 2**pixels.depth - 1
    planes = []
    for shape in pixels.shapes(width, height):
        light = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 25 * shape[0] / height)
        values = 0.5 + 0.12 * light / light.std() + grain * rng.standard_normal(shape)
        planes.append(np.rint(values.clip(0, 1) * most).astype(pixels.dtype))
    return Picture(tuple(planes), pixels)


def muted(picture: Picture) -> Picture:
    """Return a picture of a quarter of the contrast, none of whose colours is brightened beyond white."""
    middle = 2 ** (picture.pixels.depth - 1)
    planes = [middle + (plane.astype(int) - middle) // 4 for plane in picture.planes]
    return Picture(tuple(plane.astype(picture.pixels.dtype) for plane in planes), picture.pixels)


def reach(place: Place, mask: np.ndarray, picture: Picture, plane: int) -> np.ndarray:
    """Return where a mask shows anything of a face, bool in the shape of a plane."""
    region = Region.around(place, (0, 0, 1, 1), picture)
    assert region is not None
    shown = np.zeros(picture.planes[plane].shape, bool)
    shown[region.part(plane)] = region.sample(mask, plane) > 0
    return shown


@pytest.mark.parametrize("pixels", LAYOUTS, ids=lambda pixels: pixels.name)
@pytest.mark.parametrize("how", ["soft", "hard", "poisson"])
def test_every_number_outside_the_mask_stays_bit_exact(pixels: Pixels, how: Blend) -> None:
    picture = smooth_picture(pixels)
    before = picture.copy()
    face = np.full((96, 96, 3), 2.0**pixels.depth - 5, np.float32)
    face[::2] = 10
    out = blend(picture, PLACE, face, lower_face_mask(), how, grain=3)
    for number, (plane, source) in enumerate(zip(out.planes, picture.planes, strict=True)):
        assert np.array_equal(source, before.planes[number]), "the source frame was painted on"
        if number == 3:
            assert np.array_equal(plane, source), "the transparency was painted on"
            continue
        shown = reach(PLACE, lower_face_mask(), picture, number)
        assert np.array_equal(plane[~shown], source[~shown])
        assert (plane[shown] != source[shown]).mean() > 0.5


def edge_steps(picture: Picture, mask: np.ndarray) -> float:
    """Return the mean gradient of the luma across the line where a mask is half, in levels a pixel."""
    luma = picture.planes[0].astype(float)
    region = Region.around(PLACE, (0, 0, 1, 1), picture)
    assert region is not None
    shown = np.zeros(luma.shape, np.float32)
    shown[region.part(0)] = region.sample(mask, 0)
    inside = shown >= 0.5
    steps = [np.abs(np.diff(luma, axis=axis))[np.diff(inside, axis=axis)] for axis in (0, 1)]
    return float(np.concatenate(steps).mean())


@pytest.mark.parametrize("pixels", [Pixels(8, 1, 1), BGR, Pixels(10, 1, 1)], ids=lambda pixels: pixels.name)
def test_a_face_brighter_by_20_levels_leaves_no_seam_but_with_a_hard_edge(pixels: Pixels) -> None:
    picture, mask, level = smooth_picture(pixels, grain=0), lower_face_mask(), 2.0 ** (pixels.depth - 8)
    source = sample_face(picture, PLACE, 96)
    brighter = source + 20 * level
    own = edge_steps(picture, mask)
    matched = match_colour(brighter, source, border(mask), level)
    assert edge_steps(blend(picture, PLACE, matched, mask), mask) == pytest.approx(own, rel=0.1)
    assert edge_steps(blend(picture, PLACE, brighter, mask, "poisson"), mask) == pytest.approx(own, rel=0.1)
    assert edge_steps(blend(picture, PLACE, brighter, mask, "hard"), mask) > 1.5 * own


@pytest.mark.parametrize("pixels", [Pixels(8, 1, 1), BGR, Pixels(10, 1, 1)], ids=lambda pixels: pixels.name)
def test_by_default_a_generated_face_that_is_brighter_by_20_leaves_no_seam(pixels: Pixels) -> None:
    picture, mask = muted(smooth_picture(pixels, grain=0)), lower_face_mask()
    palette = Palette(Colour("bt709", "bt709", "bt709", "pc" if pixels.rgb else "tv"), pixels, *picture.size)
    own, left = edge_steps(picture, mask), {}
    for finish in (Finish(), Finish("poisson"), Finish("hard"), Finish(match=False)):
        compositor = Compositor(palette, finish)
        source = compositor.cut_out([picture], [PLACE])[0].source
        patch = Patch(picture, PLACE, source, palette.to_bgr(source) + 20)
        (out,) = compositor.put_back([patch])
        left[finish] = edge_steps(out, mask)
    assert left[Finish()] == pytest.approx(own, rel=0.1)
    assert left[Finish("poisson")] == pytest.approx(own, rel=0.1)
    assert left[Finish("hard")] > 1.5 * own
    assert left[Finish("hard")] > left[Finish(match=False)] > 1.1 * own


def test_a_face_that_is_its_source_changes_next_to_nothing() -> None:
    picture = smooth_picture(Pixels(8, 1, 1))
    out = blend(picture, PLACE, sample_face(picture, PLACE, 96), lower_face_mask())
    for plane, source in zip(out.planes, picture.planes, strict=True):
        # What is left is the grain that 96 samples cannot hold.
        assert np.abs(plane.astype(int) - source).mean() < 0.3


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, 0.9])
def test_a_face_comes_back_to_where_it_was_taken_from(shift: float) -> None:
    y, x = np.mgrid[0:163, 0:201]
    ramp = (x + 0.5 * y).astype(np.uint8)
    picture = Picture((ramp, ramp, ramp), BGR)
    place = Place(40 + shift, 20 + shift, 130 + shift, 140 + shift)
    face = sample_face(picture, place, 96)
    # Column c of the square is the middle of its share of the box.
    expected = place.x1 + 90 * 40.5 / 96 - 0.5 + 0.5 * (place.y1 + 120 * 60.5 / 96 - 0.5)
    assert face[60, 40, 0] == pytest.approx(expected, abs=0.6)
    out = blend(picture, place, face, lower_face_mask())
    assert np.abs(out.planes[0].astype(int) - ramp).max() <= 1


def test_values_are_rounded_not_truncated() -> None:
    flat = Picture(tuple(np.zeros((163, 201), np.uint8) for _ in range(3)), BGR)
    out = blend(flat, PLACE, np.full((96, 96, 3), 99.7, np.float32), lower_face_mask())
    assert out.planes[0].max() == 100


def test_opacity_fades_the_whole_face() -> None:
    flat = Picture(tuple(np.full((163, 201), 100, np.uint8) for _ in range(3)), BGR)
    face = np.full((96, 96, 3), 200, np.float32)
    for how in ("soft", "hard"):
        assert blend(flat, PLACE, face, lower_face_mask(), how, opacity=0.25).planes[0].max() == 125


def test_a_face_that_hangs_over_the_edge_of_the_frame_is_cut_there() -> None:
    picture = smooth_picture(Pixels(8, 1, 1))
    for place in (Place(-30, 60, 60, 180), Place(150, 100, 240, 220), Place(300, 300, 400, 400)):
        out = blend(picture, place, np.full((96, 96, 3), 250, np.float32), lower_face_mask())
        assert out.planes[0].shape == picture.planes[0].shape


def test_a_mask_that_shows_nothing_gives_the_frame_back() -> None:
    picture = smooth_picture(BGR)
    out = blend(picture, PLACE, np.zeros((96, 96, 3), np.float32), np.zeros((64, 64), np.float32))
    assert all(np.array_equal(one, other) for one, other in zip(out.planes, picture.planes, strict=True))


def test_the_mouth_is_shown_in_full_and_the_eyes_not_at_all() -> None:
    mask = lower_face_mask(96)
    assert (mask[66:84, 30:66] == 1).all()
    assert (mask[:42] == 0).all()
    assert (mask[:, 0] < 0.01).all()
    assert (mask[-1] < 0.02).all()


def test_the_box_is_feathered_unless_its_edge_is_to_be_hard() -> None:
    assert box_mask()[0].max() < 0.05
    assert box_mask()[96, 96] == 1
    assert (box_mask(hard=True) == 1).all()


class TestColour:
    def face(self) -> np.ndarray:
        return sample_face(smooth_picture(BGR), PLACE, 96)

    def test_a_tint_is_taken_off(self) -> None:
        source = self.face()
        tinted = source * [0.9, 1.0, 1.1] + [12, -6, 3]
        matched = match_colour(tinted.astype(np.float32), source, border(lower_face_mask(96)))
        around = border(lower_face_mask(96)) > 0.5
        assert np.abs((matched - source)[around].mean(axis=0)).max() < 0.5
        assert np.abs(matched - source).mean() < 2

    def test_light_from_one_side_stays_on_that_side(self) -> None:
        source = self.face()
        lit = source + np.linspace(-15, 15, 96, dtype=np.float32)[None, :, None]
        matched = match_colour(lit, source, border(lower_face_mask(96)))
        around = border(lower_face_mask(96)) > 0.5
        assert np.abs(matched - source)[around].mean() < 0.35 * np.abs(lit - source)[around].mean()

    def test_an_open_mouth_does_not_darken_the_face(self) -> None:
        source = self.face()
        spoken = source.copy()
        cv2.ellipse(spoken, (48, 74), (16, 12), 0, 0, 360, (20, 20, 40), -1)
        matched = match_colour(spoken, source, border(lower_face_mask(96)))
        assert np.abs(matched - spoken)[60:90].mean() < 2.5

    def test_what_is_elsewhere_on_the_border_hardly_counts(self) -> None:
        source = self.face()
        other = source + np.float32(10)
        other[70:, :30] = 255    # a hand, or a background that the generator thought of
        matched = match_colour(other, source, border(lower_face_mask(96)))
        right = np.zeros((96, 96), bool)
        right[60:85, 70:85] = True
        assert np.abs((matched - source)[right].mean()) < 2.5

    def test_an_empty_border_changes_nothing(self) -> None:
        source = self.face()
        assert np.array_equal(match_colour(source + 9, source, np.zeros((96, 96), np.float32)), source + 9)


class TestGrain:
    def grainy(self, sigma: float, softness: float = 0.6) -> np.ndarray:
        noise = np.random.default_rng(1).standard_normal((120, 160))
        noise = cv2.GaussianBlur(noise, (0, 0), softness) if softness else noise
        shade = np.linspace(90, 150, 160)[None, :]
        return (shade + sigma * noise / noise.std()).astype(np.float32)

    @pytest.mark.parametrize("sigma", [1.0, 3.0, 6.0])
    @pytest.mark.parametrize("softness", [0.0, 0.6, 0.9])
    def test_its_strength_and_softness_are_found(self, sigma: float, softness: float) -> None:
        found = character(self.grainy(sigma, softness))
        assert found == (softness, pytest.approx(sigma, rel=0.2))

    def test_a_smooth_face_gets_the_grain_of_its_source(self) -> None:
        smooth = np.full((120, 160), 120, np.float32)
        out = add_grain(smooth, self.grainy(4.0), 7, 1.0)
        assert out.std() == pytest.approx(4.0, rel=0.25)
        assert abs(out.mean() - 120) < 0.2

    def test_it_moves_from_frame_to_frame_and_is_the_same_for_the_same_frame(self) -> None:
        smooth, grainy = np.full((120, 160), 120, np.float32), self.grainy(4.0)
        one, again, next_one = (add_grain(smooth, grainy, number, 1.0) for number in (7, 7, 8))
        assert np.array_equal(one, again)
        assert abs(np.corrcoef(one.ravel(), next_one.ravel())[0, 1]) < 0.1

    def test_a_face_that_has_as_much_gets_none(self) -> None:
        face = self.grainy(4.0)
        assert np.array_equal(add_grain(face, self.grainy(3.0), 0, 1.0), face)
