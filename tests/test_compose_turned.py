"""A face that leans is cut out upright, and put back leaning; one that does not is handled as it always was."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from test_compose_blend import LAYOUTS, PLACE, muted, smooth_picture

from wav2lip.compose.blend import Blend, blend
from wav2lip.compose.compositor import Compositor, Finish
from wav2lip.compose.grain import character
from wav2lip.compose.mask import box_mask, lower_face_mask
from wav2lip.compose.on_device import DeviceCompositor
from wav2lip.compose.parsing import SKIN
from wav2lip.compose.patch import Patch
from wav2lip.compose.place import Lattice, Place, Region, face_lattice, landmarks_in, sample_face
from wav2lip.media.clip import Colour
from wav2lip.media.palette import Palette
from wav2lip.media.picture import BGR, Picture, Pixels

SUBSAMPLED = [*LAYOUTS, Pixels(8, 2, 0), Pixels(8, 2, 2)]
SDR = Colour("bt709", "bt709", "bt709", "tv")
DEGREES = [-50, -15, 8, 15, 30, 60]


def leaning(degrees: float, place: Place = PLACE) -> Place:
    return place._replace(angle=float(np.radians(degrees)))


def middle(place: Place = PLACE) -> np.ndarray:
    """Return x and y of a place's middle, (2,)."""
    return np.array(place.point(0.5, 0.5))


def turn(degrees: float) -> np.ndarray:
    """Return what turns directions clockwise, (2, 2)."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def scene(pixels: Pixels, degrees: float = 0.0, width: int = 201, height: int = 163) -> Picture:
    """Return soft light and shade that is turned clockwise about the middle of `PLACE`, the same at every chroma."""
    planes = []
    for number, (rows, columns) in enumerate(pixels.shapes(width, height)):
        across, down = pixels.steps(number)
        y, x = np.mgrid[:rows, :columns]
        points = np.stack([(x + 0.5) * 2**across, (y + 0.5) * 2**down], axis=-1) - middle()
        x, y = np.moveaxis(points @ turn(degrees), -1, 0)
        light = 0.5 + 0.2 * np.sin(0.07 * x + number) + 0.2 * np.cos(0.05 * y - 0.03 * x)
        planes.append(np.rint(light * (2**pixels.depth - 1)).astype(pixels.dtype))
    return Picture(tuple(planes), pixels)


def points_of(picture: Picture, plane: int) -> np.ndarray:
    """Return where the numbers of a plane are in the frame, (rows * columns, 2)."""
    across, down = picture.pixels.steps(plane)
    y, x = np.indices(picture.planes[plane].shape)
    return np.stack([(x + 0.5) * 2**across, (y + 0.5) * 2**down], axis=-1).reshape(-1, 2)


def shown_part(place: Place, mask: np.ndarray, picture: Picture, plane: int) -> np.ndarray:
    """Return how much of a face a mask shows at each number of a plane, float64, worked out point by point."""
    padded = np.pad(mask, 1)
    shares = landmarks_in(place, points_of(picture, plane))
    at = np.clip(shares * mask.shape[0] + 0.5, 0, mask.shape[0] + 1 - 1e-9)
    low = np.floor(at).astype(int)
    (u, v), (i, j) = (at - low).T, low.T
    rows = [padded[j, i] * (1 - u) + padded[j, i + 1] * u, padded[j + 1, i] * (1 - u) + padded[j + 1, i + 1] * u]
    return np.asarray((rows[0] * (1 - v) + rows[1] * v).round(6)).reshape(picture.planes[plane].shape)


def beside(place: Place, picture: Picture, plane: int) -> np.ndarray:
    """Return which numbers of a plane are further than one number beside a face's rectangle, bool."""
    across, down = picture.pixels.steps(plane)
    shares = landmarks_in(place, points_of(picture, plane))
    size = np.array([(place.x2 - place.x1) / 2**across, (place.y2 - place.y1) / 2**down])
    return np.asarray((np.maximum(-shares, shares - 1) * size > 1).any(axis=1)).reshape(picture.planes[plane].shape)


