"""`wav2lip train`: expert, generator, the generator with a discriminator, enhancer, and a look at what came out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.loop import FILE, FOLDER, RUNNING, SAVING, SEED, TELLING, check_extras, run_trainee
from wav2lip.cli.parameters import WEIGHTS, Command, Number, OriginalSpellings, with_options
from wav2lip.cli.run import reported, reporting
from wav2lip.cli.train_enhancer import enhancer
from wav2lip.errors import UsageError

if TYPE_CHECKING:
    from wav2lip.models.syncnet import SyncNet
    from wav2lip.training.augment import Augmentation
    from wav2lip.training.layout import TrainingClip

ORIGINAL: Any = {"cls": OriginalSpellings, "context_settings": {"max_content_width": 110}}

FULL_GENERATOR, FULL_SYNCNET, FULL_DISCRIMINATOR = 16, 32, 32    # channels of the networks of full width
SHIPPED = "shipped"                                              # for --expert: the one that comes along
FOLLOWED_CLIPS = 20                                              # whole clips that `evaluate` generates
PICTURES = (".png", ".jpg")                                      # what it can draw a sheet as


class Width(click.ParamType):
    """A share of the full width: 1, 0.5, 1/4."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            above, _, below = str(value).partition("/")
            width = float(above) / float(below or 1)
        except (ValueError, ZeroDivisionError):
            width = 0.0
        if not 1 / 16 <= width <= 4:
            self.fail(f"{value!r} is not a share of the full width, such as 1, 0.5 or 1/4.", param, ctx)
        return width


FILELISTS = click.option(
    "--filelists", type=FOLDER, help="Folder with train.txt and val.txt. [default: clips are held out by their names]"
)
DATA = with_options(
    click.option("--data", "--data-root", type=FOLDER, multiple=True, required=True,
                 help="Preprocessed clips. May be given again; each root has the same share of the samples."),
    FILELISTS,
    click.option("-o", "--output", "--checkpoint-dir", type=FOLDER, required=True,
                 help="Folder of the run: checkpoints, log, curves, pictures; goes on from where it stands."),
    click.option("--from", "from_file", "--checkpoint-path", type=WEIGHTS,
                 help="Checkpoint or weights to begin with, also of the original program."),
)


def width_option(usual: str) -> Callable[[Command], Command]:
    """Return what gives a command --width."""
    return click.option("--width", type=Width(), default=usual, show_default=True, help="Share of the full width.")


LOOP = with_options(
    click.option("--batch-size", type=click.IntRange(2), help="Samples a step.  [default: 64 for syncnet, else 16]"),
    click.option("--rate", type=Number(0, min_open=True), default=1e-4, show_default=True,
                 help="Learning rate."),
    click.option("--cosine", is_flag=True, help="Let the rate fall to 0 at the last step."),
    click.option("--seed", type=SEED, default=0, show_default=True),
    click.option("--evaluate-every", type=click.IntRange(1), help="Steps.  [default: 10000 for syncnet, else 3000]"),
    SAVING,
    click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that cut samples."),
    RUNNING,
    click.option("--jitter", type=Number(0, 1), default=0.5, show_default=True,
                 help="How far boxes are moved."),
    click.option("--augment", type=Number(0, 1), default=1.0, show_default=True,
                 help="How much colours, shapes and sound are changed in the end."),
    click.option("--plain-steps", type=click.IntRange(0), help="Steps without changes.  [default: a third]"),
    click.option("--ramp-steps", type=click.IntRange(0), help="Steps until they are complete.  [default: a third]"),
    click.option("--settled-steps", type=click.IntRange(0), default=0, show_default=True,
                 help="Last steps in which batch norm keeps its statistics: learning as the network will run."),
    TELLING,
)
COMPAT = click.option("--compat", is_flag=True, help="Train as the original program, defects included.")
LOSS = with_options(
    click.option("--frames", type=click.IntRange(1), default=5, show_default=True,
                 help="Consecutive frames a sample; the expert needs 5, 1 shows more different ones."),
    click.option("--mouth", type=Number(0, min_open=True), default=1.0, show_default=True,
                 help="What an error in the mouth counts against one elsewhere."),
    click.option("--edges", type=Number(0), default=0.0, show_default=True,
                 help="What errors of neighbouring pixels' differences count: sharper lips."),
    click.option("--whole-every", type=click.IntRange(1), default=1, show_default=True,
                 help="Of so many steps one makes whole faces, the others only lower parts, in a quarter less time."),
    click.option("--untouched", type=Number(0, 1), default=0.0, show_default=True,
                 help="Share of the samples that --jitter and --augment leave as they are."),
    click.option("--expert", "--syncnet-checkpoint-path", type=WEIGHTS, metavar=f"FILE|{SHIPPED}",
                 help="Weights of the expert SyncNet. Without it lips are not judged."),
    click.option("--evaluation-samples", type=click.IntRange(1), default=256, show_default=True,
                 help="Held-out faces that an evaluation looks at."),
)


