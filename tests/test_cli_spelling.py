"""The way back from values to words: what it spells, the command line understands in the same way."""

from __future__ import annotations

import click
import pytest

from wav2lip.cli import main
from wav2lip.cli.spelling import spelled
from wav2lip.cli.sync import sync


@pytest.fixture(autouse=True)
def _unmoved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing but the words say what is wanted."""
    monkeypatch.delenv("WAV2LIP_OFFLINE")


def parsed(command: click.Command, words: list[str]) -> dict[str, object]:
    return dict(command.make_context("some", list(words)).params)


@pytest.mark.parametrize(("words", "fewest"), [
    ("--face a.mp4 --audio b.wav", "--face a.mp4 --audio b.wav"),
    ("--face a.mp4 --pads 0 10 0 0 --fps 25 --device auto --static False --crf=18", "--face a.mp4 --crf 18"),
    ("--face a.mp4 --pads 0 20 0 0 --box -1 -1 -1 -1", "--face a.mp4 --pads 0,20,0,0 --box=-1,-1,-1,-1"),
    ("--face a.mp4 --static --rotate --nosmooth", "--face a.mp4 --rotate --static true --no-smooth"),
    ("--face a.mp4 --no-keep-audio", "--face a.mp4 --no-keep-audio"),
    ("--face a.mp4 --keep-audio", "--face a.mp4 --keep-audio"),
    ("--face a.mp4 --range 3s-9.5s --range 1:02- --range -250ms",
     "--face a.mp4 --range 3-9.5 --range 62- --range 0-0.25"),
    ("--face a.mp4 --range 1001/30000-0.5", "--face a.mp4 --range 1001/30000-0.5"),
    ("--face a.mp4 --at 12.5s:640,360.25 --audio-start 250ms", "--face a.mp4 --at 12.5:640,360.25 --audio-start 0.25"),
    ("--face a.mp4 --voice a=x=y.wav --voice B=-z.wav", "--face a.mp4 --voice A=x=y.wav --voice B=-z.wav"),
    ("--face a.mp4 --fps 30000/1001 --max-yaw 33.25 --enhance-strength 0.1 --max_yaw 60",
     "--face a.mp4 --fps 30000/1001 --enhance-strength 0.1"),
    ("--face=-dash.mp4 --person talking", "--face=-dash.mp4 --person talking"),
])
def test_values_are_spelled_in_the_fewest_words_and_understood_again(words: str, fewest: str) -> None:
    values = parsed(sync, words.split())
    assert " ".join(spelled(sync, values)) == fewest
    assert parsed(sync, fewest.split()) == values


def test_arguments_come_last_and_dashes_are_no_options() -> None:
    faces = main.commands["faces"]
    values = parsed(faces, ["--detector", "cascade", "--", "-in.mp4"])
    assert spelled(faces, values) == ["--detector", "cascade", "--", "-in.mp4"]
    assert parsed(faces, spelled(faces, values)) == values


def test_what_is_missing_is_as_it_is_by_default() -> None:
    assert spelled(sync, {"crf": None, "pads": (0, 10, 0, 0), "ranges": ()}) == []
