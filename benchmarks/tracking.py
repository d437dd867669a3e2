"""What it costs to know who is who, beyond looking for faces.

    python benchmarks/tracking.py clip.mp4 ... --detector yunet --detector-weights yunet.onnx
    python benchmarks/tracking.py --hours 1

For every clip: how many people are found, and the processor's milliseconds a frame of cutting it into shots, of
describing the faces, of putting them together into people, of everybody's track, and of all that together. For hours:
the same of a film made up of shots of 3 s with two or three people who tremble, looked at every 6th frame, and the MB
that its finds and looks, and the tracks of all, take.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import click
import numpy as np

from wav2lip.cli.progress import TerminalProgress
from wav2lip.faces.appearance import SIZE, describe
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detections import Detections
from wav2lip.faces.detector import make_detector
from wav2lip.faces.look import look_at_clip
from wav2lip.faces.people import Person, find_people
from wav2lip.faces.shots import ShotCounter
from wav2lip.faces.track import FaceTrack, track_of
from wav2lip.media.geometry import fitting
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.progress import Progress

FPS, EVERY, SHOT = 25, 6, 75    # of a made-up film: frames a second, from one look to the next, and of a shot
PEOPLE = 8                      # who are in it
HEADER = ("frames", "people", "shots", "describe", "people", "tracks", "together")

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """Of a clip: how many frames and people it has, and the seconds that each part took."""

    name: str
    frames: int
    people: int
    seconds: tuple[float, ...]


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what comes of it, and the processor's seconds."""
    start = time.process_time()
    return work(), time.process_time() - start


def put_together(
    detections: Detections, size: tuple[int, int], fps: Fraction | float
) -> tuple[list[Person], list[FaceTrack], tuple[float, float]]:
    """Return the people, their tracks, and the seconds that both took."""
    people, finding = timed(lambda: find_people(detections, fps))
    pads = Pads()
    tracks, drawing = timed(
        lambda: [track_of(one.sights, detections, pads=pads, size=size, fps=fps) for one in people]
    )
    return people, tracks, (finding, drawing)


def of_clip(path: Path, detector_name: str, weights: Path | None, progress: Progress) -> Cost:
    """Return the figures of a clip."""
    looking = make_detector(
        detector_name, weights=weights, device="cpu", compat=False, offline=None, say=progress.say
    )
    clip = probe(path)
    whole = (clip.width, clip.height)
    detections = look_at_clip(clip, clip.frames, looking, "cpu", progress)
    size = fitting(whole, looking.long_side)
    small = detections.scaled(size[0] / whole[0], size[1] / whole[1])
    counter, counting, describing = ShotCounter(), 0.0, 0.0
    for frame, faces in zip(read_frames(clip, 0, len(small), size=size), small.faces, strict=True):
        counting += timed(lambda frame=frame: counter.number(frame))[1]
        if faces is not None:
            describing += timed(lambda frame=frame, faces=faces: describe(frame, faces))[1]
    people, _, seconds = put_together(detections, whole, clip.fps)
    return Cost(path.name, len(detections), len(people), (counting, describing, *seconds))


def made_up(frames: int) -> Detections:
    """Return what would be found in a long film."""
    random = np.random.default_rng(0)
    everybody = random.normal(0, 0.3, (PEOPLE, SIZE))
    faces: list[np.ndarray | None] = []
    looks: list[np.ndarray | None] = []
    for number in range(frames):
        if number % SHOT == 0:
            here = random.choice(PEOPLE, random.integers(2, 4), replace=False)
            corner = np.stack([np.arange(len(here)) * 400.0 + 100, np.full(len(here), 150.0)], axis=1)
        if number % EVERY and number % SHOT:
            faces.append(None)
            looks.append(None)
            continue
        at = corner + random.normal(0, 2, corner.shape)
        end = at + np.array([120, 160])
        faces.append(np.concatenate([at, end, np.full((len(here), 1), 0.9)], axis=1).astype(np.float32))
        looks.append((everybody[here] + random.normal(0, 0.03, (len(here), SIZE))).astype(np.float16))
    return Detections(tuple(faces), np.arange(frames, dtype=np.int32) // SHOT, tuple(looks))


def of_hours(hours: float) -> tuple[Cost, float, float]:
    """Return the figures of a made-up film, and the MB of what was found and of all tracks."""
    frames, size = round(hours * 3600 * FPS), (1280, 720)
    tracemalloc.start()
    detections = made_up(frames)
    found = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    people, tracks, seconds = put_together(detections, size, FPS)
    drawn = sum(each.nbytes for track in tracks for each in (track.boxes, track.score, track.identity))
    return Cost(f"{hours:g} h", frames, len(people), (0.0, 0.0, *seconds)), found / 1e6, drawn / 1e6


def print_row(name: str, values: tuple[object, ...]) -> None:
    print(f"{name:28}", *(f"{value!s:>10}" for value in values), sep="")


def print_cost(cost: Cost) -> None:
    each = [f"{1000 * seconds / cost.frames:.3f}" for seconds in (*cost.seconds, sum(cost.seconds))]
    print_row(cost.name, (cost.frames, cost.people, *each))


@click.command()
@click.argument("clips", nargs=-1, type=click.Path(path_type=Path))
@click.option("--detector", default="auto")
@click.option("--detector-weights", type=click.Path(path_type=Path))
@click.option("--hours", type=float, help="Of a made-up film.")
def main(clips: tuple[Path, ...], detector: str, detector_weights: Path | None, hours: float | None) -> None:
    """Print one line for each clip, and one for the made-up film."""
    progress = TerminalProgress(0)
    print_row("", HEADER)
    for clip in clips:
        print_cost(of_clip(clip, detector, detector_weights, progress))
    if hours:
        cost, found, drawn = of_hours(hours)
        print_cost(cost)
        print(f"{sum(cost.seconds):.2f} s in all; finds and looks {found:.1f} MB, tracks of all {drawn:.1f} MB")


if __name__ == "__main__":
    main()
