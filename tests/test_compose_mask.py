"""The mask lies where the mouth is, however the head is held."""

from __future__ import annotations

import numpy as np
import pytest

from wav2lip.compose.choices import Blend, Mask
from wav2lip.compose.compositor import Compositor, Finish
from wav2lip.compose.mask import ASPECT, EYES, EYES_APART, MOUTH, NOSE, landmark_mask, lower_face_mask, mask_top
from wav2lip.compose.patch import Patch
from wav2lip.compose.place import Place
from wav2lip.media.clip import Colour
from wav2lip.media.palette import Palette
from wav2lip.media.picture import BGR, Picture, Pixels
from wav2lip.models.generator import LOWER

USUAL = np.array([
    [0.5 - EYES_APART / 2, EYES], [0.5 + EYES_APART / 2, EYES], [0.5, NOSE], [0.34, MOUTH], [0.66, MOUTH],
])


def leaning(degrees: float, landmarks: np.ndarray = USUAL) -> np.ndarray:
    """Return landmarks turned clockwise around the middle of the box, which is higher than wide."""
    turn = np.radians(degrees)
    unit = np.array([ASPECT, 1.0])
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return ((landmarks - 0.5) * unit @ rotation) / unit + 0.5


def centre(mask: np.ndarray) -> np.ndarray:
    """Return x and y of a mask's centre of gravity, as shares."""
    y, x = (np.indices(mask.shape) + 0.5) / mask.shape[0]
    return np.array([(x * mask).sum(), (y * mask).sum()]) / mask.sum()


def at(mask: np.ndarray, point: np.ndarray) -> float:
    """Return the mask at a point in shares."""
    x, y = (np.asarray(point) * mask.shape[0]).astype(int)
    return float(mask[y, x])


def test_of_a_face_that_looks_at_the_camera_it_is_the_usual_lower_face_without_the_nose() -> None:
    mask, usual = landmark_mask(USUAL, ASPECT), lower_face_mask()
    assert np.abs(mask - usual)[round(0.65 * 192) :].max() < 0.1
    assert (mask <= usual + 0.1).all()
    assert mask[: round(NOSE * 192)].max() < 0.02


@pytest.mark.parametrize("degrees", [-30, -20, 20, 30])
def test_it_leans_with_the_head(degrees: float) -> None:
    landmarks = leaning(degrees)
    mask = landmark_mask(landmarks, ASPECT)
    for corner in landmarks[3:]:
        assert at(mask, 0.85 * corner + 0.15 * landmarks[3:].mean(axis=0)) > 0.85
    assert at(mask, landmarks[2]) < 0.05, "the nose was painted on"
    moved = (centre(mask) - centre(landmark_mask(USUAL, ASPECT)))[0]
    assert np.sign(moved) == np.sign((landmarks[3:].mean(axis=0) - 0.5)[0])


def test_it_follows_a_mouth_that_is_not_where_the_box_has_it() -> None:
    mask = landmark_mask(np.add(USUAL, [0.06, -0.05]), ASPECT)
    assert centre(mask)[0] > centre(landmark_mask(USUAL, ASPECT))[0] + 0.02
    assert at(mask, np.array([0.56, MOUTH - 0.03])) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("degrees", [0, 15, -40])
def test_it_ends_before_the_box_does(degrees: float) -> None:
    mask = landmark_mask(leaning(degrees), ASPECT)
    assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) < 0.02


def test_it_changes_steadily_with_the_landmarks() -> None:
    before = None
    for degrees in np.arange(-70, 70, 0.5):
        mask = landmark_mask(leaning(float(degrees)), ASPECT)
        if before is not None:
            assert np.abs(mask - before).mean() < 0.02
        before = mask


@pytest.mark.parametrize(
    "landmarks",
    [
        None,
        np.full((5, 2), np.nan),
        leaning(80),
        USUAL[[0, 1, 3, 2, 2]],                        # a mouth at the nose
        np.array([[0.5, EYES], [0.51, EYES], [0.4, NOSE], [0.45, MOUTH], [0.47, MOUTH]]),    # a profile
        np.add(USUAL, [0.6, 0]),                       # beside the box
    ],
)
def test_landmarks_that_no_face_has_from_the_front_give_way_to_the_box(landmarks: np.ndarray | None) -> None:
    assert np.array_equal(landmark_mask(landmarks, ASPECT), lower_face_mask())


