"""Recordings that are put in their places, as the networks hear them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from media_samples import make_sound, numbered_video, run_ffmpeg

import wav2lip.media.sound as sound_module
from wav2lip.errors import MediaError
from wav2lip.media.ffmpeg import Process, url
from wav2lip.media.placed import BLOCK, Piece, placed_samples
from wav2lip.media.sound import SAMPLE_RATE, read_samples

NTSC = Fraction(30_000, 1001)


def noise(path: Path, seconds: float, rate: int = SAMPLE_RATE, options: Sequence[object] = (), seed: int = 0) -> Path:
    """Make a recording no moment of which is like another."""
    values = np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate)).astype("<f4")
    run_ffmpeg("-f", "f32le", "-ar", rate, "-ac", 1, "-i", "pipe:0", *options, url(path), given=values.tobytes())
    return path


def read(path: Path) -> np.ndarray:
    return np.concatenate(list(read_samples(path)))


def placed(pieces: Sequence[Piece], seconds: Fraction | int) -> np.ndarray:
    return np.concatenate(list(placed_samples(pieces, Fraction(seconds))))


class Runs:
    """Counts the processes that are started, and how many of them run at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.commands: list[list[str]] = []
        self.most, running = 0, set()

        class Counted(Process):
            def __init__(process, arguments: Sequence[str], **options: bool):
                super().__init__(arguments, **options)
                self.commands.append(list(arguments))
                running.add(process)
                self.most = max(self.most, len(running))

            def kill(process) -> None:
                super().kill()
                running.discard(process)

        monkeypatch.setattr(sound_module, "Process", Counted)
        self.running = running


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("speech.wav", 16_000, []),
        ("speech.wav", 44_100, ["-c:a", "pcm_f32le"]),
        ("speech.flac", 48_000, []),
        ("speech.mp3", 44_100, []),
        ("speech.m4a", 48_000, []),
    ],
)
@pytest.mark.parametrize("seconds", [Fraction(5), Fraction(7), Fraction(163, 1) / NTSC])
def test_one_piece_from_the_start_is_the_recording_itself(
    tmp_path: Path, name: str, rate: int, options: list[str], seconds: Fraction
) -> None:
    path = noise(tmp_path / name, 5.3, rate, options)
    alone, length = read(path), ceil(seconds * SAMPLE_RATE)
    given = placed([Piece(path, Fraction(0))], seconds)
    assert given.dtype == np.float32
    assert np.array_equal(given, np.pad(alone, (0, max(0, length - len(alone))))[:length])


def test_pieces_are_added_at_their_very_samples(tmp_path: Path) -> None:
    one, other = noise(tmp_path / "one.wav", 6), noise(tmp_path / "other.flac", 3, seed=1)
    pieces = [Piece(other, 100 / NTSC, 130 / NTSC, Fraction(1, 2)), Piece(one, Fraction(-1), Fraction(4))]
    expected = np.zeros(6 * SAMPLE_RATE, np.float32)
    expected[: 4 * SAMPLE_RATE] += read(one)[SAMPLE_RATE : 5 * SAMPLE_RATE]
    # A sample is heard where its time is in the span: frame 100 of 30000/1001 begins at sample 53386.67.
    first, stop = 53_387, 69_403
    expected[first:stop] += read(other)[8000 : 8000 + stop - first]
    assert np.array_equal(placed(pieces, 6), expected)


@pytest.mark.parametrize("at", [BLOCK - 1, BLOCK, BLOCK + 1])
@pytest.mark.parametrize("length", [1, BLOCK - 1, BLOCK, BLOCK + 1])
def test_the_borders_of_blocks_are_not_heard(tmp_path: Path, at: int, length: int) -> None:
    path = noise(tmp_path / "speech.wav", 10)
    start, end = Fraction(at, SAMPLE_RATE), Fraction(at + length, SAMPLE_RATE)
    given = placed([Piece(path, start, end, Fraction(7, SAMPLE_RATE)), Piece(path, end, None, Fraction(1))], 20)
    alone, expected = read(path), np.zeros(20 * SAMPLE_RATE, np.float32)
    expected[at : at + length] = alone[7 : 7 + length]
    rest = alone[SAMPLE_RATE:]
    expected[at + length : at + length + len(rest)] = rest
    assert np.array_equal(given, expected)


