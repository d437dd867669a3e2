"""What part of a generated face may be shown, by what every pixel of it and of the source is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

import cv2
import numpy as np
import torch

from wav2lip.models.bisenet import MEAN, PICTURE_SIZE, STD, BiSeNet
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.memory import Room, in_halves

# Labels of CelebAMask-HQ (Lee et al. 2020, arXiv 1907.11922), as the published BiSeNet gives them.
BACKGROUND, SKIN = 0, 1
LEFT_BROW, RIGHT_BROW, LEFT_EYE, RIGHT_EYE, GLASSES = 2, 3, 4, 5, 6
LEFT_EAR, RIGHT_EAR, EARRING = 7, 8, 9
NOSE, MOUTH, UPPER_LIP, LOWER_LIP = 10, 11, 12, 13
NECK, NECKLACE, CLOTH, HAIR, HAT = 14, 15, 16, 17, 18

SPEAKING = (MOUTH, UPPER_LIP, LOWER_LIP)           # shown wherever they are; skin is, below the nose only
FACE = tuple(range(SKIN, LOWER_LIP + 1))           # all that belongs to a head and is neither hair nor neck
KEPT = tuple(range(LEFT_BROW, NOSE + 1))           # parts of the source's face that speech does not move

# Shares of the label map's shorter side, which is that of the crop around a face.
SPECK = 0.02           # across: what is smaller is the parser's noise, or too small to matter
MARGIN = 0.01          # kept around what covers the face, because the edges of labels are uncertain
FEATHER = 0.04         # from nothing to all of the generated face, inwards
CHIN_REACH = 0.15      # how far beyond the source's face the generated one may go: a jaw that drops wide

CALMING = (1, 2, 3, 2, 1)    # weights of the masks of frames t - 2 .. t + 2: a step takes 0.2 s at 25 frames a second


class FaceParser:
    """The network that says what every pixel of a face is, ready to run.

    Args:
        network: in evaluation mode; it becomes the parser's own, and is changed.
        device: where it runs.
        batch: faces that go through it at a time; each needs about 0.1 GB.
    """

    def __init__(self, network: BiSeNet, device: str | torch.device = "cpu", batch: int = 8):
        self._network = fold_batch_norm(network, in_place=True).to(device)
        self._device = device
        self._batch = batch
        self._room = Room()
        self._mean = torch.tensor(MEAN, device=device)[:, None, None]
        self._std = torch.tensor(STD, device=device)[:, None, None]

    def parse(self, faces: np.ndarray) -> np.ndarray:
        """Label every pixel of faces.

        Args:
            faces: uint8 or float32 (n, h, w, 3) in [0, 255], BGR.

        Returns:
            uint8 (n, 512, 512), labels of CelebAMask-HQ.

        Raises:
            Wav2LipError: the device has too little memory for a single face.
        """
        labels = np.empty((len(faces), PICTURE_SIZE, PICTURE_SIZE), np.uint8)
        for at in range(0, len(faces), self._batch):
            labels[at : at + self._batch] = in_halves(
                self._run, faces[at : at + self._batch], device=self._device, task="to parse one face", room=self._room
            )
        return labels

    def _run(self, faces: np.ndarray) -> np.ndarray:
        sized = np.stack([cv2.resize(face, (PICTURE_SIZE, PICTURE_SIZE)) for face in faces])
        with torch.inference_mode():
            x = torch.from_numpy(sized).to(self._device).flip(3).permute(0, 3, 1, 2).contiguous() / 255.0
            return self._network((x - self._mean) / self._std).argmax(1).to(torch.uint8).cpu().numpy()


def speaking_mask(source: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Return what part of a generated face may be shown in place of the source.

    Shown are mouth, lips and the skin below the nose's tip, of the source, so that its own are covered, and of the
    generated face, so that a chin that has moved down is seen in front of the neck. Kept from the source are nose,
    eyes, glasses and ears, and what covers its face: a hand, a microphone, hair.

    A chin that is hidden from below cannot be told from one that is short: what is beside the source's face, and not
    between parts of it, is covered by a generated chin as far as `CHIN_REACH`. Only where the source's mouth is hidden
    too, by a scarf or a large microphone, nothing beside its face is covered.

    Args:
        source: uint8 (h, w), labels of the crop of the source.
        generated: uint8 (h, w), labels of the generated face in the same place.

    Returns:
        float32 (h, w) in [0, 1]; 0 outside of what may be shown and rising inwards without a step.
    """
    side = min(source.shape)
    speck, margin = _disc(SPECK * side), _disc(2 * MARGIN * side)
    face = _without_specks(np.isin(source, FACE), speck)
    line = _nose_tip(source, speck)
    shown = _without_specks(_speaks(source, line) | _speaks(generated, line), speck)
    mouth = _without_specks(np.isin(source, SPEAKING), speck)
    shown &= _within(face, CHIN_REACH * side) if mouth.any() else face
    covering = (_hull(face) & ~np.isin(source, (*FACE, NECK))) | np.isin(source, (HAIR, HAT))
    covering = cv2.dilate(_without_specks(covering, speck).astype(np.uint8), margin).astype(bool)
    kept = _without_specks(np.isin(source, KEPT), speck)
    return _feathered(shown & ~covering & ~kept, FEATHER * side)


