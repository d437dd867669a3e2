"""Synthetic talking heads as files: the same every time, saying what they are given, with the truth beside them."""

from __future__ import annotations

import csv
import json
import shutil
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from wav2lip.cli.synth import synth
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.media.sound import read_samples
from wav2lip.speech.mel import SAMPLE_RATE
from wav2lip.training import articulation
from wav2lip.training import synth as heads
from wav2lip.training.splits import is_held_out

SIZE = 128
HELD_OUT, OTHER = "word-1", "word-0"        # names of recordings, by the rule for clips
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
Record = Callable[..., Path]


def babble(seconds: float, rate: int = SAMPLE_RATE, quiet: float = 0.0) -> np.ndarray:
    """Return syllables after a silence, float32."""
    time = np.arange(round(seconds * rate)) / rate
    voice = np.sin(2 * np.pi * 180 * time) + np.sin(2 * np.pi * 720 * time)
    return (0.15 * voice * np.clip(np.sin(2 * np.pi * 3.1 * time), 0, 1) * (time >= quiet)).astype(np.float32)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Write a WAV file of syllables."""

    def write(path: Path, seconds: float = 1.0, quiet: float = 0.0, level: float = 1.0) -> Path:
        path = tmp_path / path
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes((level * babble(seconds, quiet=quiet) * 32767).astype("<i2").tobytes())
        return path

    return write


def run(*words: object) -> Result:
    return CliRunner().invoke(synth, [str(word) for word in words])


def sound_of(path: Path) -> np.ndarray:
    return np.concatenate(list(read_samples(path)))


def frames_of(path: Path) -> np.ndarray:
    return np.stack(list(read_frames(probe(path))))


def test_a_head_says_a_recording_and_the_sound_lies_where_the_mouth_moves(tmp_path: Path, record: Record) -> None:
    speech = record("a.wav", 2.0)
    video, truth = tmp_path / "new" / "face.mp4", tmp_path / "face.csv"
    result = run("--speech", speech, "--identity", 30, "-o", video, "--size", SIZE, "--truth", truth)
    assert result.exit_code == 0, result.output
    clip = probe(video)
    assert (clip.width, clip.height, clip.fps, clip.start) == (SIZE, SIZE, 25, 0)

    given, heard = sound_of(speech), sound_of(video)
    assert abs(len(heard) - len(given)) < 1100           # AAC comes in frames of 1024
    lags = range(-200, 201)
    inner = slice(1000, 30000)
    fits = [float(np.dot(given[inner], np.roll(heard, -lag)[inner])) for lag in lags]
    assert lags[int(np.argmax(fits))] == 0
    assert np.corrcoef(given[inner], heard[inner])[0, 1] > 0.99

    with open(truth, newline="") as file:
        rows = list(csv.DictReader(file))
    opening = np.array([float(row["opening"]) for row in rows])
    assert [int(row["frame"]) for row in rows] == list(range(50))
    assert float(rows[7]["time"]) == pytest.approx(7 / 25)
    assert 0 <= opening.min() < 0.1
    assert 0.5 < opening.max() <= 1
    assert all(-1 <= float(row["width"]) <= 1 for row in rows)
    frames = frames_of(video)
    assert len(frames) == len(rows)
    mouth = frames[:, int(0.58 * SIZE) : int(0.8 * SIZE), int(0.38 * SIZE) : int(0.62 * SIZE)]
    dark = (mouth.mean(axis=3) < 70).sum(axis=(1, 2)).astype(float)
    agreement = {lag: np.corrcoef(opening[3:-3], np.roll(dark, -lag)[3:-3])[0, 1] for lag in range(-3, 4)}
    assert agreement[0] > 0.9
    assert max(agreement, key=lambda lag: agreement[lag]) == 0


def test_the_truth_as_json_is_that_of_the_csv_and_seconds_cut_both(tmp_path: Path, record: Record) -> None:
    speech = record("a.wav", 1.0)
    for name in ("t.csv", "t.json"):
        result = run(
            "--speech", speech, "-o", tmp_path / "f.mp4", "--size", 64, "--seconds", 0.5, "--fps", 30,
            "--truth", tmp_path / name,
        )
        assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "t.json").read_text())
    with open(tmp_path / "t.csv", newline="") as file:
        assert [{key: float(text) for key, text in row.items()} for row in csv.DictReader(file)] == rows
    assert len(rows) == 15
    assert probe(tmp_path / "f.mp4").fps == 30
    assert len(sound_of(tmp_path / "f.mp4")) < 0.6 * SAMPLE_RATE


@needs_espeak
def test_without_a_recording_the_same_number_says_and_looks_the_same(tmp_path: Path) -> None:
    first, again, other = tmp_path / "1.mp4", tmp_path / "2.mp4", tmp_path / "3.mp4"
    for path, identity in ((first, 7), (again, 7), (other, 8)):
        assert run("--identity", identity, "-o", path, "--size", 64, "--seconds", 1.2).exit_code == 0
    assert first.read_bytes() == again.read_bytes()
    assert len(frames_of(first)) == 30
    assert np.abs(sound_of(first)).max() > 0.01
    assert np.abs(frames_of(first).astype(int) - frames_of(other)).mean() > 10


def test_many_heads_are_made_once_and_only_the_missing_again(
    tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "PROGRAM", "no-such-program")
    for name in (HELD_OUT, OTHER):
        record(f"speech/{name}.wav", 1.5)
    out = tmp_path / "heads"
    words = ("--count", 2, "--first-identity", 6, "-o", out, "--speech", tmp_path / "speech", "--size", 64,
             "--seconds", 0.4, "--workers", 1)
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert "2 heads" in result.output
    assert sorted(path.name for path in out.iterdir()) == ["head-000006.mp4", "head-000007.mp4"]
    kept, lost = out / "head-000006.mp4", out / "head-000007.mp4"
    before, made = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    result = run(*words)
    assert "1 were there already" in result.output
    assert lost.read_bytes() == before
    assert kept.stat().st_mtime_ns == made
    assert len(frames_of(kept)) == 10
    assert np.abs(sound_of(kept)).max() > 0.05


def test_held_out_heads_say_only_held_out_recordings(
    tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        record(f"speech/word-{number}.wav", 0.05)
    folder = tmp_path / "speech"
    jobs = heads.plan_heads(range(60), tmp_path, folder)
    said = [job for job in jobs if job.recordings]
    assert {job.identity % 2 for job in said} == {1}
    assert {is_held_out(job.output.stem) for job in said} == {True, False}
    for job in said:
        assert {is_held_out(path.stem) for path in job.recordings} == {is_held_out(job.output.stem)}
    assert jobs == heads.plan_heads(range(60), tmp_path, folder)
    monkeypatch.setattr(heads, "PROGRAM", "no-such-program")
    assert all(job.recordings for job in heads.plan_heads(range(60), tmp_path, folder))


def test_an_excerpt_begins_where_somebody_speaks() -> None:
    samples = babble(6.0, quiet=3.0)
    for seed in range(5):
        part = heads.excerpt(samples, 1.0, np.random.default_rng(seed))
        assert part is not None
        assert len(part) == SAMPLE_RATE
        assert np.abs(part[: round(0.2 * SAMPLE_RATE)]).max() > 0.02
    short = heads.excerpt(samples, 8.0, np.random.default_rng(0))
    assert short is not None
    assert len(short) == 8 * SAMPLE_RATE
    assert not short[round(3.3 * SAMPLE_RATE) :].any()
    assert heads.excerpt(np.zeros(SAMPLE_RATE, np.float32), 1.0, np.random.default_rng(0)) is None


def test_a_recording_that_is_silent_or_broken_is_passed_over(tmp_path: Path, record: Record) -> None:
    silent, good = record("silent.wav", level=0.0), record("good.wav")
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF and nothing else")
    work = heads._make_worker(heads.Drawing(64, Fraction(25), 0.3))
    output = tmp_path / "head-000001.mp4"
    assert work(heads.HeadJob(1, output, (broken, silent, good))) is None
    assert np.abs(sound_of(output)).max() > 0.05
    output.unlink()
    assert "nothing to say" in (work(heads.HeadJob(1, output, (broken, silent))) or "")
    assert not output.exists()


@pytest.mark.parametrize(("words", "code", "sentence"), [
    (("--speech", "missing.wav", "-o", "f.mp4"), 3, "missing.wav"),
    (("--speech", "text.txt", "-o", "f.mp4"), 3, "text.txt"),
    (("--speech", "a.wav", "-o", "f.xyz"), 2, "extension"),
    (("--speech", "a.wav", "-o", "a.wav"), 2, "also the recording"),
    (("--speech", "a.wav", "-o", "folder"), 2, "is a folder"),
    (("--speech", "folder", "-o", "f.mp4"), 2, "is a folder"),
    (("--speech", "a.wav", "-o", "f.mp4", "--truth", "t.txt"), 2, ".csv or .json"),
    (("--speech", "a.wav", "-o", "f.mp4", "--fps", "0"), 2, "frame rate"),
    (("--speech", "a.wav", "-o", "f.mp4", "--seconds", "0"), 2, "--seconds"),
    (("--speech", "a.wav", "-o", "a.wav/f.mp4"), 1, "cannot be made"),
    (("--speech", "a.wav", "-o", "heads", "--count", "2"), 2, "not a folder"),
    (("--speech", "folder", "-o", "heads", "--count", "2"), 2, "no sound"),
    (("-o", "heads", "--count", "2", "--truth", "t.csv"), 2, "--truth"),
    (("-o", "heads", "--count", "2", "--identity", "1"), 2, "--first-identity"),
    (("-o", "text.txt", "--count", "2"), 1, "text.txt"),
    (("-o", "heads", "--count", "2", "--first-identity", "999999"), 2, "999999"),
])
def test_bad_input_gets_a_sentence_and_leaves_nothing(
    tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    record("a.wav", 0.3)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text("no video")
    before = sorted(tmp_path.rglob("*"))
    result = run(*words)
    assert result.exit_code == code, result.output
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert sorted(tmp_path.rglob("*")) == before


def test_missing_espeak_is_said_before_anything_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for words in (("--count", 3, "-o", tmp_path / "heads"), ("-o", tmp_path / "face.mp4")):
        result = run(*words)
        assert result.exit_code == 2
        assert "espeak-ng" in result.output
    assert list(tmp_path.iterdir()) == []


def test_long_speech_is_looked_at_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = babble(30.0)
    blocks = articulation.speech_to_articulation(samples, 25)
    monkeypatch.setattr(articulation, "BLOCK", len(samples))
    whole = articulation.speech_to_articulation(samples, 25)
    assert len(blocks) == 750
    assert np.array_equal(blocks.opening, whole.opening)
    assert np.array_equal(blocks.width, whole.width)


@pytest.mark.parametrize(("more", "sentence"), [
    ((), "nothing was written"), (("--count", 2), "the same command goes on from here"),
], ids=["one", "many"])
def test_an_interruption_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[object, ...], sentence: str
) -> None:
    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    for maker in ("synthesize", "plan_heads"):
        monkeypatch.setattr(heads, maker, stop)
    result = run("-o", tmp_path / "out.mp4", *more)
    assert (result.exit_code, f"Interrupted; {sentence}." in result.output) == (130, True)
