"""Is memory flat over an hour? One long job, watched: memory against time as a table, a picture and a slope.

    python benchmarks/hour.py --csv hour.csv --plot hour.png -- --detector cascade --device cpu
    python benchmarks/hour.py --face clip.mp4 --audio speech.wav --hours 0.05

A short clip (drawn, where none is given) is scaled to the size and looped without re-encoding, its sound too, and
`wav2lip sync` runs on them in a process of its own, with a cache that knows no faces, and with the generator that ships
unless the options say otherwise. Every few seconds it is written down how much memory Python has and how much its
ffmpegs have (what processes share is counted once; Linux only), what is written so far, and how many files and threads
are open. The slope is a least-squares line through what comes after the first two minutes of each of the two passes:
of finding faces, in which hardly anything is written, and of rendering.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from wav2lip.benchmark.bench import fill_cache
from wav2lip.benchmark.clip import make_clip
from wav2lip.benchmark.runs import resident
from wav2lip.cli.progress import TerminalProgress
from wav2lip.errors import Wav2LipError
from wav2lip.evaluation.figures import new_figure, save_figure
from wav2lip.media.ffmpeg import QUIET, binary, url
from wav2lip.media.whole import whole_file
from wav2lip.models.store import CACHE_VARIABLE
from wav2lip.pipeline.process import children

MB, HOUR = 1_000_000, 3600
SETTLED = 120.0                        # seconds of a pass until what it holds is there
BEGUN = 0.5                            # MB written: frames are among them
FEWEST = 3                             # samples that a line is drawn through
FILE = click.Path(path_type=Path)


class Sample(NamedTuple):
    """What was seen at a time: seconds since the start, MB, and how many there are."""

    seconds: float
    python: float
    ffmpeg: float
    written: float
    files: int
    threads: int


def make_inputs(
    face: Path | None, audio: Path | None, folder: Path, seconds: float, size: str, fps: str
) -> tuple[Path, Path]:
    """Write a long video and a long sound, from short ones."""
    if face is None or audio is None:
        drawn, hum = make_clip(folder, TerminalProgress(-1))
        face, audio = face or drawn, audio or hum
    short, video, sound = folder / "short.mp4", folder / "video.mp4", folder / "sound.wav"
    width, height = size.split("x")
    fit = f"scale={width}:{height}:force_original_aspect_ratio=decrease,pad={size.replace('x', ':')}:-1:-1,setsar=1"
    coding = ["-vf", fit, "-r", fps, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-an"]
    subprocess.run([binary(), *QUIET, "-i", url(face), *coding, url(short)], check=True)
    for source, target, coding in ((short, video, ["-c:v", "copy"]), (audio, sound, ["-vn"])):
        loop = ["-stream_loop", "-1", "-i", url(source), "-t", str(seconds)]
        subprocess.run([binary(), *QUIET, *loop, *coding, url(target)], check=True)
    return video, sound


def watch(process: subprocess.Popen[str], folder: Path, every: float) -> Iterator[Sample]:
    """Yield what is seen of a process and its ffmpegs until it ends."""
    start = time.monotonic()
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(every)
        if process.poll() is not None:
            return
        ffmpegs = sum(map(resident, children(process.pid)))
        written = sum(path.stat().st_size for path in files_below(folder))
        with suppress(FileNotFoundError, ProcessLookupError):
            about = Path(f"/proc/{process.pid}")
            files, threads = (len(os.listdir(about / what)) for what in ("fd", "task"))
            python = max(0, resident(process.pid) - ffmpegs)
            yield Sample(time.monotonic() - start, python / MB, ffmpegs / MB, written / MB, files, threads)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def slope(samples: Sequence[Sample]) -> float | None:
    """Return by how many MB an hour Python and its ffmpegs grow in a pass, once settled; None if it is too short.

    Args:
        samples: of that pass.
    """
    settled = [sample for sample in samples if sample.seconds >= samples[0].seconds + SETTLED]
    if len(settled) < FEWEST:
        return None
    times, memory = zip(*((sample.seconds / HOUR, sample.python + sample.ffmpeg) for sample in settled), strict=True)
    return float(np.polyfit(times, memory, 1)[0])


def report(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield what is said of each pass."""
    passes = {
        "finding faces": [sample for sample in samples if sample.written < BEGUN],
        "rendering": [sample for sample in samples if sample.written >= BEGUN],
    }
    for name, part in passes.items():
        if not part:
            continue
        peak = max(sample.python + sample.ffmpeg for sample in part)
        own = max(sample.python for sample in part)
        grown = slope(part)
        line = "too short for a slope" if grown is None else f"{round(grown, 1) + 0.0:+.1f} MB an hour"
        most = f"at most {max(sample.files for sample in part)} files, {max(sample.threads for sample in part)} threads"
        yield (
            f"{name}: {part[-1].seconds - part[0].seconds:.0f} s, {line}; peak {peak:.0f} MB, "
            f"Python alone {own:.0f} MB; {most}"
        )


