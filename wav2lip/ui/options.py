"""Options of a command as parts of a page, and what a browser says of them as the values that click would make."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.errors import UsageError

if TYPE_CHECKING:
    from gradio.components import Component

DEFAULT = "default"
_BETWEEN = re.compile(r"[;\n]")
_SAID = re.compile(r"\s*\[[^\]]*\]\s*$")


@dataclass(frozen=True)
class Field:
    """An option as a page shows it.

    Attributes:
        option: of the command.
        value: what it is if the visitor leaves it alone.
        blank: what it is if nothing is said, as on the command line.
        words: that may be chosen; none for whatever may be typed.
        typed: whether other words than these may be typed, or of a file, whether one may be uploaded.
    """

    option: click.Option
    value: Any
    blank: Any = None
    words: tuple[str, ...] = ()
    typed: bool = True

    @property
    def name(self) -> str:
        """The option's name in values."""
        return self.option.name or ""

    @property
    def is_flag(self) -> bool:
        """Whether it is on or off."""
        return isinstance(self.option.type, click.types.BoolParamType) and not self.option.secondary_opts

    @property
    def is_file(self) -> bool:
        """Whether a file is uploaded for it."""
        return isinstance(self.option.type, click.Path) and self.typed

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be chosen, the word for its default among it where that has no other."""
        kind = self.option.type
        words = tuple(map(str, kind.choices)) if isinstance(kind, click.Choice) else self.words
        if self.option.secondary_opts:
            words = ("yes", "no")
        return (DEFAULT, *words) if self.blank is None and (words or not self.typed) else words


def component(field: Field, text_of: Callable[[Any], str]) -> Component:
    """Return the part of the page for an option.

    Args:
        field: the option.
        text_of: how the command line spells a value.
    """
    import gradio as gr

    option, value = field.option, field.value
    kind = option.type
    label = next(word for word in option.opts if word.startswith("--"))
    about: dict[str, Any] = {"label": label, "elem_id": f"option-{field.name}"}
    told = about | {"info": _SAID.sub("", option.help or "")}
    if field.is_flag:
        return gr.Checkbox(value=bool(value), **told)
    if field.is_file:
        return gr.File(height=150, **about)
    if field.choices:
        typed = field.typed and not isinstance(kind, click.Choice) and not option.secondary_opts
        shown = DEFAULT if value is None else {True: "yes", False: "no"}.get(value) or text_of(value)
        return gr.Dropdown(list(field.choices), value=shown, allow_custom_value=typed, **told)
    if isinstance(kind, click.FloatRange) and kind.min is not None and kind.max is not None:
        return gr.Slider(kind.min, kind.max, value, step=(kind.max - kind.min) / 100, **told)
    text = "" if value is None else "; ".join(map(text_of, value)) if option.multiple else text_of(value)
    return gr.Textbox(value=text, placeholder=option.metavar or _example(field), lines=1, max_lines=1, **told)


def _example(field: Field) -> str:
    """Return what stands in a field in which nothing stands."""
    if field.option.multiple:
        return f"{field.option.type.name}; ..."
    kind = "" if isinstance(field.option.type, click.types.StringParamType) else field.option.type.name
    return DEFAULT if field.value is None and not kind.strip("integr") else kind


def values(
    fields: Sequence[Field], said: Sequence[Any], command: click.Command, adopt: Callable[[str, Any], Path | None]
) -> Iterator[tuple[str, Any]]:
    """Yield the names of options, and the values that click would make of what a browser says of them.

    Args:
        fields: the options.
        said: of each.
        command: whose options they are.
        adopt: gives the visitor's own file of an upload, None for none, by the option's name.

    Raises:
        UsageError: what is said makes no sense; in the words of the command line.
    """
    context = click.Context(command)
    for field, word in zip(fields, said, strict=True):
        if field.is_file:
            yield field.name, adopt(field.name, word) or field.value
        else:
            yield field.name, _value(field, word, context)


def _value(field: Field, said: Any, context: click.Context) -> Any:
    option = field.option
    if field.is_flag:
        return bool(said)
    text = "" if said is None else str(said).strip()
    if isinstance(said, float):
        text = text.removesuffix(".0")
    if option.secondary_opts and text in ("yes", "no"):
        return text == "yes"
    if text in ("", DEFAULT):
        return field.blank
    if not field.typed and text not in (*field.words, str(field.value)):
        raise UsageError(f"{option.opts[0]} cannot be {text[:60]!r}; choose {', '.join(field.words)}.")
    try:
        if option.multiple:
            parts = tuple(part.strip() for part in _BETWEEN.split(text) if part.strip())
            return option.type_cast_value(context, parts)
        return option.type_cast_value(context, text)
    except click.UsageError as error:
        raise UsageError(error.format_message()) from error


def named(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return values as somebody would say them who has the files of a visitor's folder in the current one."""
    return {
        name: Path(value.name) if isinstance(value, Path) and value.is_relative_to(folder) else value
        for name, value in given.items()
    }
