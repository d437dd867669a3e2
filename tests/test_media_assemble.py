"""The sound of a result: a video's own, sample by sample, and recordings where they are put."""

from __future__ import annotations

import io
import os
import signal
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from media_samples import make_sound, numbered_video, run_ffmpeg

import wav2lip.media.sound as sound_module
from wav2lip.errors import MediaError, Wav2LipError
from wav2lip.media import files
from wav2lip.media.assemble import assemble_sound
from wav2lip.media.clip import Clip
from wav2lip.media.encoding import Encoding
from wav2lip.media.ffmpeg import QUIET, Process, binary, url
from wav2lip.media.placed import Piece, placed_samples
from wav2lip.media.probe import audio_track, probe
from wav2lip.media.wave import wave_header
from wav2lip.media.write import VideoWriter

NTSC = Fraction(30_000, 1001)
ALL = [(Fraction(0), Fraction(100))]
FADE_48K = 240                                    # samples: 5 ms
RAW = {"s32le": "<i4", "f64le": "<f8"}


def decode(path: Path, numbers: str = "f64le") -> np.ndarray:
    """Return what ffmpeg decodes a file's first audio track to, (n, channels), without any filter of ours."""
    command = [
        binary(), *QUIET, "-i", url(path), "-map", "0:a:0", "-f", numbers, "-c:a", f"pcm_{numbers}", "pipe:1",
    ]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, RAW[numbers]).reshape(-1, audio_track(path)[0].channels)


def video_with(
    path: Path, seconds: float, codec: Sequence[object], *, rate: int = 48_000, layout: str = "stereo",
    fps: Fraction | int = NTSC, late: float = 0, frames: int = 120,
) -> Clip:
    """Make a video whose sound is loud noise, different in every channel.

    Its picture may start later than its sound, by `late` seconds, or where that is negative sooner.
    """
    count = {"mono": 1, "stereo": 2, "quad": 4, "5.1": 6, "5.1(side)": 6}[layout]
    noise = np.random.default_rng(5).uniform(-0.9, 0.9, (round(seconds * rate), count)).astype("<f8")
    silent = numbered_video(path.with_name("silent.mkv"), frames, fps)
    sound = path.with_name("noise.wav")
    run_ffmpeg("-f", "f64le", "-ar", rate, "-channel_layout", layout, "-i", "pipe:0", "-c:a", "pcm_f64le", url(sound),
               given=noise.tobytes())
    run_ffmpeg(
        "-itsoffset", max(0, -late), "-i", url(sound), "-itsoffset", max(0, late), "-i", url(silent),
        "-map", "1:v", "-map", "0:a", "-c:v", "copy", *codec, url(path),
    )
    return probe(path)


def steady(path: Path, seconds: float, rate: int = 48_000, level: float = 0.25, channels: int = 1) -> Path:
    """Make a recording that is one number all along."""
    values = np.full((round(seconds * rate), channels), level, "<f4")
    run_ffmpeg("-f", "f32le", "-ar", rate, "-ac", channels, "-i", "pipe:0", "-c:a", "pcm_f32le", url(path),
               given=values.tobytes())
    return path


def put_together(
    folder: Path, pieces: Sequence[Piece], kept: Sequence[tuple[Fraction, Fraction]], own: Clip | None,
    seconds: Fraction | int,
) -> Path:
    output = folder / "result.wav"
    assemble_sound(output, pieces, kept, own, Fraction(seconds))
    assert not list(folder.glob(".wav2lip-*"))
    return output


