"""Does memory grow with the clip? Run the same video at several lengths and print the peak of each run.

    python benchmarks/memory.py --face clip.mp4 --audio speech.wav --seconds 10 --seconds 600
    python benchmarks/memory.py --of evaluate --face clip.mp4 --audio speech.wav

The video is looped, without re-encoding, and so is the sound; frames and everything else stay the same. The figures
are the largest sum of memory over the program and the ffmpeg processes that it starts, what they share counted once,
sampled ten times a second from /proc (Linux).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import click

from wav2lip.benchmark.runs import run
from wav2lip.errors import Wav2LipError
from wav2lip.media.ffmpeg import QUIET, binary, url

MB = 1_000_000


@click.command()
@click.option("--face", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--audio", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--seconds", multiple=True, type=int, default=[10, 60], show_default=True)
@click.option("--of", type=click.Choice(["sync", "evaluate"]), default="sync", show_default=True)
@click.argument("options", nargs=-1)
def main(face: Path, audio: Path, seconds: tuple[int, ...], of: str, options: tuple[str, ...]) -> None:
    """Print peak memory by length of the clip. OPTIONS, after --, go to the command of `wav2lip`."""
    for length in seconds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            video, sound, both = folder / f"video{face.suffix}", folder / "sound.wav", folder / f"both{face.suffix}"
            for source, target, coding in ((face, video, ["-c:v", "copy", "-an"]), (audio, sound, ["-vn"])):
                loop = [binary(), *QUIET, "-stream_loop", "-1", "-i", url(source), "-t", str(length), *coding]
                subprocess.run([*loop, url(target)], check=True)
            words = ["--face", str(video), "--audio", str(sound), "-o", str(folder / "out.mp4")]
            if of == "evaluate":
                mux = ["-i", url(video), "-i", url(sound), "-c:v", "copy", "-c:a", "aac", url(both)]
                subprocess.run([binary(), *QUIET, *mux], check=True)
                words = [str(both)]
            try:
                done = run([sys.executable, "-m", "wav2lip", "--no-config", of, *words, "-q", *options], watched=True)
            except Wav2LipError as error:
                raise click.ClickException(str(error)) from error
        peaks = f"peak {done.memory / MB:.0f} MB, Python alone {done.own_memory / MB:.0f} MB"
        click.echo(f"{length:6} s of video: {done.seconds:7.1f} s, {peaks}")


if __name__ == "__main__":
    main()
