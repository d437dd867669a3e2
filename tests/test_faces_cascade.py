"""The cascade needs no download and finds real faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from wav2lip.errors import UsageError, WeightsError
from wav2lip.faces.boxes import Pads, iou
from wav2lip.faces.cascade import CascadeDetector
from wav2lip.faces.detector import make_detector
from wav2lip.faces.people import follow
from wav2lip.faces.sparse import detect_faces
from wav2lip.models.known import KNOWN


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A photograph of a face that scikit-image ships, BGR."""
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[..., ::-1])


FACE = np.array([[178, 63, 268, 176]])    # in the portrait: cheek to cheek, hairline to chin


def test_a_face_is_found_where_it_is(portrait: np.ndarray) -> None:
    (faces,) = CascadeDetector().detect([portrait])
    assert faces.dtype == np.float32
    assert faces.shape[1] == 5
    assert iou(faces[:1], FACE)[0, 0] > 0.7
    assert 0.5 <= faces[0, 4] <= 1


@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_the_size_of_the_frame_does_not_matter(portrait: np.ndarray, scale: float) -> None:
    scaled = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (faces,) = CascadeDetector().detect([scaled])
    assert iou(faces[:1] / scale, FACE).max() > 0.65


def test_in_the_mirror_the_face_is_on_the_other_side(portrait: np.ndarray) -> None:
    (faces,) = CascadeDetector().detect([np.ascontiguousarray(portrait[:, ::-1])])
    width = portrait.shape[1]
    mirrored = FACE[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    assert iou(faces, mirrored).max() > 0.7


def test_the_same_frame_always_gets_the_same_answer(portrait: np.ndarray) -> None:
    detector = CascadeDetector()
    answers = [detector.detect([portrait])[0] for _ in range(3)]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


@pytest.mark.parametrize("shape", [(240, 320, 3), (16, 16, 3), (3, 500, 3), (1, 1, 3)])
def test_nothing_is_found_in_an_empty_frame_of_any_shape(shape: tuple[int, ...]) -> None:
    (faces,) = CascadeDetector().detect([np.full(shape, 127, np.uint8)])
    assert faces.shape == (0, 5)


def test_real_pictures_have_as_many_faces_as_one_sees(shared: Path) -> None:
    images = shared / "data" / "images"
    counts = {
        name: len(CascadeDetector().detect([cv2.imread(str(images / name))])[0])
        for name in ("no_face.jpg", "one_face.jpg", "several_faces.jpg")
    }
    assert counts["no_face.jpg"] == 0
    assert counts["one_face.jpg"] == 1
    assert counts["several_faces.jpg"] >= 3


@pytest.mark.parametrize(
    ("name", "face"),
    [    # in the middle of the clip: x1, y1, x2, y2 as shares of the frame
        ("landscape_720p_30fps.mp4", (0.48, 0.20, 0.77, 0.86)),
        ("portrait_hevc_25fps.mp4", (0.45, 0.31, 0.63, 0.45)),
    ],
)
def test_a_talking_head_is_followed_through_a_real_clip(
    shared: Path, name: str, face: tuple[float, ...]
) -> None:
    video = cv2.VideoCapture(str(shared / "data" / "clips" / name))
    frames = [video.read()[1] for _ in range(16)]
    height, width = frames[0].shape[:2]
    detections = detect_faces(frames, CascadeDetector(), every=1, block=4, batch=4)
    track = follow(detections, pads=Pads(0, 0, 0, 0), size=(width, height), fps=25)
    assert track.found == 16
    seen = track.boxes[8:9] / [width, height, width, height]
    assert iou(seen, np.array([face])).max() > 0.4
    assert np.abs(np.diff(track.boxes, axis=0)).max() < 0.02 * width


def test_auto_says_in_one_line_that_it_became_the_cascade() -> None:
    said: list[str] = []
    detector = make_detector("auto", weights=None, device="cpu", compat=False, offline=True, say=said.append)
    assert detector.name == "cascade"
    assert len(said) == 1
    assert "cascade" in said[0]


def test_auto_says_why_it_became_the_cascade_where_the_download_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAV2LIP_CACHE", str(tmp_path))
    nobody = replace(KNOWN["s3fd"], urls=("http://127.0.0.1:9/s3fd.pth",))
    monkeypatch.setitem(KNOWN, "s3fd", nobody)
    said: list[str] = []
    detector = make_detector("auto", weights=None, device="cpu", compat=False, offline=False, say=said.append)
    assert detector.name == "cascade"
    assert "http://127.0.0.1:9/s3fd.pth: Connection refused" in said[-2]


def test_s3fd_without_weights_is_an_error_that_says_where_they_go() -> None:
    with pytest.raises(WeightsError, match="s3fd-619a316812"):
        make_detector("s3fd", weights=None, device="cpu", compat=False, offline=True, say=print)


@pytest.mark.parametrize("name", ["yunet", "retinaface", "blazeface"])
def test_an_optional_detector_without_weights_says_which_option_names_them(name: str) -> None:
    with pytest.raises(WeightsError, match="--detector-weights"):
        make_detector(name, weights=None, device="cpu", compat=False, offline=True, say=print)


def test_an_unknown_detector_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="cascade"):
        make_detector("mtcnn", weights=None, device="cpu", compat=False, offline=True, say=print)