@pytest.mark.parametrize(
    ("name", "codec", "stored", "layout", "rate"),
    [
        ("in.mkv", "pcm_s16le", "pcm_s16le", "stereo", 44_100),
        ("in.mov", "pcm_s24le", "pcm_s24le", "5.1", 48_000),
        ("in.mkv", "pcm_s32le", "pcm_s32le", "mono", 48_000),
        ("in.mov", "pcm_f32le", "pcm_f32le", "stereo", 48_000),
        ("in.mkv", "pcm_f64le", "pcm_f64le", "mono", 44_100),
        ("in.mov", "pcm_u8", "pcm_s16le", "stereo", 48_000),
        ("in.mkv", "flac", "pcm_s16le", "5.1", 44_100),
        ("in.mp4", "aac", "pcm_f32le", "stereo", 44_100),
        ("in.mp4", "aac", "pcm_f32le", "5.1", 48_000),
        ("in.mp4", "mp3", "pcm_f32le", "mono", 48_000),
    ],
)
def test_kept_sound_is_what_the_decoder_gives(
    tmp_path: Path, name: str, codec: str, stored: str, layout: str, rate: int
) -> None:
    kind = ["-c:a", codec, *(["-sample_fmt", "s16"] if codec == "flac" else [])]
    own = video_with(tmp_path / name, 4, kind, rate=rate, layout=layout)
    kept = [(Fraction(0), 31 / NTSC), (77 / NTSC, own.frames / own.fps)]
    speech = steady(tmp_path / "speech.wav", 1)
    result = put_together(tmp_path, [Piece(speech, 31 / NTSC, 77 / NTSC)], kept, own, own.frames / own.fps)
    track, container = audio_track(result)
    assert (track.codec, track.sample_rate, container) == (stored, rate, "wav")
    assert len(track.speakers or ("FC",)) == track.channels == {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    before, after = decode(own.path), decode(result)
    assert len(after) == ceil(own.frames / own.fps * rate)
    for start, end in kept:
        span = slice(ceil(start * rate), ceil(end * rate))
        assert np.array_equal(after[span][: len(before) - span.start], before[span])
        assert before[span].any()
    middle = slice(round(1.3 * rate), round(1.7 * rate))
    assert np.allclose(after[middle, 0], 0.25, atol=1e-4)


@pytest.mark.parametrize(
    ("codec", "layout", "suffix"),
    [
        ("pcm_s16le", "stereo", ".mkv"),
        ("pcm_s24le", "5.1(side)", ".mkv"),
        ("pcm_f32le", "5.1", ".mkv"),
        ("pcm_f64le", "quad", ".mkv"),
        ("pcm_s24le", "stereo", ".mov"),
        ("pcm_s32le", "quad", ".mov"),
        ("pcm_f32le", "5.1(side)", ".mov"),
        ("pcm_f64le", "mono", ".mov"),
    ],
)
def test_no_container_of_whole_sound_changes_it(tmp_path: Path, codec: str, layout: str, suffix: str) -> None:
    own = video_with(tmp_path / f"in{suffix}", 4, ["-c:a", codec], layout=layout)
    sound = put_together(tmp_path, [], ALL, own, own.frames / own.fps)
    output = tmp_path / f"out{suffix}"
    frame = np.zeros((48, 64, 3), np.uint8)
    writer = VideoWriter(output, width=64, height=48, fps=own.fps, sound=sound, encoding=Encoding())
    with writer:
        for _ in range(own.frames):
            writer.write(frame)
    assert audio_track(output)[0].codec == codec
    before, after = decode(own.path), decode(output)
    assert len(after) == ceil(own.frames / own.fps * 48_000) >= len(before)
    assert np.array_equal(after[: len(before)], before)


@pytest.mark.parametrize("late", [-0.5, -0.033, 0.021, 0.5])
@pytest.mark.parametrize("name", ["in.mkv", "in.mov", "in.mp4"])
def test_the_clock_starts_at_the_first_picture(tmp_path: Path, name: str, late: float) -> None:
    codec = ["-c:a", "aac"] if name == "in.mp4" else ["-c:a", "pcm_s16le"]
    own = video_with(tmp_path / name, 4, codec, late=late, frames=60)
    before, after = decode(own.path), decode(put_together(tmp_path, [], ALL, own, 2))
    first = int(np.flatnonzero(after.any(axis=1))[0])
    passed = int(np.flatnonzero((before == after[first]).all(axis=1))[0])
    # An encoder's delay, and the steps of Matroska's time stamps.
    assert passed - first == pytest.approx(late * 48_000, abs=1100 if name == "in.mp4" else 48)
    assert late < 0 or (first, passed) == (0, round(own.start * 48_000))
    assert np.array_equal(after[first:], before[passed : passed + len(after) - first])


def test_it_is_what_the_networks_hear(tmp_path: Path) -> None:
    own = video_with(tmp_path / "in.mkv", 4, ["-c:a", "pcm_s16le"], rate=16_000, layout="mono")
    recording = make_sound(tmp_path / "speech.flac", 2, 44_100, (700,))
    pieces = [
        Piece(recording, 10 / NTSC), Piece(recording, 90 / NTSC, None, Fraction(3, 7)),
        Piece(own.path, Fraction(-1), 10 / NTSC),
    ]
    result = decode(put_together(tmp_path, pieces, [], own, 4))[:, 0]
    expected = np.concatenate(list(placed_samples(pieces, Fraction(4))))
    far = np.ones(len(result), bool)                     # from the 5 ms in which a piece comes or goes
    for frame in (10, 90):
        border = ceil(frame / NTSC * 16_000)
        far[border - 80 : border + 80] = False
    assert np.abs(result - expected)[far].max() < 1e-3
    assert np.abs(result - expected).max() < 1


def test_sounds_meet_without_a_click_and_outside_the_kept_spans(tmp_path: Path) -> None:
    own_sound, speech = steady(tmp_path / "own.wav", 3, channels=2), steady(tmp_path / "speech.wav", 9)
    own = probe(numbered_video(tmp_path / "in.mkv", 75, sound=own_sound, options=["-c:a", "copy"]))
    kept = [(Fraction(0), Fraction(1)), (Fraction(2), Fraction(5, 2))]
    pieces = [Piece(speech, Fraction(1), Fraction(2), Fraction(1, 3))]
    after = decode(put_together(tmp_path, pieces, kept, own, 3))
    assert np.allclose(after[: round(2.5 * 48_000)], 0.25, atol=1e-7)
    falling = after[round(2.5 * 48_000) : round(2.5 * 48_000) + FADE_48K + 1, 0]
    assert np.abs(np.diff(falling)).max() < 0.25 / FADE_48K
    assert 0 < falling[-2] < 0.0011
    assert not after[round(2.5 * 48_000) + FADE_48K :].any()


def test_a_recording_that_begins_and_ends_by_itself_does_not_fade(tmp_path: Path) -> None:
    speech = steady(tmp_path / "speech.wav", 0.5)
    for end in (None, Fraction(3, 4), Fraction(2)):
        after = decode(put_together(tmp_path, [Piece(speech, Fraction(1, 4), end)], [], None, 1))[:, 0]
        assert (after[12_000:36_000] == 0.25).all()
        assert np.count_nonzero(after) == 24_000
    cut = [Piece(speech, Fraction(1, 4), Fraction(3, 4) - Fraction(1, 48_000), Fraction(0))]
    after = decode(put_together(tmp_path, cut, [], None, 1))[:, 0]
    assert np.count_nonzero(after == 0.25) == 23_999 - FADE_48K
    assert np.count_nonzero(after) == 23_999
    late = decode(put_together(tmp_path, [Piece(speech, Fraction(1, 4), None, Fraction(1, 4))], [], None, 1))[:, 0]
    assert np.count_nonzero(late == 0.25) == 12_000 - FADE_48K
    assert np.count_nonzero(late) == 12_000


def test_a_piece_shorter_than_its_fades_is_soft_at_both_ends(tmp_path: Path) -> None:
    speech = steady(tmp_path / "speech.wav", 1)
    piece = Piece(speech, Fraction(0), Fraction(100, 48_000), Fraction(1, 2))
    after = decode(put_together(tmp_path, [piece], [], None, 1))[:, 0]
    assert np.abs(np.diff(after)).max() < 0.25 / FADE_48K
    assert np.count_nonzero(after) == 100


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        ("mono", "stereo", [0.25, 0.25]),
        ("mono", "5.1", [0.25, 0.25, 0.25, 0, 0, 0]),
        ("mono", "quad", [0.25, 0.25, 0, 0]),
        ("stereo", "mono", [0.25]),
        ("stereo", "5.1", [0.2, 0.3, 0, 0, 0, 0]),
        ("5.1", "mono", [0.25]),
        ("5.1", "stereo", None),
        ("5.1(side)", "5.1", [0.2, 0.3, 0.2, 0.3, 0.2, 0.3]),
    ],
)
def test_channels_go_where_they_belong(
    tmp_path: Path, given: str, wanted: str, expected: list[float] | None
) -> None:
    own = video_with(tmp_path / "in.mov", 1, ["-c:a", "pcm_f32le"], layout=wanted, frames=30)
    levels = [0.25] if given == "mono" else [0.2, 0.3] * (1 if given == "stereo" else 3)
    run_ffmpeg("-f", "lavfi", "-i", f"aevalsrc={'|'.join(map(str, levels))}:c={given}:s=48000:d=1", "-c:a",
               "pcm_f32le", url(tmp_path / "speech.wav"))
    pieces = [Piece(tmp_path / "speech.wav", Fraction(0))]
    after = decode(put_together(tmp_path, pieces, [], own, Fraction(1, 2)))
    if expected is None:
        assert (after.std(axis=0) < 1e-6).all()
        assert (after.mean(axis=0) > 0.1).all()
        assert (after.max(axis=0) < 0.31).all()
    else:
        assert np.allclose(after, expected, atol=1e-6)


