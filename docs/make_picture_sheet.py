"""Make `docs/picture.png` and `docs/silence.png` from the drawn example: what the options of the picture do.

Run `python docs/make_picture_sheet.py` from the project's root; some minutes, most of them to train an enhancer.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from wav2lip.media.ffmpeg import QUIET, binary, url
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
FACE = (slice(216, 396), slice(150, 350))       # rows and columns of the example's lower face
HEAD = (slice(150, 396), slice(150, 350))
MOMENTS = (24, 52)                              # frames in which the mouth is open
OPTIONS: dict[str, Sequence[str]] = {
    "default": (),
    "--grain": ("--grain",),
    "--enhance": ("--enhance", "ENHANCER"),
    "--blend poisson": ("--blend", "poisson"),
    "--no-color-match": ("--no-color-match",),
    "--mask box": ("--mask", "box"),
    "--blend hard": ("--blend", "hard"),
    "--compat": ("--compat",),
}
SHOWN = 0.67                                    # of the sheets' size
STEPS = 400                                     # of the enhancer's training
SPEECH, PAUSE = 2.2, 2.0                        # seconds, of the recording with a pause
ROOM = 0.008                                    # noise of the room in it, of full scale
PAUSED = (40, 62, 75, 88, 101, 112)             # frames before, in and after it


def ffmpeg(*arguments: object) -> None:
    subprocess.run([binary(), *QUIET, "-y", *map(str, arguments)], check=True)


def wav2lip(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "wav2lip", *map(str, words)], check=True)


def sync(face: Path, audio: Path, output: Path, *options: str) -> None:
    wav2lip("sync", "--face", face, "--audio", audio, "-o", output, "--detector", "cascade", "--codec", "ffv1", "-q",
            *options)


def tiles(video: Path, numbers: Sequence[int], part: tuple[slice, slice]) -> list[np.ndarray]:
    frames = list(read_frames(probe(video), 0, max(numbers) + 1))
    return [cv2.resize(frames[number][part], None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC) for number in numbers]


def titled(picture: np.ndarray, title: str) -> np.ndarray:
    bar = np.full((30, picture.shape[1], 3), 40, np.uint8)
    cv2.putText(bar, title, (8, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (238, 238, 238), 1, cv2.LINE_AA)
    return np.vstack([bar, picture])


def options(folder: Path) -> np.ndarray:
    """Return two moments of a grainy copy of the example, as it was and with every option."""
    grainy, enhancer = folder / "grainy.mkv", folder / "run"
    noise = "noise=alls=9:allf=t,format=yuv420p"
    ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-vf", noise, "-c:v", "ffv1", "-c:a", "copy", url(grainy))
    wav2lip("train", "enhancer", "--video", EXAMPLES / "face.mp4", "-o", enhancer, "--steps", STEPS, "--batch", 4,
            "--detector", "cascade")
    weights = enhancer / "enhancer.safetensors"
    columns = [titled(np.vstack(tiles(grainy, MOMENTS, FACE)), "source")]
    for title, words in OPTIONS.items():
        output = folder / f"{title}.mkv"
        face = EXAMPLES / "face.mp4" if title == "--enhance" else grainy
        sync(face, EXAMPLES / "speech.wav", output, *[str(weights) if word == "ENHANCER" else word for word in words])
        columns.append(titled(np.vstack(tiles(output, MOMENTS, FACE)), title))
    columns += [np.zeros_like(columns[0])] * (-len(columns) % 3)
    return np.vstack([np.hstack(columns[at : at + 3]) for at in range(0, len(columns), 3)])


def silence(folder: Path) -> np.ndarray:
    """Return moments before, in and after a pause, with every way to behave in it."""
    paused = folder / "paused.wav"
    graph = (
        f"[0:a]atrim=0:{SPEECH},apad=pad_dur={PAUSE}[a];[1:a]atrim=0:{SPEECH}[b];[a][b]concat=v=0:a=1[said];"
        f"anoisesrc=a={ROOM}:r=16000:d={2 * SPEECH + PAUSE}:seed=1[room];[said][room]amix=2:normalize=0[out]"
    )
    speech = url(EXAMPLES / "speech.wav")
    ffmpeg("-i", speech, "-i", speech, "-filter_complex", graph, "-map", "[out]", "-ar", 16000, url(paused))
    rows = [np.hstack(tiles(EXAMPLES / "face.mp4", PAUSED, HEAD))]
    titles = ["source"]
    for way in ("model", "closed", "source"):
        output = folder / f"silence {way}.mkv"
        sync(EXAMPLES / "face.mp4", paused, output, "--silence", way)
        rows.append(np.hstack(tiles(output, PAUSED, HEAD)))
        titles.append(f"--silence {way}")
    return np.vstack([titled(row, title) for row, title in zip(rows, titles, strict=True)])


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, sheet in (("silence", silence(folder)), ("picture", options(folder))):
            small = cv2.resize(sheet, None, fx=SHOWN, fy=SHOWN, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(HERE / f"{title}.png"), small)


main()
