"""Files and options that are broken by chance are understood or refused in a sentence, and nothing else."""

from __future__ import annotations

import random
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest

from wav2lip.cast.cue import check_cues
from wav2lip.cast.edl import read_edits, write_edits
from wav2lip.cast.selectors import parse_at, parse_person, parse_voice
from wav2lip.cast.times import in_full, in_words, parse_span, parse_time
from wav2lip.cast.track_file import check_tracks, read_tracks
from wav2lip.errors import Wav2LipError

ROUNDS = 400
SECONDS = Fraction(10)

LISTS = {
    ".csv": 'start,end,person,audio,from\n# note\n3s,9.5s,A,"a, b.wav",1.5s\n0:09.5,,largest,,\n',
    ".json": '{"edits": [{"start": 3, "end": "9.5s", "person": "A", "audio": "a.wav", "from": 1.5}, {"start": 1e1}]}',
    ".srt": "1\n00:00:03,000 --> 00:00:09,500\nA: a.wav @ 1.5s\n\n2\n00:00:09,500 --> 99:59:59,999\nB\n",
}
TRACKS = (
    '{"format": "wav2lip-tracks", "version": 1, "fps": "30000/1001", "frames": 2, "size": [64, 36], "shots": [0, 1], '
    '"people": [{"label": "A", "boxes": [[1, 2, 30.5, 40], null], '
    '"landmarks": [[[1, 2], [3, 4], [5, 6], [7, 8], [9, 9]], null]}]}'
)
OPTIONS = {
    "time": ("0:01:02.5", lambda text: (in_words(parse_time(text)), in_full(parse_time(text)))),
    "span": ("3s-9.5s", parse_span),
    "at": ("12.5s:640,360", parse_at),
    "voice": ("A=first.wav", parse_voice),
    "person": ("largest", parse_person),
}
PIECES = [
    *'\n\r\t ,;:"\'#@=-+/\\[]{}.0159AZes', "\x00", "\ufeff", "\u2028", "\udcff", "é", "٣", "null", "true", "NaN",
    "-Infinity", "1e999999999", "1e-999999999", "5e-17", "9" * 5000, "[" * 2000, '"\\ud800"', "start", "end", "from",
    " @ ", " --> ", '"label"',
]


def broken(text: str, chance: random.Random) -> str:
    """Return a text with a few parts of it lost, doubled, exchanged or replaced."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.choice([0, 0, 1, 1, 2, 8, 40]))
        part = chance.choice(["", text[start:end] * 2, chance.choice(PIECES), chance.choice(PIECES)])
        text = text[:start] + part + text[end:]
    return text


@pytest.mark.parametrize("ending", LISTS)
def test_a_broken_list_is_understood_or_refused(tmp_path: Path, ending: str) -> None:
    chance = random.Random(ending)
    path, again = tmp_path / f"edits{ending}", tmp_path / f"again{ending}"
    understood = 0
    for _ in range(ROUNDS):
        path.write_bytes(broken(LISTS[ending], chance).encode(errors="surrogateescape"))
        try:
            cues = read_edits(path)
        except Wav2LipError:
            continue
        understood += 1
        with suppress(Wav2LipError):
            check_cues(cues, SECONDS)
        with suppress(Wav2LipError):    # times that are too close for subtitles
            write_edits(again, cues)
            if ending != ".srt":
                assert read_edits(again) == cues
    assert 0 < understood < ROUNDS


def test_broken_tracks_are_understood_or_refused(tmp_path: Path) -> None:
    chance = random.Random("tracks")
    path = tmp_path / "tracks.json"
    understood = 0
    for _ in range(ROUNDS):
        path.write_bytes(broken(TRACKS, chance).encode(errors="surrogateescape"))
        with suppress(Wav2LipError):
            file = read_tracks(path)
            understood += 1
            check_tracks(file, 3, (64, 36), Fraction(30000, 1001))
    assert 0 < understood < ROUNDS


@pytest.mark.parametrize("option", OPTIONS)
def test_a_broken_option_is_understood_or_refused(option: str) -> None:
    text, parse = OPTIONS[option]
    chance = random.Random(option)
    refused = 0
    for _ in range(ROUNDS):
        try:
            parse(broken(text, chance))
        except Wav2LipError:
            refused += 1
    assert 0 < refused < ROUNDS