@click.group()
def train() -> None:
    """Train the networks on preprocessed clips."""


train.add_command(enhancer)


@train.command(**ORIGINAL)
@click.option("--steps", type=click.IntRange(1), default=200_000, show_default=True)
@DATA
@width_option("1")
@LOOP
@COMPAT
@click.option("--grouped", type=click.IntRange(1), default=8, show_default=True,
              help="Windows of each clip in a batch, which are each other's wrong ones.")
@click.option("--timing", type=Number(0), default=0.0, show_default=True,
              help="What finding the very frame among its neighbours counts; 1 for an expert that measures offsets.")
@reported
def syncnet(**given: Any) -> None:
    """Train the expert: do lips and speech belong together?"""
    if given["timing"] and (given["compat"] or given["grouped"] < 2):
        raise UsageError("--timing compares a clip's windows: it needs --grouped 2 or more, and no --compat.")
    check_extras()
    import torch

    from wav2lip.models.syncnet import SyncNet
    from wav2lip.training.expert import ExpertOptions, ExpertTrainee

    sets, held = _sets(given)
    torch.manual_seed(given["seed"])
    network = SyncNet(_channels(given, FULL_SYNCNET))
    options = ExpertOptions(
        steps=given["steps"], batch_size=given["batch_size"] or 64, rate=given["rate"], cosine=given["cosine"],
        seed=given["seed"], compat=given["compat"], grouped=given["grouped"], augmentation=_augmentation(given),
        settled_steps=given["settled_steps"], timing=given["timing"],
    )
    run_trainee(ExpertTrainee(network, sets, held, options, dict(given["note"])), given, evaluate_every=10_000)


@train.command(**ORIGINAL)
@click.option("--steps", type=click.IntRange(1), default=300_000, show_default=True)
@DATA
@width_option("1")
@LOOP
@COMPAT
@LOSS
@click.option("--sync-weight", type=Number(0, 1), default=0.01, show_default=True,
              help="Of the expert's loss, once its mean is below 0.75.")
@reported
def generator(**given: Any) -> None:
    """Train the generator."""
    check_extras()
    from wav2lip.training.generator import GeneratorOptions, GeneratorTrainee

    network, sets, held, options, expert = prepare_generator(given, GeneratorOptions)
    run_trainee(GeneratorTrainee(network, sets, held, options, expert, dict(given["note"])), given)


@train.command(**ORIGINAL)
@click.option("--steps", type=click.IntRange(1), default=300_000, show_default=True)
@DATA
@click.option("--from-disc", "--disc-checkpoint-path", type=WEIGHTS,
              help="Checkpoint or weights of a discriminator to begin with, also of the original program.")
@width_option("1")
@LOOP
@COMPAT
@LOSS
@click.option("--sync-weight", type=Number(0, 1), default=0.03, show_default=True,
              help="Of the expert's loss, once its mean is below 0.75.")
@click.option("--quality-weight", type=Number(0, 1), default=0.07, show_default=True,
              help="Of the discriminator's judgement.")
@click.option("--disc-rate", type=Number(0, min_open=True), default=1e-4, show_default=True,
              help="The discriminator's learning rate.")
@reported
def gan(**given: Any) -> None:
    """Train the generator with the visual-quality discriminator, for sharper mouths."""
    check_extras()
    from wav2lip.models.discriminator import Discriminator
    from wav2lip.training.engine import load_part
    from wav2lip.training.gan import GanOptions, GanTrainee, new_discriminator

    if given["sync_weight"] + given["quality_weight"] >= 1:
        raise UsageError("--sync-weight and --quality-weight leave nothing for the picture: their sum must be below 1.")
    more = {name: given[name] for name in ("quality_weight", "disc_rate")}
    network, sets, held, options, expert = prepare_generator(given, GanOptions, **more)
    channels = _channels(given, FULL_DISCRIMINATOR)
    discriminator = Discriminator(channels) if given["compat"] else new_discriminator(channels)
    trainee = GanTrainee(network, discriminator, sets, held, options, expert, dict(given["note"]))
    if given["from_disc"]:
        load_part(trainee.parts[1], given["from_disc"])
    run_trainee(trainee, given)


@train.command()
@click.argument("weights", type=WEIGHTS)
@click.option("--data", type=FOLDER, multiple=True, required=True, help="Preprocessed clips; may be given again.")
@FILELISTS
@click.option("--everything", is_flag=True, help="Use all clips, not only those held out from training.")
@click.option("--samples", type=click.IntRange(1), default=1024, show_default=True, help="Frames looked at.")
@click.option("--clips", type=click.IntRange(0), default=FOLLOWED_CLIPS, show_default=True,
              help="Clips generated as a whole.")
