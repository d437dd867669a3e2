"""What the documentation tells a reader to type: every command line, every Python block, every file it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHELL = {"sh", "bash", "console"}
COMMANDS = ("wav2lip ", "python ", "OMP_", "echo ", "mkdir ", "$ ")    # how blocks of commands without a language begin
_FENCE = re.compile(r"^( *)```([A-Za-z]*)[^\n]*$")
_NAMED = re.compile(r"<!-- ([\w.-]+) -->")
_BEGINS = "wav2lip |python (?:benchmarks|tests)/|pip install |docker |apt-get install "
_INLINE = re.compile(rf"(?<!`)`((?:{_BEGINS})[^`]+)`(?!`)")


@dataclass(frozen=True)
class Command:
    """A command line as a reader sees it, without its comment; `where` is the page and the line."""

    where: str
    text: str


@dataclass(frozen=True)
class Block:
    """What stands between two fences: its language, and the name in the HTML comment above it."""

    where: str
    language: str
    name: str
    text: str


def pages() -> list[Path]:
    """Return the README and every page of the documentation, and of the weights."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "checkpoints" / "README.md"]


def line_of(one: Command | Block) -> int:
    """Return the number of the line on its page where something stands."""
    return int(one.where.rpartition(":")[2])


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in their order."""
    found: list[Block] = []
    opened: tuple[int, str, str, str] | None = None
    lines: list[str] = []
    above = ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            named = _NAMED.fullmatch(above.strip())
            opened, lines = (number, fence[1], fence[2], named[1] if named else ""), []
        elif opened and fence and not fence[2]:
            start, indent, language, name = opened
            text = "\n".join(one.removeprefix(indent) for one in lines) + "\n"
            found.append(Block(f"{page.relative_to(ROOT)}:{start + 1}", language, name, text))
            opened, above = None, ""
        elif opened:
            lines.append(line)
        elif line.strip():
            above = line
    return found


def commands(page: Path) -> list[Command]:
    """Return every command line of a page's shell blocks, in their order."""
    found = []
    for block in blocks(page):
        if block.language in SHELL or (not block.language and block.text.startswith(COMMANDS)):
            first = line_of(block)
            name = str(page.relative_to(ROOT))
            found += [Command(f"{name}:{first + at}", text) for at, text in _lines(block.text)]
    return found


def _lines(text: str) -> list[tuple[int, str]]:
    """Return commands with the number of their first line, from 0: continued lines joined, prompts and comments off."""
    found: list[tuple[int, str]] = []
    begun: tuple[int, str] | None = None
    prompts = text.startswith("$ ")          # then what has none is what commands print
    for at, line in enumerate(text.splitlines()):
        if prompts and begun is None and not line.startswith("$ "):
            continue
        start, before = begun or (at, "")
        line = without_comment(before + (line if begun else line.removeprefix("$ ")))
        begun = (start, line[:-1]) if line.endswith("\\") else None
        if begun is None and line.strip():
            found.append((start, " ".join(line.split("\n")).strip()))
    return found


def without_comment(line: str) -> str:
    """Return a shell line up to its `#`, unless that is quoted or within a word."""
    quote = ""
    for at, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign == "#" and (at == 0 or line[at - 1].isspace()):
            return line[:at].rstrip()
    return line.rstrip()


def mentions(page: Path) -> list[Command]:
    """Return what stands as code within the text and begins like a command: a whole one, or a part of one."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^( *)```.*?^\1```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)
    name = page.relative_to(ROOT)
    return [
        Command(f"{name}:{text.count(chr(10), 0, found.start()) + 1}", " ".join(found[1].split()))
        for found in _INLINE.finditer(text)
    ]
