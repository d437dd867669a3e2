"""The command line: parse, call the API, print. Nothing imports it."""

from __future__ import annotations

import io
import sys
from typing import Any

import click

from wav2lip.cli.align import align
from wav2lip.cli.batch import batch
from wav2lip.cli.bench import bench
from wav2lip.cli.clean import clean
from wav2lip.cli.compare import compare
from wav2lip.cli.completion import completion
from wav2lip.cli.config import config
from wav2lip.cli.distill import distill
from wav2lip.cli.doctor import doctor
from wav2lip.cli.evaluate import evaluate
from wav2lip.cli.export import export
from wav2lip.cli.faces import faces
from wav2lip.cli.inspect import inspect_command
from wav2lip.cli.models import models
from wav2lip.cli.parameters import LOG_JSON
from wav2lip.cli.preprocess import preprocess
from wav2lip.cli.preview import preview
from wav2lip.cli.rerun import rerun
from wav2lip.cli.shell import CONFIG, VERSION, Shell
from wav2lip.cli.sync import sync
from wav2lip.cli.synth import synth
from wav2lip.cli.train import train
from wav2lip.cli.ui import ui

EXIT_CODES = """\b
Exit codes:
  0    done
  1    failed (disk full, ffmpeg failed, ...)
  2    wrong options
  3    a video, picture or sound cannot be read
  4    weights are missing, broken, or of another network
  5    no face found
  6    lips and speech fit worse than was asked for
  129  the terminal was closed
  130  interrupted
  141  whoever was to read stdout has stopped reading
  143  terminated"""


@click.group(cls=Shell, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@VERSION
@LOG_JSON
@CONFIG
def main(**given: Any) -> None:
    """Lip-sync a video to any speech."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be Unicode, nor fit into what a terminal knows.
        unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if unicode else "backslashreplace")


main.add_command(sync)
main.add_command(preview)
main.add_command(batch)
main.add_command(faces)
main.add_command(doctor)
main.add_command(evaluate)
main.add_command(compare)
main.add_command(align)
main.add_command(preprocess)
main.add_command(train)
main.add_command(distill)
main.add_command(synth)
main.add_command(export)
main.add_command(bench)
main.add_command(models)
main.add_command(inspect_command)
main.add_command(rerun)
main.add_command(clean)
main.add_command(ui)
main.add_command(config)
main.add_command(completion)
