"""How long does a face take? Run the generator alone in every way that there is, and print milliseconds.

    python benchmarks/generator.py
    python benchmarks/generator.py --checkpoint wav2lip.pth --faces 32

`published` is the network as it is stored, `folded` the same with its batch norms in its convolutions; `fused` is what
`wav2lip sync` runs on a CPU, and `lower` what it runs for faces of which only the lower rows are looked at. OpenVINO
is there where it is installed. The last column is the PSNR against `published`, of random faces.

ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 before it shows what a processor without AVX-512 takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import click
import numpy as np
import torch

from wav2lip.errors import UsageError
from wav2lip.models.engine import Engine, TorchEngine
from wav2lip.models.generator import FACE, LOWER, MEL
from wav2lip.models.load import load_generator

PASSES = 7


@click.command()
@click.option("--checkpoint", type=click.Path(exists=True, path_type=Path), help="Weights.  [default: those that ship]")
@click.option("--faces", default=16, show_default=True, help="Generated at a time.")
def main(checkpoint: Path | None, faces: int) -> None:
    """Print wall and CPU milliseconds a face."""
    rng = np.random.default_rng(0)
    coarse = rng.random((faces, 6, 12, 12), np.float32)
    given = rng.uniform(-4, 4, (faces, *MEL)).astype(np.float32), np.kron(coarse, np.ones((8, 8), np.float32))
    given[1][:, :3, FACE[1] // 2 :] = 0
    click.echo(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, {faces} faces at a time")
    click.echo(f"{'':10}{'ms':>8}{'CPU ms':>8}{'PSNR':>8}")
    wanted = None
    for name, engine, lower in _ways(checkpoint):
        rows = np.full(faces, lower)
        made, wall, cpu = _timed(lambda engine=engine, rows=rows: engine.generate(*given, lower=rows))    # type: ignore[misc]
        wanted = made if wanted is None else wanted
        error = float(np.mean((made - wanted)[:, :, LOWER if lower else 0 :] ** 2))
        psnr = f"{10 * np.log10(1 / error):8.1f}" if error else f"{'':>8}"
        click.echo(f"{name:10}{1e3 * wall / faces:8.1f}{1e3 * cpu / faces:8.1f}{psnr}")


def _ways(checkpoint: Path | None) -> Iterator[tuple[str, Engine, bool]]:
    yield "published", TorchEngine(load_generator(checkpoint), "cpu", exact=True), False
    with mock.patch("wav2lip.models.engine.can_fuse", return_value=False):
        yield "folded", TorchEngine(load_generator(checkpoint), "cpu"), False
    fused = TorchEngine(load_generator(checkpoint), "cpu")
    yield "fused", fused, False
    yield "lower", fused, True
    try:
        from wav2lip.models.openvino import load_engine

        yield "OpenVINO", load_engine(checkpoint, torch.float32)[0], False
    except UsageError as error:
        click.echo(str(error), err=True)


def _timed(run: Callable[[], np.ndarray]) -> tuple[np.ndarray, float, float]:
    """Return what a call gives, and the medians of the seconds and the CPU seconds that it takes."""
    made, passes = run(), []
    for _ in range(PASSES):
        start, cpu = time.perf_counter(), time.process_time()
        run()
        passes.append((time.perf_counter() - start, time.process_time() - cpu))
    wall, cpu = np.median(passes, axis=0)
    return made, float(wall), float(cpu)


if __name__ == "__main__":
    main()
