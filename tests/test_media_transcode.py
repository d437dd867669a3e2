"""The yardstick: what ffmpeg alone makes of a clip, with the writer's own options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_samples import make_sound, make_video, moving_frames

from wav2lip.errors import Wav2LipError
from wav2lip.media.encoding import Encoding
from wav2lip.media.probe import probe
from wav2lip.media.read import native, read_frames, read_pictures
from wav2lip.media.transcode import transcode
from wav2lip.media.write import VideoWriter


@pytest.fixture
def face(tmp_path: Path) -> Path:
    return make_video(tmp_path / "face.mp4", moving_frames(8), options=("-pix_fmt", "yuv420p", "-g", 4))


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return make_sound(tmp_path / "sound.wav", 0.4)


@pytest.mark.parametrize("encoding", [Encoding(), Encoding("hevc", crf=30, preset="ultrafast")])
def test_a_transcode_is_what_the_writer_makes_of_unchanged_pictures(
    tmp_path: Path, face: Path, sound: Path, encoding: Encoding
) -> None:
    clip = probe(face)
    pixels = native(clip)
    transcode(clip, sound, tmp_path / "alone.mp4", encoding, pixels, 8)
    writer = VideoWriter(
        tmp_path / "written.mp4", width=clip.width, height=clip.height, fps=clip.fps, pixels=pixels, source=clip,
        colour=clip.colour, sound=sound, encoding=encoding,
    )
    with writer:
        for picture in read_pictures(clip):
            writer.write(picture)
    alone, written = probe(tmp_path / "alone.mp4"), probe(tmp_path / "written.mp4")
    for what in ("codec", "profile", "pixel_format", "colour", "frames", "fps", "sound"):
        assert getattr(alone, what) == getattr(written, what)
    for one, other in zip(read_frames(alone), read_frames(written), strict=True):
        assert np.array_equal(one, other)


def test_a_clip_that_is_too_short_starts_over(tmp_path: Path, face: Path, sound: Path) -> None:
    clip = probe(face)
    transcode(clip, sound, tmp_path / "o.mp4", Encoding(), native(clip), 10)
    assert probe(tmp_path / "o.mp4").frames == 10


def test_what_ffmpeg_says_is_passed_on(tmp_path: Path, face: Path, sound: Path) -> None:
    clip = probe(face)
    with pytest.raises(Wav2LipError, match=r"face\.mp4 could not be transcoded: .*No such file"):
        transcode(clip, sound, tmp_path / "missing" / "o.mp4", Encoding(), native(clip), 8)
