"""What looking for faces in few, small frames saves, and what it changes.

    python benchmarks/detection.py clip.mp4 ... --detector yunet --detector-weights yunet.onnx

For every clip: in how many frames `wav2lip sync` looks for faces, and the seconds that it takes, decoding included; the
seconds of a look into every frame, as small and in full size; and how much the tracks of the face have in common with
those, without and with smoothing: the median, mean and 5th percentile of the intersection over union in all frames that
show a face in both, and in how many frames only one of them shows a face.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from wav2lip.cli.progress import TerminalProgress
from wav2lip.faces.boxes import Pads, iou
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import Detector, make_detector
from wav2lip.faces.look import BATCH
from wav2lip.faces.people import follow
from wav2lip.faces.sparse import detect_faces, distance
from wav2lip.media.geometry import fitting
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.prepare import open_source
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress

SMALL, FULL = "every frame", "full size"
FIGURES = ("median", "mean", "5 %")
HEADER = ("looks", "frames", "seconds", "against", "seconds", *FIGURES, *FIGURES, "differ")


@dataclass(frozen=True)
class Looked:
    """What was found in a clip, in pixels of its own size, and the seconds that it took."""

    detections: Detections
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """The track of few looks against another one.

    Attributes:
        clip, frames, looks, seconds: of the few looks.
        against: what the other one is of.
        other_seconds: how long that took.
        raw, smooth: median, mean and 5th percentile of the intersection over union, without and with smoothing; empty
            where no frame shows a face in both.
        differ: frames in which only one of them shows a face.
    """

    clip: str
    frames: int
    looks: int
    seconds: float
    against: str
    other_seconds: float
    raw: tuple[float, ...]
    smooth: tuple[float, ...]
    differ: int


def look(source: Source, detector: Detector, frames: int, every: int, batch: int, progress: Progress) -> Looked:
    """Look for faces in the first frames, as large as the detector sees them."""
    size = fitting(source.size, detector.long_side)
    start = time.perf_counter()
    with progress.stage("Finding faces", frames) as advance, closing(source.read_small(frames, size)) as pictures:
        found = detect_faces(pictures, detector, every=every, block=batch * every, batch=batch, progress=advance)
    seconds = time.perf_counter() - start
    return Looked(found.scaled(source.size[0] / size[0], source.size[1] / size[1]), seconds)


def overlap(one: Detections, other: Detections, source: Source, smooth: bool) -> tuple[tuple[float, ...], int]:
    """Return how much the boxes have in common, and in how many frames only one of both has one."""
    boxes = [
        follow(each, pads=Pads(0, 0, 0, 0), smooth=smooth, size=source.size, fps=source.fps).boxes
        for each in (one, other)
    ]
    here, there = (~np.isnan(each[:, 0]) for each in boxes)
    common = [iou(boxes[0][at, None], boxes[1][at, None])[0, 0] for at in np.flatnonzero(here & there)]
    figures = (np.median(common), np.mean(common), np.percentile(common, 5)) if common else ()
    return tuple(map(float, figures)), int((here ^ there).sum())


def compare(
    clip: Path, detector: Detector, batch: int, most: int | None, full: bool, progress: Progress
) -> Iterator[Comparison]:
    """Yield the figures of a clip."""
    source = open_source(clip, SyncOptions(), None, progress)
    frames = min(source.frames, most or source.frames)
    few = look(source, detector, frames, distance(source.fps), batch, progress)
    others = {SMALL: look(source, detector, frames, 1, batch, progress)}
    if full:
        limit, detector.long_side = detector.long_side, None
        others[FULL] = look(source, detector, frames, 1, batch, progress)
        detector.long_side = limit
    for against, other in others.items():
        raw, differ = overlap(few.detections, other.detections, source, False)
        smooth, _ = overlap(few.detections, other.detections, source, True)
        yield Comparison(
            clip.name, len(few.detections), int(few.detections.looked.sum()), few.seconds, against, other.seconds, raw,
            smooth, differ,
        )


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--detector", default="auto")
@click.option("--detector-weights", type=click.Path(path_type=Path))
@click.option("--device", default="cpu")
@click.option("--frames", type=click.IntRange(1), help="Look at the first ones only.")
@click.option("--full/--no-full", default=True, help="Look at every frame in full size, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    clips: tuple[Path, ...], detector: str, detector_weights: Path | None, device: str, frames: int | None, full: bool,
    as_json: bool,
) -> None:
    """Print one line for each comparison of each clip."""
    progress = TerminalProgress(0)
    looking = make_detector(
        detector, weights=detector_weights, device=device, compat=False, offline=None, say=progress.say
    )
    batch = BATCH[device.partition(":")[0]]
    found = [one for clip in clips for one in compare(clip, looking, batch, frames, full, progress)]
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    longest = max(len(one.clip) for one in found)
    print(f"{'':{longest + 48}}{'unsmoothed':^24}  {'smoothed':^24}")
    print_row(longest, looking.name, HEADER)
    for one in found:
        figures = [f"{value:.3f}" for value in one.raw + one.smooth] or [""] * 6
        seconds, other_seconds = f"{one.seconds:.2f}", f"{one.other_seconds:.2f}"
        print_row(longest, one.clip, (one.looks, one.frames, seconds, one.against, other_seconds, *figures, one.differ))


def print_row(longest: int, name: str, values: Sequence[object]) -> None:
    columns = (6, 7, 8, 13, 8, 8, 7, 7, 9, 7, 7, 7)
    print(f"{name:{longest}}", *(f"{value!s:>{width}}" for value, width in zip(values, columns, strict=True)), sep="")


if __name__ == "__main__":
    main()