def calm_masks(masks: Iterable[tuple[np.ndarray, int]]) -> Iterator[np.ndarray]:
    """Smooth masks in time, so that the parser's changes of mind do not flicker.

    Each becomes the weighted mean of its neighbours in the same shot (`CALMING`); no lag, and no mask moves by more
    than a third of the way in one frame, but from one part of a result to the next.

    Args:
        masks: float32 (h, w), all of one size, and the number of the shot that each belongs to, in order. Where a
            face is away for a while, it should come back as another shot.

    Yields:
        float32 (h, w), one for each, in order; it reads two ahead.
    """
    ahead = len(CALMING) // 2
    window: deque[tuple[np.ndarray, int] | None] = deque([None] * len(CALMING), len(CALMING))
    for item in chain(masks, [None] * ahead):
        window.append(item)
        if middle := window[ahead]:
            near = [(weight, at[0]) for weight, at in zip(CALMING, window, strict=True) if at and at[1] == middle[1]]
            weights, shown = zip(*near, strict=True)
            yield np.average(np.stack(shown), axis=0, weights=weights).astype(np.float32)


def _speaks(labels: np.ndarray, line: int) -> np.ndarray:
    """Return where labels are mouth, lips, or skin below a row."""
    shown = labels == SKIN
    shown[:line] = False
    return shown | np.isin(labels, SPEAKING)


def _nose_tip(labels: np.ndarray, speck: np.ndarray) -> int:
    """Return the row below the nose; half way down where no nose is seen."""
    rows = _without_specks(labels == NOSE, speck).any(1).nonzero()[0]
    return int(rows[-1]) + 1 if len(rows) else labels.shape[0] // 2


def _without_specks(mask: np.ndarray, speck: np.ndarray) -> np.ndarray:
    """Return a mask without parts, and then without holes, that a speck would cover; larger ones keep their corners."""
    given = mask.astype(np.uint8)
    opened = cv2.morphologyEx(given, cv2.MORPH_OPEN, speck)
    restored = np.minimum(given, cv2.dilate(opened, speck))
    return cv2.morphologyEx(restored, cv2.MORPH_CLOSE, speck).astype(bool)


def _within(mask: np.ndarray, reach: float) -> np.ndarray:
    """Return the pixels that are no further than `reach` pixels from a mask."""
    if not mask.any():
        return mask    # the distance to nothing is not defined
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) <= reach


def _hull(mask: np.ndarray) -> np.ndarray:
    """Return the convex hull of a mask."""
    hull = np.zeros(mask.shape, np.uint8)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if outlines:
        cv2.fillConvexPoly(hull, cv2.convexHull(np.concatenate(outlines)), 1)
    return hull.astype(bool)


def _feathered(mask: np.ndarray, width: float) -> np.ndarray:
    """Return a mask that rises from 0 at its border to 1 `width` pixels inside, without a corner.

    The edge of the label map is no border: what lies beyond it is not known.
    """
    if mask.all():
        return np.ones(mask.shape, np.float32)    # the distance to nothing is not defined
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    t = np.minimum(inside / np.float32(width), 1)
    return t * t * (3 - 2 * t)


def _disc(across: float) -> np.ndarray:
    """Return a disc to open, close and dilate with, of an odd number of pixels across."""
    pixels = 2 * round(across / 2) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pixels, pixels))
