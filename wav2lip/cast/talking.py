"""Who of the people in a clip talks, and when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wav2lip.cast.mouths import watch_mouths
from wav2lip.cast.turns import NOBODY, turns
from wav2lip.evaluation.judges import ExpertJudge
from wav2lip.faces.track import FaceTrack
from wav2lip.media.clip import Clip
from wav2lip.media.read import nearest_frame
from wav2lip.models.remembered import content_digest, entry_of, recall, remember
from wav2lip.models.store import expert_checkpoint
from wav2lip.models.syncnet import FPS
from wav2lip.progress import Progress

FORMAT = 1    # counts up whenever others would be found to talk


def who_talks(clip: Clip, tracks: Sequence[FaceTrack], progress: Progress, device: str = "cpu") -> np.ndarray:
    """Tell who talks in each frame of a clip, from its own sound and the mouths of the people in it.

    The expert SyncNet that ships hears whose lips fit; how the mouths move and open with the loudness tells too, and
    alone where there is no sound. Decided are whole stretches of each shot; a pause belongs to who talks around it.
    Somebody who is alone in the clip talks, and nothing is looked at. Answers are remembered.

    Args:
        clip: as `probe` describes it.
        tracks: a person each, of the same frames, all of the clip's or the first of them; unpadded.
        progress: is told how far it is.
        device: where the expert runs.

    Returns:
        int (n,): index of the person who talks in each of the frames of the tracks, -1 where nobody who is seen does.

    Raises:
        WeightsError: the shipped expert is missing.
        MediaError: the clip cannot be read.
    """
    frames = len(tracks[0]) if tracks else 0
    if len(tracks) < 2 or not frames:
        return _if_seen(np.zeros(frames, int), tracks)
    weights = expert_checkpoint()
    entry = _entry(clip, tracks, weights, device)
    known = _read(entry, len(tracks), frames)
    if known is None:
        mouths = watch_mouths(clip, tracks, ExpertJudge(weights, device), progress)
        known = _if_seen(_at_own_rate(turns(mouths), mouths.shot, clip, tracks[0].shot), tracks)
        remember(entry, talks=known.astype(np.int32))
    return known


def _at_own_rate(course: np.ndarray, shots: np.ndarray, clip: Clip, own_shots: np.ndarray) -> np.ndarray:
    """Return what is said of frames at 25 a second for the clip's own, each from within its own shot."""
    nearest = np.array([nearest_frame(number, clip.fps, FPS) for number in range(len(own_shots))])
    talks = np.full(len(own_shots), NOBODY)
    for beside in (1, -1, 0):
        at = (nearest + beside).clip(0, len(course) - 1)
        fits = shots[at] == own_shots
        talks[fits] = course[at[fits]]
    return talks


def _if_seen(talks: np.ndarray, tracks: Sequence[FaceTrack]) -> np.ndarray:
    """Return who talks with nobody for those who are not seen."""
    seen = np.zeros(len(talks), bool)
    for person, track in enumerate(tracks):
        seen |= (talks == person) & track.seen
    return np.where(seen, talks, NOBODY)


def _entry(clip: Clip, tracks: Sequence[FaceTrack], weights: Path, device: str) -> Path:
    boxes = [track.boxes.tobytes() for track in tracks]
    return entry_of(
        "who talks", FORMAT, content_digest(clip.path), clip.fps, len(tracks), *boxes, tracks[0].shot.tobytes(),
        content_digest(weights), device.partition(":")[0],
    )


def _read(entry: Path, people: int, frames: int) -> np.ndarray | None:
    found = recall(entry, "talks")
    if found is None or found[0].shape != (frames,) or found[0].dtype != np.int32:
        return None
    (talks,) = found
    return talks.astype(int) if ((talks >= NOBODY) & (talks < people)).all() else None
