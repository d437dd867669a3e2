"""`wav2lip distill`: a narrow, fast generator from a wide one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wav2lip.cli.loop import check_extras, run_trainee
from wav2lip.cli.parameters import WEIGHTS, Number
from wav2lip.cli.run import reported
from wav2lip.cli.train import DATA, LOOP, LOSS, prepare_generator, width_option


@click.command()
@click.option("--teacher", type=WEIGHTS, required=True, help="Weights of the wide generator, also the published ones.")
@click.option("--steps", type=click.IntRange(1), default=100_000, show_default=True)
@DATA
@width_option("1/4")
@LOOP
@LOSS
@click.option("--sync-weight", type=Number(0, 1), default=0.01, show_default=True,
              help="Of the expert's loss, once its mean is below 0.75.")
@click.option("--truth", type=Number(0, 1), default=0.0, show_default=True,
              help="Share of the true face in what is learned; the rest is the teacher's.")
@reported
def distill(teacher: Path, truth: float, **given: Any) -> None:
    """Train a narrow generator (--width) to make what a wide one makes: faster where there is no GPU."""
    check_extras()
    from wav2lip.models.load import load_generator
    from wav2lip.training.distill import DistillOptions, DistillTrainee

    wide = load_generator(teacher)
    given["compat"] = False    # the original program has nothing of the kind
    network, sets, held, options, expert = prepare_generator(given, DistillOptions, truth=truth)
    run_trainee(DistillTrainee(network, wide, sets, held, options, expert, dict(given["note"])), given)
