from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_samples import (
    coloured_frame,
    loudest_frequency,
    make_sound,
    make_video,
    mean_difference,
    number_of,
    numbered_frame,
    numbered_video,
    run_ffmpeg,
    tagged,
)

from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.media import encoding as encoding_module
from wav2lip.media.clip import Colour, Sound
from wav2lip.media.encoding import CONTAINERS, Encoding, check_encoding, sound_options
from wav2lip.media.ffmpeg import binary, encoders, url
from wav2lip.media.probe import probe, probe_sound
from wav2lip.media.read import read_frames
from wav2lip.media.sound import read_samples, samples_from_first_frame
from wav2lip.media.write import PART_PATTERN, VideoWriter, check_output

GREY = [numbered_frame(number) for number in range(20)]
FINE = Encoding("h264", crf=1)


def write(output: Path, frames: Iterable[np.ndarray] = GREY, fps: Fraction | int = 25, **options: Any) -> Path:
    remaining = iter(frames)
    first = next(remaining)
    height, width = first.shape[:2]
    with VideoWriter(output, width=width, height=height, fps=Fraction(fps), **options) as writer:
        writer.write(first)
        for frame in remaining:
            writer.write(frame)
    assert not list(output.parent.glob(PART_PATTERN))
    return output


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(1350, 61)])
def test_every_container_keeps_the_exact_rate_and_all_frames(tmp_path: Path, suffix: str, fps: Fraction) -> None:
    clip = probe(write(tmp_path / f"out{suffix}", fps=fps))
    assert (clip.fps, clip.average_fps, clip.frames) == (fps, fps, 20)
    assert [number_of(frame) for frame in read_frames(clip)] == list(range(20))


def test_a_rate_too_long_for_the_command_line_is_rounded_without_harm(tmp_path: Path) -> None:
    clip = probe(write(tmp_path / "out.mp4", fps=Fraction(4_140_000, 184_567)))
    assert float(clip.fps) == pytest.approx(4_140_000 / 184_567, rel=1e-6)


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".mp4"), ("hevc", ".mp4"), ("av1", ".mkv"), ("vp9", ".webm"),
                                               ("prores", ".mov"), ("ffv1", ".mkv"), ("ffv1", ".avi")])
@pytest.mark.parametrize(("width", "height"), [(128, 96), (129, 96), (128, 97)])
def test_every_codec_keeps_the_picture_and_its_size(
    tmp_path: Path, codec: str, suffix: str, width: int, height: int
) -> None:
    if not set(encoding_module.CODECS[codec].encoders) & encoders(binary()):
        pytest.skip(f"this ffmpeg has no encoder for {codec}")
    picture = coloured_frame(width, height)
    clip = probe(write(tmp_path / f"out{suffix}", [picture] * 3, encoding=Encoding(codec)))
    frames = list(read_frames(clip))
    assert (clip.width, clip.height, len(frames)) == (width, height, 3)
    assert mean_difference(frames[2], picture) < 3
    if codec != "av1":                            # whose encoder neglects an odd last column
        assert mean_difference(frames[2][:, -4:], picture[:, -4:]) < 6


def test_ffv1_gives_bgr_frames_back_bit_for_bit(tmp_path: Path) -> None:
    noise = list(np.random.default_rng(0).integers(0, 256, (3, 31, 33, 3), np.uint8))
    clip = probe(write(tmp_path / "out.mkv", noise, encoding=Encoding("ffv1")))
    assert all(np.array_equal(one, other) for one, other in zip(read_frames(clip), noise, strict=True))


