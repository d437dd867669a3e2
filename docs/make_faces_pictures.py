"""Make `docs/faces.png` and `docs/faces_overlay.png`: what `wav2lip faces` makes of a video of two drawn people.

Run `python docs/make_faces_pictures.py` from the project's root.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2

from wav2lip.media.ffmpeg import QUIET, binary, url
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.training.synth import Drawing, synthesize

HERE = Path(__file__).parent
SPEECH = HERE.parent / "examples" / "speech.wav"
PEOPLE = (305, 309)                     # that nothing was trained on
SIZE = 320                              # pixels: height of the video, and width of each half
# Together, nobody, the first one alone, the other way round.
SCENES = (
    f"[0:v][1:v]hstack,trim=0:2.4[s0];"
    f"[0:v]drawbox=color=0x405060:t=fill,pad={2 * SIZE}:{SIZE}:color=0x405060,trim=0:0.8[s1];"
    f"[0:v]pad={2 * SIZE}:{SIZE}:{SIZE // 2}:color=0xd0d0d0,trim=0:1.6[s2];"
    f"[1:v][0:v]hstack,trim=2.4:4,setpts=PTS-STARTPTS[s3];"
    "[s0][s1][s2][s3]concat=n=4[v]"
)
SHOWN = 30                              # the frame of the overlay
SCALE = 0.65                            # of the pictures: small files


def meeting(folder: Path) -> Path:
    """Return a video of two people in four shots, one of them without anybody."""
    inputs: list[str] = []
    for identity in PEOPLE:
        head = folder / f"{identity}.mp4"
        synthesize(identity, head, Drawing(SIZE, Fraction(25), 4.2), SPEECH)
        inputs += ["-i", url(head)]
    output = folder / "meeting.mp4"
    graph = ["-filter_complex", SCENES, "-map", "[v]", "-map", "0:a"]
    subprocess.run([binary(), *QUIET, *inputs, *graph, url(output)], check=True)
    return output


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sheet, overlay = folder / "sheet.png", folder / "overlay.mkv"
        words = [meeting(folder), "--detector", "cascade", "--sheet", sheet, "--overlay", overlay]
        subprocess.run([sys.executable, "-m", "wav2lip", "faces", *map(str, words)], check=True)
        (frame,) = islice(read_frames(probe(overlay)), SHOWN, SHOWN + 1)
        for picture, output in ((cv2.imread(str(sheet)), "faces.png"), (frame, "faces_overlay.png")):
            small = cv2.resize(picture, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(HERE / output), small, [cv2.IMWRITE_PNG_COMPRESSION, 9])


main()
