"""What the documentation's site is made from fits together; `.ci/run` builds it, with warnings as errors."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest
from documented import ROOT, pages

import wav2lip
from wav2lip.cli import main
from wav2lip.cli.settings import commands

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def options() -> str:
    code = "from options_page import options_page; print(options_page())"
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(DOCS)!r}]; {code}"]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout


def test_the_page_of_options_has_each_of_every_command(options: str) -> None:
    sections = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", options, re.M))
    for words, command in commands(main):
        name = " ".join(["wav2lip", *words])
        with click.Context(command, info_name=name) as context:
            shown = [one for one in command.get_params(context) if isinstance(one, click.Option) and not one.hidden]
            named = {word for one in shown for word in one.opts}
        missing = {word for word in named - {"-h", "--help"} if f"`{word}`" not in sections[name]}
        assert not missing, f"{name}: {sorted(missing)}"


def test_a_cell_of_the_options_never_ends_the_row(options: str) -> None:
    rows = [line for line in options.splitlines() if line.startswith("|")]
    bars = [len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", row))) for row in rows]
    assert set(bars) == {4}


def test_all_that_python_offers_is_on_its_page() -> None:
    told = re.findall(r"^::: wav2lip\.(\w+)$", (DOCS / "python.md").read_text(encoding="utf-8"), re.M)
    assert sorted(told) == sorted(wav2lip.__all__)


def test_options_named_on_the_pages_exist() -> None:
    known = {"--help"}
    for _, command in commands(main):
        known |= {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    strange = {}
    for page in pages():
        if page.name != "migration.md":      # which names those of other programs
            text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
            for name in re.findall(r"`(--[a-z][\w-]*)[^`]*`", text):
                if name.replace("_", "-") not in known | NOT_OURS:
                    strange.setdefault(page.name, set()).add(name)
    assert strange == {}


NOT_OURS = {
    "--user", "--build-arg",                                     # docker's
    "--price-per-hour", "--storage", "--gpu-bench", "--kill",    # of benchmarks
}