@pytest.mark.parametrize("degrees", [-45, -20, 0, 20, 45])
@pytest.mark.parametrize("nod", [-0.03, 0.0, 0.05])       # of the nose's tip, as heads nod
def test_nothing_above_the_nose_is_painted_on(degrees: float, nod: float) -> None:
    landmarks = USUAL + np.outer([0, 0, 1, 0, 0], [0, nod])
    mask = landmark_mask(leaning(degrees, landmarks), ASPECT)
    for x in np.linspace(0.05, 0.95, 19):
        for y in (NOSE + nod - 0.02, EYES, 0.2):
            place = leaning(degrees, np.array([[x, y]]))[0]
            if place.min() > 0 and place.max() < 1:
                assert at(mask, place) == 0


def test_a_narrow_face_has_a_mask_no_wider_than_its_box() -> None:
    mask = landmark_mask(USUAL, 0.6)
    assert (mask <= lower_face_mask() + 1e-6)[round(0.65 * 192) :].all()


@pytest.mark.parametrize(("mask", "leans"), [(None, True), ("lower", True), ("box", False)])
def test_a_face_with_landmarks_is_put_back_through_their_mask(mask: Mask | None, leans: bool) -> None:
    picture = Picture(tuple(np.full((240, 240), 100, np.uint8) for _ in range(3)), BGR)
    palette = Palette(Colour("bt709", "bt709", "bt709", "pc"), BGR, 240, 240)
    compositor = Compositor(palette, Finish(mask=mask, match=False))
    place = Place(30, 20, 30 + ASPECT * 200, 220)
    source = compositor.cut_out([picture], [place])[0].source
    face = np.full((96, 96, 3), 200, np.float32)
    patches = [Patch(picture, place, source, face, landmarks=landmarks) for landmarks in (None, leaning(20))]
    plain, leaning_one = compositor.put_back(patches)
    assert leans == (plain.planes[0] != leaning_one.planes[0]).any()


def shaken(seed: int) -> np.ndarray | None:
    """Return landmarks of a head that is held anyhow; None for every eighth."""
    rng = np.random.default_rng(seed)
    if seed % 8 == 0:
        return None
    return leaning(rng.uniform(-70, 70), USUAL + rng.normal(0, 0.05, (5, 2)) + rng.uniform(-0.1, 0.1, 2))


def test_it_is_known_above_which_row_it_shows_nothing() -> None:
    tops = []
    for seed in range(400):
        landmarks = shaken(seed)
        mask, top = landmark_mask(landmarks, ASPECT), mask_top(landmarks, ASPECT)
        assert not mask[: max(int(np.floor(top * 192)), 0)].any()
        tops.append((np.flatnonzero(mask.any(axis=1))[0] / 192 if mask.any() else 1) - top)
    assert np.median(tops) < 0.03    # and not far above


@pytest.mark.parametrize("pixels", [BGR, Pixels(8, 1, 1)], ids=lambda pixels: pixels.name)
@pytest.mark.parametrize("blend", ["soft", "hard", "poisson"])
@pytest.mark.parametrize("mask", [None, "box"])
def test_of_a_face_of_which_the_lower_rows_are_enough_no_other_is_looked_at(
    pixels: Pixels, blend: Blend, mask: Mask | None
) -> None:
    rng = np.random.default_rng(0)
    colour = Colour("bt709", "bt709", "bt709", "pc" if pixels.rgb else "tv")
    shapes = [(300 >> pixels.steps(plane)[1], 400 >> pixels.steps(plane)[0]) for plane in range(3)]
    picture = Picture(tuple(rng.integers(30, 200, shape).astype(np.uint8) for shape in shapes), pixels)
    compositor = Compositor(Palette(colour, pixels, 400, 300), Finish(blend, mask))
    enough = []
    for seed in range(60):
        corner, high = rng.uniform(-40, 200, 2), rng.uniform(20, 240)
        place = Place(*corner, corner[0] + ASPECT * high, corner[1] + high, rng.choice([0.0, 0.3]))
        landmarks = shaken(seed)
        enough.append(compositor.lower(place, landmarks))
        if not enough[-1]:
            continue
        source, face = compositor.cut_out([picture], [place])[0].source, rng.uniform(0, 255, (96, 96, 3))
        made = []
        for above in (0, 255):
            face[:LOWER] = above
            patch = Patch(picture, place, source, face.astype(np.float32), landmarks=landmarks)
            made.append(next(compositor.put_back([patch])))
        assert all(np.array_equal(one, other) for one, other in zip(made[0].planes, made[1].planes, strict=True))
    assert any(enough) == (blend != "poisson" and mask is None)
    assert not all(enough)
