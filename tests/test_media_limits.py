"""What may be read of strangers: no more of anything than a limit says, which is found out before it costs memory."""

from __future__ import annotations

import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hostile_media import mp4
from media_samples import make_sound, numbered_video, run_ffmpeg, variable_rate_video

from wav2lip.cli import main
from wav2lip.errors import MediaError, UsageError
from wav2lip.media import files
from wav2lip.media.boxes import check_index
from wav2lip.media.ffmpeg import url
from wav2lip.media.limits import VARIABLE, Limits, allow, limits, parse_limits
from wav2lip.media.probe import probe, probe_sound
from wav2lip.media.read import read_frames
from wav2lip.media.sound import read_samples
from wav2lip.media.wave import wave_header


def png_of(width: int, height: int) -> bytes:
    """Return a PNG of some KB that claims a size."""
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_limits_are_written_as_people_write_numbers() -> None:
    assert parse_limits("") == Limits()
    assert parse_limits(" pixels=1.5G, duration=48h,,fps=120 ") == Limits(
        pixels=1_500_000_000, duration=172_800, fps=120
    )
    assert parse_limits("channels=8,channels=9").channels == 9


@pytest.mark.parametrize("text", ["pixels", "pixels=", "pixels=-1", "pixels=0", "size=1e9", "duration=1M", "fps=2h",
                                  "colours=3", "pixels=9999999999G", "size=" + "9" * 5000])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="limit"):
        parse_limits(text)


def test_the_sentence_names_an_option_that_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"pixels": 3_600_000_001, "duration": Fraction(10**7, 3), "channels": 65_535, "fps": 1000.001}
    for name, value in found.items():
        monkeypatch.delenv(VARIABLE, raising=False)
        with pytest.raises(MediaError, match=f"--limit {name}=") as refusal:
            allow(Path("a.mp4"), **{name: value})
        monkeypatch.setenv(VARIABLE, str(refusal.value).rpartition("--limit ")[2].rstrip("."))
        allow(Path("a.mp4"), **{name: value})


def test_a_variable_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "pixels=many")
    with pytest.raises(UsageError, match=VARIABLE):
        limits()


def test_the_option_holds_for_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    video = numbered_video(tmp_path / "clip.mp4", 5)
    words = ["faces", str(video), "--no-sheet", "--detector", "cascade", "--device", "cpu"]
    for option, code, said in (
        (["--limit", "pixels=3000"], 3, "3,072 pixels in a picture, more than the 3,000"),
        (["--limit", "pixels=3000", "--limit", "pixels=4k"], 5, "face"),
        (["--limit", "pixels=no"], 2, "is not a limit"),
        ([], 5, "face"),
    ):
        result = CliRunner().invoke(main, [*words, *option])
        assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
        assert not os.environ.get(VARIABLE)


@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_a_picture_that_is_too_large_is_never_decoded(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"photo{kind}"
    path.write_bytes(cv2.imencode(kind, np.zeros((30, 40, 3), np.uint8))[1].tobytes())
    monkeypatch.setenv(VARIABLE, "pixels=1200")
    assert probe(path).width == 40
    monkeypatch.setenv(VARIABLE, "pixels=1199")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(MediaError, match="1,200 pixels"):
        probe(path)


def test_a_small_file_that_claims_a_huge_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(60_000, 60_000))
    with pytest.raises(MediaError, match="--limit pixels=3600M"):
        probe(path)


def test_a_video_is_measured_by_its_pictures_not_its_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = numbered_video(tmp_path / "clip.mp4", 50, 25)
    for limit, said in (("frames=49", "50 frames"), ("duration=1", "2 seconds"), ("fps=24", "25 frames a second"),
                        ("pixels=3071", "3,072 pixels"), ("streams=1", None), ("size=100", "bytes")):
        monkeypatch.setenv(VARIABLE, limit)
        if said is None:
            assert probe(video).frames == 50
        else:
            with pytest.raises(MediaError, match=said):
                probe(video)


