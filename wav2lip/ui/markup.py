"""The parts of the page that are plain HTML."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

from wav2lip.ui.running import Stage

STYLE = """
.gradio-container {max-width: 860px !important; margin: 0 auto !important;}
footer {display: none !important;}
.words {margin: 0;} .words.error {border-left: 4px solid #c02828; padding: .5em .8em; background: #c0282814;}
.stage {display: flex; gap: .8em; align-items: center; flex-wrap: wrap;}
.stage progress {flex: 1 1 12em; height: .8em; accent-color: #2563eb;}
.pair {display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); gap: 1em;}
.pair figure {margin: 0;} .pair video, .pair img {width: 100%; max-height: 60vh; background: #000; border-radius: 6px;}
.pair figcaption {font-size: .9em; opacity: .8; overflow-wrap: anywhere;}
a.download {display: inline-block; margin-top: .8em; padding: .5em 1.2em; border-radius: 6px; background: #2563eb;
            color: #fff !important; text-decoration: none;}
"""
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def address(path: Path) -> str:
    """Return where the server gives a file, as seen from the page."""
    return f"gradio_api/file={quote(str(path))}"


def words(text: str) -> str:
    """Return a line to read."""
    return f'<p class="words" role="status">{escape(text)}</p>'


def refusal(sentence: str) -> str:
    """Return why something could not be done."""
    return f'<p class="words error" role="alert">{escape(sentence)}</p>'


def stage(now: Stage) -> str:
    """Return how far something is."""
    bar = f'<progress max="{now.total}" value="{now.done}"></progress>' if now.total else "<progress></progress>"
    count = f"{now.done} of {now.total} {now.unit}s" if now.total and now.unit != "B" else ""
    said = "".join(words(text) for text in now.words)
    return f'<div class="stage" role="status"><b>{escape(now.name)}</b>{bar}<span>{count}</span></div>{said}'


def pair(source: Path, shown: Path, result: Path, played: Path) -> str:
    """Return the result beside its source, with a link to download it.

    Args:
        source, result: the files themselves.
        shown, played: what browsers can show of them.
    """
    return (
        f'<div class="pair">{_figure("source", source, shown)}{_figure("result", result, played)}</div>'
        f'<a class="download" href="{escape(address(result))}" download="{escape(result.name)}">'
        f"Download {escape(result.name)}</a>"
    )


def _figure(what: str, file: Path, shown: Path) -> str:
    source = escape(address(shown))
    if shown.suffix.lower() in _PICTURES:
        part = f'<img id="{what}" src="{source}" alt="{what}">'
    else:
        part = f'<video id="{what}" src="{source}" controls playsinline preload="metadata"></video>'
    return f"<figure>{part}<figcaption>{what}: {escape(file.name)}</figcaption></figure>"
