"""Running documented commands: in this process where that is the same, through a shell where they need one."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.testing import CliRunner
from documented import ROOT, Command
from documented_rows import ROWS, Row

from wav2lip.cli import main

TIMEOUT = 120
_SHELL = re.compile(r"[|&;<>]|\$\(|(?<!['\w/])\*")
_TO_FILL_IN = re.compile(r"…|\.\.\.|\b[A-Z]{3,}\b|\[")      # what a reader fills in


def rows_of(command: Command) -> list[Row]:
    """Return the rows of the table that speak of a command."""
    return [row for row in ROWS if re.search(row.pattern, command.text)]


def check(command: Command) -> str:
    """Do with a command what the table says, or run it; return what it printed, on both streams.

    Raises:
        AssertionError: it did not end as it should, or is not what its program understands.
    """
    rows = rows_of(command)
    if any(row.how == "ci" for row in rows):
        return is_run_by_ci(command)
    if any(row.how == "parsed" for row in rows):
        return is_understood(command)
    text = command.text
    for row in rows:
        for before, after in row.instead:
            text = text.replace(before, after)
        text = " ".join([text, *map(shlex.quote, row.add)])
    code, printed = run(text)
    wanted = max((row.code for row in rows), default=0)
    assert code == wanted, f"{command.where}: {text}\nended with {code} instead of {wanted}:\n{printed}"
    assert "Traceback" not in printed, printed
    return printed


def run(text: str) -> tuple[int, str]:
    """Run a command line in the current folder and return its exit code and what it printed."""
    words = shlex.split(text)
    if words[0] == "wav2lip" and not _SHELL.search(text):
        result = CliRunner().invoke(main, words[1:], prog_name="wav2lip")
        odd = result.exception if not isinstance(result.exception, SystemExit | None) else ""
        return result.exit_code, f"{result.output}{odd!r}" if odd else result.output
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    python = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["bash", "-c", text], env={**os.environ, "PATH": path, "PYTHONPATH": python}, capture_output=True, text=True,
        timeout=TIMEOUT, check=False,
    )
    return done.returncode, done.stdout + done.stderr


def is_understood(command: Command) -> str:
    """Check a command without running it: its program is there and knows the words."""
    words = shlex.split(command.text)
    while "=" in words[0]:
        words = words[1:]
    if words[0] == "wav2lip":
        parse(main, words[1:])
    elif "-m" in words and words[words.index("-m") + 1] == "wav2lip":
        assert shutil.which(words[0], path=str(Path(sys.executable).parent)), words[0]
        parse(main, words[words.index("-m") + 2 :])
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file(), words[1]
        sys.path.insert(0, str(ROOT / "benchmarks"))
        try:
            found = runpy.run_path(str(ROOT / words[1])).get("main")
        finally:
            sys.path.remove(str(ROOT / "benchmarks"))
        if isinstance(found, click.Command) and words[2:]:     # without words it is only named
            parse(found, words[2:])
    elif words[:2] == ["pip", "install"]:
        check_extras(words[2:])
    elif words[0] == "docker":
        check_docker(words[1:])
    elif words[0] == "apt-get":
        assert words[2] in (ROOT / ".ci" / "run").read_text(encoding="utf-8"), words
    else:
        assert shutil.which(words[0], path=str(Path(sys.executable).parent)), f"no program {words[0]}"
    return ""


def parse(command: click.Command, words: Sequence[str]) -> None:
    """Let click read words as it would before it runs the command.

    Raises:
        click.UsageError: they are not this command's.
    """
    words = list(words)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            raise click.UsageError(f"no command {words[0]}")
        command = command.commands[words.pop(0)]
    with contextlib.redirect_stdout(io.StringIO()):
        command.make_context(command.name or "", words)


def check_extras(words: Sequence[str]) -> None:
    """Check that what pip is to install is this project, with extras that it has, or what it depends on."""
    needed, _, rest = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")
    extras = set(re.findall(r"^(\w+) = \[", rest.partition("\n[")[0], re.M))
    named = [word for word in words if not word.startswith("-")]
    assert named, words
    for word in named:
        found = re.fullmatch(r"\.(?:\[([\w,]+)\])?", word)
        assert found or f'"{word}>=' in needed, f"pip install {word}: not this project, and nothing it needs"
        assert not found or set((found[1] or "").split(",")) - {""} <= extras, word


def check_docker(words: Sequence[str]) -> None:
    """Check that build arguments are those of the Dockerfile."""
    known = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.M))
    given = [words[at + 1].partition("=")[0] for at, word in enumerate(words) if word == "--build-arg"]
    assert words[0] in ("build", "run"), words
    assert set(given) <= known, given


def is_run_by_ci(command: Command) -> str:
    """Check that a command stands below a marker of the README whose command `.ci/run` runs."""
    above = (ROOT / "README.md").read_text(encoding="utf-8").partition(command.text)[0]
    marker = re.findall(r"<!-- (\w+) -->", above)[-1]
    assert f"readme_command {marker}" in (ROOT / ".ci" / "run").read_text(encoding="utf-8"), command.text
    return ""


def is_whole(command: Command) -> bool:
    """Return whether a mention in the text is a command that can be run, rather than a part of one or a pattern."""
    words = shlex.split(command.text)
    if _TO_FILL_IN.search(command.text):
        return False
    if words[0] != "wav2lip":
        return True
    if all(re.fullmatch(r"[a-z0-9-]+", word) for word in words):
        return False                 # the name of a command, and no more
    try:
        parse(main, words[1:])
    except click.exceptions.Exit:
        return True                  # --help, --version
    except click.UsageError:
        return False
    return True


def check_mention(command: Command) -> None:
    """Check that a mention such as `wav2lip faces -o` names a command and options of it.

    Raises:
        AssertionError: it does not.
    """
    program: click.Command = main
    rest = shlex.split(command.text.replace("…", ""))[1:]
    while rest and isinstance(program, click.Group) and rest[0] in program.commands:
        program = program.commands[rest.pop(0)]
    if isinstance(program, click.Group) and rest and not _TO_FILL_IN.search(rest[0]):
        assert rest[0].startswith("-"), f"{command.where}: {command.text}: no command {rest[0]}"
    own = rest[: rest.index("--")] if "--" in rest else rest
    named = {word.partition("=")[0].replace("_", "-") for word in own if re.match(r"--?[A-Za-z]", word)}
    known = {name for one in program.get_params(click.Context(program)) for name in (*one.opts, *one.secondary_opts)}
    assert named <= known | {"-h"}, f"{command.where}: {command.text}: no option {sorted(named - known)}"
