"""Score what was just made, at the place where the face was synced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wav2lip.evaluation.judges import EXPERT, ExpertJudge
from wav2lip.evaluation.score import score_clip
from wav2lip.evaluation.tables import SyncScore
from wav2lip.faces.boxes import Pads, pad
from wav2lip.faces.track import FaceTrack
from wav2lip.media.probe import probe
from wav2lip.pipeline.timeline import Run
from wav2lip.progress import Progress


def rate(
    output: Path, plan: Sequence[Run], track: FaceTrack, pads: Pads, found_by: str, device: str, progress: Progress
) -> SyncScore:
    """Return how well lips and speech fit together in a result, as the expert that ships judges it.

    Nothing is looked for again: the face is where it was synced, without the pads, which the expert does not know.

    Args:
        output: the result.
        plan: which source frames it shows.
        track: where the face is in these.
        pads: that the track's boxes have.
        found_by: what found the face.
        device: where the expert runs.
        progress: is told how far it is.

    Raises:
        MediaError, NoFaceError: it is too short, or the face is never seen long enough.
    """
    numbers = np.array([number for run in plan for number in run.frames()])
    # Where it starts over, what follows is another sight; where it turns back, it is the same one.
    jumps = np.abs(np.diff(numbers, prepend=numbers[:1])) > 1
    shown = FaceTrack(
        pad(track.boxes[numbers], Pads(*(-side for side in pads))),
        track.score[numbers],
        track.identity[numbers],
        np.cumsum(jumps) * (int(track.shot.max()) + 1) + track.shot[numbers],
        track.size,
    )
    judge = ExpertJudge(None, device)
    return score_clip(probe(output), shown, [judge], progress, detector=found_by, picture=False).sync[EXPERT]
