"""`wav2lip align`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from wav2lip.cli.parameters import Number
from wav2lip.cli.run import reporting
from wav2lip.cli.scoring import DETECTION, EXPERT, FILE, evaluation_options, offset_in_words


@click.command(context_settings={"max_content_width": 110})
@click.argument("video", type=FILE)
@click.option("-o", "--output", type=FILE, help="The copy. [default: <video>_aligned.mp4, .mkv, ... here]")
@EXPERT
@DETECTION
@click.option(
    "--min-confidence", type=Number(0), default=0.05, show_default=True,
    help="Leave the video alone, with exit code 6, where the expert is less sure.",
)
@click.option("--no-clobber", is_flag=True, help="Refuse to replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON instead of the copy's path.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@reporting("nothing was written")
def align(video: Path, output: Path | None, min_confidence: float, as_json: bool, quiet: bool, **given: Any) -> None:
    """Find out by how much the sound of VIDEO is early or late, and write a copy in which it is not.

    Pictures and sound are copied as they are stored; only the sound's time changes.
    """
    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.evaluation.align import align as run
    from wav2lip.evaluation.score import Evaluator
    from wav2lip.media.encoding import Encoding
    from wav2lip.media.shift import shifted_name
    from wav2lip.pipeline.output import prepare_output

    output = output or shifted_name(video)
    prepare_output(output, (video, given["expert"], given["detector_weights"]), Encoding(), not given["no_clobber"])
    progress = TerminalProgress(-1 if quiet else 0)
    evaluator = Evaluator(evaluation_options(given, picture=False), progress)
    alignment = run(video, output, evaluator, least_confidence=min_confidence)
    progress.say(f"{video}: {offset_in_words(round(-1000 * alignment.moved))}.")
    click.echo(json.dumps(alignment.to_dict(), indent=2, ensure_ascii=False) if as_json else str(output))
