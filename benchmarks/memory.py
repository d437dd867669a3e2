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
import threading
import time
from pathlib import Path

import click

from wav2lip.media.ffmpeg import QUIET, binary, url

MB = 1_000_000


def resident(pid: int) -> int:
    """Return the bytes of memory of a process and all below it; a page that n processes share counts 1/n for each."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def run(command: list[str]) -> tuple[float, int, int]:
    """Run a command; return its seconds, and the peak bytes of all its processes and of itself alone."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peaks = [0, 0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peaks[0] = max(peaks[0], resident(process.pid))
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except FileNotFoundError:
                return
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    peaks[1] = max(peaks[1], int(line.split()[1]) * 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    done.set()
    watcher.join()
    if code:
        raise click.ClickException(f"{' '.join(command)} ended with code {code}")
    return time.monotonic() - start, peaks[0], peaks[1]


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
            taken, everything, alone = run([sys.executable, "-m", "wav2lip", of, *words, "-q", *options])
        peaks = f"peak {everything / MB:.0f} MB, Python alone {alone / MB:.0f} MB"
        click.echo(f"{length:6} s of video: {taken:7.1f} s, {peaks}")


if __name__ == "__main__":
    main()
