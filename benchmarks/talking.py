"""Who talks? Recordings of one person each are put side by side, and the right one has to be found.

    python benchmarks/talking.py GRID/s1 --held-out --detector yunet --detector-weights yunet.onnx

Clips of two people of 3 s, or 6 s with turns, of which one is heard:

* both: the other's mouth says something else meanwhile;
* still: the other keeps silent: its quietest 0.4 s, forwards and backwards;
* turns, still and turns, both: first the left one is heard, then the right one;
* unseen, still: both keep silent, and a third is heard.

Printed are the shares of whole turns (a clip without turns is one) and of seconds with speech in which most spoken
frames name the right person: by the expert's fit alone, by the mouths' motion alone, by all together as the program
does, and as in a video without sound. The thresholds are the program's, which are chosen for all together. How long a
frame and person takes comes last.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from wav2lip.cast.mouths import Mouths, watch_mouths
from wav2lip.cast.turns import NOBODY, turns
from wav2lip.errors import Wav2LipError
from wav2lip.evaluation.inputs import find_videos
from wav2lip.evaluation.judges import ExpertJudge
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detector import Detector, make_detector
from wav2lip.faces.look import look_at_clip
from wav2lip.faces.people import find_people
from wav2lip.faces.track import FaceTrack, track_of
from wav2lip.media.clip import Clip
from wav2lip.media.ffmpeg import QUIET, binary, url
from wav2lip.media.probe import probe
from wav2lip.media.sound import SAMPLE_RATE, samples_from_first_frame
from wav2lip.progress import Progress
from wav2lip.training.splits import is_held_out

FILE = click.Path(exists=True, path_type=Path)
SECONDS, QUIET_SECONDS = 3.0, 0.4
TURN = round(25 * SECONDS)       # frames
HEIGHT = 288                     # pixels
_EVEN = f"fps=25,scale=-2:{HEIGHT},setsar=1"
KINDS = ("both", "still", "turns, still", "turns, both", "unseen, still")
WAYS = ("expert", "motion", "together", "no sound")


def quietest(video: Path) -> float:
    """Return when the quietest 0.4 s of a recording begin."""
    samples = np.concatenate(list(samples_from_first_frame(probe(video))))[: round(SECONDS * SAMPLE_RATE)]
    energy = np.cumsum(samples.astype(float) ** 2)
    length = round(QUIET_SECONDS * SAMPLE_RATE)
    return int(np.argmin(energy[length:] - energy[:-length])) / SAMPLE_RATE


def says(source: int, name: str) -> str:
    """Return the filters that show an input talking."""
    return f"[{source}:v]{_EVEN},settb=1/25,setpts=N,tpad=stop=-1:stop_mode=clone,trim=end_frame={TURN}[{name}];"


def rests(source: int, name: str, start: float) -> str:
    """Return the filters that show an input keeping silent."""
    first, frames = round(25 * start), round(25 * QUIET_SECONDS)
    return (
        f"[{source}:v]{_EVEN},trim=start_frame={first}:end_frame={first + frames},setpts=PTS-STARTPTS,"
        f"split[{name}f][{name}g];[{name}g]reverse[{name}r];[{name}f][{name}r]concat,loop=-1:{2 * frames},"
        f"settb=1/25,setpts=N,trim=end_frame={TURN}[{name}];"
    )


def compose(output: Path, kind: str, videos: tuple[Path, Path, Path]) -> list[int]:
    """Write a clip of two people, and return who is heard in each turn: 0 is the left one."""
    left, right, third = range(3)
    heard = {"both": [left], "still": [left], "unseen, still": [third]}.get(kind, [left, right])
    filters = ""
    for turn, speaker in enumerate(heard):
        for person in (left, right):
            name = f"p{turn}{person}"
            # Somebody whose mouth says something else does so with its sentence of the other turn.
            if kind.endswith("both") or person == speaker:
                filters += says(person, name)
            else:
                filters += rests(person, name, quietest(videos[person]))
        filters += f"[p{turn}0][p{turn}1]hstack[v{turn}];"
        filters += f"[{speaker}:a]aresample=16000,aformat=channel_layouts=mono,apad,atrim=duration={SECONDS}[a{turn}];"
    parts = "".join(f"[v{turn}][a{turn}]" for turn in range(len(heard)))
    filters += f"{parts}concat=n={len(heard)}:a=1[v][a]"
    inputs = [word for video in videos for word in ("-i", url(video))]
    subprocess.run([
        binary(), *QUIET, "-y", *inputs, "-filter_complex", filters, "-map", "[v]", "-map", "[a]", "-c:v", "libx264",
        "-crf", "16", "-c:a", "pcm_s16le", url(output),
    ], check=True)
    return [speaker if speaker < third else NOBODY for speaker in heard]


def find_two(clip: Clip, detector: Detector) -> list[FaceTrack]:
    """Return the tracks of the two people of a clip, the left one first; fewer if fewer are found."""
    detections = look_at_clip(clip, clip.frames, detector, "cpu", Progress())
    size = clip.width, clip.height
    tracks = [
        track_of(person.sights, detections, pads=Pads(0, 0, 0, 0), size=size, fps=clip.fps)
        for person in find_people(detections, clip.fps)[:2]
    ]
    return sorted(tracks, key=lambda track: float(np.nanmean(track.boxes[:, 0])))


def told(mouths: Mouths, way: str) -> np.ndarray:
    """Return who talks in each frame, by a part of the evidence or by all."""
    deaf = np.full_like(mouths.fit, np.nan)
    blind = np.zeros_like(mouths.gap)
    return turns({
        "expert": replace(mouths, gap=blind, motion=blind),
        "motion": replace(mouths, fit=deaf),
        "together": mouths,
        "no sound": replace(mouths, fit=deaf, loud=None, spoken=np.zeros_like(mouths.spoken)),
    }[way])


def right(found: np.ndarray, truth: np.ndarray, spoken: np.ndarray, length: int, least: float) -> list[bool]:
    """Return, for each stretch of so many frames with speech in that share of them, whether most of that are right."""
    stretches = [slice(first, first + length) for first in range(0, len(found), length)]
    return [
        bool((found == truth)[here][spoken[here]].mean() > 0.5) for here in stretches if spoken[here].mean() > least
    ]


@click.command()
@click.argument("folders", type=FILE, nargs=-1, required=True)
@click.option("--held-out", is_flag=True, help="Only recordings that are held out from training by their names.")
@click.option("--clips", type=int, default=12, show_default=True, help="How many of each kind.")
@click.option("--detector", default="auto", show_default=True)
@click.option("--detector-weights", type=FILE)
def main(
    folders: tuple[Path, ...], held_out: bool, clips: int, detector: str, detector_weights: Path | None
) -> None:
    """Put the recordings of FOLDERS side by side, and print how often the one who talks is found."""
    videos = [video for video in find_videos(folders) if not held_out or is_held_out(video.stem)]
    looks = make_detector(detector, weights=detector_weights, device="cpu", compat=False, offline=None, say=print)
    judge = ExpertJudge()
    random = np.random.default_rng(0)
    pairs = list(combinations(videos, 2))
    results: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    took = frames = lost = 0.0
    with tempfile.TemporaryDirectory() as name:
        for number in tqdm(range(clips * len(KINDS)), file=sys.stderr, unit="clip"):
            kind = KINDS[number % len(KINDS)]
            left, other = random.permutation(np.array(pairs[random.integers(len(pairs))], object))
            third = random.choice(np.array([video for video in videos if video not in (left, other)], object))
            path = Path(name) / f"{number}.mkv"
            heard = compose(path, kind, (left, other, third))
            clip = probe(path)
            tracks = find_two(clip, looks)
            if len(tracks) < 2:
                lost += 1
                continue
            start = time.process_time()
            mouths = watch_mouths(clip, tracks, judge, Progress())
            for way in WAYS:
                found = told(mouths, way)
                truth = np.repeat(heard, TURN)
                for what, length, least in (("turns", TURN, 0.0), ("seconds", 25, 0.5)):
                    results[kind, way, what] += right(found, truth, mouths.spoken, length, least)
            took, frames = took + time.process_time() - start, frames + len(mouths)
            path.unlink()
    if not frames:
        raise Wav2LipError("No clip shows two faces; choose another --detector.")
    click.echo(f"{'':16}{'turns':>6}" + "".join(f"{way:>22}" for way in WAYS))
    for kind in KINDS:
        shares = [[100 * np.mean(results[kind, way, what]) for what in ("turns", "seconds")] for way in WAYS]
        count = len(results[kind, WAYS[0], "turns"])
        columns = "".join(f"{turn:11.1f} %{second:7.1f} %" for turn, second in shares)
        click.echo(f"{kind:16}{count:6}{columns}")
    click.echo(f"turns and seconds that are right; {lost:.0f} clips in which two faces were not found")
    each = 1000 * took / frames / 2
    click.echo(f"{each:.1f} ms of processor time a person and frame at 25 a second, without decoding")


if __name__ == "__main__":
    main()
