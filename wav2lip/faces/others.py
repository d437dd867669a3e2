"""The optional detectors: each needs its weights file, and each brings its boxes to S3FD's form."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch

from wav2lip.errors import WeightsError
from wav2lip.faces.detector import WITH_LANDMARKS, Detector
from wav2lip.faces.suppress import suppress
from wav2lip.media.clip import Frame
from wav2lip.media.geometry import fitting, shrink
from wav2lip.models.checkpoint import read_checkpoint
from wav2lip.models.store import check_size, sha256_of

SURE = 0.5           # a face's least score
LONG_SIDE = 640      # pixels: larger frames are scaled down for YuNet and RetinaFace

RETINAFACE_MEANS = (104.0, 117.0, 123.0)    # blue, green, red
RETINAFACE_VARIANCES = (0.1, 0.2)           # of an anchor's side, per unit of the network's output
RETINAFACE_OVERLAP = 0.4

BLAZEFACE_SIDE = 128                        # pixels: its input is a square
BLAZEFACE_GRIDS = ((16, 2), (8, 6))         # cells a side, anchors a cell: 16^2 * 2 + 8^2 * 6 = 896
# Its boxes are squares around eyes and mouth. Where an S3FD-like box lies in them, in sides of the square;
# fitted to RetinaFace's boxes on 189 frames of 40 clips.
BLAZEFACE_CENTRE_X, BLAZEFACE_CENTRE_Y = 0.5, 0.393
BLAZEFACE_WIDTH, BLAZEFACE_HEIGHT = 0.857, 1.22
# It knows the middle of the mouth, not its corners: they are put on both sides of it, along the line of the eyes, as
# far apart as YuNet has them in the mean of 16 clips.
BLAZEFACE_MOUTH = 0.88                      # distances of the eyes


class YuNetDetector:
    """YuNet through OpenCV, on the CPU whatever the device.

    Raises:
        WeightsError: the file is missing or no YuNet.
    """

    name = "yunet"
    long_side: int | None = LONG_SIDE

    def __init__(self, weights: Path, device: str):
        digest = _digest(weights, self.name)
        try:
            # From memory: on Windows OpenCV opens no file whose name is not of its code page.
            model, nothing = np.fromfile(weights, np.uint8), np.empty(0, np.uint8)
            self._network = cv2.FaceDetectorYN.create("onnx", model, nothing, (LONG_SIDE, LONG_SIDE), SURE)
            self._network.detect(np.zeros((LONG_SIDE, LONG_SIDE, 3), np.uint8))
        except cv2.error as error:
            raise _wrong(weights, self.name) from error
        self.fingerprint = f"yunet 2 {digest}"

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Frame) -> np.ndarray:
        small, back = _shrink(frame, self.long_side)
        self._network.setInputSize(small.shape[1::-1])
        _, found = self._network.detect(small)
        if found is None:
            return np.zeros((0, WITH_LANDMARKS), np.float32)
        corner, extent, landmarks, score = np.split(found, [2, 4, 14], axis=1)
        return _best_first(np.concatenate([corner, corner + extent, score, landmarks], axis=1) * back)


class RetinaFaceDetector:
    """RetinaFace with a small MobileNet.

    Raises:
        WeightsError: the file is missing, broken or of another network.
    """

    name = "retinaface"
    long_side: int | None = LONG_SIDE

    def __init__(self, weights: Path, device: str):
        from wav2lip.faces.retinaface import RetinaFace

        self._device = torch.device(device)
        self._network = RetinaFace()
        self.fingerprint = f"retinaface 2 {_digest(weights, self.name)}"
        state_dict = {key.removeprefix("module."): value for key, value in _state_dict(weights, self.name).items()}
        try:
            self._network.load_state_dict(state_dict)
        except RuntimeError as error:
            raise _wrong(weights, self.name) from error
        self._network.eval().requires_grad_(False).to(self._device)

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        shrunk = [_shrink(frame, self.long_side) for frame in frames]
        pictures = torch.from_numpy(np.stack([small for small, _ in shrunk])).to(self._device)
        pictures = pictures.permute(0, 3, 1, 2) - torch.tensor(RETINAFACE_MEANS, device=self._device)[:, None, None]
        with torch.inference_mode():
            faces, places, landmarks = self._network(pictures)
        anchors = _anchors(*pictures.shape[2:])
        return [
            self._decode(face.cpu().numpy(), place.cpu().numpy(), marks.cpu().numpy(), anchors) * back
            for face, place, marks, (_, back) in zip(faces, places, landmarks, shrunk, strict=True)
        ]

    @staticmethod
    def _decode(face: np.ndarray, place: np.ndarray, landmarks: np.ndarray, anchors: np.ndarray) -> np.ndarray:
        sure = face > SURE
        face, place, landmarks, side = face[sure], place[sure], landmarks[sure], anchors[sure, 2:]
        centre = anchors[sure, :2] + RETINAFACE_VARIANCES[0] * side * place[:, :2]
        half = side * np.exp(RETINAFACE_VARIANCES[1] * place[:, 2:]) / 2
        landmarks = np.tile(anchors[sure, :2], 5) + RETINAFACE_VARIANCES[0] * side * landmarks
        faces = _best_first(np.concatenate([centre - half, centre + half, face[:, None], landmarks], axis=1))
        return faces[suppress(faces, RETINAFACE_OVERLAP)]


class BlazeFaceDetector:
    """BlazeFace for near faces, with the face-alignment package's network.

    Raises:
        WeightsError: the file is missing, broken or of another network.
    """

    name = "blazeface"
    long_side: int | None = LONG_SIDE

    def __init__(self, weights: Path, device: str):
        self.fingerprint = f"blazeface 2 {_digest(weights, self.name)}"
        _state_dict(weights, self.name)    # for its clear errors
        from face_alignment.detection.blazeface.blazeface_detector import BlazeFaceDetector as Original

        anchors = io.BytesIO()
        np.save(anchors, _blazeface_anchors())
        anchors.seek(0)
        try:
            self._detector = Original(device, path_to_detector=str(weights), path_to_anchor=anchors)
        except (RuntimeError, AttributeError, TypeError) as error:
            raise _wrong(weights, self.name) from error

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Frame) -> np.ndarray:
        small, back = _shrink(frame, BLAZEFACE_SIDE)
        # A square, or the detector would cut the ends off a long frame.
        square = np.zeros((BLAZEFACE_SIDE, BLAZEFACE_SIDE, 3), np.uint8)
        square[: small.shape[0], : small.shape[1]] = small
        # The package's own call throws the landmarks away: the network is asked itself.
        found = self._detector.face_detector.predict_on_image(np.ascontiguousarray(square[..., ::-1])).numpy()
        places, score = found[:, :16] * np.float32(BLAZEFACE_SIDE), found[:, 16:]
        first, last = places[:, 1::-1], places[:, 3:1:-1]    # it has y before x here
        side = (last - first).mean(axis=1, keepdims=True)
        corner = (first + last - side) / 2
        centre = corner + side * np.array([BLAZEFACE_CENTRE_X, BLAZEFACE_CENTRE_Y], np.float32)
        half = side * np.array([BLAZEFACE_WIDTH, BLAZEFACE_HEIGHT], np.float32) / 2
        right, left, nose, mouth = np.split(places[:, 4:12], 4, axis=1)
        aside = BLAZEFACE_MOUTH / 2 * (left - right)
        landmarks = [right, left, nose, mouth - aside, mouth + aside]
        return _best_first(np.concatenate([centre - half, centre + half, score, *landmarks], axis=1) * back)


DETECTORS: dict[str, Callable[[Path, str], Detector]] = {
    "yunet": YuNetDetector,
    "retinaface": RetinaFaceDetector,
    "blazeface": BlazeFaceDetector,
}
PUBLISHED = {
    "yunet": "face_detection_yunet_2023mar.onnx of OpenCV's model zoo",
    "retinaface": "retinaface_mobilenet0.25.pth of the face-alignment package",
    "blazeface": "blazeface.pth of BlazeFace-PyTorch",
}


def _shrink(frame: Frame, long_side: int | None) -> tuple[Frame, np.ndarray]:
    """Return the frame, and the factors (15,) that take faces found in it back to the one that was given.

    Args:
        long_side: how many pixels it is long at most; None for any.
    """
    height, width = frame.shape[:2]
    small = shrink(frame, fitting((width, height), long_side))
    x, y = width / small.shape[1], height / small.shape[0]
    return small, np.array([x, y, x, y, 1, *[x, y] * 5], np.float32)


def _best_first(faces: np.ndarray) -> np.ndarray:
    return faces[np.argsort(-faces[:, 4], kind="stable")].astype(np.float32)


@lru_cache(maxsize=1)    # every frame has the same
def _anchors(height: int, width: int) -> np.ndarray:
    from wav2lip.faces.retinaface import anchors

    return anchors(height, width).numpy()


def _blazeface_anchors() -> np.ndarray:
    """Return the anchors (896, 4) of the front model: cell centres, row by row, of width and height 1."""
    rows = []
    for cells, each in BLAZEFACE_GRIDS:
        y, x = np.divmod(np.repeat(np.arange(cells * cells), each), cells)
        rows.append(np.stack([(x + 0.5) / cells, (y + 0.5) / cells, np.ones(len(x)), np.ones(len(x))], axis=1))
    return np.concatenate(rows).astype(np.float32)


def _digest(weights: Path, name: str) -> str:
    if not weights.is_file():
        raise WeightsError(f"There is no weights file {weights}. Pass {PUBLISHED[name]} with --detector-weights.")
    check_size(weights)
    return sha256_of(weights)


def _state_dict(weights: Path, name: str) -> dict[str, torch.Tensor]:
    try:
        return read_checkpoint(weights, unknown=True).state_dict
    except WeightsError as error:
        raise _wrong(weights, name) from error


def _wrong(weights: Path, name: str) -> WeightsError:
    return WeightsError(f"{weights} does not hold the {name} face detector. Pass {PUBLISHED[name]}.")
