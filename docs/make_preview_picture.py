"""Make `docs/preview.png`: what `wav2lip preview` shows of the example's face under two settings.

Run `python docs/make_preview_picture.py` from the project's root.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
SCALE = 0.45                            # of the picture: a small file


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.png"
        words = ["--face", EXAMPLES / "face.mp4", "--audio", EXAMPLES / "speech.wav", "--detector", "cascade"]
        words += ["--moments", 1, "--try", "pads=0 10 0 0,0 30 0 0", "-o", sheet]
        subprocess.run([sys.executable, "-m", "wav2lip", "preview", *map(str, words)], check=True)
        small = cv2.resize(cv2.imread(str(sheet)), None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(HERE / "preview.png"), small, [cv2.IMWRITE_PNG_COMPRESSION, 9])


main()