@pytest.mark.parametrize(
    ("name", "rate", "options", "jumps"),
    [
        ("long.wav", 16_000, [], True),
        ("long.wav", 44_100, ["-c:a", "pcm_s24le"], True),
        ("long.flac", 44_100, [], True),
        ("long.mka", 44_100, ["-c:a", "flac"], False),
        ("long.mp3", 44_100, [], False),
        ("long.m4a", 44_100, [], False),
    ],
)
def test_what_is_left_out_is_jumped_over_only_where_that_is_exact(
    tmp_path: Path, name: str, rate: int, options: list[str], jumps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, skip = noise(tmp_path / name, 60, rate, options), Fraction(987_654, SAMPLE_RATE) - 7
    runs = Runs(monkeypatch)
    given = placed([Piece(path, Fraction(1, 4), None, skip)], 2)
    assert ["-ss" in command for command in runs.commands] == [jumps]
    alone = read(path)[987_654 - 7 * SAMPLE_RATE :][: 28_000]
    resampled_anew = jumps and rate != SAMPLE_RATE
    assert np.abs(given[4000:] - alone).max() <= (1e-6 if resampled_anew else 0)
    assert not given[:4000].any()


def test_one_recording_for_many_rows_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, runs = noise(tmp_path / "speech.mp3", 20, 44_100), Runs(monkeypatch)
    rows = [(Fraction(second), second + Fraction(1, 3)) for second in range(20)]
    given = placed([Piece(path, start, end, start) for start, end in reversed(rows)], 20)
    assert len(runs.commands) == 1
    assert not runs.running
    alone, expected = read(path), np.zeros(20 * SAMPLE_RATE, np.float32)
    for start, end in rows:
        span = slice(ceil(start * SAMPLE_RATE), ceil(end * SAMPLE_RATE))
        expected[span] = alone[span]
    assert np.array_equal(given, expected)


def test_only_what_is_heard_and_a_few_that_may_be_again_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [noise(tmp_path / f"{number:02}.wav", 1, seed=number) for number in range(12)]
    runs, half = Runs(monkeypatch), Fraction(1, 2)
    given = placed([Piece(path, number * half, (number + 1) * half) for number, path in enumerate(paths)], 6)
    assert len(runs.commands) == 12
    assert runs.most == 5
    assert not runs.running
    assert np.array_equal(given, np.concatenate([read(path)[:8000] for path in paths]))


def test_hearing_may_be_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, runs = noise(tmp_path / "speech.mp3", 60, 44_100), Runs(monkeypatch)
    blocks = placed_samples([Piece(path, Fraction(0)), Piece(path, Fraction(1))], Fraction(60))
    next(blocks)
    assert len(runs.running) == 2
    blocks.close()  # type: ignore[attr-defined]
    assert not runs.running


def test_without_pieces_and_beyond_them_it_is_silent(tmp_path: Path) -> None:
    path = noise(tmp_path / "speech.wav", 0.5)
    assert list(placed_samples([], Fraction(0))) == []
    unheard = [
        Piece(path, Fraction(3)), Piece(path, Fraction(-2)), Piece(path, Fraction(1), Fraction(1)),
        Piece(path, Fraction(1), Fraction(1, 2)), Piece(path, Fraction(0), None, Fraction(60)),
        Piece(path, Fraction(-3), Fraction(-1)),
    ]
    for pieces in ([], unheard):
        silence = placed(pieces, Fraction(5, 3))
        assert len(silence) == 26_667
        assert not silence.any()


def test_what_cannot_be_heard_is_a_sentence_at_once(tmp_path: Path) -> None:
    good = Piece(noise(tmp_path / "good.wav", 1), Fraction(0))
    for name, words in (("missing.wav", "does not exist"), ("silent.mp4", "no audio track")):
        if name == "silent.mp4":
            numbered_video(tmp_path / name, 3)
        with pytest.raises(MediaError, match=words):
            next(placed_samples([good, Piece(tmp_path / name, Fraction(3600))], Fraction(7200)))
    whole = make_sound(tmp_path / "tone.wav", 0.1).read_bytes()
    (tmp_path / "empty.wav").write_bytes(whole[: whole.index(b"data") + 4] + bytes(4))
    with pytest.raises(MediaError, match=r"empty|cannot be"):
        placed([Piece(tmp_path / "empty.wav", Fraction(0))], 1)
    with pytest.raises(ValueError, match="before it begins"):
        Piece(good.path, Fraction(0), None, Fraction(-1))
