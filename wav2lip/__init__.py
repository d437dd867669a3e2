"""Lip-sync a video to any speech.

    import wav2lip
    report = wav2lip.sync("in.mp4", "in.wav", "out.mp4", wav2lip.SyncOptions(checkpoint="gan.pth"))

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wav2lip.batch.job import Job, Outcome
    from wav2lip.batch.run import BatchReport, run_batch
    from wav2lip.cast.find import CastOptions, find_people
    from wav2lip.cast.report import CastReport
    from wav2lip.cast.selectors import At, Voice
    from wav2lip.cast.times import Span
    from wav2lip.errors import LowScoreError, MediaError, NoFaceError, UsageError, Wav2LipError, WeightsError
    from wav2lip.evaluation.results import VideoScore
    from wav2lip.evaluation.score import EvaluationOptions, evaluate
    from wav2lip.models.load import load_generator
    from wav2lip.pipeline.options import SyncOptions
    from wav2lip.pipeline.report import SyncReport
    from wav2lip.pipeline.sync import sync
    from wav2lip.preview.run import preview_sheet
    from wav2lip.preview.strip import preview_video
    from wav2lip.progress import Progress

__version__ = "0.1.0"

_HOME = {
    "At": "wav2lip.cast.selectors",
    "Span": "wav2lip.cast.times",
    "Voice": "wav2lip.cast.selectors",
    "BatchReport": "wav2lip.batch.run",
    "CastOptions": "wav2lip.cast.find",
    "CastReport": "wav2lip.cast.report",
    "EvaluationOptions": "wav2lip.evaluation.score",
    "Job": "wav2lip.batch.job",
    "LowScoreError": "wav2lip.errors",
    "MediaError": "wav2lip.errors",
    "NoFaceError": "wav2lip.errors",
    "Outcome": "wav2lip.batch.job",
    "Progress": "wav2lip.progress",
    "SyncOptions": "wav2lip.pipeline.options",
    "SyncReport": "wav2lip.pipeline.report",
    "UsageError": "wav2lip.errors",
    "VideoScore": "wav2lip.evaluation.results",
    "Wav2LipError": "wav2lip.errors",
    "WeightsError": "wav2lip.errors",
    "evaluate": "wav2lip.evaluation.score",
    "find_people": "wav2lip.cast.find",
    "load_generator": "wav2lip.models.load",
    "preview_sheet": "wav2lip.preview.run",
    "preview_video": "wav2lip.preview.strip",
    "run_batch": "wav2lip.batch.run",
    "sync": "wav2lip.pipeline.sync",
}

__all__ = [
    "At",
    "BatchReport",
    "CastOptions",
    "CastReport",
    "EvaluationOptions",
    "Job",
    "LowScoreError",
    "MediaError",
    "NoFaceError",
    "Outcome",
    "Progress",
    "Span",
    "SyncOptions",
    "SyncReport",
    "UsageError",
    "VideoScore",
    "Voice",
    "Wav2LipError",
    "WeightsError",
    "evaluate",
    "find_people",
    "load_generator",
    "preview_sheet",
    "preview_video",
    "run_batch",
    "sync",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
