"""What the commands that train have in common: how a run is kept, where it runs, and the run itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.parameters import with_options

if TYPE_CHECKING:
    from wav2lip.training.engine import LoopOptions, Trainee

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
SEED = click.IntRange(0, 2**63 - 1)

SAVING = with_options(
    click.option("--save-every", type=click.IntRange(1), help="Steps.  [default: as --evaluate-every]"),
    click.option("--keep", type=click.IntRange(0), default=3, show_default=True,
                 help="How many checkpoints to keep; 0 keeps all."),
)
RUNNING = with_options(
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option("--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), default="auto", show_default=True),
)
TELLING = with_options(
    click.option("--note", type=(str, str), multiple=True, help="A name and a text to keep in the weights' file."),
    click.option("-q", "--quiet", is_flag=True, help="Only errors."),
)


def check_extras() -> None:
    """Make sure that what trainings need is installed, before it is imported.

    Raises:
        UsageError: something is missing.
    """
    from wav2lip.extras import require

    for package in ("accelerate", "matplotlib"):
        require(package, "train")


def _loop(given: dict[str, Any], evaluate_every: int) -> LoopOptions:
    from wav2lip.training.engine import LoopOptions

    every = given["evaluate_every"] or evaluate_every
    return LoopOptions(
        steps=given["steps"], evaluate_every=every, save_every=given["save_every"] or every, keep=given["keep"],
        workers=given["workers"], device=given["device"], precision=given["precision"], quiet=given["quiet"],
    )


def run_trainee(trainee: Trainee, given: dict[str, Any], evaluate_every: int = 3000) -> None:
    """Train as a command's options say, tell on stderr how it goes, and print the files with the trained weights."""
    from tqdm import tqdm

    from wav2lip.training.engine import train as run

    def say(text: str) -> None:
        if not given["quiet"]:
            tqdm.write(text, file=sys.stderr)

    for path in run(trainee, given["output"], _loop(given, evaluate_every), say, from_file=given["from_file"]):
        click.echo(path)
