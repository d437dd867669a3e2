"""`python -m wav2lip.training`: prepare recordings, draw heads, train the generator, evaluate it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from wav2lip.errors import NoFaceError, UsageError, Wav2LipError

if TYPE_CHECKING:
    from wav2lip.faces.detector import Detector
    from wav2lip.training.prepared import PreparedClip

Item = TypeVar("Item")

VIDEO_SUFFIXES = {".mp4", ".mpg", ".mov", ".mkv", ".avi", ".webm"}
AGREEMENT_CLIPS = 20         # clips whose mouths are followed from frame to frame
DETECTORS = click.Choice(["auto", "s3fd", "cascade", "yunet", "retinaface", "blazeface"])
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train a generator on recordings and on drawn heads."""


@main.command()
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=FOLDER)
@click.option("--detector", type=DETECTORS, default="cascade", show_default=True)
@click.option("--detector-weights", type=FILE, help="Weights of the detector.")
def prepare(videos: Path, out: Path, detector: str, detector_weights: Path | None) -> None:
    """Cut the faces out of all VIDEOS of a folder into OUT; what is there already is kept."""
    from wav2lip.training.prepare import prepare_video
    from wav2lip.training.prepared import is_prepared, save_prepared

    finder = _detector(detector, detector_weights)
    paths = [path for path in sorted(videos.iterdir()) if path.suffix.lower() in VIDEO_SUFFIXES]
    missing = [path for path in paths if not is_prepared(out, path.stem)]
    _make_all(missing, lambda path: save_prepared(out, prepare_video(path, finder)), "Preparing")


@main.command()
@click.argument("out", type=FOLDER)
@click.option("--identities", type=click.IntRange(1), default=300, show_default=True, help="How many people, from 0.")
@click.option("--seconds", type=click.FloatRange(0.5), default=3.0, show_default=True, help="How long each talks.")
@click.option("--recordings", type=FOLDER, help="Videos or sounds with speech; every other head says one of them.")
def draw(out: Path, identities: int, seconds: float, recordings: Path | None) -> None:
    """Draw talking heads into OUT; those that are there already are kept."""
    from wav2lip.training.prepare import head_name, prepare_head
    from wav2lip.training.prepared import is_held_out, is_prepared, save_prepared

    finder = _detector("cascade", None)
    # Speech that is held out for validation is not said by heads that are trained on.
    said = [path for path in sorted(recordings.iterdir()) if not is_held_out(path.stem)] if recordings else []
    missing = [number for number in range(identities) if not is_prepared(out, head_name(number))]
    _make_all(missing, lambda number: save_prepared(out, prepare_head(number, seconds, finder, said)), "Drawing")


@main.command()
@click.option("--data", type=FOLDER, multiple=True, required=True, help="Prepared clips; may be given more than once.")
@click.option("-o", "--output", type=FILE, required=True, help="The weights, as safetensors.")
@click.option("--start", type=FILE, help="Weights to go on from.")
@click.option("--channels", type=click.IntRange(1), default=4, show_default=True, help="16 is the full width.")
@click.option("--steps", type=click.IntRange(1), default=2500, show_default=True)
@click.option("--rate", type=float, default=1e-3, show_default=True, help="Of Adam at the first step.")
@click.option("--plain-steps", type=click.IntRange(0), default=0, show_default=True, help="Without augmentation.")
@click.option("--ramp-steps", type=click.IntRange(0), default=1000, show_default=True, help="Until it is complete.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--note", type=(str, str), multiple=True, help="A name and a text to keep in the file's metadata.")
def train(
    data: tuple[Path, ...], output: Path, start: Path | None, channels: int, steps: int, rate: float,
    plain_steps: int, ramp_steps: int, seed: int, note: tuple[tuple[str, str], ...],
) -> None:
    """Train the generator on prepared clips, without those that are held out."""
    import torch
    from tqdm import tqdm

    from wav2lip.models.generator import Generator
    from wav2lip.models.load import load_generator, save_generator
    from wav2lip.training.generator import TrainOptions, train_generator

    sets = [_clips(folder, held_out=False) for folder in data]
    torch.manual_seed(seed)
    network = load_generator(start) if start else Generator(channels)
    options = TrainOptions(steps=steps, rate=rate, plain_steps=plain_steps, ramp_steps=ramp_steps, seed=seed)
    smooth = None
    with tqdm(train_generator(network, sets, options), total=steps, unit="step", file=sys.stderr) as bar:
        for _, error in bar:
            smooth = error if smooth is None else smooth + 0.02 * (error - smooth)
            bar.set_postfix_str(f"mouth {smooth:.2f} of 255")
    output.parent.mkdir(parents=True, exist_ok=True)
    save_generator(network.eval(), output, {"steps": str(steps), **dict(note)})
    click.echo(output)


@main.command()
@click.argument("weights", type=FILE)
@click.option("--data", type=FOLDER, multiple=True, required=True, help="Prepared clips; may be given more than once.")
@click.option("--everything", is_flag=True, help="Use all clips, not only those held out from training.")
@click.option("--samples", type=click.IntRange(1), default=1024, show_default=True)
@click.option("--sheet", type=FILE, help="Write a picture: reference, masked, output and truth.")
@click.option("--seed", type=int, default=1, show_default=True)
def evaluate(
    weights: Path, data: tuple[Path, ...], everything: bool, samples: int, sheet: Path | None, seed: int
) -> None:
    """Measure WEIGHTS on clips that were held out from training."""
    import cv2
    import numpy as np

    from wav2lip.models.load import load_generator
    from wav2lip.training.evaluate import contact_sheet, opening_agreement
    from wav2lip.training.evaluate import evaluate as score

    network = load_generator(weights)
    sheets = []
    for folder in data:
        clips = _clips(folder, held_out=None if everything else True)
        agreement = opening_agreement(network, clips[:AGREEMENT_CLIPS])
        click.echo(f"{folder.name}: {score(network, clips, samples, seed)}, opening {agreement:.2f}")
        sheets.append(contact_sheet(network, clips, 8, seed))
    if sheet:
        cv2.imwrite(str(sheet), np.hstack(sheets))


def _detector(name: str, weights: Path | None) -> Detector:
    from wav2lip.faces.detector import make_detector

    return make_detector(
        name, weights=weights, device="cpu", compat=False, offline=None, say=lambda text: click.echo(text, err=True)
    )


def _clips(folder: Path, *, held_out: bool | None) -> list[PreparedClip]:
    """Return the folder's clips that are held out, those that are not, or (None) all."""
    from wav2lip.training.prepared import is_held_out, load_prepared

    clips = [clip for clip in load_prepared(folder) if held_out is None or is_held_out(clip.name) == held_out]
    if not clips:
        raise UsageError(f"{folder} holds no prepared clips for this; `prepare` and `draw` make them.")
    return clips


def _make_all(items: Sequence[Item], make: Callable[[Item], None], title: str) -> None:
    """Make every item; one without a face is told and left out."""
    from tqdm import tqdm

    for item in tqdm(items, desc=title, unit="clip", file=sys.stderr):
        try:
            make(item)
        except NoFaceError as error:
            tqdm.write(str(error), file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except Wav2LipError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
