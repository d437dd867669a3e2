"""`wav2lip bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wav2lip.cli.parameters import DETECTOR, WEIGHTS
from wav2lip.cli.run import reporting
from wav2lip.cli.stages import GIGA, MEGA, stage_table
from wav2lip.cli.sync import HOW_TO_PRINT, sync, sync_options
from wav2lip.errors import UsageError

if TYPE_CHECKING:
    from wav2lip.benchmark.results import Bench
    from wav2lip.pipeline.options import SyncOptions

FILE = click.Path(path_type=Path)
# What is the measurement's own. The files stand for those that are only known later; parsing does not look at them.
SETTLED = {
    "face": Path("face.mp4"), "audio": Path("speech.wav"), "output": None, "dry_run": False, "no_clobber": False,
    "min_score": None,
}


@click.command(context_settings={"max_content_width": 110})
@click.option("--face", type=FILE, help="Video to measure with.  [default: 10 s of 1280×720 are drawn]")
@click.option("--audio", type=FILE, help="Its speech; goes with --face.")
@click.option("--checkpoint", type=WEIGHTS, help="Generator weights, or their name.  [default: the one that ships]")
@DETECTOR
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]|mps", help="Where to run.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Of each kind; medians count.")
@click.option("--json", "json_file", type=FILE, help="Write everything that was measured to this file.")
@click.option("--plot", type=FILE, help="Draw it: a PNG.")
@click.option("-q", "--quiet", is_flag=True, help="No bar.")
@click.argument("sync_words", metavar="[-- OPTIONS OF SYNC]", nargs=-1, type=click.UNPROCESSED)
@reporting("nothing was measured to its end")
def bench(
    face: Path | None, audio: Path | None, checkpoint: Path | None, detector: str, detector_weights: Path | None,
    device: str, runs: int, json_file: Path | None, plot: Path | None, quiet: bool, sync_words: tuple[str, ...],
) -> None:
    """Measure how fast `wav2lip sync` is here, and how fast it could be.

    Each run is a process of its own: cold, when faces have to be found, and warm, when the video is known from before.
    In turn with them a plain ffmpeg transcode of the same frames is timed, and the machine's best at products of
    matrices; a run is held against the two together.
    """
    if (face is None) != (audio is None):
        raise UsageError("Name both --face and --audio, or neither: then a clip is drawn.")
    words = ["--detector", detector, "--device", device]
    for option, file in (("--checkpoint", checkpoint), ("--detector-weights", detector_weights)):
        words += [] if file is None else [option, str(file)]
    words += sync_words
    options = _understood(words)

    from wav2lip.media.results import prepare_results

    results = {name: path for name, path in (("--json", json_file), ("--plot", plot)) if path is not None}
    prepare_results(results, [path for path in (face, audio, checkpoint, detector_weights) if path is not None])

    from wav2lip.benchmark.bench import bench as run
    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.extras import require
    from wav2lip.media.whole import whole_file

    if plot is not None:
        require("matplotlib", "evaluate")
    measured = run(face, audio, options, words, runs, TerminalProgress(-1 if quiet else 0))
    click.echo(_in_words(measured))
    if json_file is not None:
        with whole_file(json_file) as part:
            part.write_text(json.dumps(measured.to_dict(), indent=2) + "\n", encoding="utf-8")
    if plot is not None:
        from wav2lip.benchmark.plot import draw_bench

        draw_bench(measured, plot)


def _understood(words: list[str]) -> SyncOptions:
    """Return the options that words for `wav2lip sync` mean; those that make no sense are refused before any work."""
    files = ["--face", str(SETTLED["face"]), "--audio", str(SETTLED["audio"])]
    with sync.make_context("wav2lip sync", [*files, *words]) as context:
        for name, settled in SETTLED.items():
            if context.params[name] != settled:
                raise UsageError(f"--{name.replace('_', '-')} cannot be measured; leave it out after the --.")
        return sync_options({
            name: value for name, value in context.params.items()
            if name not in ("face", "audio", "output", "min_score", *HOW_TO_PRINT)
        })


def _in_words(measured: Bench) -> str:
    """Return the result as text: the machine, and a table with what it comes to for cold and for warm runs."""
    about = dict(measured.about)
    width, height = measured.size
    lines = [
        f"{about.pop('processor')}, {about.pop('cores')} cores; {about.pop('system')}; "
        + ", ".join(f"{name} {value}" for name, value in about.items()),
        f"{measured.face}: {width}×{height} at {float(measured.fps):g} frames a second.  "
        f"wav2lip sync {' '.join(measured.options)}",
        f"Plain transcode: {_spread(measured.transcodes)}.",
    ]
    for name, mode in measured.modes.items():
        profile = mode.profile
        generate = profile.stage("generate")
        lines += ["", f"{name}: {_spread(mode.seconds)}", stage_table(profile)]
        ratio, floor = measured.ratio(name), measured.floor(name)
        if generate and floor is not None:
            lines.append(
                f"The whole run takes {ratio:.2f} times the {floor:.2f} s of a plain transcode and of "
                f"{generate.whole_flop / GIGA:.0f} GFLOP, whole faces, at the peak for {generate.number_format}."
            )
        if mode.memory:
            lines.append(f"Together at a time, in a run of its own: {mode.memory / MEGA:.0f} MB.")
    return "\n".join(lines)


def _spread(seconds: tuple[float, ...]) -> str:
    from statistics import median

    runs = f"{len(seconds)} run{'s' if len(seconds) != 1 else ''}"
    return f"{median(seconds):.2f} s, the median of {runs} ({min(seconds):.2f} to {max(seconds):.2f})"