def test_what_is_heard_over_kept_sound_is_added_and_clipped_only_at_full_scale(tmp_path: Path) -> None:
    own = video_with(tmp_path / "in.mkv", 1, ["-c:a", "pcm_s16le"], frames=30)
    before = decode(own.path)
    level = 0.3                                          # 9830.4 of 32768
    speech = steady(tmp_path / "speech.wav", 1, level=-level)
    after = decode(put_together(tmp_path, [Piece(speech, Fraction(1, 4))], ALL, own, 1))
    assert np.array_equal(after[:12_000], before[:12_000])
    assert np.array_equal(after[12_000:], np.maximum(before[12_000:] - 9830 / 32_768, -1))
    speech = steady(tmp_path / "speech.wav", 1, level=level + 0.4 / 32_768)
    after = decode(put_together(tmp_path, [Piece(speech, Fraction(1, 4))], ALL, own, 1))
    assert np.array_equal(after[12_000:], np.minimum(before[12_000:] + 9831 / 32_768, 32_767 / 32_768))


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_one_recording_alone_is_kept_as_it_is(tmp_path: Path, codec: str) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (70_001, 1)).astype("<f8")
    run_ffmpeg("-f", "f64le", "-ar", 22_050, "-ac", 1, "-i", "pipe:0", "-c:a", codec, url(tmp_path / "speech.wav"),
               given=noise.tobytes())
    pieces = [Piece(tmp_path / "speech.wav", Fraction(0))]
    for own in (None, probe(numbered_video(tmp_path / "in.mp4", 3))):
        result = put_together(tmp_path, pieces, ALL, own, Fraction(70_001, 22_050))
        track = audio_track(result)[0]
        assert (track.codec, track.sample_rate, track.channels) == (codec, 22_050, 1)
        assert np.array_equal(decode(result), decode(pieces[0].path))
        size = result.stat().st_size
        assert (size % 2, int.from_bytes(result.read_bytes()[4:8], "little")) == (0, size - 8)