@click.option(
    "--expert", type=WEIGHTS, help="The expert SyncNet that measures offsets.  [default: the one that ships]"
)
@click.option("--sheet", type=FILE, help="Write a .png or .jpg: reference, masked, output and truth.")
@click.option("--seed", type=SEED, default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reporting("nothing was written")
def evaluate(
    weights: Path, data: tuple[Path, ...], filelists: Path | None, everything: bool, samples: int, clips: int,
    expert: Path | None, sheet: Path | None, seed: int, as_json: bool,
) -> None:
    """Measure a generator's WEIGHTS on clips that were held out from training."""
    import cv2
    import numpy as np
    from tqdm import tqdm

    from wav2lip.media.whole import whole_file
    from wav2lip.models.inference import fold_batch_norm
    from wav2lip.models.load import load_generator, load_syncnet
    from wav2lip.training.evaluate import can_follow, contact_sheet, follow
    from wav2lip.training.evaluate import evaluate as score
    from wav2lip.training.splits import split

    if sheet and sheet.suffix.lower() not in PICTURES:
        raise UsageError(f"{sheet} cannot be written: --sheet takes a name that ends in {' or '.join(PICTURES)}.")
    network = fold_batch_norm(load_generator(weights), in_place=True)
    judge = fold_batch_norm(load_syncnet(expert), in_place=True)
    found, sheets = {}, []
    last = [folder.name for folder in data]
    for folder in tqdm(data, desc="Evaluating", unit="folder", file=sys.stderr, disable=None):
        train_clips, held = split(folder, filelists, trained=False)
        chosen = [*train_clips, *held] if everything else held
        if not chosen:
            if everything:
                raise UsageError(f"The lists in {filelists} name no clip of {folder}; leave --filelists out for all.")
            why = f"named in {filelists / 'val.txt'}" if filelists else "held out by its name"
            raise UsageError(f"No clip of {folder} is {why}; --everything takes all of them.")
        figures = asdict(score(network, chosen, samples, seed))
        if followed := [clip for clip in chosen if can_follow(clip)][:clips]:
            figures |= asdict(follow(network, followed, judge))
        found[folder.name if last.count(folder.name) == 1 and folder.name else str(folder)] = figures
        if sheet:
            sheets.append(contact_sheet(network, chosen, 8, seed))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for name, figures in found.items():
            shown = ", ".join(f"{what} {value:.2f}" for what, value in figures.items() if value is not None)
            click.echo(f"{name}: {shown}")
    if sheet:
        with whole_file(sheet) as part:
            part.write_bytes(cv2.imencode(sheet.suffix, np.hstack(sheets))[1].tobytes())


def prepare_generator(given: dict[str, Any], make_options: Callable[..., Any], **more: Any) -> tuple[Any, ...]:
    """Return network, clips to train on, clips to judge by, options and expert of a generator's training.

    Args:
        given: the command's options: those of DATA, LOOP and LOSS, `steps`, `sync_weight` and `compat`.
        make_options: GeneratorOptions, or a class with more of them, which are in `more`.
    """
    import torch

    from wav2lip.models.generator import Generator

    if given["expert"] and given["frames"] != 5:
        raise UsageError("--expert judges 5 consecutive frames; leave --frames at 5, or leave the expert out.")
    sets, held = _sets(given)
    torch.manual_seed(given["seed"])
    network = Generator(_channels(given, FULL_GENERATOR))
    names = (
        "steps", "frames", "rate", "cosine", "mouth", "edges", "sync_weight", "compat", "seed", "evaluation_samples",
        "settled_steps", "whole_every",
    )
    options = make_options(
        **{name: given[name] for name in names}, batch_size=given["batch_size"] or 16,
        augmentation=_augmentation(given), **more,
    )
    return network, sets, held, options, _expert(given["expert"])


def _expert(path: Path | None) -> SyncNet | None:
    from wav2lip.models.load import load_syncnet

    if path is None:
        return None
    return load_syncnet(None if str(path) == SHIPPED else path)


def _sets(given: dict[str, Any]) -> tuple[list[list[TrainingClip]], list[TrainingClip]]:
    from wav2lip.training.splits import split

    pairs = [split(root, given["filelists"]) for root in given["data"]]
    return [train_clips for train_clips, _ in pairs], [clip for _, held in pairs for clip in held]


def _channels(given: dict[str, Any], full: int) -> int:
    return max(1, round(given["width"] * full))


def _augmentation(given: dict[str, Any]) -> Augmentation:
    from wav2lip.training.augment import Augmentation

    third = given["steps"] // 3
    plain, ramp = (given[name] if given[name] is not None else third for name in ("plain_steps", "ramp_steps"))
    return Augmentation(plain, ramp, given["augment"], given["jitter"], given.get("untouched", 0.0))
