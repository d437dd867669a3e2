"""How well `wav2lip doctor` foresees what `wav2lip sync` takes.

    python benchmarks/forecast.py clip.mp4 ... --audio speech.wav --option --detector --option cascade

For every clip, with a cache that knows nothing of it: what the doctor foresees, then a run of sync, each in a process
of its own; what else the machine does meanwhile slows both, and the load beside each row tells how much that was.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from wav2lip.benchmark.bench import fill_cache
from wav2lip.benchmark.runs import run
from wav2lip.models.store import CACHE_VARIABLE

HEADER = ("clip", "foreseen", "taken", "ratio", "memory", "peak", "size", "written", "load")
STAGES = {"faces": "track", "closed mouth": "reference", "frames": "render", "joining": "join"}


@dataclass(frozen=True)
class Held:
    """What was foreseen of a run, and what it took: seconds, bytes of memory, bytes of the result; stage by stage.

    Attributes:
        load: of the machine, before the forecast and after the run.
    """

    clip: str
    seconds: tuple[float, float]
    memory: tuple[int, int]
    size: tuple[float, int]
    stages: dict[str, tuple[float, float]]
    load: tuple[float, float]

    def row(self) -> str:
        """Return a line of a table in Markdown."""
        foreseen, taken = self.seconds
        cells = (
            self.clip, f"{foreseen:.1f} s", f"{taken:.1f} s", f"{foreseen / taken:.2f}",
            *(f"{value / 1e6:.0f} MB" for value in self.memory), *(f"{value / 1e6:.1f} MB" for value in self.size),
            f"{self.load[0]:.1f} to {self.load[1]:.1f}",
        )
        return f"| {' | '.join(cells)} |"


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--audio", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--option", "words", multiple=True, help="A word for sync and doctor.  [repeatable]")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write what was measured to this file.")
def main(clips: tuple[Path, ...], audio: Path, words: tuple[str, ...], json_file: Path | None) -> None:
    click.echo(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    measured = []
    for clip in clips:
        held = hold(clip, audio, words)
        measured.append(held)
        click.echo(held.row())
        click.echo("  " + ", ".join(f"{name} {one:.1f}/{other:.1f}" for name, (one, other) in held.stages.items()),
                   err=True)
    ratios = [held.seconds[0] / held.seconds[1] for held in measured]
    click.echo(f"Ratios from {min(ratios):.2f} to {max(ratios):.2f}.")
    if json_file is not None:
        json_file.write_text(json.dumps([held.__dict__ for held in measured], indent=2) + "\n", encoding="utf-8")


def hold(clip: Path, audio: Path, words: Sequence[str]) -> Held:
    """Foresee a run, and do it."""
    with tempfile.TemporaryDirectory(prefix="wav2lip-") as name:
        cache, output = Path(name) / "cache", Path(name) / "result.mp4"
        fill_cache(cache)
        environment = os.environ | {CACHE_VARIABLE: str(cache)}
        named = ["--face", str(clip), "--audio", str(audio), "-o", str(output), *words, "--json"]
        before = os.getloadavg()[0]
        program = [sys.executable, "-m", "wav2lip", "--no-config"]
        told = json.loads(run([*program, "doctor", *named], environment).said)["forecast"]
        done = run([*program, "sync", *named, "--quiet"], environment, watched=True)
        report = json.loads(done.said)
        stages = {ours: (told["seconds"][ours], report["seconds"].get(theirs, 0.0)) for ours, theirs in STAGES.items()}
        rest = done.seconds - sum(taken for _, taken in stages.values())
        stages["start and load"] = told["seconds"]["start"] + told["seconds"]["load"], rest
        return Held(
            clip.name, (told["total"], done.seconds), (told["memory"], done.memory),
            (told["size"], output.stat().st_size), stages, (before, os.getloadavg()[0]),
        )


if __name__ == "__main__":
    main()
