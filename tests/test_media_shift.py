"""Sound that is moved in time, while what is stored stays as it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import moving_frames, run_ffmpeg

from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.ffmpeg import url
from wav2lip.media.probe import probe
from wav2lip.media.shift import shift_sound, shifted_name
from wav2lip.media.sound import SAMPLE_RATE, samples_from_first_frame
from wav2lip.media.whole import whole_file

KINDS = {
    ".mp4": ["-c:v", "libx264", "-bf", 2, "-c:a", "aac"],
    ".mov": ["-c:v", "libx264", "-c:a", "pcm_s16le"],
    ".mkv": ["-c:v", "libx264", "-c:a", "flac"],
    ".avi": ["-c:v", "mpeg4", "-c:a", "pcm_s16le"],
}
MPEG = {".ts": ["-c:v", "libx264", "-bf", 2, "-c:a", "mp2"], ".mpg": ["-c:v", "mpeg2video", "-bf", 2, "-c:a", "mp2"]}


def noise(seconds: float) -> np.ndarray:
    """Return noise that swells: no moment of it is like another."""
    samples = np.random.default_rng(0).normal(0, 0.1, round(seconds * SAMPLE_RATE))
    return np.convolve(samples, np.ones(8) / 4, "same").astype("<f4")


@pytest.fixture(params=KINDS)
def video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"in{request.param}"
    sound = tmp_path / "sound.wav"
    run_ffmpeg("-f", "f32le", "-ar", SAMPLE_RATE, "-ac", 1, "-i", "pipe:0", url(sound), given=noise(3).tobytes())
    frames = moving_frames(75)
    run_ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", "96x64", "-framerate", 25, "-i", "pipe:0", "-i",
        url(sound), *KINDS[request.param], url(path), given=b"".join(frame.tobytes() for frame in frames),
    )
    return path


def heard(path: Path) -> np.ndarray:
    return np.concatenate(list(samples_from_first_frame(probe(path))))


def later(before: np.ndarray, after: np.ndarray) -> float:
    """Return by how many seconds a sound is later than another, as their correlation says."""
    n = len(before) + len(after)
    product = np.conj(np.fft.rfft(before, n)) * np.fft.rfft(after, n)
    at = int(np.fft.irfft(product, n).argmax())
    return (at if at < n / 2 else at - n) / SAMPLE_RATE


def stored_pictures(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [hashlib.sha256(bytes(packet)).hexdigest() for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("seconds", [-0.4, -0.08, 0.0, 0.04, 0.32])
def test_the_sound_is_moved_and_no_picture_is_touched(video: Path, tmp_path: Path, seconds: float) -> None:
    before = video.read_bytes()
    out = tmp_path / shifted_name(video)
    shift_sound(probe(video), out, seconds)
    assert later(heard(video), heard(out)) == pytest.approx(seconds, abs=0.002)
    assert stored_pictures(out) == stored_pictures(video)
    one, other = probe(video), probe(out)
    assert (other.frames, other.fps, other.start) == (one.frames, one.fps, pytest.approx(one.start, abs=1e-3))
    assert video.read_bytes() == before
    assert not list(tmp_path.glob(".wav2lip-*"))


def test_what_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    video = tmp_path / "in.mp4"
    run_ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=64x48:d=1:r=25", "-f", "lavfi", "-i", "sine=d=1", "-c:v", "libx264", "-c:a",
        "aac", url(video),
    )
    clip = probe(video)
    with pytest.raises(UsageError, match=r"\.gif"):
        shift_sound(clip, tmp_path / "out.gif", 0.1)
    with pytest.raises(Wav2LipError, match=r"out\.webm could not be written"):
        shift_sound(clip, tmp_path / "out.webm", 0.1)
    with pytest.raises(UsageError, match=r"\.avi files hold no times"):
        shift_sound(clip, tmp_path / "out.avi", 0.1)
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4"}


def test_a_whole_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / ("n" * 250 + ".txt")
    with whole_file(path) as part:
        part.write_text("all")
        assert not path.exists()
    assert path.read_text() == "all"
    with pytest.raises(ZeroDivisionError), whole_file(path) as part:
        part.write_text(str(1 / 0))
    assert path.read_text() == "all"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Wav2LipError, match="cannot be written"), whole_file(blocked / "x"):
        pass


@pytest.mark.parametrize("suffix", MPEG)
@pytest.mark.parametrize("seconds", [-0.2, 0.32])
def test_the_distance_of_streams_that_begin_apart_is_kept(tmp_path: Path, suffix: str, seconds: float) -> None:
    video, sound = tmp_path / f"in{suffix}", tmp_path / "sound.wav"
    run_ffmpeg("-f", "f32le", "-ar", SAMPLE_RATE, "-ac", 1, "-i", "pipe:0", url(sound), given=noise(2).tobytes())
    run_ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=96x64:d=3:r=25", "-itsoffset", 0.5, "-i", url(sound), *MPEG[suffix],
        "-ar", 44_100, url(video),
    )
    out = tmp_path / ("out.mkv" if seconds > 0 else "out.mp4")
    shift_sound(probe(video), out, seconds)
    assert later(heard(video), heard(out)) == pytest.approx(seconds, abs=0.002)
