"""How still is the mouth in a pause? The motion with `--silence closed` over that with `--silence model`.

    python benchmarks/silence.py photograph.jpg --audio speech.wav --box 137 399 180 363

The first seconds of the speech are said twice, with two seconds of a room's noise between and throughout. Printed is
the mean change of the mouth region (rows 56 to 91 and columns 20 to 75 of 96 of the box) from frame to frame, in levels
of 255: between the fades, which leave out 0.4 s at both ends of the pause, and over all of the pause.
"""

from __future__ import annotations

import tempfile
import wave
from itertools import pairwise
from pathlib import Path

import click
import numpy as np

from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.media.sound import read_samples
from wav2lip.models.generator import FACE_SIZE, MOUTH
from wav2lip.pipeline.options import Silence, SyncOptions
from wav2lip.pipeline.sync import sync
from wav2lip.speech.mel import SAMPLE_RATE

SPOKEN, PAUSE, FADE = 4.0, 2.0, 0.4               # seconds
ROOMS = (-55.0, -42.0)                            # dB of full scale: quiet, and with a fan


def write_paused(path: Path, speech: np.ndarray, room: float) -> None:
    """Write speech, a pause and the speech again, in white noise of that many dB."""
    said = np.concatenate([speech, np.zeros(round(PAUSE * SAMPLE_RATE)), speech])
    noise = np.random.default_rng(0).normal(0, 10 ** (room / 20), len(said))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.rint((said + noise).clip(-1, 1) * 32767).astype("<i2").tobytes())


def motion(video: Path, box: tuple[int, ...], start: float, end: float) -> float:
    """Return the mean change of the mouth from frame to frame between two times."""
    clip = probe(video)
    first, last = (round(time * float(clip.fps)) for time in (start, end))
    top, bottom, left, right = box
    rows, columns = (
        slice(corner + part.start * side // FACE_SIZE, corner + part.stop * side // FACE_SIZE)
        for corner, side, part in zip((top, left), (bottom - top, right - left), MOUTH, strict=True)
    )
    mouths = [frame[rows, columns].astype(float) for frame in read_frames(clip, first, last - first)]
    return float(np.mean([np.abs(after - before).mean() for before, after in pairwise(mouths)]))


@click.command()
@click.argument("face", type=click.Path(path_type=Path))
@click.option("--audio", type=click.Path(path_type=Path), required=True)
@click.option("--box", type=int, nargs=4, required=True, help="top bottom left right of the face.")
@click.option("--checkpoint", type=click.Path(path_type=Path))
def main(face: Path, audio: Path, box: tuple[int, int, int, int], checkpoint: Path | None) -> None:
    """Print one line a room."""
    speech = np.concatenate(list(read_samples(audio)))[: round(SPOKEN * SAMPLE_RATE)]
    end = len(speech) / SAMPLE_RATE
    with tempfile.TemporaryDirectory() as name:
        folder, ways = Path(name), ("closed", "model")
        for room in ROOMS:
            write_paused(folder / "said.wav", speech, room)
            for way in ways:
                silence: Silence = way    # type: ignore[assignment]
                options = SyncOptions(checkpoint=checkpoint, box=box, silence=silence, codec="ffv1")
                sync(face, folder / "said.wav", folder / f"{way}.mkv", options)
            for what, spare in (("between the fades", FADE), ("over all of the pause", 0.0)):
                closed, model = (motion(folder / f"{way}.mkv", box, end + spare, end + PAUSE - spare) for way in ways)
                print(f"room at {room:g} dB, {what}: closed {closed:.3f}, model {model:.3f}, {closed / model:.0%}")


if __name__ == "__main__":
    main()