def write_table(samples: Sequence[Sample], out: Path) -> None:
    with whole_file(out) as part, part.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(Sample._fields)
        rows.writerows([f"{value:.1f}" if isinstance(value, float) else value for value in row] for row in samples)


def draw(samples: Sequence[Sample], about: str, out: Path) -> None:
    figure = new_figure((9.0, 4.5), "evaluate")
    axes = figure.subplots()
    times = [sample.seconds / 60 for sample in samples]
    axes.plot(times, [sample.python for sample in samples], label="Python")
    axes.plot(times, [sample.ffmpeg for sample in samples], label="its ffmpegs")
    axes.plot(times, [sample.python + sample.ffmpeg for sample in samples], "0.3", label="together")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes")
    axes.set_ylabel("MB")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    axes.set_title(about)
    save_figure(figure, out)


@click.command()
@click.option("--face", type=FILE, help="A short clip.  [default: one is drawn]")
@click.option("--audio", type=FILE, help="A short recording.  [default: a hum]")
@click.option("--hours", default=1.0, show_default=True)
@click.option("--size", default="1920x1080", show_default=True)
@click.option("--fps", default="25", show_default=True)
@click.option("--every", default=5.0, show_default=True, help="Seconds between two looks.")
@click.option("--csv", "table", type=FILE, default=Path("hour.csv"), show_default=True)
@click.option("--plot", type=FILE, default=Path("hour.png"), show_default=True)
@click.argument("options", nargs=-1)
def main(
    face: Path | None, audio: Path | None, hours: float, size: str, fps: str, every: float, table: Path, plot: Path,
    options: tuple[str, ...],
) -> None:
    """Run one long job and say how its memory grows. OPTIONS, after --, go to `wav2lip sync`."""
    with tempfile.TemporaryDirectory(prefix="wav2lip-") as name:
        folder = Path(name)
        video, sound = make_inputs(face, audio, folder, hours * HOUR, size, fps)
        results = folder / "results"
        results.mkdir()
        command = [sys.executable, "-m", "wav2lip", "--no-config", "sync", "--face", str(video), "--audio", str(sound)]
        command += ["-o", str(results / "out.mp4"), "--quiet", *options]
        said, cache = folder / "said.txt", folder / "cache"
        fill_cache(cache)
        environment = os.environ | {CACHE_VARIABLE: str(cache)}
        with said.open("w") as words, subprocess.Popen(
            command, env=environment, stdout=words, stderr=words, text=True
        ) as process:
            try:
                samples = list(watch(process, results, every))
            except BaseException:
                process.terminate()
                raise
        if samples:
            about = f"{hours:g} h of {size} at {fps} frames a second"
            try:
                write_table(samples, table)
                draw(samples, about, plot)
            except Wav2LipError as error:
                raise click.ClickException(str(error)) from error
            for line in report(samples):
                click.echo(line)
        if process.returncode:
            last = (said.read_text().strip().splitlines() or ["without a word."])[-1]
            raise click.ClickException(f"wav2lip sync ended with code {process.returncode}: {last}")


if __name__ == "__main__":
    main()
