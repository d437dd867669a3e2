"""Score what was just made, at the place where the face was synced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from wav2lip.evaluation.judges import EXPERT, ExpertJudge
from wav2lip.evaluation.score import score_clip
from wav2lip.evaluation.tables import SyncScore
from wav2lip.faces.boxes import Pads, pad
from wav2lip.faces.track import FaceTrack
from wav2lip.media.probe import probe
from wav2lip.progress import Progress


def rate(
    output: Path, numbers: np.ndarray, shown: FaceTrack, pads: Pads, found_by: str, device: str, progress: Progress
) -> SyncScore | None:
    """Return how well lips and speech fit together in a result, as the expert that ships judges it.

    Nothing is looked for again: the face is where it was synced, without the pads, which the expert does not know.

    Args:
        output: the result.
        numbers: int (n,), which source frame each of its frames shows.
        shown: the face that was synced in each of its frames.
        pads: that the track's boxes have.
        found_by: what found the face.
        device: where the expert runs.
        progress: is told how far it is.

    Raises:
        MediaError, NoFaceError: it is too short, or the face is never seen long enough.
    """
    # Where it starts over, what follows is another sight; where it turns back, it is the same one.
    jumps = np.abs(np.diff(numbers, prepend=numbers[:1])) > 1
    bare = replace(
        shown,
        boxes=pad(shown.boxes, Pads(*(-side for side in pads))),
        shot=np.cumsum(jumps) * (int(shown.shot.max()) + 1) + shown.shot,
        landmarks=None,
    )
    judge = ExpertJudge(None, device)
    return score_clip(probe(output), bare, [judge], progress, detector=found_by, picture=False).sync[EXPERT]
