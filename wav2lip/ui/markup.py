"""The parts of the page that are plain HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from urllib.parse import quote

from wav2lip.ui.playable import PICTURES
from wav2lip.ui.running import Stage

STYLE = """
.gradio-container {max-width: 860px !important; margin: 0 auto !important; overflow: visible !important;}
footer, [aria-label="Trim video to selection"] {display: none !important;}
#camera video {max-height: 340px;}
#result {scroll-margin-top: 1em;}
.view video, .view img {max-height: 240px; max-width: 100%; border-radius: 6px;} .view audio {width: 100%;}
#people .grid-container {grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr));
                         grid-template-rows: none; padding-top: 1.9em;}
#people .grid-wrap {max-height: none; min-height: 0;}
#people .thumbnail-item {aspect-ratio: auto; height: auto;}
#people .thumbnail-item img {height: auto; width: 100%;}
#people .caption-label {position: static; display: block; max-width: none; background: none; color: inherit;}
.options {display: grid !important; grid-template-columns: repeat(auto-fill, minmax(min(180px, 100%), 1fr));
          align-items: end; gap: .4em 1em !important;}
.options .form {display: contents !important;} .options .block {border: none !important; padding: .4em 0;}
#actions {position: sticky; bottom: 0; z-index: 1000; background: var(--body-background-fill); padding: .6em 0;
          gap: .6em;}
#status {max-height: 35vh; overflow: auto;}
.words {margin: 0;} .words.error {border-left: 4px solid #c02828; padding: .5em .8em; background: #c0282814;}
.stage {display: flex; gap: .8em; align-items: center; flex-wrap: wrap;}
.stage progress {flex: 1 1 12em; height: .8em; accent-color: #2563eb;}
.pair {display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); gap: 1em;}
.pair figure {margin: 0;} .pair video, .pair img {width: 100%; max-height: 60vh; background: #000; border-radius: 6px;}
.pair figcaption {font-size: .9em; opacity: .8; overflow-wrap: anywhere;}
a.download {display: inline-block; margin-top: .8em; padding: .5em 1.2em; border-radius: 6px; background: #2563eb;
            color: #fff !important; text-decoration: none;} a.beside {margin-left: 1em;}
"""
_VIDEOS = (".mp4", ".m4v", ".webm")


def address(path: Path) -> str:
    """Return where the server gives a file, as seen from the page; another one of the same name is elsewhere."""
    return f"gradio_api/file={quote(str(path))}?{path.stat().st_mtime_ns}"


def words(text: str) -> str:
    """Return a line to read."""
    return f'<p class="words" role="status">{escape(text)}</p>'


def done(text: str) -> str:
    """Return what is told of a result that is there."""
    return f'<p class="words done" role="status">{escape(text)}</p>'


def refusal(sentence: str) -> str:
    """Return why something could not be done."""
    return f'<p class="words error" role="alert">{escape(sentence)}</p>'


def stage(now: Stage, told: Callable[[str], str]) -> str:
    """Return how far something is, with what was said in the words that a visitor knows."""
    bar = f'<progress max="{now.total}" value="{now.done}"></progress>' if now.total else "<progress></progress>"
    count = f"{now.done} of {now.total} {now.unit}s" if now.total and now.unit != "B" else ""
    said = "".join(words(told(text)) for text in now.words)
    return f'<div class="stage" role="status"><b>{escape(now.name)}</b>{bar}<span>{count}</span></div>{said}'


def view(file: Path) -> str:
    """Return something that a visitor has brought."""
    return f'<div class="view">{_part("mine", file)}</div>'


def pair(source: Path, shown: Path, result: Path, played: Path, beside: Iterable[Path] = ()) -> str:
    """Return the result beside its source, with links to download it and what was written with it.

    Args:
        source, result: the files themselves.
        shown, played: what browsers can show of them.
        beside: other files.
    """
    links = _link(result, "download", "Download ") + "".join(_link(path, "beside", "") for path in beside)
    return f'<div class="pair">{_figure("source", source, shown)}{_figure("result", result, played)}</div>{links}'


def _link(file: Path, kind: str, verb: str) -> str:
    name = escape(file.name)
    return f'<a class="{kind}" href="{escape(address(file))}" download="{name}">{verb}{name}</a>'


def _figure(what: str, file: Path, shown: Path) -> str:
    return f"<figure>{_part(what, shown)}<figcaption>{what}: {escape(file.name)}</figcaption></figure>"


def _part(name: str, file: Path) -> str:
    """Return what shows or plays a file."""
    source, ending = escape(address(file)), file.suffix.lower()
    if ending in PICTURES:
        return f'<img id="{name}" src="{source}" alt="">'
    if ending in _VIDEOS:
        return f'<video id="{name}" src="{source}" controls playsinline preload="metadata"></video>'
    return f'<audio src="{source}" controls preload="metadata"></audio>'
