"""Is every job of a batch done, and once, whatever is wrong with some, and whenever it is killed?

    python benchmarks/batch.py [--workers 2] [--sample 9] [FOLDER]

Two hundred jobs of a second each are made of the example in FOLDER, and every tenth of them is poisoned in one of the
ways of `POISON`. `wav2lip batch` is killed (-9) when half of them are through, and run again. Printed is its table,
what failed and why, and whether every result is there, whole, has its frames, and, for a sample, has the bytes that
`wav2lip sync` gives; whether the journal is complete; and what is left of the killed run. Linux.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from wav2lip.media.ffmpeg import QUIET, binary, url
from wav2lip.media.probe import probe
from wav2lip.pipeline.process import children

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FACES, AUDIOS = 12, 15
SIZE, FPS = 160, 25
WORDS = ("--detector", "cascade", "--device", "cpu", "--offline")
COLUMNS = ("face", "audio", "output", "box", "checkpoint", "codec", "pads", "person")
BOX = "55 145 40 120"

Row = dict[str, str]


def _write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return path.name


POISON: dict[str, Callable[[Row, Path], Row]] = {
    "missing face": lambda row, folder: {"face": "nowhere.mp4"},
    "missing audio": lambda row, folder: {"audio": "nowhere.wav"},
    "truncated video": lambda row, folder: {
        "face": _write(folder / "truncated.mp4", (folder / row["face"]).read_bytes()[:5000])
    },
    "a video without sound as audio": lambda row, folder: {"audio": row["face"]},
    "no weights": lambda row, folder: {"checkpoint": _write(folder / "weights.pth", b"these are no weights")},
    "unknown option": lambda row, folder: {"codec": "h266"},
    "malformed option": lambda row, folder: {"pads": "1 2 three 4"},
    "nobody": lambda row, folder: {"face": "grey.mp4", "box": ""},
    "a folder": lambda row, folder: {"face": "."},
    "empty file": lambda row, folder: {"face": _write(folder / "empty.mp4", b"")},
    "contradiction": lambda row, folder: {"person": "A"},
    "output in a file": lambda row, folder: {"output": f"../{row['face']}/out.mp4"},
    "output is the input": lambda row, folder: {
        "face": _write(folder / "both.mp4", (folder / row["face"]).read_bytes()), "output": "../both.mp4"
    },
    "no video but text": lambda row, folder: {"face": _write(folder / "text.mp4", b"hello\n" * 99)},
}


def make(folder: Path) -> tuple[list[Row], dict[str, str]]:
    """Write media and the list of jobs; return its rows, and by output how some of them are poisoned."""

    def ffmpeg(*words: object) -> None:
        subprocess.run([binary(), *QUIET, "-y", *map(str, words)], check=True)

    for n in range(FACES):
        cut = ("-ss", 0.5 * n, "-t", 1, "-i", url(EXAMPLES / "face.mp4"), "-vf", f"scale={SIZE}:{SIZE}", "-an")
        ffmpeg(*cut, url(folder / f"face{n}.mp4"))
    for n in range(AUDIOS):
        ffmpeg("-ss", 0.4 * n, "-t", 1, "-i", url(EXAMPLES / "speech.wav"), url(folder / f"audio{n}.wav"))
    ffmpeg("-f", "lavfi", "-i", f"color=gray:size={SIZE}x{SIZE}:rate={FPS}:duration=1", url(folder / "grey.mp4"))
    good = [(f"face{n}.mp4", f"audio{m}.wav") for n in range(FACES) for m in range(AUDIOS)]
    rows, poisoned, kinds = [], {}, list(POISON)
    for face, audio in good:
        rows.append({"face": face, "audio": audio, "output": f"{face[:-4]}-{audio[:-4]}.mp4", "box": BOX})
        if len(rows) % 10 == 9:
            kind = kinds[len(poisoned) % len(kinds)]
            bad = rows[-1] | {"output": f"bad{len(poisoned)}.mp4"}
            rows.append(bad | POISON[kind](bad, folder))
            poisoned[f"line {len(rows) + 1}"] = kind
    with open(folder / "jobs.csv", "w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    return rows, poisoned


def entries(journal: Path) -> list[dict]:
    return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []


def below(pid: int) -> set[int]:
    found = set(children(pid))
    return found.union(*map(below, found))


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(".*"))


def check(rows: Iterable[Row], folder: Path, sample: int) -> Counter:
    """Count which results are whole, and as `sync` makes them."""
    counts: Counter[str] = Counter()
    good = [row for row in rows if row["output"].startswith("face") and "/" not in row["output"]]
    for number, row in enumerate(good):
        output = folder / "out" / row["output"]
        clip = probe(output) if output.exists() else None
        counts["with all frames" if clip and clip.frames == FPS else "WRONG"] += 1
        if number % (len(good) // sample) == 0:
            alone = folder / "alone.mp4"
            words = ("--face", str(folder / row["face"]), "--audio", str(folder / row["audio"]), "-o", str(alone))
            box = ("--box", row["box"].replace(" ", ","))
            sync = [sys.executable, "-m", "wav2lip", "--no-config", "sync"]
            subprocess.run([*sync, *words, *box, *WORDS, "-q"], check=True)
            counts["as sync" if alone.read_bytes() == output.read_bytes() else "UNLIKE SYNC"] += 1
            alone.unlink()
    return counts


def run(folder: Path, workers: int, sample: int) -> None:
    rows, poisoned = make(folder)
    journal = folder / "out" / "jobs.journal.jsonl"
    command = [sys.executable, "-m", "wav2lip", "--no-config", "batch", str(folder / "jobs.csv"),
               "-o", str(folder / "out"), "--workers", str(workers), *WORDS, "-q"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while len(entries(journal)) < len(rows) // 2:
            assert process.poll() is None, "the batch has ended before it was killed"
            time.sleep(0.05)
        others = below(process.pid)
        process.kill()
    first = len(entries(journal))
    time.sleep(15)
    left = [pid for pid in others if Path(f"/proc/{pid}/exe").exists()]
    click.echo(f"killed after {first} of {len(rows)} jobs, {time.perf_counter() - start - 15:.0f} s; "
               f"processes left 15 s later: {left}; hidden files: {hidden(folder)}")
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE)
    click.echo(f"second run, exit code {done.returncode}:\n{done.stdout}")
    found = entries(journal)
    last = {entry["key"]: entry for entry in found}
    twice = Counter(entry["key"] for entry in found if entry["status"] == "done")
    statuses = Counter(entry["status"] for entry in last.values())
    click.echo(f"journal: {len(last)} jobs, {dict(statuses)}; done twice: {sum(n > 1 for n in twice.values())}")
    unexpected = [
        entry["where"] for entry in last.values()
        if (entry["status"] == "failed") != (entry["where"].rpartition(", ")[2] in poisoned)
    ]
    click.echo(f"jobs that should have failed and did not, or the other way: {unexpected}")
    click.echo(f"ways in which they were poisoned: {dict(Counter(poisoned.values()))}")
    click.echo(f"results: {dict(check(rows, folder, sample))}; hidden files: {hidden(folder)}")


@click.command()
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--sample", type=int, default=9, show_default=True, help="Results that are compared with sync's.")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def main(folder: Path | None, workers: int, sample: int) -> None:
    """Poison, kill, run again, and look at what is there."""
    if folder is not None:
        folder.mkdir(parents=True)
        run(folder, workers, sample)
        return
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), workers, sample)


if __name__ == "__main__":
    main()