def test_the_ends_of_sound_and_result_need_not_agree(tmp_path: Path) -> None:
    own = video_with(tmp_path / "in.mkv", 0.5, ["-c:a", "pcm_s16le"], frames=60)
    kept = [(Fraction(-3), Fraction(1, 4)), (Fraction(1, 4), Fraction(1, 4)), (Fraction(2, 5), Fraction(99))]
    result = put_together(tmp_path, [], kept, own, 2)
    before, after = decode(own.path), decode(result)
    assert len(after) == 96_000
    assert np.array_equal(after[:12_000], before[:12_000])
    assert np.array_equal(after[19_200:24_000], before[19_200:])
    assert not after[24_000:].any()
    assert not after[12_000 + FADE_48K : 19_200 - FADE_48K].any()
    assert len(decode(put_together(tmp_path, [], ALL, own, 0))) == 0


def test_two_kept_spans_that_touch_are_one(tmp_path: Path) -> None:
    own = video_with(tmp_path / "in.mkv", 4, ["-c:a", "pcm_f32le"])
    frames = [Fraction(0), 1 / NTSC, 59 / NTSC, 120 / NTSC]
    result = put_together(tmp_path, [], list(pairwise(frames))[::-1], own, 4)
    assert np.array_equal(decode(result), decode(own.path))


