"""A face whose appearance is copied: one of the same shot with its mouth closed, or one that the user names."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import torch

from wav2lip.compose.compositor import Compositor
from wav2lip.compose.face import crop_face
from wav2lip.compose.place import Place
from wav2lip.errors import NoFaceError
from wav2lip.evaluation.offsets import embed
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector
from wav2lip.faces.people import follow
from wav2lip.faces.track import FaceTrack
from wav2lip.media.palette import as_seen
from wav2lip.media.pick import pick
from wav2lip.media.picture import Picture
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.models.generator import FACE_SIZE, MOUTH
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import load_syncnet
from wav2lip.models.store import expert_checkpoint
from wav2lip.models.syncnet import WINDOW_FRAMES, SyncNet, lower_window
from wav2lip.pipeline.reference_cache import FaceByShot, cached_references
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress
from wav2lip.speech.basis import BANDS
from wav2lip.speech.mel import SILENCE
from wav2lip.speech.windows import WINDOW

# Which frames of a shot are looked at.
MOST = 48                # of them
APART = 3                # frames from one to the next: neighbours look the same
USUAL_SIZE = 0.15        # by how much the side of a box may differ from the shot's median
USUAL_SCORE = 0.9        # least detector score, of the shot's median; faces between two finds have none

# What else counts beside the expert's cosine, which goes from 0.1 for a wide open mouth to 0.7 for a closed one. Found
# on drawn heads, whose opening is known, and on real faces: teeth the expert may overlook, but they have edges.
EDGES = 0.15
TURNED = 0.1

# Up to here a face generated from another's reference keeps its mouth, nose and colours; from 0.3 on they smear, found
# by eye and by the cheeks' error on four moving and six still heads, with the generator that ships.
SUITABLE, DIFFERENT = 0.2, 0.3

# Where a face is looked for in a file that the user names.
SEARCHED = 10.0          # seconds
EVERY = 5                # frames


def closed_references(source: Source, track: FaceTrack, progress: Progress, *, device: str = "cpu") -> FaceByShot:
    """Find, in every shot, the face whose mouth is most closed, or remember what was found for such a track before.

    Frames spread evenly over each shot are looked at. Memory holds the candidates of the shots that are
    going on, and the best of each.

    Args:
        source: the video.
        track: the face in its frames.
        progress: is told how far it is.
        device: where the expert that ships runs, which hears how well a face fits silence.

    Returns:
        By number of the shot, uint8 (96, 96, 3), BGR. Shots without a face are left out, and those of whose frames the
        file holds none, however many its container promises.

    Raises:
        WeightsError: the shipped expert is missing.
        MediaError: the video cannot be read.
    """
    weights = expert_checkpoint()
    return cached_references(source, track, weights, device, lambda: _search(source, track, weights, device, progress))


def _search(source: Source, track: FaceTrack, weights: Path, device: str, progress: Progress) -> FaceByShot:
    candidates = {int(number): int(shot) for shot in np.unique(track.shot) for number in _candidates(track, int(shot))}
    found: FaceByShot = {}
    if not candidates:
        return found
    expert = fold_batch_norm(load_syncnet(weights), in_place=True).to(device)
    compositor = Compositor(source.palette)
    faces: dict[int, list[np.ndarray]] = {}
    last = {shot: number for number, shot in sorted(candidates.items())}     # shots may alternate, as speakers do
    with (
        progress.stage("Looking for a closed mouth", len(candidates)) as advance,
        closing(_frames(source, sorted(candidates))) as frames,
    ):
        for number, picture in frames:
            place, shot = track.place(number), candidates[number]
            if place is None:
                continue
            (cut,) = compositor.cut_out([picture], [Place(*place)])
            faces.setdefault(shot, []).append(cut.face)
            if number == last[shot]:
                found[shot] = most_closed(np.stack(faces.pop(shot)), expert)
            advance(1)
    return found | {shot: most_closed(np.stack(some), expert) for shot, some in faces.items()}


def most_closed(faces: np.ndarray, expert: SyncNet) -> np.ndarray:
    """Return the face whose mouth is most closed.

    That is the one whose lips, held still, the expert finds to fit silence; among those that fit about as well, one
    with few edges across the mouth, such as teeth and gaps make, and with the head held as it mostly is.

    Args:
        faces: of one shot, uint8 (n, 96, 96, 3), BGR, at least one; of equals the first is taken.
        expert: in eval mode.
    """
    if len(faces) == 1:
        return faces[0].copy()
    cost = EDGES * _of_median(_edges(faces)) + TURNED * _of_median(_turned(faces)) - _silent(faces, expert)
    return faces[int(np.argmin(cost))].copy()


def likeness(face: np.ndarray, reference: np.ndarray) -> float:
    """Return how far two faces are held so alike that one can be the other's reference: 1 in full, 0 not at all.

    The upper halves tell, which do not speak: by their mean difference, in units of the face's own contrast there. In
    between it changes with the head, so that a reference that is given up fades and does not pop.

    Args:
        face, reference: uint8 (96, 96, 3), BGR.
    """
    upper, other = (picture[: FACE_SIZE // 2].astype(np.float32) for picture in (face, reference))
    apart = float(np.abs(upper - other).mean()) / max(float(upper.std()), 1.0)
    return float(np.clip((DIFFERENT - apart) / (DIFFERENT - SUITABLE), 0, 1))


def reference_from_file(path: Path, detector: Detector | None, pads: Pads) -> np.ndarray:
    """Return the face in a picture, or the first one in the first ten seconds of a video.

    Args:
        path: the picture or video.
        detector: looks for the face. None takes the whole first frame as the face: a box that was given for another
            video says nothing about this file.
        pads: pixels of this file that are added to what the detector finds.

    Returns:
        uint8 (96, 96, 3), BGR.

    Raises:
        MediaError: the file cannot be read.
        NoFaceError: no face was found in it.
    """
    clip = probe(path)
    size = clip.width, clip.height
    searched = 1 if clip.image or detector is None else max(1, round(SEARCHED * clip.fps))
    with closing(read_frames(clip, 0, searched)) as frames:
        for number, frame in enumerate(frames):
            if detector is None:
                return cv2.resize(as_seen(frame, clip.colour), (FACE_SIZE, FACE_SIZE))
            if number % EVERY:
                continue
            detections = Detections(tuple(detector.detect([frame])), np.zeros(1, np.int32))
            box = follow(detections, pads=pads, smooth=False, size=size, fps=clip.fps).box(0)
            if box is not None:
                return crop_face(as_seen(frame, clip.colour), *box)
    where = "" if clip.image else f" in its first {min(SEARCHED, clip.duration):.3g} seconds"
    by = detector.name if detector else "nothing"
    raise NoFaceError(
        f"No face was found in the reference {path}{where} (looked for with {by}). "
        "Name a picture that shows the person's face from the front, or choose another --detector."
    )


def _candidates(track: FaceTrack, shot: int) -> np.ndarray:
    """Return the numbers of frames of a shot, evenly spaced, that show the face at its usual size and surely."""
    numbers = np.array([n for n in np.flatnonzero(track.shot == shot) if track.box(int(n)) is not None], int)
    if not len(numbers):
        return numbers
    boxes, score = track.boxes[numbers], track.score[numbers]
    side = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    usual = np.abs(side / np.median(side) - 1) <= USUAL_SIZE
    sure = score >= USUAL_SCORE * np.median(score[score > 0]) if score.any() else np.ones(len(score), bool)
    for kept in (usual & sure, usual):
        if kept.any():
            numbers = numbers[kept]
            break
    count = min(MOST, 1 + (len(numbers) - 1) // APART)
    # The middles of equal parts: a shot's first and last frames may belong to a dissolve.
    return numbers[((np.arange(count) + 0.5) * len(numbers) / count).astype(int)]


def _frames(source: Source, numbers: Sequence[int]) -> Generator[tuple[int, Picture]]:
    """Return an iterator of (number, picture) for ascending numbers."""
    return pick(numbers, source.read_pictures, jumping=source.clip.seekable and not source.stored)


def _silent(faces: np.ndarray, expert: SyncNet) -> np.ndarray:
    """Return the cosine (n,) of each face, held for a window of the expert, with silence."""
    device = next(expert.parameters()).device
    silence = embed(expert.audio_encoder, torch.full((1, 1, BANDS, WINDOW), SILENCE, device=device))
    pictures = torch.from_numpy(faces).to(device).permute(0, 3, 1, 2) / 255
    held = pictures[:, :, None].expand(-1, -1, WINDOW_FRAMES, -1, -1)
    lips = embed(expert.face_encoder, lower_window(held))
    return np.asarray((lips @ silence.T)[:, 0].cpu().numpy())


def _edges(faces: np.ndarray) -> np.ndarray:
    """Return the mean difference (n,) of the mouth region's rows, in grey levels."""
    mouths = np.stack([cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)[MOUTH] for face in faces]).astype(np.float32)
    return np.asarray(np.abs(np.diff(mouths, axis=1)).mean(axis=(1, 2)))


def _turned(faces: np.ndarray) -> np.ndarray:
    """Return how far the upper halves, which do not speak, are from their median, (n,) in levels."""
    upper = faces[:, : FACE_SIZE // 2].astype(np.float32)
    return np.asarray(np.abs(upper - np.median(upper, axis=0)).mean(axis=(1, 2, 3)))


def _of_median(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / max(float(np.median(values)), 1e-6))
