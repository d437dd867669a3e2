"""Every option of every command, as Markdown made from the commands themselves."""

from __future__ import annotations

import re

import click

GIVEN = re.compile(r"\s*\[default:\s*([^\]]*)\]")     # a default that the help text tells itself
AGAIN = "[repeatable]"
NUMBERS = {"INTEGER": "N", "INTEGER RANGE": "N", "FLOAT": "X", "FLOAT RANGE": "X"}


def options_page() -> str:
    """Return a section for each command: what it does, its arguments, and a table of its options."""
    from wav2lip.cli import main
    from wav2lip.cli.settings import commands

    found = sorted(commands(main), key=lambda one: one[0])    # groups before their commands
    return "\n\n".join(section(command, " ".join(["wav2lip", *words])) for words, command in found)


def section(command: click.Command, name: str) -> str:
    """Return what is to be said of one command."""
    with click.Context(command, info_name=name) as context:
        usage = command.collect_usage_pieces(context)
        parts = [f"## {name}", f"```text\n{' '.join([name, *usage])}\n```", paragraphs(command.help or "")]
        options = [one for one in command.get_params(context) if isinstance(one, click.Option) and not one.hidden]
        rows = [row(option, context) for option in options if "--help" not in option.opts]
    if rows:
        parts.append("\n".join(["| option | default | what it does |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def paragraphs(text: str) -> str:
    """Return a docstring's paragraphs, each on one line."""
    return "\n\n".join(" ".join(part.split()) for part in text.replace("\b", "").split("\n\n"))


def row(option: click.Option, context: click.Context) -> str:
    """Return an option's line of the table: how it is written, what it is by default, what it does."""
    told, extra = option.help or "", option.get_help_extra(context)
    found = GIVEN.search(told)
    default = found[1] if found else f"`{extra['default']}`" if "default" in extra else ""
    words = [GIVEN.sub("", told).replace(AGAIN, "").strip()]
    words += [f"{in_words(extra['range'])}"] if "range" in extra else []
    words += ["May be given again."] if option.multiple else []
    words += ["**Required.**"] if option.required else []
    cells = (spelling(option, context), default, " ".join(words))
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def in_words(bounds: str) -> str:
    """Return `0<=x<=1` and the like as a sentence."""
    signs = {"<=": " ≤ ", ">=": " ≥ ", "<": " < ", ">": " > "}
    return f"({re.sub('<=|>=|<|>', lambda sign: signs[sign[0]], bounds)})"


def spelling(option: click.Option, context: click.Context) -> str:
    """Return all names of an option, then what goes with it."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    if option.is_flag or option.count:
        return names
    goes_with = option.make_metavar(context)
    return f"{names} `{NUMBERS.get(goes_with, goes_with.strip('[]').replace('|', ' | '))}`"


def escaped(cell: str) -> str:
    """Return a cell's text in which no sign ends the cell or begins HTML; in code they do neither."""
    parts = " ".join(cell.split()).split("`")
    parts[::2] = [part.replace("|", "\\|").replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)