@pytest.mark.parametrize(
    ("size", "colour"),
    [
        ((320, 180), Colour("bt709", "bt709", "bt709", "tv")),
        ((320, 180), Colour("bt709", "bt709", "iec61966-2-1", "pc")),
        ((320, 180), Colour("smpte170m", "smpte170m", "smpte170m", "tv")),
        ((320, 180), Colour("bt470bg", "bt470bg", "bt470bg", "tv")),
        ((320, 180), Colour("bt2020nc", "bt2020", "arib-std-b67", "tv")),
        ((320, 180), Colour()),
        ((1280, 720), Colour()),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_colours_and_their_tags_come_back(tmp_path: Path, size: tuple[int, int], colour: Colour, suffix: str) -> None:
    picture = coloured_frame(*size)
    clip = probe(write(tmp_path / f"out{suffix}", [picture] * 2, colour=colour, encoding=FINE))
    assert clip.colour in (colour, Colour(range="tv") if colour == Colour() else colour)
    assert mean_difference(next(read_frames(clip)), picture) < 1


@pytest.mark.parametrize(
    ("size", "tags"), [((320, 180), "bt709"), ((320, 180), "smpte170m"), ((320, 180), ""), ((1280, 720), "")]
)
def test_a_clip_goes_through_reading_and_writing_without_a_change_of_colour(
    tmp_path: Path, size: tuple[int, int], tags: str
) -> None:
    options = tagged(tags) if tags else ["-c:v", "mpeg4", "-q:v", "2"]
    source = probe(make_video(tmp_path / "in.mp4", [coloured_frame(*size)] * 2, 25, options))
    assert source.colour.matrix == (tags or None)
    frames = list(read_frames(source))
    result = probe(write(tmp_path / "out.mp4", frames, colour=source.colour, encoding=FINE))
    assert result.colour == source.colour
    assert mean_difference(next(read_frames(result)), frames[0]) < 1


def test_rgb_sources_become_tagged_bt709(tmp_path: Path) -> None:
    picture = coloured_frame(320, 180)
    clip = probe(write(tmp_path / "out.mp4", [picture], colour=Colour("gbr", None, None, "pc"), encoding=FINE))
    assert clip.colour == Colour("bt709", "bt709", "bt709", "tv")
    assert mean_difference(next(read_frames(clip)), picture) < 1


def test_prores_has_no_full_range(tmp_path: Path) -> None:
    picture = coloured_frame(320, 180)
    full = Colour("bt709", "bt709", "bt709", "pc")
    clip = probe(write(tmp_path / "out.mov", [picture], colour=full, encoding=Encoding("prores")))
    assert clip.colour == Colour("bt709", "bt709", "bt709", "tv")
    assert mean_difference(next(read_frames(clip)), picture) < 1


def test_the_shape_of_pixels_is_kept(tmp_path: Path) -> None:
    assert probe(write(tmp_path / "out.mp4", pixel_aspect=Fraction(12, 11))).pixel_aspect == Fraction(12, 11)


@pytest.mark.parametrize(
    ("sound", "output", "codec"),
    [
        ("tone.m4a", "out.mp4", "aac"),
        ("tone.mp3", "out.mp4", "mp3"),
        ("tone.wav", "out.mp4", "aac"),
        ("tone.wav", "out.mov", "pcm_s16le"),
        ("tone.wav", "out.mkv", "pcm_s16le"),
        ("tone.flac", "out.mkv", "flac"),
        ("tone.flac", "out.mov", "aac"),
        ("tone.wav", "out.webm", "opus"),
        ("tone.m4a", "out.avi", "pcm_s16le"),
        ("tone.wav", "out.avi", "pcm_s16le"),
    ],
)
def test_sound_is_copied_where_players_expect_it_and_else_encoded(
    tmp_path: Path, sound: str, output: str, codec: str
) -> None:
    tone = make_sound(tmp_path / sound, 1.5, 44_100, (440, 440))
    result = write(tmp_path / output, sound=tone)
    beside = probe_sound(result)
    assert (beside.codec, beside.channels) == (codec, 2)
    assert beside.duration == pytest.approx(1.5, abs=0.08)
    heard = np.concatenate(list(read_samples(result)))
    assert loudest_frequency(heard, 16_000) == pytest.approx(440, abs=2)


def test_copied_sound_is_the_same_samples(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.m4a", 1.0, 44_100)
    result = write(tmp_path / "out.mp4", sound=tone)
    before, after = (np.concatenate(list(read_samples(path))) for path in (tone, result))
    assert np.array_equal(before, after)


def test_sound_from_a_video_is_taken_without_its_picture(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.wav", 1.0, 44_100)
    video = numbered_video(tmp_path / "other.mp4", 25, sound=tone)
    clip = probe(write(tmp_path / "out.mp4", [numbered_frame(50)] * 5, sound=video))
    assert clip.sound is not None
    assert (clip.frames, number_of(next(read_frames(clip)))) == (5, 50)


def test_surround_sound_becomes_opus_too(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.wav", 0.5, 48_000, (440,) * 6)
    assert probe_sound(write(tmp_path / "out.webm", sound=tone)).codec == "opus"


@pytest.mark.parametrize(("limit", "length"), [(None, 3.0), (1.2, 1.2)])
def test_the_picture_does_not_shorten_the_sound_but_the_limit_does(
    tmp_path: Path, limit: float | None, length: float
) -> None:
    tone = make_sound(tmp_path / "tone.wav", 3.0)
    clip = probe(write(tmp_path / "out.mp4", sound=tone, duration_limit=limit))
    assert clip.frames == 20
    assert clip.sound is not None
    assert clip.sound.duration == pytest.approx(length, abs=0.07)


def test_a_long_sound_beside_slow_frames_does_not_block(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.wav", 120.0)
    clip = probe(write(tmp_path / "out.mp4", GREY[:3], sound=tone))
    assert clip.sound is not None
    assert clip.sound.duration == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize("name", ["with space.mp4", "it's \"quoted\".mp4", "-y.mp4", "lippen_ü_口.mp4", "a\nb.mp4",
                                  "%03d.mp4", "A.MP4", "x" * 250 + ".mp4"])
def test_any_output_name_works(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tone = make_sound(tmp_path / f"sound of {name[:20]}.wav", 0.2)
    write(Path(name), GREY[:2], sound=tone)
    assert (tmp_path / name).is_file()


def test_an_existing_result_is_replaced_only_by_a_finished_one(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"the old one")

    def broken_off(error: type[BaseException]) -> Iterator[np.ndarray]:
        yield from GREY
        assert len(list(tmp_path.glob(PART_PATTERN))) == 1
        raise error

    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error):
            write(output, broken_off(error))
        assert os.listdir(tmp_path) == ["out.mp4"]
        assert output.read_bytes() == b"the old one"
    write(output)
    assert probe(output).frames == 20


def test_the_result_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    assert write(tmp_path / "out.mp4").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_ffmpeg_dying_midway_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"

    def killed_midway() -> None:
        with VideoWriter(output, width=640, height=480, fps=Fraction(25)) as writer:
            for number in range(1000):
                writer.write(coloured_frame(640, 480))
                if number == 3:
                    assert writer._process is not None
                    os.kill(writer._process.pid, signal.SIGKILL)

    with pytest.raises(Wav2LipError, match=r"out\.mp4 could not be written"):
        killed_midway()
    assert os.listdir(tmp_path) == []


def test_ffmpegs_own_words_are_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(Wav2LipError, match="too small"):
        write(tmp_path / "out.mp4", [np.zeros((2, 2, 3), np.uint8)] * 200, encoding=Encoding("hevc"))
    assert os.listdir(tmp_path) == []


def test_a_video_of_no_frames_is_an_error(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", width=64, height=48, fps=Fraction(25))
    with pytest.raises(Wav2LipError, match="single frame"), writer:
        pass
    assert os.listdir(tmp_path) == []


def test_a_frame_of_another_size_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8"), VideoWriter(
        tmp_path / "out.mp4", width=64, height=48, fps=Fraction(25)
    ) as writer:
        writer.write(np.zeros((48, 65, 3), np.uint8))


@pytest.mark.parametrize(
    ("output", "encoding", "says"),
    [
        ("out.xyz", Encoding(), r"'\.xyz'.*\.mp4"),
        ("out", Encoding(), "no extension"),
        ("out.mp4", Encoding("theora"), "h264, hevc"),
        ("out.webm", Encoding("h264"), r"\.webm files cannot hold h264: write \.mp4"),
        ("out.mp4", Encoding("ffv1"), r"write \.mkv or \.avi, or choose h264"),
        ("out.mp4", Encoding("h264", crf=52), "0 .* to 51"),
        ("out.mkv", Encoding("ffv1", crf=5), "no quality scale"),
        ("out.mp4", Encoding("h264", preset="quick"), "ultrafast"),
        ("out.mov", Encoding("prores", preset="fast"), "no presets"),
        ("missing/out.mp4", Encoding(), "does not exist"),
    ],
)
def test_what_cannot_be_written_is_refused_beforehand(
    tmp_path: Path, output: str, encoding: Encoding, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        check_output(tmp_path / output, encoding)


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_output(tmp_path / "out.mp4", Encoding())


def test_an_encoder_that_ffmpeg_lacks_is_named_with_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding_module, "encoders", lambda program: frozenset({"libx264", "aac"}))
    assert check_encoding("out.mp4", Encoding()) == "h264"
    with pytest.raises(UsageError, match=r"no encoder for hevc \(libx265\); it could write h264"):
        check_encoding("out.mp4", Encoding("hevc"))


def test_sound_without_an_audio_track_is_refused(tmp_path: Path) -> None:
    silent = numbered_video(tmp_path / "silent.mp4", 3)
    with pytest.raises(MediaError, match="no audio track"):
        VideoWriter(tmp_path / "out.mp4", width=64, height=48, fps=Fraction(25), sound=silent)


def test_a_folder_that_cannot_be_written_to_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = os.access                             # root may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and asked(path, mode))
    with pytest.raises(Wav2LipError, match="cannot be written to"):
        check_output(tmp_path / "out.mp4", Encoding())


def test_sound_that_a_container_cannot_hold_is_encoded_or_refused_before_the_work() -> None:
    slow, many = Sound("mp3", 8_000, 1, 1.0), Sound("pcm_s24le", 48_000, 10, 1.0)
    assert sound_options("a.mp4", slow)["c:a"] == "aac"
    assert sound_options("a.mp4", replace(slow, sample_rate=16_000)) == {"c:a": "copy"}
    assert sound_options("a.mov", slow) == {"c:a": "copy"}
    assert sound_options("a.mkv", many) == {"c:a": "copy"}
    for name in ("a.mp4", "a.webm"):
        with pytest.raises(UsageError, match="10 channels"):
            sound_options(name, many)


@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_sound_that_begins_after_its_picture_does_so_beside_another_one(tmp_path: Path, suffix: str) -> None:
    tone = make_sound(tmp_path / "tone.wav", 1.0, 44_100)
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2", "-itsoffset", "0.5", "-i", url(tone), "-map", "0:v",
               "-map", "1:a", "-c:v", "mpeg2video", "-c:a", "mp2", url(tmp_path / f"late{suffix}"))
    clip = probe(tmp_path / f"late{suffix}")
    out = tmp_path / "out.mkv"
    with VideoWriter(out, width=64, height=48, fps=Fraction(25), sound=clip.path, sound_from=clip.start) as writer:
        for _ in range(50):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    samples = np.concatenate(list(samples_from_first_frame(probe(out))))
    assert np.flatnonzero(np.abs(samples) > 0.1)[0] / 16_000 == pytest.approx(0.5, abs=0.04)


def test_a_container_without_times_gets_the_silence_before_a_sound(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.wav", 1.0, 44_100)
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2", "-itsoffset", "0.5", "-i", url(tone), "-map", "0:v",
               "-map", "1:a", "-c:v", "mpeg4", "-c:a", "libmp3lame", url(tmp_path / "late.mkv"))
    with VideoWriter(
        tmp_path / "out.avi", width=64, height=48, fps=Fraction(25), sound=tmp_path / "late.mkv"
    ) as writer:
        for _ in range(50):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    samples = np.concatenate(list(read_samples(tmp_path / "out.avi")))
    assert np.flatnonzero(np.abs(samples) > 0.1)[0] / 16_000 == pytest.approx(0.5, abs=0.06)
