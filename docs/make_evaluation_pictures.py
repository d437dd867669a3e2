"""Make `docs/score.png` and `docs/compare.png` from drawn heads.

Run `python docs/make_evaluation_pictures.py` from the project's root.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from wav2lip.media.ffmpeg import QUIET, binary, url
from wav2lip.training.synth import Drawing, synthesize

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
HEADS = (305, 309)           # people that nothing was trained on
LATE = 0.2                   # seconds: the sound of the second one
GAP = "between(t,6.2,7.4)"   # seconds: where nobody is seen


def ffmpeg(*arguments: object) -> None:
    subprocess.run([binary(), *QUIET, *map(str, arguments)], check=True)


def wav2lip(command: str, *words: object) -> None:
    line = [sys.executable, "-m", "wav2lip", command, *words, "--detector", "cascade", "-q"]
    subprocess.run([str(word) for word in line], check=True)


def two_people(folder: Path) -> Path:
    """Return a video of one person in sync, then of another whose sound is late, with a stretch without a face."""
    inputs: list[object] = []
    for identity in HEADS:
        head = folder / f"{identity}.mp4"
        synthesize(identity, head, Drawing(256, 25, None), EXAMPLES / "speech.wav", None, lambda frames, total: frames)
        inputs += ["-i", url(head)]
    joined = folder / "two people.mp4"
    graph = (
        f"[1:a]adelay={1000 * LATE:.0f}[late];[0:v][0:a][1:v][late]concat=n=2:v=1:a=1[v][sound];"
        f"[v]drawbox=enable='{GAP}':color=gray:t=fill[picture]"
    )
    ffmpeg(*inputs, "-filter_complex", graph, "-map", "[picture]", "-map", "[sound]", url(joined))
    return joined


def comparison(folder: Path) -> np.ndarray:
    """Return the contact sheet of a head that was synced to what it says anyway: by default, and as the original."""
    truth, ours, original = (folder / f"{name}.mkv" for name in ("truth", "default", "compat"))
    ffmpeg("-i", url(folder / f"{HEADS[0]}.mp4"), "-t", 4, "-c:v", "ffv1", "-c:a", "copy", url(truth))
    for output, options in ((ours, []), (original, ["--compat"])):
        wav2lip("sync", "--face", truth, "--audio", truth, "-o", output, "--codec", "ffv1", *options)
    wav2lip("compare", ours, original, truth, "-o", folder / "out.mp4", "--moments", 3)
    sheet = cv2.imread(str(folder / "out.png"))
    return cv2.resize(sheet, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wav2lip("evaluate", two_people(folder), "--no-picture", "--plot", HERE / "score.png")
        cv2.imwrite(str(HERE / "compare.png"), comparison(folder))


main()