class TestUprightFaces:
    """Faces that do not lean are where they were, bit for bit."""

    def test_their_lattices_are_the_plain_arithmetic(self) -> None:
        rng = np.random.default_rng(0)
        pictures = [smooth_picture(pixels) for pixels in SUBSAMPLED]
        for picture in pictures * 20:
            (x1, y1), (wide, high) = rng.uniform(-80, 180, 2), rng.uniform(3, 300, 2)
            place = Place(float(x1), float(y1), float(x1 + wide), float(y1 + high))
            assert place.angle == 0
            for plane in range(3):
                across, down = picture.pixels.steps(plane)
                w, h = (place.x2 - place.x1) / 2**across / 96, (place.y2 - place.y1) / 2**down / 96
                x, y = place.x1 / 2**across + 0.5 * w - 0.5, place.y1 / 2**down + 0.5 * h - 0.5
                assert np.array_equal(face_lattice(place, 96, (across, down)).matrix, [[w, 0, x], [0, h, y]])
                region = Region.around(place, (0, 0, 1, 1), picture)
                if region is None:
                    continue
                rows, columns = region.part(plane)
                w, h = (place.x2 - place.x1) / 2**across, (place.y2 - place.y1) / 2**down
                x = (columns.start + 0.5 - place.x1 / 2**across) / w
                y = (rows.start + 0.5 - place.y1 / 2**down) / h
                size, _, lattice = region.lattice(96, plane, cubic=True)
                assert lattice == Lattice(x * size - 0.5, y * size - 0.5, size / w, size / h)

    def test_a_hair_of_an_angle_changes_next_to_nothing(self) -> None:
        picture, face = smooth_picture(Pixels(8, 1, 1)), np.full((96, 96, 3), 200, np.float32)
        plain, turned = (blend(picture, place, face, lower_face_mask()) for place in (PLACE, leaning(1e-4)))
        for one, other in zip(plain.planes, turned.planes, strict=True):
            assert np.abs(one.astype(int) - other).max() <= 1


def test_a_turned_place_leans_clockwise() -> None:
    up = [0, -(PLACE.y2 - PLACE.y1) / 2]
    assert leaning(90).point(0.5, 0) == pytest.approx(middle() - up[::-1]), "up is to the right"


@pytest.mark.parametrize("pixels", SUBSAMPLED, ids=lambda pixels: pixels.name)
@pytest.mark.parametrize("degrees", DEGREES)
def test_a_leaning_face_is_cut_out_as_if_it_were_upright(pixels: Pixels, degrees: float) -> None:
    level = 2.0 ** (pixels.depth - 8)
    wanted = sample_face(scene(pixels, 0, 701, 663), PLACE._replace(angle=0), 96) / level
    found = sample_face(scene(pixels, degrees, 701, 663), leaning(degrees), 96) / level
    inside = slice(12, 84)     # beyond it corners of the turned square leave the frame
    assert np.abs(found - wanted)[inside, inside].max() < 2.1


@pytest.mark.parametrize("pixels", SUBSAMPLED, ids=lambda pixels: pixels.name)
@pytest.mark.parametrize("how", ["soft", "hard", "poisson"])
@pytest.mark.parametrize("degrees", [-50, 15])
def test_only_what_the_turned_mask_shows_is_changed(pixels: Pixels, how: Blend, degrees: float) -> None:
    picture, place, mask = smooth_picture(pixels), leaning(degrees), box_mask(hard=True)
    before = picture.copy()
    face = np.full((96, 96, 3), 2.0**pixels.depth - 5, np.float32)
    face[::2] = 10
    out = blend(picture, place, face, mask, how, grain=3)
    for number, (plane, source) in enumerate(zip(out.planes, picture.planes, strict=True)):
        assert np.array_equal(source, before.planes[number]), "the source frame was painted on"
        if number == 3:
            assert np.array_equal(plane, source), "the transparency was painted on"
            continue
        outside, shown = beside(place, picture, number), shown_part(place, mask, picture, number)
        assert np.array_equal(plane[outside], source[outside])
        assert (plane[shown > 0.9] != source[shown > 0.9]).mean() > 0.5


@pytest.mark.parametrize("pixels", SUBSAMPLED, ids=lambda pixels: pixels.name)
@pytest.mark.parametrize("degrees", DEGREES)
def test_a_leaning_face_comes_back_to_where_it_was_taken_from(pixels: Pixels, degrees: float) -> None:
    picture, place = scene(pixels), leaning(degrees)
    out = blend(picture, place, sample_face(picture, place, 96), lower_face_mask())
    level = 2.0 ** (pixels.depth - 8)
    for plane, source in zip(out.planes, picture.planes, strict=True):
        assert np.abs(plane.astype(int) - source).max() <= 3 * level


@pytest.mark.parametrize("pixels", [Pixels(8, 1, 1), Pixels(8, 1, 0), Pixels(8, 2, 0)], ids=lambda pixels: pixels.name)
def test_luma_and_chroma_are_put_in_the_same_place(pixels: Pixels) -> None:
    flat = Picture(tuple(np.full(shape, 100, np.uint8) for shape in pixels.shapes(201, 163)), pixels)
    spot = np.full((96, 96, 3), 100, np.float32)
    spot[64:80, 60:76] = 220
    out = blend(flat, leaning(25), spot, lower_face_mask())
    middles = []
    for number, plane in enumerate(out.planes):
        across, down = pixels.steps(number)
        weight = plane.astype(float) - 100
        y, x = np.indices(plane.shape)
        middles.append([((x + 0.5) * weight).sum() * 2**across, ((y + 0.5) * weight).sum() * 2**down] / weight.sum())
    expected = leaning(25).point(68 / 96, 72 / 96)
    for middle in middles:
        assert middle == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize("degrees", [-60, 20])
