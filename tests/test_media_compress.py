"""A sound that is compressed before its picture is there is the same as one that is compressed beside it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from media_samples import flat_pictures, run_ffmpeg

from wav2lip.errors import Wav2LipError
from wav2lip.media.compress import can_wait, compress, compressed_track
from wav2lip.media.encoding import Encoding
from wav2lip.media.ffmpeg import url
from wav2lip.media.join import join
from wav2lip.media.picture import Pixels
from wav2lip.media.probe import audio_track
from wav2lip.media.write import VideoWriter

FRAMES, FPS, SIZE = 30, Fraction(25), (96, 64)
SOURCES = {
    "tone.flac": ("-ar", "16000"),
    "surround.flac": ("-ac", "6", "-ar", "48000"),
    "french.mka": ("-c:a", "libopus", "-metadata:s:a:0", "language=fra"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sounds, and with the picture of a result that has none yet."""
    folder = tmp_path_factory.mktemp("sounds")
    for name, how in SOURCES.items():
        run_ffmpeg("-f", "lavfi", "-i", "sine=440:d=1.3", *how, url(folder / name))
    for suffix in (".mp4", ".mov"):
        with VideoWriter(folder / f"000000{suffix}", width=SIZE[0], height=SIZE[1], fps=FPS, pixels=Pixels(),
                         encoding=Encoding("h264")) as writer:
            for picture in flat_pictures(Pixels(), FRAMES, *SIZE):
                writer.write(picture)
    return folder


def joined(folder: Path, sound: Path, output: Path, limit: float | None = None) -> Path:
    part = folder / f"000000{output.suffix}"
    join([part], output, codec="h264", frames=[FRAMES], fps=FPS, sound=sound, duration_limit=limit)
    return output


def heard(path: Path) -> tuple[object, ...]:
    """Return what a file's sound is: what is said of it, its packets and when they come, and its samples.

    How long the last packet is heard is left out: MP4 counts lengths in whole milliseconds, too.
    """
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        about = (stream.start_time, stream.duration, stream.time_base, stream.metadata, stream.layout.name, stream.rate)
        packets = [(packet.pts, packet.dts, bytes(packet)) for packet in container.demux(stream) if packet.size]
    with av.open(str(path)) as container:
        frames = [(frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(audio=0)]
    return about, packets, frames


@pytest.mark.parametrize("limit", [None, 0.7])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("name", SOURCES)
def test_it_is_heard_as_if_it_were_compressed_beside_the_picture(
    folder: Path, tmp_path: Path, name: str, suffix: str, limit: float | None
) -> None:
    sound, output, before = folder / name, tmp_path / f"r{suffix}", tmp_path / "sound.m4a"
    assert can_wait(output, audio_track(sound)[0])
    wanted = heard(joined(folder, sound, output, limit))
    compress(sound, audio_track(sound), before, output, duration_limit=limit)
    assert heard(joined(folder, before, output)) == wanted
    assert audio_track(before)[0].codec == compressed_track(audio_track(sound)[0])[0].codec
    assert audio_track(before)[1] == compressed_track(audio_track(sound)[0])[1]


@pytest.mark.parametrize(("name", "codec"), [("late.mkv", "flac"), ("late.ts", "libopus")])
def test_what_would_be_heard_at_another_time_is_not_compressed_before(tmp_path: Path, name: str, codec: str) -> None:
    late = tmp_path / name
    run_ffmpeg("-f", "lavfi", "-i", "color=s=32x32:r=25:d=2", "-itsoffset", "0.5", "-f", "lavfi", "-i", "sine=d=1",
               "-ar", "48000", "-c:a", codec, url(late))
    assert not can_wait(tmp_path / "r.mp4", audio_track(late)[0])


def test_what_would_lose_its_title_is_not_compressed_before(tmp_path: Path) -> None:
    sound = tmp_path / "tone.ogg"
    run_ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-c:a", "libopus", "-metadata:s:a:0", "title=Voice", url(sound))
    assert not can_wait(Path("r.mp4"), audio_track(sound)[0])


@pytest.mark.parametrize("output", ["r.mkv", "r.webm", "r.avi"])
def test_other_containers_compress_it_beside_the_picture(folder: Path, output: str) -> None:
    assert not can_wait(Path(output), audio_track(folder / "tone.flac")[0])


def test_what_is_copied_is_not_compressed(tmp_path: Path) -> None:
    sound = tmp_path / "tone.m4a"
    run_ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", url(sound))
    assert not can_wait(Path("r.mp4"), audio_track(sound)[0])


def test_given_up_it_leaves_nothing(tmp_path: Path) -> None:
    sound = tmp_path / "long.wav"
    run_ffmpeg("-f", "lavfi", "-i", "sine=d=3000", url(sound))

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compress(sound, audio_track(sound), tmp_path / "sound.m4a", Path("r.mp4"), tell=stop)
    assert list(tmp_path.iterdir()) == [sound]


def test_a_full_disk_is_told_by_the_name_of_the_result(folder: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(Wav2LipError, match=r"r\.mp4 cannot be written"):
        compress(folder / "tone.flac", audio_track(folder / "tone.flac"), blocked / "sound.m4a", Path("r.mp4"))