def test_pictures_that_are_far_apart_are_not_repeated_for_ever(tmp_path: Path) -> None:
    made = variable_rate_video(tmp_path / "made.mkv", [0, 1, 2, 3, 5])
    gap = ["-bsf:v", "setts=ts=TS+gte(N\\,4)*1000000000"]
    run_ffmpeg("-i", url(made), "-c", "copy", *gap, url(tmp_path / "gap.mkv"))
    with pytest.raises(MediaError, match="--limit"):
        probe(tmp_path / "gap.mkv")


def test_pictures_that_grow_in_mid_stream_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = numbered_video(tmp_path / "small.ts", 5, options=["-c:v", "mpeg2video"])
    large = numbered_video(tmp_path / "large.ts", 5, options=["-c:v", "mpeg2video"], width=640, height=480)
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    whole = len(list(read_frames(probe(both))))
    monkeypatch.setenv(VARIABLE, "pixels=300k")
    assert len(list(read_frames(probe(both)))) < whole


def test_a_sound_is_measured_by_its_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = make_sound(tmp_path / "tone.wav", 3.0, frequencies=(440, 660))
    for limit, said in (("duration=2", "3 seconds"), ("channels=1", "2 channels"), ("samplerate=8k", "samples")):
        monkeypatch.setenv(VARIABLE, limit)
        with pytest.raises(MediaError, match=said):
            probe_sound(sound)
    # A header that says nothing of its length.
    content = sound.read_bytes()
    at = content.index(b"data") + 4
    sound.write_bytes(content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :])
    monkeypatch.setenv(VARIABLE, "duration=2")
    with pytest.raises(MediaError, match="seconds"):
        list(read_samples(sound))


def test_many_streams_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tone = make_sound(tmp_path / "tone.wav", 0.2)
    run_ffmpeg("-i", url(tone), *["-map", "0"] * 65, url(tmp_path / "many.mka"))
    with pytest.raises(MediaError, match="65 streams"):
        probe_sound(tmp_path / "many.mka")
    monkeypatch.setenv(VARIABLE, "streams=65")
    assert probe_sound(tmp_path / "many.mka").channels == 1


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="pipe"):
        probe(tmp_path / "pipe.mp4")


def test_the_length_of_the_file_itself_is_bounded(tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "clip.mp4", 5)
    os.truncate(video, 2 * 10**12)    # a hole, which takes no room
    with pytest.raises(MediaError, match="bytes"):
        probe(video)


def test_an_index_that_claims_what_takes_no_room_is_refused_before_ffmpeg_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "open", lambda *_, **__: pytest.fail("ffmpeg saw it"))
    for name, content in (("index", mp4(8 * 10**7)), ("fragment", mp4(1, 4 * 10**7))):
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(content)
        with pytest.raises(MediaError, match=r"claims [48]0,000,00. pictures"):
            probe(path)


@pytest.mark.parametrize("options", [(), ("-movflags", "frag_keyframe+empty_moov"), ("-movflags", "+faststart")])
def test_an_honest_index_claims_nothing(
    tmp_path: Path, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    tone = make_sound(tmp_path / "tone.wav", 2.0, 48_000)
    video = numbered_video(tmp_path / "clip.mov", 50, options=[*options, "-c:a", "pcm_s16le"], sound=tone)
    monkeypatch.setenv(VARIABLE, "frames=1000")    # fewer than there are samples of sound
    check_index(video)
    assert probe(video).frames == 50


def test_a_file_that_is_nearly_all_holes_is_not_read_for_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = numbered_video(tmp_path / "clip.mkv", 5)
    monkeypatch.setattr(files, "_SMALL", 1 << 20)
    assert probe(video).frames == 5
    with open(video, "ab") as file:
        file.write(os.urandom(2 << 20))
    assert probe(video).frames == 5
    os.truncate(video, 900 << 20)
    with pytest.raises(MediaError, match="hole"):
        probe(video)


def test_sound_that_is_no_numbers_is_refused_where_it_is(tmp_path: Path) -> None:
    samples = np.zeros(200_000, "<f4")
    for value in (np.nan, np.inf, 3e38):
        samples[150_000] = value
        path = tmp_path / "bad.wav"
        path.write_bytes(wave_header(16_000, 1, 32, True, len(samples), ("FC",)) + samples.tobytes())
        with pytest.raises(MediaError, match="not numbers"):
            list(read_samples(path))