def test_a_leaning_face_that_hangs_over_the_edge_of_the_frame_is_cut_there(degrees: float) -> None:
    picture = smooth_picture(Pixels(8, 1, 1))
    face = np.full((96, 96, 3), 250, np.float32)
    places = [Place(-30, 60, 60, 180), Place(150, 100, 240, 220), Place(40, -70, 130, 50), Place(150, 110, 290, 270)]
    for place in (leaning(degrees, place) for place in places):
        assert np.isfinite(sample_face(picture, place, 96)).all()
        out = blend(picture, place, face, box_mask())
        for plane, source, number in zip(out.planes, picture.planes, range(3), strict=False):
            outside, shown = beside(place, picture, number), shown_part(place, box_mask(), picture, number)
            assert (plane != source)[shown > 0.5].mean() > 0.9
            assert np.array_equal(plane[outside], source[outside])
    nowhere = leaning(degrees, Place(400, 400, 500, 520))
    assert Region.around(nowhere, (0, 0, 1, 1), picture) is None


def test_a_square_whose_box_is_beside_the_frame_may_still_reach_into_it_when_turned() -> None:
    picture = smooth_picture(BGR)
    beside = Place(-100, 60, -2, 70)
    assert Region.around(beside, (0, 0, 1, 1), picture) is None
    upright = Place(-40, 20, -2, 140)
    assert Region.around(upright, (0, 0, 1, 1), picture) is None
    assert Region.around(leaning(60, upright), (0, 0, 1, 1), picture) is not None


def seam(finish: Finish, degrees: float) -> float:
    """Return how far a face that is brighter by 20 levels is from its source where it ends, in levels."""
    picture, place = muted(scene(Pixels(8, 1, 1))), leaning(degrees)
    palette = Palette(SDR, picture.pixels, *picture.size)
    compositor = Compositor(palette, finish)
    source = compositor.cut_out([picture], [place])[0].source
    (out,) = compositor.put_back([Patch(picture, place, source, palette.to_bgr(source) + 20)])
    shown = shown_part(place, lower_face_mask(), picture, 0)
    rim = (shown > 0.4) & (shown < 0.6)
    return float(np.abs(out.planes[0].astype(float) - picture.planes[0])[rim].mean())


@pytest.mark.parametrize("degrees", [-40, 20])
def test_the_colours_of_a_leaning_face_are_matched(degrees: float) -> None:
    unmatched = seam(Finish(match=False), degrees)
    assert unmatched > 6
    assert seam(Finish(), degrees) < 1
    assert seam(Finish("poisson"), degrees) < 0.3 * unmatched


def test_the_grain_of_a_leaning_face_is_judged_within_it() -> None:
    rng = np.random.default_rng(0)
    place, strong = leaning(45, Place(60, 40, 196, 240)), 6.0
    picture = Picture((np.full((288, 256), 120, np.uint8),) * 3, Pixels(8))
    inside = shown_part(place, box_mask(hard=True), picture, 0) > 0
    noise = cv2.GaussianBlur(rng.standard_normal(inside.shape), (0, 0), 0.6)
    grainy = np.where(inside, 120 + strong * noise / noise.std(), 120)
    picture = Picture((np.rint(grainy).astype(np.uint8), *picture.planes[1:]), picture.pixels)
    out = blend(picture, place, np.full((96, 96, 3), 120, np.float32), box_mask(hard=True), grain=5)
    part = out.planes[0][120:160, 110:150].astype(np.float32)     # the middle of the face
    assert character(part)[1] == pytest.approx(strong, rel=0.25)


class Labels:
    """A parser for which everything is skin."""

    def parse(self, faces: np.ndarray) -> np.ndarray:
        labels = np.full((len(faces), 512, 512), SKIN, np.uint8)
        labels[:, 380:400, 200:300] = 12
        return labels


def test_a_parser_sees_a_leaning_face_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    labels = Labels()
    monkeypatch.setattr(labels, "parse", lambda faces: seen.append(faces) or Labels().parse(faces), raising=False)
    pictures = [scene(BGR, degrees, 401, 363) for degrees in (0, 25)]
    palette = Palette(Colour("bt709", "bt709", "bt709", "pc"), BGR, 401, 363)
    for picture, place in zip(pictures, (PLACE, leaning(25)), strict=True):
        compositor = Compositor(palette, Finish(), parser=labels)  # type: ignore[arg-type]
        source = compositor.cut_out([picture], [place])[0].source
        (out,) = compositor.put_back([Patch(picture, place, source, np.full((96, 96, 3), 20, np.float32))])
        outside = beside(place, picture, 0)
        assert np.array_equal(out.planes[0][outside], picture.planes[0][outside])
        assert (out.planes[0] != picture.planes[0]).any()
    upright, turned = (faces[0][60:450, 60:450] for faces in seen)
    assert np.abs(turned - upright).mean() < 1.5


