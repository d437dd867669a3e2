"""Draw pipeline.svg: how a video and a recording become a result.

    python docs/make_pipeline_picture.py
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 960, 400
BOX_WIDTH, BOX_HEIGHT = 118, 56
FILE, STAGE, NETWORK, MEMORY = "#e8f1f0", "#ffffff", "#d5efe9", "#fff4d6"
INK, FRAME = "#1f2d2b", "#00897b"

# Column and row, in steps of 140 and 100 pixels; fill; lines of text.
BOXES = {
    "video": (0, 1, FILE, "in.mp4"),
    "read1": (1, 0, STAGE, "ffmpeg reads|few frames"),
    "detect": (2, 0, NETWORK, "detector|where are faces?"),
    "people": (3, 0, STAGE, "who is who,|smoothed"),
    "track": (4, 0, MEMORY, "a box for|every frame"),
    "read2": (1, 1, STAGE, "ffmpeg reads|every frame"),
    "crop": (2, 1, STAGE, "cut the face out|96 × 96"),
    "generator": (3, 2, NETWORK, "generator|a face that speaks"),
    "blend": (4, 1, STAGE, "blend the mouth|into the frame"),
    "write": (5, 1, STAGE, "ffmpeg writes,|sound beside it"),
    "result": (6, 1, FILE, "out.mp4"),
    "sound": (0, 3, FILE, "in.wav"),
    "mel": (1, 3, STAGE, "mel spectrogram|16 kHz, 80 bands"),
    "windows": (2, 3, STAGE, "0.2 s of it for|every frame"),
}
# From, to, and whether the line leaves sideways (otherwise upwards or downwards).
LINES = (
    ("video", "read1"), ("read1", "detect"), ("detect", "people"), ("people", "track"), ("video", "read2"),
    ("read2", "crop"), ("track", "blend"), ("crop", "generator"), ("generator", "blend"), ("blend", "write"),
    ("write", "result"), ("sound", "mel"), ("mel", "windows"), ("windows", "generator"), ("crop", "blend"),
)


def centre(name: str) -> tuple[float, float]:
    """Return where the middle of a box is, in pixels."""
    column, row = BOXES[name][:2]
    return 60 + 140 * column, 50 + 100 * row


def box(name: str) -> str:
    """Return the SVG of one box and its words."""
    (x, y), (fill, words) = centre(name), BOXES[name][2:]
    lines = words.split("|")
    first = y + 5 - 8 * (len(lines) - 1)
    text = "".join(
        f'<text x="{x}" y="{first + 17 * at}">{escape(line)}</text>' for at, line in enumerate(lines)
    )
    left, top = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    edge = f'<rect x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" fill="{fill}"/>'
    return edge + text


def arrow(start: str, end: str) -> str:
    """Return the SVG of an arrow between the edges of two boxes."""
    (x1, y1), (x2, y2) = centre(start), centre(end)
    half = BOX_WIDTH / 2
    if x1 == x2:
        down = 1 if y2 > y1 else -1
        y1, y2 = y1 + down * BOX_HEIGHT / 2, y2 - down * BOX_HEIGHT / 2
    else:
        x1, x2 = x1 + half, x2 - half
    return f'<path d="M{x1} {y1} L{x2 - 3 * (x1 != x2)} {y2}" marker-end="url(#tip)"/>'


def main() -> None:
    """Write the picture beside this file."""
    shapes = [arrow(*line) for line in LINES] + [box(name) for name in BOXES]
    notes = (
        '<text x="470" y="14" class="note">pass 1: where is the face? (remembered)</text>'
        '<text x="620" y="205" class="note">pass 2</text>'
    )
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -12 {WIDTH + 24} {HEIGHT + 12}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="13" '
        'text-anchor="middle">'
        f'<rect x="-12" y="-12" width="{WIDTH + 24}" height="{HEIGHT + 12}" fill="#fbfdfc" class="paper"/>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{FRAME}" stroke="none"/></marker></defs>'
        f"<style>rect {{stroke: {FRAME}; stroke-width: 1.2}} path {{stroke: {FRAME}; stroke-width: 1.6; fill: none}} "
        f"text {{fill: {INK}}} .paper {{stroke: none}} .note {{font-style: italic; fill: #5b6b68}}</style>"
        f"{''.join(shapes)}{notes}</svg>\n"
    )
    (Path(__file__).resolve().parent / "pipeline.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
