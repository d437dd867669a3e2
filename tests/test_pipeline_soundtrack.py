"""The sound of a result is compressed while its picture is made, and what is wrong with it is told at the end."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from media_samples import run_ffmpeg

from wav2lip.errors import Wav2LipError
from wav2lip.media.ffmpeg import url
from wav2lip.pipeline import soundtrack
from wav2lip.pipeline.soundtrack import compressing, sound_to_join

OUTPUT = Path("r.mp4")


def nothing() -> None:
    """Tell nobody."""


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    run_ffmpeg("-f", "lavfi", "-i", "sine=d=1", url(path))
    return path


def test_after_the_block_it_is_there_and_is_not_compressed_again(
    tone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressed = tmp_path / "sound.m4a"
    with compressing(tone, compressed, OUTPUT, 0.5, nothing):
        pass
    assert compressed.exists()
    monkeypatch.setattr(soundtrack, "compress", None)
    assert sound_to_join(tone, compressed, OUTPUT, 0.5, nothing) == (compressed, None)
    with compressing(tone, compressed, OUTPUT, 0.5, nothing):
        pass


def test_it_is_made_in_the_end_where_nobody_has_made_it(tone: Path, tmp_path: Path) -> None:
    assert sound_to_join(tone, tmp_path / "sound.m4a", OUTPUT, None, nothing) == (tmp_path / "sound.m4a", None)
    assert (tmp_path / "sound.m4a").exists()


def test_a_container_that_compresses_it_itself_is_given_it_as_it_is(tone: Path, tmp_path: Path) -> None:
    with compressing(tone, tmp_path / "sound.m4a", Path("r.mkv"), 0.5, nothing):
        pass
    assert sound_to_join(tone, tmp_path / "sound.m4a", Path("r.mkv"), 0.5, nothing) == (tone, 0.5)
    assert list(tmp_path.iterdir()) == [tone]


def test_what_is_wrong_is_told_in_the_end_and_not_before(tone: Path, tmp_path: Path) -> None:
    nowhere = tone / "sound.m4a"    # in a file, which is no folder
    with compressing(tone, nowhere, OUTPUT, None, nothing):
        pass
    with pytest.raises(Wav2LipError, match=r"r\.mp4 cannot be written"):
        sound_to_join(tone, nowhere, OUTPUT, None, nothing)


def test_who_waits_for_it_is_told_and_can_end_it(tmp_path: Path) -> None:
    long = tmp_path / "long.wav"
    run_ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=3600:r=8000", url(long))
    told: list[str] = []

    def tell() -> None:
        told.append("more")
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), compressing(long, tmp_path / "sound.m4a", OUTPUT, None, tell):
        pass
    assert told == ["more"] * 3
    assert list(tmp_path.iterdir()) == [long]


def test_an_interrupted_run_does_not_wait_for_it(tmp_path: Path) -> None:
    long = tmp_path / "long.wav"
    run_ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=3600:r=8000", url(long))
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), compressing(long, tmp_path / "sound.m4a", OUTPUT, None, nothing):
        raise KeyboardInterrupt
    assert time.monotonic() - start < 5
    assert list(tmp_path.iterdir()) == [long]
    assert not [thread for thread in threading.enumerate() if thread.name == "sound"]
