"""Option types and spellings: what the original's command lines look like, and what people type today."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Collection
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from wav2lip.cast.selectors import WORDS as PERSONS
from wav2lip.cast.selectors import parse_at, parse_person, parse_voice
from wav2lip.cast.times import parse_span, parse_time
from wav2lip.cli.stderr import log_json
from wav2lip.errors import UsageError
from wav2lip.media.limits import VARIABLE, parse_limits
from wav2lip.models.known import KNOWN

Command = TypeVar("Command", bound=Callable[..., Any])



def words(*known: str) -> Callable[..., list[CompletionItem]]:
    """Return what offers a shell these words, for `shell_complete`."""
    return lambda context, option, begun: [CompletionItem(word) for word in known if word.startswith(begun)]


def codecs(context: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer a shell the codecs."""
    from wav2lip.media.encoding import CODECS, COPY_SETTINGS

    return words(*CODECS, COPY_SETTINGS)(context, option, begun)


class Weights(click.Path):
    """A file, or the name of a published one; a folder that happens to have the name is no objection."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names that are meant for the option, all where none is, and files."""
        meant = [name for name, known in KNOWN.items() if any(f"{word} " in f"{known.use} " for word in param.opts)]
        names = [name for name in meant or KNOWN if name.startswith(incomplete)]
        return [CompletionItem(name, help=KNOWN[name].what) for name in names] + super().shell_complete(
            ctx, param, incomplete
        )


WEIGHTS = Weights(path_type=Path)

LIST_OPTIONS = {"--pads", "--crop", "--box"}
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")
# Fraction alone would work on 1e999999999 for a long time.
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{0,16})?(/[0-9]{1,9})?")


class Number(click.FloatRange):
    """A number between bounds; `nan` lies between none, and nothing is endless."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class FourNumbers(click.ParamType):
    """Four whole numbers: `0 20 0 0`, `0,20,0,0` or `"[0, 20, 0, 0]"`."""

    name = "T B L R"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = value.strip().removeprefix("[").removesuffix("]").replace(",", " ").split()
        if len(words) != 4 or not all(_NUMBER.fullmatch(word) for word in words):
            self.fail(f"{value!r} is not four whole numbers (top bottom left right), such as 0 20 0 0.", param, ctx)
        return tuple(int(word) for word in words)


class Rate(click.ParamType):
    """Frames a second, kept exact: 25, 29.97 or 30000/1001."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        if isinstance(value, Fraction):
            return value
        try:
            if _RATE.fullmatch(value):
                return Fraction(value)
        except (ValueError, ZeroDivisionError):
            pass
        self.fail(f"{value!r} is not a frame rate, such as 25, 29.97 or 30000/1001.", param, ctx)


class Parsed(click.ParamType):
    """What a function makes of a text; its errors are those of the option."""

    def __init__(self, name: str, parse: Callable[[str], Any], *known: str):
        self.name, self._parse, self._known = name, parse, known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the words that stand for themselves."""
        return words(*self._known)(ctx, param, incomplete)


TIME = Parsed("time", parse_time)
SPAN = Parsed("start-end", parse_span)
PERSON = Parsed("label|largest|center|talking", parse_person, *PERSONS)
POINT = Parsed("time:x,y", parse_at)
VOICE = Parsed("person=path", parse_voice)


class OriginalSpellings(click.Command):
    """A command that takes every option with `-` or `_`, and lists as separate words."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {name for param in self.get_params(ctx) for name in param.opts}
        return super().parse_args(ctx, join_lists([dash(word, known) for word in args]))


def dash(word: str, known: Collection[str]) -> str:
    """Write a known option's name with dashes: `--face_det_batch_size=4` becomes `--face-det-batch-size=4`."""
    name, equals, value = word.partition("=")
    dashed = name.replace("_", "-")
    return dashed + equals + value if dashed in known else word


def join_lists(words: list[str]) -> list[str]:
    """Join the numbers that follow a list option into one word: `--pads 0 20 0 0` becomes `--pads=0,20,0,0`."""
    joined: list[str] = []
    rest = iter(words)
    for word in rest:
        if word not in LIST_OPTIONS:
            joined.append(word)
            continue
        numbers: list[str] = []
        following = next(rest, None)
        while following is not None and _NUMBER.fullmatch(following):
            numbers.append(following)
            following = next(rest, None)
        if numbers:
            joined.append(f"{word}={','.join(numbers)}")
            if following is not None:
                joined += join_lists([following, *rest])
        else:
            joined += [word] if following is None else [word, following]
    return joined


def with_options(*added: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds several options, in this order."""

    def add(command: Command) -> Command:
        for option in reversed(added):
            command = option(command)
        return command

    return add


DETECTOR = with_options(
    click.option(
        "--detector",
        type=click.Choice(["auto", "s3fd", "cascade", "yunet", "retinaface", "blazeface"]),
        default="auto",
        show_default=True,
        help="Face detector; auto is S3FD if its weights can be had, else the cascade, which needs none.",
    ),
    click.option("--detector-weights", type=WEIGHTS, help="Weights file of the detector."),
)


def _limited(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> None:
    """Put limits into the environment, where worker processes find them too, for as long as the command runs."""
    before = os.environ.get(VARIABLE, "")
    try:
        parse_limits(",".join(given))
    except UsageError as error:
        raise click.BadParameter(str(error), context, option) from None
    if given:
        os.environ[VARIABLE] = ",".join([before, *given])
        context.call_on_close(lambda: os.environ.update({VARIABLE: before}))


def _log_json(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        log_json()


LOG_JSON = click.option(
    "--log-json", is_flag=True, expose_value=False, callback=_log_json,
    help="Write every line on stderr as a JSON object: words, progress, errors.",
)
LIMIT = click.option(
    "--limit", "limits", multiple=True, metavar="NAME=VALUE", callback=_limited, expose_value=False,
    help="Read larger media than usual, or only smaller: pixels=300M, duration=48h, channels, ...  [repeatable]",
)
