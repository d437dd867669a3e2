"""Does a run get there, whatever stops it? A job of a minute, stopped again and again, against an undisturbed one.

    python benchmarks/kills.py --times 20
    python benchmarks/kills.py --times 5 --by ffmpeg
    python benchmarks/kills.py --times 3 --by disk          # as root: needs a file system of its own

Every time the result is removed and the same command is started; after a random time it is killed (--by program), or
one of its ffmpegs is (--by ffmpeg), or it runs in a file system that is too small for the result (--by disk); then the
same command runs to its end. The result has to have the bytes of the undisturbed run, and nothing else may be left.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import click

from wav2lip.media.ffmpeg import QUIET, binary, url
from wav2lip.pipeline.process import children

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
GOES_ON = "Going on after an earlier run"


def make_inputs(folder: Path, seconds: float, fps: float) -> tuple[Path, Path]:
    """Return a video and a sound of a length in seconds, made of the example's."""
    paths = folder / "face.mp4", folder / "speech.wav"
    picture = ("-r", str(fps), "-c:v", "libx264", "-an")
    for name, path, options in (("face.mp4", paths[0], picture), ("speech.wav", paths[1], ())):
        subprocess.run(
            [binary(), *QUIET, "-y", "-stream_loop", "-1", "-i", url(EXAMPLES / name), "-t", str(seconds), *options,
             url(path)], check=True,
        )
    return paths


def command(face: Path, speech: Path, output: Path) -> list[str]:
    return [sys.executable, "-m", "wav2lip", "--no-config", "sync", "--face", str(face), "--audio", str(speech),
            "-o", str(output), "--detector", "cascade", "--device", "cpu", "--offline", "--no-sidecar"]


def finish(words: list[str], whole: bytes, output: Path) -> tuple[bool, float, str]:
    """Run to the end; return whether the result is right and alone, the seconds it took, and what it went on from."""
    begun = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    right = done.returncode == 0 and output.read_bytes() == whole
    alone = [path.name for path in output.parent.iterdir() if path.name != "lost+found"] == [output.name]
    went_on = next((line for line in done.stderr.splitlines() if line.startswith(GOES_ON)), "")
    return right and alone, time.monotonic() - begun, went_on or done.stderr.strip()[-200:] * (not right)


def stop(words: list[str], after: float, by: str) -> str:
    """Start the command, and stop it after so many seconds; return how it ended."""
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(after)
        if by == "program":
            process.kill()
        else:
            victims = list(children(process.pid))
            if victims:
                with suppress(ProcessLookupError):
                    os.kill(random.choice(victims), signal.SIGKILL)
        assert process.stderr is not None
        said = process.stderr.read()
        return f"code {process.wait(120)}: {said.strip().splitlines()[-1][:110] if said.strip() else 'no word'}"


@click.command(help=__doc__)
@click.option("--times", default=20, show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="Of the job.")
@click.option("--fps", default=25.0, show_default=True, help="Of the job.")
@click.option("--by", type=click.Choice(["program", "ffmpeg", "disk"]), default="program", show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(times: int, seconds: float, fps: float, by: str, seed: int) -> None:
    chance, failed = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        face, speech = make_inputs(folder, seconds, fps)
        results = folder / "results"
        results.mkdir()
        output = results / "result.mp4"
        words = command(face, speech, output)
        begun = time.monotonic()
        subprocess.run(words, check=True, capture_output=True)
        took, whole = time.monotonic() - begun, output.read_bytes()
        click.echo(f"undisturbed: {took:.1f} s, {len(whole):,} bytes")
        for number in range(times):
            output.unlink()
            if by == "disk":
                how = fill_up(words, results, len(whole), chance)
            else:
                after = chance.uniform(0.5, 0.95 * took)
                how = f"after {after:5.1f} s {stop(words, after, by)}"
            right, again, said = finish(words, whole, output)
            failed += not right
            verdict = "same bytes, nothing left" if right else "WRONG"
            click.echo(f"{number + 1:3} {verdict}, {again:.1f} s; {how}; {said}")
        if results.is_mount():
            subprocess.run(["umount", str(results)], check=True)
    click.echo(f"{times - failed} of {times} right")
    sys.exit(bool(failed))


def fill_up(words: list[str], results: Path, size: int, chance: random.Random) -> str:
    """Run in a file system with too little room, and make it larger afterwards; return how it ended."""
    room = int(size * chance.uniform(0.2, 1.8)) // 4096 * 4096
    if not results.is_mount():
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(results)], check=True)
    else:
        subprocess.run(["mount", "-o", f"remount,size={room}", str(results)], check=True)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    subprocess.run(["mount", "-o", f"remount,size={4 * size}", str(results)], check=True)
    last = done.stderr.strip().splitlines()[-1:] or ["no word"]
    return f"room for {room:,}: code {done.returncode}: {last[0][:110]}"


if __name__ == "__main__":
    main()
