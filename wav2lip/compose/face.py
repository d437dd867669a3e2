"""From a frame to what the generator sees, and back: crop, stack, paste."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from wav2lip.compose.patch import Cut, Patch, Tell
from wav2lip.compose.place import Place
from wav2lip.media.clip import Frame
from wav2lip.models.generator import FACE_SIZE


def crop_face(frame: Frame, x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    """Return the face in columns x1..x2-1 and rows y1..y2-1 as uint8 (96, 96, 3), bilinear as in training."""
    return cv2.resize(frame[y1:y2, x1:x2], (FACE_SIZE, FACE_SIZE))


def network_input(faces: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Stack target faces with their lower half hidden on reference faces.

    Args:
        faces: uint8 (n, 96, 96, 3), BGR.
        references: the same, the faces whose appearance is copied; the original uses `faces` themselves.

    Returns:
        float32 (n, 6, 96, 96) in [0, 1].
    """
    masked = faces.copy()
    masked[:, FACE_SIZE // 2 :] = 0
    stacked = np.concatenate((masked, references), axis=3)
    # Divided in float64 and then rounded to float32, as the original does.
    return np.ascontiguousarray((stacked / 255.0).transpose(0, 3, 1, 2), dtype=np.float32)


def paste_hard(frame: Frame, face: np.ndarray, x1: int, y1: int, x2: int, y2: int) -> Frame:
    """Overwrite the whole box with the generated face, as the original does: values truncated, edges visible.

    Args:
        frame: the source frame; it is not changed.
        face: float32 (96, 96, 3) in [0, 255], BGR.

    Returns:
        A new frame.
    """
    out = frame.copy()
    out[y1:y2, x1:x2] = cv2.resize(face.astype(np.uint8), (x2 - x1, y2 - y1))
    return out


class Original:
    """Cuts faces out of BGR frames and puts generated ones back as the original program does."""

    on_device = False
    tell: Tell | None = None

    def cut_out(self, frames: Sequence[Frame], places: Sequence[Place]) -> list[Cut]:
        """Return the face in every frame at its place in whole pixels."""
        faces = (crop_face(frame, *map(int, place[:4])) for frame, place in zip(frames, places, strict=True))
        return [Cut(face, face) for face in faces]

    def lower(self, place: Place, landmarks: np.ndarray | None) -> bool:
        """Return that all of every face is looked at."""
        return False

    def put_back(self, patches: Iterable[Patch]) -> Iterator[Frame]:
        """Yield the frames of the patches with the faces in them, in order."""
        for patch in patches:
            if self.tell is not None:
                self.tell(patch, np.ones((FACE_SIZE, FACE_SIZE), np.float32))
            yield paste_hard(patch.picture, patch.face, *map(int, patch.place[:4]))
