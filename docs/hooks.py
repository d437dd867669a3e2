"""What the site has beside the pages of this folder: every option, the weights' own page, the changelog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from options_page import options_page  # beside this file: mkdocs looks there while it loads hooks

ROOT = Path(__file__).resolve().parent.parent

OPTIONS = "<!-- every option -->"
BORROWED = {
    "readme.md": "README.md", "weights.md": "checkpoints/README.md", "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
}
NO_PAGES = ("examples/", "Dockerfile")       # of the repository: the site has their names only
MOVED = {"docs/": "", **{source: name for name, source in BORROWED.items()}}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that stand elsewhere in the repository, and their pictures."""
    for name, source in BORROWED.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
    for picture in sorted((ROOT / "checkpoints").glob("*.png")):
        files.append(File.generated(config, picture.name, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put the options in, and point links to where a page stands on the site."""
    if OPTIONS in markdown:
        markdown = markdown.replace(OPTIONS, options_page())
    markdown = re.sub(rf"\[([^\]]+)\]\(({'|'.join(NO_PAGES)})\)", r"\1", markdown)
    return re.sub(r"\]\(([^)\s]+)\)", lambda link: f"]({moved(link[1])})", markdown)


def moved(link: str) -> str:
    """Return where a link within the repository leads to on the site."""
    inside = link.removeprefix("../")
    for before, after in MOVED.items():
        if inside.startswith(before):
            return after + inside[len(before):]
    return link