def test_errors_are_sentences_and_leave_nothing(tmp_path: Path) -> None:
    own = video_with(tmp_path / "in.mkv", 1, ["-c:a", "pcm_s16le"], frames=30)
    output, speech = tmp_path / "result.wav", steady(tmp_path / "speech.wav", 1)
    with pytest.raises(MediaError, match=r"missing\.wav does not exist"):
        assemble_sound(output, [Piece(tmp_path / "missing.wav", Fraction(9))], ALL, own, Fraction(1))
    with pytest.raises(ValueError, match="no sound"):
        assemble_sound(output, [], ALL, None, Fraction(1))
    output.mkdir()
    with pytest.raises(Wav2LipError, match="cannot be written"):
        assemble_sound(output, [Piece(speech, Fraction(0))], ALL, own, Fraction(1))
    assert not list(tmp_path.glob(".wav2lip-*"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = video_with(tmp_path / "in.mkv", 1, ["-c:a", "pcm_s16le"], frames=30)
    monkeypatch.setattr("wav2lip.media.assemble.open", lambda *_: io.FileIO("/dev/full", "w"), raising=False)
    with pytest.raises(Wav2LipError, match=r"result\.wav cannot be written: No space left"):
        assemble_sound(tmp_path / "result.wav", [], ALL, own, Fraction(1))
    assert not (tmp_path / "result.wav").exists()


def test_a_decoder_that_is_killed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = video_with(tmp_path / "in.mkv", 30, ["-c:a", "pcm_s16le"], frames=30)

    class Killed(Process):
        def read_into(self, buffer: memoryview) -> int:
            got = super().read_into(buffer)
            os.kill(self.pid, signal.SIGKILL)
            return got

    monkeypatch.setattr(sound_module, "Process", Killed)
    with pytest.raises(Wav2LipError, match=r"The sound of .*in\.mkv cannot be decoded: ffmpeg was killed") as caught:
        assemble_sound(tmp_path / "result.wav", [], ALL, own, Fraction(30))
    assert caught.value.exit_code == 1            # the sound is not at fault
    assert {path.name for path in tmp_path.iterdir()} == {"in.mkv", "silent.mkv", "noise.wav"}


def test_a_file_beyond_four_gigabytes_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_SMALL", 1 << 40)             # else it would be taken for an unfinished download
    rate, frames = 192_000, 3_000 * 192_000
    header = wave_header(rate, 2, 32, True, frames, ("FL", "FR"))
    path = tmp_path / "long.wav"
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(len(header) + frames * 8 - 16)      # the rest is a hole
        file.seek(0, os.SEEK_END)
        file.write(np.array([0.5, -0.5, 0.5, -0.5], "<f4").tobytes())
    track, container = audio_track(path)
    assert (track.codec, track.duration, container) == ("pcm_f32le", 3000, "wav")
    end = np.concatenate(list(sound_module.decoded(path, track, container, since=2999)))
    assert len(end) == rate
    assert (end[-2:] == (0.5, -0.5)).all()
    assert not end[:-2].any()
