"""How far a face leans is told from its pixels, by the likeness of its halves."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from wav2lip.faces.cascade import CascadeDetector
from wav2lip.faces.symmetry import tilt_from_picture
from wav2lip.media.clip import Frame
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "face.mp4"


def first_frame(path: Path) -> Frame:
    (frame,) = read_frames(probe(path), 0, 1)
    return frame


@pytest.fixture(scope="module")
def drawn() -> tuple[Frame, np.ndarray]:
    """A frame that shows a face, and the face's box."""
    frame = first_frame(EXAMPLE)
    return frame, CascadeDetector().detect([frame])[0][0, :4]


def leaning(frame: Frame, box: np.ndarray, degrees: float) -> Frame:
    """Return the frame turned clockwise about the middle of a box."""
    (x, y) = (box[:2] + box[2:]) / 2
    matrix = cv2.getRotationMatrix2D((float(x), float(y)), -degrees, 1)
    return cv2.warpAffine(frame, matrix, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("degrees", [-35, -15, -4, 0, 10, 25])
def test_a_lean_is_found(drawn: tuple[Frame, np.ndarray], degrees: float) -> None:
    frame, box = drawn
    found = tilt_from_picture(leaning(frame, box, degrees), box)
    assert found is not None
    assert np.degrees(found) == pytest.approx(degrees, abs=4)


@pytest.mark.parametrize("shift", [(-0.08, 0.05), (0.08, 0.05), (0.0, -0.08)])
@pytest.mark.parametrize("size", [0.9, 1.12])
def test_it_is_found_in_a_box_that_does_not_fit_well(
    drawn: tuple[Frame, np.ndarray], shift: tuple[float, float], size: float
) -> None:
    frame, box = drawn
    side = box[2:] - box[:2]
    middle = (box[:2] + box[2:]) / 2 + np.array(shift) * side
    other = np.concatenate([middle - size * side / 2, middle + size * side / 2])
    found = tilt_from_picture(leaning(frame, box, 20), other)
    assert found is not None
    assert np.degrees(found) == pytest.approx(20, abs=5)


@pytest.mark.parametrize("scale", [0.25, 0.6, 2.7])
def test_the_size_of_the_face_does_not_matter(drawn: tuple[Frame, np.ndarray], scale: float) -> None:
    frame, box = drawn
    large = cv2.resize(leaning(frame, box, -18), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = tilt_from_picture(large, box * scale)
    assert found is not None
    assert np.degrees(found) == pytest.approx(-18, abs=4)


def test_nothing_is_told_of_what_is_no_face(drawn: tuple[Frame, np.ndarray]) -> None:
    rng, box = np.random.default_rng(0), np.array([40.0, 40, 120, 150])
    for _ in range(20):
        assert tilt_from_picture(rng.integers(0, 256, (200, 200, 3), dtype=np.uint8), box) is None
    assert tilt_from_picture(np.full((200, 200, 3), 90, np.uint8), box) is None


@pytest.mark.parametrize(
    "box", [(10, 10, 18, 20), (-300, 20, -200, 150), (20, 900, 120, 1050), (50, 50, 40, 30), (np.nan,) * 4],
    ids=["tiny", "left of it", "below it", "inside out", "unknown"],
)
def test_boxes_in_which_there_can_be_no_face_are_no_matter(
    drawn: tuple[Frame, np.ndarray], box: tuple[float, ...]
) -> None:
    assert tilt_from_picture(drawn[0], np.array(box)) is None


@pytest.mark.parametrize("corner", [(-60, -60), (190, -60), (190, 190), (0, 0)])
def test_a_box_that_hangs_over_the_edge_is_looked_at_as_far_as_it_goes(
    drawn: tuple[Frame, np.ndarray], corner: tuple[int, int]
) -> None:
    x, y = corner
    found = tilt_from_picture(drawn[0], np.array([x, y, x + 110.0, y + 150.0]))
    assert found is None or abs(np.degrees(found)) <= 45


def test_real_people_who_lean_are_told_well(shared: Path) -> None:
    others = sorted((shared / "data" / "grid" / "other").glob("*.mpg"))
    missed = []
    for path in others:
        frame = first_frame(path)
        found = CascadeDetector().detect([frame])[0]
        upright = tilt_from_picture(frame, found[0, :4])
        assert upright is not None
        for degrees in (-25, -12, 12, 25):
            turned = tilt_from_picture(leaning(frame, found[0, :4], degrees), found[0, :4])
            missed.append(90 if turned is None else abs(np.degrees(turned - upright) - degrees))
    assert np.median(missed) < 1.5
    assert np.mean(np.array(missed) > 4) <= 0.1
