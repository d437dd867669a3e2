from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_samples import loudest_frequency, make_sound, numbered_video, run_ffmpeg

from wav2lip.errors import MediaError
from wav2lip.media.ffmpeg import url
from wav2lip.media.probe import probe
from wav2lip.media.sound import read_samples, samples_from_first_frame


def samples_of(path: Path, rate: int = 16_000) -> np.ndarray:
    return np.concatenate(list(read_samples(path, rate)))


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("tone.wav", 16_000, []),
        ("tone.wav", 8_000, []),
        ("tone.wav", 44_100, ["-c:a", "pcm_s24le"]),
        ("tone.wav", 96_000, ["-c:a", "pcm_f32le"]),
        ("tone.WAV", 22_050, ["-c:a", "pcm_u8"]),
        ("tone.mp3", 44_100, []),
        ("tone.flac", 48_000, []),
        ("tone.m4a", 44_100, []),
        ("tone.opus", 48_000, ["-c:a", "libopus"]),
        ("tone.ogg", 44_100, ["-c:a", "libvorbis"]),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_pitch_length_and_loudness_survive_any_format(
    tmp_path: Path, name: str, rate: int, options: list[str], channels: int
) -> None:
    samples = samples_of(make_sound(tmp_path / name, 1.5, rate, (880.0,) * channels, options))
    assert samples.dtype == np.float32
    assert len(samples) / 16_000 == pytest.approx(1.5, abs=0.06)
    middle = samples[4000:20_000]
    assert loudest_frequency(middle, 16_000) == pytest.approx(880, abs=1.5)
    assert float(np.sqrt(np.mean(middle**2))) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)   # LAME takes 5 %


def test_sixteen_bit_mono_at_the_wanted_rate_is_taken_exactly(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(-32_768, 32_768, 70_000, np.int16)
    path = tmp_path / "noise.wav"
    run_ffmpeg("-f", "s16le", "-ar", 16_000, "-ac", 1, "-i", "pipe:0", url(path), given=values.tobytes())
    assert np.array_equal(samples_of(path), values.astype(np.float32) / 32_768)


def test_channels_are_averaged(tmp_path: Path) -> None:
    both = samples_of(make_sound(tmp_path / "both.wav", 0.5, 16_000, (400, 1200), ["-c:a", "pcm_f32le"]))
    time = np.arange(8000) / 16_000
    expected = 0.25 * (np.sin(2 * np.pi * 400 * time) + np.sin(2 * np.pi * 1200 * time))
    assert np.abs(both - expected).max() < 1e-5


@pytest.mark.parametrize("layout", ["3.0", "quad", "5.1(side)", "7.1"])
def test_no_channel_is_another_one_in_the_mean(tmp_path: Path, layout: str) -> None:
    count = {"3.0": 3, "quad": 4, "5.1(side)": 6, "7.1": 8}[layout]
    levels = [(number + 1) / 16 for number in range(count)]
    run_ffmpeg("-f", "lavfi", "-i", f"aevalsrc={'|'.join(map(str, levels))}:c={layout}:s=16000:d=0.2", "-c:a",
               "pcm_f32le", url(tmp_path / "surround.wav"))
    assert np.abs(samples_of(tmp_path / "surround.wav") - np.mean(levels)).max() < 1e-6


def test_resampling_in_blocks_equals_resampling_at_once(tmp_path: Path) -> None:
    import soxr

    path = make_sound(tmp_path / "tone.wav", 4.0, 44_100, (3000,), ["-c:a", "pcm_f32le"])
    at_once = soxr.resample(samples_of(path, 44_100), 44_100, 16_000, quality="HQ")
    in_blocks = samples_of(path)
    assert len(in_blocks) == len(at_once) == 64_000
    assert np.abs(in_blocks - at_once).max() < 1e-4


def test_the_sound_of_a_video_is_read(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.wav", 1.0, 48_000, (700,))
    samples = samples_of(numbered_video(tmp_path / "clip.mp4", 25, sound=tone))
    assert loudest_frequency(samples, 16_000) == pytest.approx(700, abs=2)


def test_a_track_that_starts_late_begins_with_silence(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.wav", 1.0, 16_000)
    silent = numbered_video(tmp_path / "silent.mp4", 50)
    run_ffmpeg("-i", url(silent), "-itsoffset", "0.5", "-i", url(tone), "-map", "0:v", "-map", "1:a", "-c:v", "copy",
               "-c:a", "pcm_s16le", url(tmp_path / "late.mkv"))
    samples = samples_of(tmp_path / "late.mkv")
    assert len(samples) == pytest.approx(24_000, abs=200)
    assert not samples[:7900].any()
    assert np.abs(samples[8100:]).max() > 0.4


def test_long_sound_comes_in_small_blocks(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.flac", 60.0, 44_100, (440, 440))
    sizes = [len(block) for block in read_samples(tone)]
    assert sum(sizes) == pytest.approx(960_000, abs=2)
    assert max(sizes) < 70_000


@pytest.mark.parametrize("name", ["a b.wav", "it's.wav", "-i.wav", "ton_ü_音.wav", "a\nb.wav"])
def test_any_file_name_works(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_sound(tmp_path / name, 0.2)
    assert len(samples_of(Path(name))) == 3200


def test_files_without_sound_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no audio track"):
        samples_of(numbered_video(tmp_path / "silent.mp4", 3))
    with pytest.raises(MediaError, match="does not exist"):
        samples_of(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("no sound at all")
    with pytest.raises(MediaError, match="text file"):
        samples_of(tmp_path / "text.wav")


def test_a_track_of_no_samples_is_an_error(tmp_path: Path) -> None:
    whole = make_sound(tmp_path / "tone.wav", 0.1).read_bytes()
    (tmp_path / "header.wav").write_bytes(whole[: whole.index(b"data") + 4] + bytes(4))
    with pytest.raises(MediaError, match=r"empty|cannot be"):
        samples_of(tmp_path / "header.wav")


@pytest.mark.parametrize("name", ["late.ts", "late.mpg", "late.mkv"])
def test_sound_that_starts_after_the_picture_keeps_its_distance(tmp_path: Path, name: str) -> None:
    tone = make_sound(tmp_path / "tone.wav", 1.0, 44_100)
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2", "-itsoffset", "0.5", "-i", url(tone), "-map", "0:v",
               "-map", "1:a", "-c:v", "mpeg2video", "-c:a", "mp2", url(tmp_path / name))
    samples = np.concatenate(list(samples_from_first_frame(probe(tmp_path / name))))
    assert np.flatnonzero(np.abs(samples) > 0.1)[0] / 16_000 == pytest.approx(0.5, abs=0.04)
