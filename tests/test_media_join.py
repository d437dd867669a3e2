"""Parts that were encoded one by one become one video, each frame when it is due."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import flat_pictures, run_ffmpeg

from wav2lip.errors import Wav2LipError
from wav2lip.media.encoding import Encoding, decide
from wav2lip.media.ffmpeg import url
from wav2lip.media.join import join
from wav2lip.media.picture import Pixels
from wav2lip.media.probe import probe, probe_sound
from wav2lip.media.read import read_frames
from wav2lip.media.write import VideoWriter
from wav2lip.pipeline.segments import segment_length, split

PIXELS, SIZE = Pixels(), (96, 64)
LENGTHS = (30, 30, 7)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "tone.wav"
    run_ffmpeg("-f", "lavfi", "-i", "sine=d=3", url(path))
    return path


def make_parts(folder: Path, suffix: str, codec: str | None, fps: Fraction) -> list[Path]:
    """Write parts whose frames are all different."""
    pictures = flat_pictures(PIXELS, sum(LENGTHS), *SIZE)
    for number, picture in enumerate(pictures):
        picture.planes[0][:] = 16 + 3 * number
    frames, parts = iter(pictures), []
    for number, length in enumerate(LENGTHS):
        part = folder / f"{number:06d}{suffix}"
        encoding = Encoding(codec)
        with VideoWriter(part, width=SIZE[0], height=SIZE[1], fps=fps, pixels=PIXELS, encoding=encoding) as writer:
            for _ in range(length):
                writer.write(next(frames))
        parts.append(part)
    return parts


def join_parts(parts: list[Path], output: Path, codec: str | None, fps: Fraction, sound: Path) -> None:
    decided = decide(output, Encoding(codec), *SIZE, pixels=PIXELS)
    join(parts, output, codec=decided.codec, frames=LENGTHS, fps=fps, sound=sound)


def stamps(path: Path) -> list[Fraction]:
    """Return when the frames of a file are shown, in seconds after the first."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.pts is not None]
        times = sorted(packet.pts * packet.time_base for packet in packets)
    return [time - times[0] for time in times]


@pytest.mark.parametrize(("name", "codec", "fps"), [
    ("a.mp4", None, Fraction(25)),
    ("a.mp4", "hevc", Fraction(30000, 1001)),
    ("a.mkv", None, Fraction(24)),
    ("a.mov", "prores", Fraction(24000, 1001)),
    ("a.avi", None, Fraction(25)),
])
def test_every_frame_is_where_it_would_be_in_one_piece(
    tmp_path: Path, sound: Path, name: str, codec: str | None, fps: Fraction
) -> None:
    output = tmp_path / name
    parts = make_parts(tmp_path, output.suffix, codec, fps)
    join_parts(parts, output, codec, fps, sound)
    clip = probe(output)
    assert (clip.fps, clip.frames, clip.variable_rate) == (fps, sum(LENGTHS), False)
    tick = Fraction(1, 1000) if output.suffix == ".mkv" else Fraction(1, 100_000)
    shown = stamps(output)
    assert all(abs(time - number / fps) <= tick / 2 for number, time in enumerate(shown))
    whole = np.stack(list(read_frames(clip)))
    assert np.array_equal(whole, np.concatenate([np.stack(list(read_frames(probe(part)))) for part in parts]))
    assert probe_sound(output).duration == pytest.approx(3, abs=0.1)


def test_many_odd_lengths_do_not_add_up_to_a_drift(tmp_path: Path, sound: Path) -> None:
    fps = Fraction(30000, 1001)
    parts = make_parts(tmp_path, ".mp4", None, fps)
    many = []
    for number in range(40):                      # of 7 frames, each a third of a microsecond off a whole one
        many.append(tmp_path / f"{number + 10:06d}.mp4")
        os.link(parts[2], many[-1])
    join(many, tmp_path / "a.mp4", codec="h264", frames=[LENGTHS[2]] * 40, fps=fps, sound=sound)
    assert [time * fps for time in stamps(tmp_path / "a.mp4")] == list(range(40 * LENGTHS[2]))


def test_the_same_parts_give_the_same_bytes(tmp_path: Path, sound: Path) -> None:
    parts = make_parts(tmp_path, ".mkv", None, Fraction(25))    # Matroska has a random number of its own
    for name in ("a.mkv", "b.mkv"):
        join_parts(parts, tmp_path / name, None, Fraction(25), sound)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def test_a_missing_part_is_an_error_and_leaves_what_was_there(tmp_path: Path, sound: Path) -> None:
    parts = make_parts(tmp_path, ".mp4", None, Fraction(25))
    (tmp_path / "a.mp4").write_bytes(b"older")
    parts[1].write_bytes(b"damaged")
    with pytest.raises(Wav2LipError, match=r"a\.mp4 could not be written"):
        join_parts(parts, tmp_path / "a.mp4", None, Fraction(25), sound)
    assert (tmp_path / "a.mp4").read_bytes() == b"older"


@pytest.mark.parametrize(("fps", "length"), [
    ("25", 250), ("24", 252), ("30", 252), ("60", 252), ("24000/1001", 264), ("30000/1001", 270), ("2997/125", 250),
])
def test_segments_last_whole_milliseconds_where_they_can(fps: str, length: int) -> None:
    rate = Fraction(fps)
    assert segment_length(rate) == length
    assert [len(segment) for segment in split(2 * length + 1, rate)] == [length, length, 1]
    assert split(0, rate) == ()


@pytest.mark.parametrize("name", ["Take #2", "what?", "50%", "it's", "a\nb"])
def test_the_folder_may_have_any_name(tmp_path: Path, sound: Path, name: str) -> None:
    folder = tmp_path / name / "parts"
    folder.mkdir(parents=True)
    output = tmp_path / name / "a.mp4"
    join_parts(make_parts(folder, ".mp4", None, Fraction(25)), output, None, Fraction(25), sound)
    assert probe(output).frames == sum(LENGTHS)


def test_an_ffmpeg_that_a_killed_run_left_behind_writes_into_nobodys_file(tmp_path: Path, sound: Path) -> None:
    parts = make_parts(tmp_path, ".mp4", None, Fraction(25))
    with open(tmp_path / "whole.mp4", "wb") as left:
        join_parts(parts, tmp_path / "a.mp4", None, Fraction(25), sound)
        before = (tmp_path / "a.mp4").read_bytes()
        left.write(b"of another run" * 100)
    assert (tmp_path / "a.mp4").read_bytes() == before


def test_limits_are_for_what_is_read_and_not_for_the_result(
    tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = make_parts(tmp_path, ".mp4", None, Fraction(25))
    monkeypatch.setenv("WAV2LIP_LIMITS", f"frames={max(LENGTHS)}")
    join_parts(parts, tmp_path / "a.mp4", None, Fraction(25), sound)
    assert stamps(tmp_path / "a.mp4")[-1] == (sum(LENGTHS) - 1) * Fraction(1, 25)
