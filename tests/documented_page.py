"""One page of the documentation, tried as its reader would: in a folder with the files that it names, top to bottom."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from documented import Block, Command, blocks, commands, line_of, mentions
from documented_rows import FILLED_IN
from documented_run import check, check_mention, is_whole
from documented_world import cache_beside, furnish, published

from wav2lip.models.known import KNOWN


def try_page(page: Path, world: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a page's commands and its Python.

    Raises:
        AssertionError: something did not do what it should; all that did not are told.
    """
    furnish(folder, world)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for name, known in published(world).items():
        monkeypatch.setitem(KNOWN, name, known)
    monkeypatch.setenv("WAV2LIP_CACHE", str(cache_beside(world)))

    failures = []
    for one in things(page):
        start = sum(os.times()[:4])      # what this process and its children compute: other work does not lengthen it
        try:
            if isinstance(one, Block):
                run_python(one, folder)
            else:
                show(one, check(one), sum(os.times()[:4]) - start)
        except Exception as error:
            failures.append(f"{one.where}: {error}")
    assert not failures, "\n\n".join(failures)


def things(page: Path) -> list[Command | Block]:
    """Return what a page has to try, in its order; mentions that are no whole commands are only looked up."""
    whole = []
    for mention in mentions(page):
        if is_whole(mention):
            whole.append(mention)
        elif mention.text.startswith("wav2lip "):
            check_mention(mention)
    python = [block for block in blocks(page) if block.language == "python"]
    return sorted([*commands(page), *whole, *python], key=line_of)


def run_python(block: Block, folder: Path) -> None:
    """Run a block as a script of its own would be."""
    text = block.text
    for before, after in FILLED_IN.items():
        text = text.replace(before, after.format(folder=folder))
    exec(compile(text, block.where, "exec"), {"__name__": "__main__"})


def show(command: Command, printed: str, seconds: float) -> None:
    """Print what a command printed: pytest -s shows it, and so does a failure."""
    width = shutil.get_terminal_size().columns
    print("─" * width, f"{seconds:.1f} s, {command.where}: {command.text}", printed, sep="\n")
