"""The optional detectors agree with each other on real faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from wav2lip.errors import WeightsError
from wav2lip.faces.boxes import iou
from wav2lip.faces.detector import Detector, make_detector

FILES = {"yunet": "yunet.onnx", "retinaface": "retinaface_mobilenet.pth", "blazeface": "blazeface.pth"}


@pytest.fixture(scope="module", params=FILES)
def detector(shared: Path, request: pytest.FixtureRequest) -> Detector:
    weights = shared / "data" / "detectors" / FILES[request.param]
    return make_detector(request.param, weights=weights, device="cpu", compat=False, offline=True, say=print)


@pytest.mark.parametrize(
    ("name", "face"),
    [
        ("one_face.jpg", (189, 147, 354, 394)),
        ("no_face.jpg", None),
    ],
)
def test_faces_are_found_where_they_are(
    shared: Path, detector: Detector, name: str, face: tuple[int, ...] | None
) -> None:
    picture = cv2.imread(str(shared / "data" / "images" / name))
    (faces,) = detector.detect([picture])
    assert faces.dtype == np.float32
    assert len(faces) == (0 if face is None else 1)
    if face is not None:
        assert iou(faces, np.array([face])).max() > 0.7


def test_a_long_frame_is_seen_to_its_ends(shared: Path, detector: Detector) -> None:
    picture = cv2.imread(str(shared / "data" / "images" / "one_face.jpg"))
    height = picture.shape[0]
    for above in (0, height):
        long = cv2.copyMakeBorder(picture, above, height - above, 0, 0, cv2.BORDER_CONSTANT)
        (faces,) = detector.detect([long])
        assert len(faces) == 1
        assert iou(faces[:, :5] - [0, above, 0, above, 0], np.array([[189, 147, 354, 394]])).max() > 0.55


@pytest.mark.parametrize(("scale", "above"), [(1, 0), (0.8, 0), (3, 0), (1, 500)])
def test_eyes_nose_and_mouth_are_where_they_are_at_every_size(
    shared: Path, detector: Detector, scale: float, above: int
) -> None:
    picture = cv2.imread(str(shared / "data" / "images" / "one_face.jpg"))
    picture = cv2.copyMakeBorder(picture, above, 0, 0, 0, cv2.BORDER_CONSTANT)
    (faces,) = detector.detect([cv2.resize(picture, None, fx=scale, fy=scale)])
    assert faces.shape == (1, 15)
    landmarks = faces[0, 5:].reshape(5, 2) / scale - [0, above]
    seen = [(231, 244), (315, 243), (265, 295), (234, 330), (314, 328)]    # the person's right eye is on the left
    assert np.hypot(*(landmarks - seen).T).max() < 0.1 * 247               # of the face's height


def test_faces_that_stay_keep_their_own_landmarks(shared: Path, detector: Detector) -> None:
    picture = cv2.imread(str(shared / "data" / "images" / "several_faces.jpg"))
    (faces,) = detector.detect([picture])
    assert len(faces) >= 3
    right_eye, left_eye, nose, right_corner, left_corner = faces[:, 5:].reshape(-1, 5, 2).transpose(1, 0, 2)
    for point in (right_eye, left_eye, nose, right_corner, left_corner):
        assert (point > faces[:, :2]).all()
        assert (point < faces[:, 2:4]).all()
    assert (right_eye[:, 0] < left_eye[:, 0]).all()
    assert ((right_eye + left_eye)[:, 1] < (right_corner + left_corner)[:, 1]).all()


def test_frames_of_a_batch_get_their_own_faces(shared: Path, detector: Detector) -> None:
    picture = cv2.imread(str(shared / "data" / "images" / "one_face.jpg"))
    faces = detector.detect([np.zeros_like(picture), picture])
    assert [len(found) for found in faces] == [0, 1]


def test_the_fingerprint_names_the_detector_and_its_weights(detector: Detector) -> None:
    name, _, digest = detector.fingerprint.split()
    assert name == detector.name
    assert len(digest) == 64


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"<html>not found</html>", b""])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    wrong = tmp_path / "weights.bin"
    wrong.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"weights\.bin does not hold the {name} face detector"):
        make_detector(name, weights=wrong, device="cpu", compat=False, offline=True, say=print)


@pytest.mark.parametrize("name", ["retinaface", "blazeface"])
def test_the_weights_of_another_network_are_refused(shared: Path, name: str) -> None:
    other = shared / "data" / "detectors" / FILES["blazeface" if name == "retinaface" else "retinaface"]
    with pytest.raises(WeightsError, match=f"does not hold the {name} face detector"):
        make_detector(name, weights=other, device="cpu", compat=False, offline=True, say=print)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        make_detector(name, weights=tmp_path / "nowhere.pth", device="cpu", compat=False, offline=True, say=print)
