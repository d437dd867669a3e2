"""The two networks that tell how well lips and speech fit together, behind one face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from wav2lip.evaluation.offsets import BATCH, cosines, embed, embed_lips
from wav2lip.media.clip import Frame
from wav2lip.media.sound import SAMPLE_RATE, pcm16
from wav2lip.models.generator import FACE_SIZE
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import load_syncnet, load_syncnet_v2
from wav2lip.models.store import locate, sha256_of
from wav2lip.models.syncnet import FPS, WINDOW_FRAMES
from wav2lip.models.syncnet_v2 import PICTURE_SIZE
from wav2lip.speech.mel import mel_blocks
from wav2lip.speech.mfcc import mfcc_blocks, mfcc_windows
from wav2lip.speech.windows import whole_windows

EXPERT, SYNCNET_V2 = "expert", "syncnet_v2"

# How the original SyncNet's face tracker cuts a face: shares of half the box's longer side, around its centre.
CROP_MARGIN = 0.40
CROP_MEDIAN = 13             # frames over which centre and size are calmed
CROP_GREY = 110              # what lies outside the frame

SAMPLES_PER_FRAME = SAMPLE_RATE // int(FPS)


class Judge(Protocol):
    """A network that embeds lips and speech, so that near means that they belong together.

    Attributes:
        name: what its figures are called.
        batch: windows that are compared at a time.
        alone: whether speech beyond the faces counts as a vector of zeros, instead of what it is.
        spare: faces at the end of a run that start no window.
        fingerprint: changes whenever the same video could get another score.
    """

    name: str
    batch: int
    alone: bool
    spare: int
    fingerprint: str

    def places(self, boxes: np.ndarray) -> np.ndarray:
        """Return what to cut out of consecutive frames, float (n, 4), of face boxes (n, 4)."""
        ...

    def cut(self, frame: Frame, place: np.ndarray) -> np.ndarray:
        """Return the picture that the network sees of a frame."""
        ...

    def whole(self, frame: Frame) -> np.ndarray:
        """Return the picture that it sees of a frame that is a cropped face already."""
        ...

    def lips(self, pictures: np.ndarray) -> Tensor:
        """Return the embeddings (n - 4, D) of the windows of 5 of n consecutive pictures."""
        ...

    def speech(self, samples: Iterable[np.ndarray]) -> Iterator[Tensor]:
        """Yield the embeddings (k, D) of the speech from frame 0, 1, ... on, a few at a time.

        Args:
            samples: blocks of mono float32 at 16 kHz, from the first frame on.
        """
        ...

    def distances(self, lips: Tensor, speech: Tensor) -> np.ndarray:
        """Return the distances float32 (m, n) of embeddings (m, D) and (n, D)."""
        ...


class ExpertJudge:
    """The expert SyncNet of Wav2Lip. Its distance is one minus the cosine.

    Args:
        path: its weights; None for the ones that ship.
        device: where it runs.

    Raises:
        WeightsError: the file is missing, broken or of another network.
    """

    name = EXPERT
    batch = BATCH
    alone = False
    spare = WINDOW_FRAMES - 1

    def __init__(self, path: Path | None = None, device: str = "cpu"):
        self._network = fold_batch_norm(load_syncnet(path), in_place=True).to(device)
        self._device = device
        self.fingerprint = f"expert 1 {_digest(self._network)}"

    def places(self, boxes: np.ndarray) -> np.ndarray:
        return boxes

    def cut(self, frame: Frame, place: np.ndarray) -> np.ndarray:
        """Return uint8 (96, 96, 3), bilinear as in training."""
        height, width = frame.shape[:2]
        x1, y1, x2, y2 = np.clip(np.rint(place), 0, [width, height, width, height]).astype(int)
        x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
        return self.whole(frame[y1:y2, x1:x2])

    def whole(self, frame: Frame) -> np.ndarray:
        return cv2.resize(frame, (FACE_SIZE, FACE_SIZE))

    def lips(self, pictures: np.ndarray) -> Tensor:
        return embed_lips(self._network, torch.from_numpy(pictures))

    def speech(self, samples: Iterable[np.ndarray]) -> Iterator[Tensor]:
        for windows in _batches(whole_windows(mel_blocks(samples), FPS), BATCH):
            yield embed(self._network.audio_encoder, torch.from_numpy(windows)[:, None].to(self._device))

    def distances(self, lips: Tensor, speech: Tensor) -> np.ndarray:
        return 1 - cosines(lips, speech)


class SyncNetJudge:
    """The original SyncNet, that of LSE-D and LSE-C. Its distance is that of L2.

    Args:
        path: syncnet_v2.model.
        device: where it runs.

    Raises:
        WeightsError: the file is missing, broken or of another network.

    Source: Chung, Zisserman 2016; the numbers of its authors' program as Wav2Lip's evaluation uses it.
    """

    name = SYNCNET_V2
    batch = 20
    alone = True
    spare = WINDOW_FRAMES        # the original leaves the last whole window out

    def __init__(self, path: Path, device: str = "cpu"):
        self._network = fold_batch_norm(load_syncnet_v2(path), in_place=True).to(device)
        self._device = device
        self.fingerprint = f"syncnet_v2 1 {sha256_of(locate(path))[:16]}"

    def places(self, boxes: np.ndarray) -> np.ndarray:
        """Return x, y, width and height of what the original's tracker cuts, possibly beyond the frame."""
        from scipy.ndimage import median_filter

        half = np.max(boxes[:, 2:] - boxes[:, :2], axis=1) / 2
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        # Zeros beyond both ends, as there; but fewer faces than it ever tracks would have more zeros than values.
        beyond = "constant" if len(boxes) >= CROP_MEDIAN else "nearest"
        values = median_filter(np.column_stack([centre, half]), (CROP_MEDIAN, 1), mode=beyond)
        x, y, half = values.T
        beside = half * (1 + CROP_MARGIN)
        return np.column_stack([x - beside, y - half, 2 * beside, half * (2 + 2 * CROP_MARGIN)])

    def cut(self, frame: Frame, place: np.ndarray) -> np.ndarray:
        """Return uint8 (224, 224, 3)."""
        x, y, width, height = place
        left, top, right, bottom = (int(side) for side in np.floor([x, y, x + width, y + height]))
        right, bottom = max(right, left + 1), max(bottom, top + 1)
        inside = frame[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        missing = (max(-top, 0), max(bottom - frame.shape[0], 0), max(-left, 0), max(right - frame.shape[1], 0))
        if any(missing) and inside.size:
            inside = cv2.copyMakeBorder(inside, *missing, cv2.BORDER_CONSTANT, value=(CROP_GREY,) * 3)
        elif not inside.size:
            inside = np.full((1, 1, 3), CROP_GREY, np.uint8)
        return self.whole(inside)

    def whole(self, frame: Frame) -> np.ndarray:
        return cv2.resize(frame, (PICTURE_SIZE, PICTURE_SIZE))

    @torch.inference_mode()
    def lips(self, pictures: np.ndarray) -> Tensor:
        return self._network.embed_lips(torch.from_numpy(pictures).to(self._device))

    def speech(self, samples: Iterable[np.ndarray]) -> Iterator[Tensor]:
        for windows in _batches(_windows_in_time(samples), self.batch):
            with torch.inference_mode():
                yield self._network.embed_speech(torch.from_numpy(windows)[:, None].to(self._device))

    def distances(self, lips: Tensor, speech: Tensor) -> np.ndarray:
        return torch.cdist(lips, speech, compute_mode="donot_use_mm_for_euclid_dist").cpu().numpy()


def load_judges(syncnet: Path | None, expert: Path | None, device: str) -> list[Judge]:
    """Return the expert, and the original SyncNet if its weights are given.

    Raises:
        WeightsError: a file is missing, broken or of another network.
    """
    judges: list[Judge] = [ExpertJudge(expert, device)]
    if syncnet:
        judges.append(SyncNetJudge(syncnet, device))
    return judges


def _windows_in_time(samples: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the MFCC window of every frame v that the sound outlasts by 5 whole frames, as the original counts them."""
    counted = 0

    def count() -> Iterator[np.ndarray]:
        nonlocal counted
        for block in samples:
            counted += len(block)
            yield pcm16(block)

    held: list[np.ndarray] = []      # a window may be complete before it is known that the sound goes on
    given = 0
    for window in mfcc_windows(mfcc_blocks(count())):
        held.append(window)
        while held and counted >= SAMPLES_PER_FRAME * (given + WINDOW_FRAMES + 1):
            yield held.pop(0)
            given += 1
    while held and counted >= SAMPLES_PER_FRAME * (given + WINDOW_FRAMES + 1):
        yield held.pop(0)
        given += 1


def _batches(windows: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    while some := list(islice(windows, size)):
        yield np.stack(some).astype(np.float32)


def _digest(network: torch.nn.Module) -> str:
    import hashlib

    digest = hashlib.blake2b(digest_size=8)
    for tensor in network.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
