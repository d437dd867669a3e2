"""`wav2lip export`."""

from __future__ import annotations

from pathlib import Path

import click

from wav2lip.cli.parameters import WEIGHTS
from wav2lip.cli.run import reporting
from wav2lip.errors import UsageError


@click.command(context_settings={"max_content_width": 110})
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--checkpoint", type=WEIGHTS, help="Generator weights, or their name.  [default: the generator that ships]"
)
@click.option("--half", is_flag=True, help="Store the weights in 16 bits: half the file (.xml only).")
@reporting("nothing was written")
def export(output: Path, checkpoint: Path | None, half: bool) -> None:
    """Write a generator to OUTPUT for other programs: .xml for OpenVINO (extra openvino), .onnx (extra onnx).

    `sync --engine openvino` takes such files as --checkpoint, and starts with them at once.
    """
    from wav2lip.models.load import load_checkpoint
    from wav2lip.models.openvino import export_generator
    from wav2lip.models.store import locate

    loaded = load_checkpoint(checkpoint)
    weights = locate(checkpoint) if checkpoint else None
    for made in (output, output.with_suffix(".bin")) if output.suffix.lower() == ".xml" else (output,):
        if weights is not None and made.exists() and made.samefile(weights):
            raise UsageError(f"{made} would replace the weights that are exported; choose another name.")
    if loaded.notice:
        click.echo(loaded.notice, err=True)
    export_generator(loaded, output, half=half)
    click.echo(str(output))