@pytest.mark.parametrize("kinds", [(0, 20, 0, -30, -30, 0), (20, 0), (0, 20), (15, 15), (0, 0)])
def test_a_device_leaves_leaning_faces_to_opencv_and_keeps_the_order(kinds: tuple[int, ...]) -> None:
    pixels = Pixels(8, 1, 1)
    pictures = [smooth_picture(pixels, grain=0.004 * (1 + at)) for at in range(len(kinds))]
    places = [leaning(degrees) for degrees in kinds]
    palette = Palette(SDR, pixels, *pictures[0].size)
    usual, device = Compositor(palette), DeviceCompositor(palette, Finish(), "cpu")
    faces = [np.full((96, 96, 3), 60 + 20 * at, np.float32) for at in range(len(kinds))]
    results = []
    for compositor in (usual, device):
        cuts = compositor.cut_out(pictures, places)
        patches = (
            Patch(picture, place, cut.source, torch.from_numpy(face) if compositor.on_device else face)
            for picture, place, cut, face in zip(pictures, places, cuts, faces, strict=True)
        )
        results.append(list(compositor.put_back(patches)))
    for wanted, made, degrees in zip(*results, kinds, strict=True):
        for one, other in zip(wanted.planes, made.planes, strict=True):
            assert np.abs(one.astype(int) - other).max() <= (1 if degrees == 0 else 0)


def test_a_device_shows_a_frame_before_it_asks_for_the_next_batch() -> None:
    pixels = Pixels(8, 1, 1)
    picture = smooth_picture(pixels)
    compositor = DeviceCompositor(Palette(SDR, pixels, *picture.size), Finish(), "cpu")
    places = [leaning(degrees) for degrees in (0, 20)]
    cuts = compositor.cut_out([picture] * 2, places)
    asked = 0

    def patches() -> object:
        nonlocal asked
        for place, cut in zip(places, cuts, strict=True):
            asked += 1
            yield Patch(picture, place, cut.source, np.full((96, 96, 3), 90, np.float32))
        raise AssertionError("the next batch was asked for")

    shown = compositor.put_back(patches())  # type: ignore[arg-type]
    for _ in places:
        next(shown)
    assert asked == 2


def test_the_picture_changes_steadily_with_the_angle() -> None:
    picture = scene(Pixels(8, 1, 1))
    face = np.random.default_rng(0).uniform(80, 180, (96, 96, 3)).astype(np.float32)
    face = cv2.GaussianBlur(face, (0, 0), 3)
    made = [blend(picture, leaning(d), face, lower_face_mask()).planes[0].astype(int) for d in np.arange(-1, 1.1, 0.1)]
    assert max(float(np.abs(one - other).mean()) for one, other in pairwise(made)) < 0.1


@pytest.mark.parametrize("pixels", SUBSAMPLED, ids=lambda pixels: pixels.name)
@pytest.mark.parametrize("degrees", [0, -35, 12, 90])
@pytest.mark.parametrize("how", ["soft", "hard"])
def test_a_face_put_back_strip_by_strip_is_the_face_put_back_at_once(
    pixels: Pixels, degrees: float, how: Blend, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = scene(pixels)
    y, x = np.mgrid[:96, :96]
    light = 0.5 + 0.4 * np.sin(0.2 * x) * np.cos(0.15 * y)
    face = (np.stack([light, 1 - light, light], axis=2) * (2**pixels.depth - 1)).astype(np.float32)
    out = {}
    for strip in (1, 3000, 1 << 30):
        monkeypatch.setattr("wav2lip.compose.place.STRIP", strip)
        out[strip] = [
            blend(picture, leaning(degrees, place), face, lower_face_mask(), how)
            for place in (PLACE, Place(-30.2, -60.0, 240.5, 250.0), Place(120.0, 40.3, 240.0, 200.0))
        ]
    for at, whole in enumerate(out[1 << 30]):
        assert (whole.planes[0] != picture.planes[0]).mean() > 0.01
        for strip in (1, 3000):
            for one, other in zip(out[strip][at].planes, whole.planes, strict=True):
                # OpenCV rounds where it reads to a fraction of a sample.
                assert np.abs(one.astype(float) - other).max() <= 2 ** (pixels.depth - 8)
