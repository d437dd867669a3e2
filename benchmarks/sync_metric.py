"""Does the metric find what is known? Move the sound of recordings that are in sync, and see what is measured.

    python benchmarks/sync_metric.py GRID/s1 --held-out --detector yunet --detector-weights yunet.onnx

Every clip is scored as it is, and in copies whose sound is moved by -7 .. 7 frames of 25 a second (`--shifts` of them,
others for each clip) and by 80 .. 400 ms either way, which `wav2lip align` then has to put right. Printed are the
shares of clips or copies in which

* the true place of the sound scores better than every one that is 3 frames or more away;
* a known shift is found exactly, and to within a frame: as the change of the offset from that of the clip as it is, and
  as the offset itself, which takes every recording for perfectly in sync;
* `align` moves the sound back to within a frame of where it was.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from wav2lip.evaluation.align import align
from wav2lip.evaluation.inputs import find_videos
from wav2lip.evaluation.judges import EXPERT
from wav2lip.evaluation.score import EvaluationOptions, Evaluator, score_clip
from wav2lip.evaluation.tables import REACH
from wav2lip.media.probe import probe
from wav2lip.media.shift import shift_sound
from wav2lip.models.syncnet import FPS
from wav2lip.progress import Progress
from wav2lip.training.splits import is_held_out

FILE = click.Path(exists=True, path_type=Path)
FARTHEST = 7                     # frames
MOVED = (0.08, 0.16, 0.24, 0.32, 0.4)     # seconds


@click.command()
@click.argument("folder", type=FILE)
@click.option("--held-out", is_flag=True, help="Only clips that are held out from training by their names.")
@click.option("--clips", type=int, default=1000, show_default=True, help="How many clips at most.")
@click.option("--shifts", type=int, default=4, show_default=True, help="Of the 15 shifts, how many for each clip.")
@click.option("--detector", default="auto", show_default=True)
@click.option("--detector-weights", type=FILE)
@click.option("--expert", type=FILE)
def main(
    folder: Path, held_out: bool, clips: int, shifts: int, detector: str, detector_weights: Path | None,
    expert: Path | None,
) -> None:
    """Move the sound of the videos in FOLDER, and print how often the metric finds out."""
    videos = [video for video in find_videos([folder]) if not held_out or is_held_out(video.stem)][:clips]
    options = EvaluationOptions(
        expert=expert, picture=False, detector=detector, detector_weights=detector_weights, device="cpu"
    )
    evaluator = Evaluator(options, Progress())
    random = np.random.default_rng(0)
    best, natural, errors, strict, repaired = [], [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "copy.mp4"
        for number, video in enumerate(tqdm(videos, file=sys.stderr, unit="clip")):
            clip = probe(video)
            own = evaluator.score(video).sync[EXPERT]
            far = own.curve[np.abs(np.arange(-REACH, REACH + 1)) >= 3]
            best.append(own.curve[REACH] < np.nanmin(far))
            natural.append(own.late)
            track = evaluator.find(clip)
            known = [-FARTHEST + (4 * number + step * 15 // shifts) % 15 for step in range(shifts)]
            for frames in known:
                shift_sound(clip, copy, frames / float(FPS))
                found = score_clip(probe(copy), track, evaluator.judges, Progress(), detector=detector, picture=False)
                errors.append(found.sync[EXPERT].late - own.late - frames)
                strict.append(found.sync[EXPERT].late - frames)
            for sign in (-1, 1):
                moved = sign * random.choice(MOVED)
                shift_sound(clip, copy, moved)
                done = align(copy, Path(name) / "aligned.mp4", evaluator, least_confidence=0)
                repaired.append(abs(done.moved + moved) <= 1.001 / FPS)
    click.echo(f"{len(videos)} clips; offsets as they are: " + ", ".join(
        f"{value:+d}: {count}" for value, count in zip(*np.unique(natural, return_counts=True), strict=True)
    ))
    click.echo(f"true place better than every one 3 frames or more away: {100 * np.mean(best):.1f} % of clips")
    for what, values in (("change of the offset", errors), ("offset itself", strict)):
        off = np.abs(values)
        click.echo(
            f"known shifts ({len(off)}), as {what}: exact {100 * np.mean(off == 0):.1f} %, "
            f"within a frame {100 * np.mean(off <= 1):.1f} %"
        )
    click.echo(f"aligned to within a frame: {100 * np.mean(repaired):.1f} % of {len(repaired)}")


if __name__ == "__main__":
    main()
