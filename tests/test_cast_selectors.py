"""Who is meant, in the words of the command line."""

from __future__ import annotations

from fractions import Fraction as F
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from wav2lip.cast.selectors import At, Voice, parse_at, parse_label, parse_person, parse_voice
from wav2lip.cast.times import Span
from wav2lip.cli.parameters import PERSON, POINT, SPAN, VOICE
from wav2lip.errors import UsageError


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("A", "A"), (" b ", "B"), ("aa", "AA"), ("ZZZ", "ZZZ"), ("Largest", "largest"), ("CENTER", "center"),
        ("talking", "talking"),
    ],
)
def test_a_person_is_a_label_or_a_word(text: str, person: str) -> None:
    assert parse_person(text) == person


@pytest.mark.parametrize("text", ["", " ", "1", "A1", "A B", "largst", "Ä", "A\nB", "x" * 5000], ids=range(9))
def test_who_is_neither_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"such as A or AA .* or one of largest, center, talking"):
        parse_person(text)
    with pytest.raises(UsageError, match="such as A, B or AA"):
        parse_label(text)


def test_a_word_is_no_label() -> None:
    with pytest.raises(UsageError, match="not a person's label"):
        parse_label("largest")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("12.5s:640,360", At(F(25, 2), 640, 360)), ("1:02.5:0,0", At(F(125, 2), 0, 0)),
        (" 250ms : 1.5 , 2.25 ", At(F(1, 4), 1.5, 2.25)), ("0:01:02,5:10,20", At(F(125, 2), 10, 20)),
    ],
)
def test_a_point_is_a_time_and_pixels(text: str, at: At) -> None:
    assert parse_at(text) == at


@pytest.mark.parametrize(
    "text", ["", "12.5s", "12.5s:640", "640,360", ":640,360", "3s:-1,5", "3s:1,2,3", "3s:nan,1", "3s:1e9,1"]
)
def test_what_is_no_point_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"such as 12\.5s:640,360"):
        parse_at(text)


def test_a_points_time_is_named_where_it_is_wrong() -> None:
    with pytest.raises(UsageError, match=r"'soon' is not a time"):
        parse_at("soon:1,2")


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("A=first.wav", Voice("A", Path("first.wav"))), ("talking=a b.wav", Voice("talking", Path("a b.wav"))),
        ("b=/x/take=2.wav", Voice("B", Path("/x/take=2.wav"))),
    ],
)
def test_a_voice_is_a_person_and_a_recording_whose_name_may_hold_the_sign(text: str, voice: Voice) -> None:
    assert parse_voice(text) == voice


@pytest.mark.parametrize("text", ["", "A", "first.wav", "A=", "A= "])
def test_what_is_no_voice_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"such as A=first\.wav"):
        parse_voice(text)


def test_a_voices_person_is_named_where_it_is_wrong() -> None:
    with pytest.raises(UsageError, match=r"'take 2' is not a person"):
        parse_voice("take 2=first.wav")


@click.command()
@click.option("--range", "spans", type=SPAN, multiple=True)
@click.option("--person", type=PERSON, default="largest")
@click.option("--at", type=POINT)
@click.option("--voice", "voices", type=VOICE, multiple=True)
@click.pass_context
def command(context: click.Context, **given: Any) -> None:
    context.obj.update(given)


def test_options_arrive_understood_even_if_they_look_like_options() -> None:
    given: dict[str, Any] = {}
    words = ["--range", "-4s", "--range", "5s-", "--at", "3s:1,2", "--voice", "A=a.wav", "--voice", "B=b.wav"]
    result = CliRunner().invoke(command, words, obj=given)
    assert result.exit_code == 0, result.output
    assert given == {
        "spans": (Span(F(0), F(4)), Span(F(5), None)), "person": "largest", "at": At(F(3), 1, 2),
        "voices": (Voice("A", Path("a.wav")), Voice("B", Path("b.wav"))),
    }


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--range", "9s-3s", "ends before it has begun"), ("--person", "nobody", "is not a person"),
        ("--at", "here", "is not a point in the video"), ("--voice", "A", "is not a person and their recording"),
    ],
)
def test_a_wrong_option_is_named_and_ends_with_exit_code_2(option: str, value: str, words: str) -> None:
    result = CliRunner().invoke(command, [option, value], obj={})
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output
    assert words in " ".join(result.output.split())
