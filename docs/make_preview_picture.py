"""Make `docs/preview.png`: what `wav2lip preview` shows of the example's face under two settings.

Run `python docs/make_preview_picture.py` from the project's root.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
SHRINK, COLOURS = 2, 256                # of the picture: a small file


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.png"
        words = ["--face", EXAMPLES / "face.mp4", "--audio", EXAMPLES / "speech.wav", "--detector", "cascade"]
        words += ["--moments", 1, "--try", "pads=0 10 0 0,0 30 0 0", "-o", sheet]
        subprocess.run([sys.executable, "-m", "wav2lip", "preview", *map(str, words)], check=True)
        with Image.open(sheet) as picture:
            small = picture.reduce(SHRINK).quantize(COLOURS)
        small.save(HERE / "preview.png", optimize=True)


main()
