"""Make `docs/ui.png`: the web page with the drawn example on it, synced.

Run `python docs/make_ui_picture.py` from the project's root; it needs the extra `test`, and Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from browser import chromium, served  # noqa: E402

EXAMPLES = HERE.parent / "examples"
WIDTH, HEIGHT = 920, 900
COLOURS = 128
MOMENT = 4.0          # seconds: the mouth of the result is open
WHOLE = "#actions {position: static !important}"     # else the bar stays where the window ends

with (
    tempfile.TemporaryDirectory() as folder,
    served(Path(folder), "--detector", "cascade", "--device", "cpu") as there,
    chromium() as browser,
):
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.set_default_timeout(600_000)
    page.goto(f"{there.address}/")
    page.set_input_files("#face input[type=file]", str(EXAMPLES / "face.mp4"))
    page.wait_for_selector("#face-view video")
    page.set_input_files("#sound input[type=file]", str(EXAMPLES / "speech.wav"))
    page.wait_for_selector("#sound-view audio")
    page.click("#find")
    page.wait_for_selector("#people img")
    page.click("#people img")
    page.click("#sync:enabled")
    page.wait_for_selector("#result video")
    page.wait_for_selector("#sync:enabled")
    page.add_style_tag(content=WHOLE)
    for name in ("source", "result"):
        page.evaluate(
            "([name, time]) => new Promise(done => { const video = document.querySelector(`#result #${name}`);"
            " video.controls = false; video.addEventListener('seeked', done); video.currentTime = time; })",
            [name, MOMENT],
        )
    picture = Image.open(BytesIO(page.screenshot(full_page=True)))
    picture.convert("RGB").quantize(COLOURS).save(HERE / "ui.png", optimize=True)
