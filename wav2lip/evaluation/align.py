"""Put right a video whose sound is early or late."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wav2lip.errors import LowScoreError
from wav2lip.evaluation.judges import EXPERT
from wav2lip.evaluation.results import VideoScore
from wav2lip.evaluation.score import Evaluator
from wav2lip.media.probe import probe
from wav2lip.media.shift import shift_sound

LEAST_CONFIDENCE = 0.05       # of the expert: below, the offset is as good as guessed


@dataclass(frozen=True)
class Alignment:
    """What was done to a video's sound.

    Attributes:
        output: the video that was written.
        moved: seconds by which its sound is later than it was; negative for earlier.
        score: of the video as it was.
    """

    output: Path
    moved: float
    score: VideoScore

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        sync = self.score.sync[EXPERT]
        return {"output": str(self.output), "moved_ms": round(1000 * self.moved), "before": sync.to_dict()}


def align(path: Path, output: Path, evaluator: Evaluator, *, least_confidence: float = LEAST_CONFIDENCE) -> Alignment:
    """Measure how far the sound of a video is off, and write a copy in which it is not.

    No picture and no sound is encoded anew. A sound that is not off is copied as it is.

    Args:
        path: the video.
        output: the copy.
        evaluator: measures; the picture's figures are not needed.
        least_confidence: of the expert; below, nothing is written.

    Raises:
        LowScoreError: the expert is not sure enough.
        MediaError, NoFaceError: as `Evaluator.score`.
        Wav2LipError: the copy cannot be written.
    """
    score = evaluator.score(path)
    sync = score.sync[EXPERT]
    if sync.confidence < least_confidence:
        raise LowScoreError(
            f"{path} was left alone: its lips fit the speech nowhere much better than elsewhere (confidence "
            f"{sync.confidence:.3f}, and {least_confidence:g} is needed). --min-confidence 0 moves the sound anyway."
        )
    moved = -sync.late_seconds
    shift_sound(probe(path), output, moved)
    return Alignment(output, moved, score)
