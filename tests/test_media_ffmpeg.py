from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from wav2lip.errors import Wav2LipError
from wav2lip.media import ffmpeg
from wav2lip.media.ffmpeg import Process, binary, encoders, pass_timestamps_through, version


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\nimport sys, time, os\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_variable_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = script(tmp_path / "my ffmpeg", "")
    monkeypatch.setenv("WAV2LIP_FFMPEG", str(own))
    assert binary() == str(own)
    monkeypatch.setenv("WAV2LIP_FFMPEG", str(tmp_path / "missing"))
    with pytest.raises(Wav2LipError, match="WAV2LIP_FFMPEG"):
        binary()


def test_the_bundled_one_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = pytest.importorskip("imageio_ffmpeg")
    monkeypatch.delenv("WAV2LIP_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binary() == bundled.get_ffmpeg_exe()

    def none() -> str:
        raise RuntimeError

    monkeypatch.setattr(bundled, "get_ffmpeg_exe", none)
    with pytest.raises(Wav2LipError, match="Install it"):
        binary()


@pytest.mark.parametrize(
    ("line", "number", "option"),
    [
        ("ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", (4, 4), "vsync"),
        ("ffmpeg version 5.1.9-0+deb12u1 Copyright", (5, 1), "fps_mode"),
        ("ffmpeg version n7.0 Copyright", (7, 0), "fps_mode"),
        ("ffmpeg version N-118000-gabcdef Copyright", (sys.maxsize, 0), "fps_mode"),
        ("ffmpeg version 2025-01-02-git-abc Copyright", (sys.maxsize, 0), "fps_mode"),
    ],
)
def test_the_version_decides_the_spelling_of_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, number: tuple[int, int], option: str
) -> None:
    own = script(tmp_path / "ffmpeg", f"print({line!r})")
    monkeypatch.setenv("WAV2LIP_FFMPEG", str(own))
    assert version(str(own)) == number
    assert pass_timestamps_through() == {option: "passthrough"}


def test_another_program_is_not_taken_for_ffmpeg(tmp_path: Path) -> None:
    with pytest.raises(Wav2LipError, match="not ffmpeg"):
        version(str(script(tmp_path / "ffmpeg", "print('hello')")))


def test_encoders_are_listed() -> None:
    assert {"aac", "ffv1", "rawvideo"} <= encoders(binary())


def test_a_flood_of_complaints_does_not_block_and_the_last_words_are_kept(tmp_path: Path) -> None:
    noisy = script(tmp_path / "noisy", "sys.stderr.write('drip\\n' * 300_000 + 'pipe burst\\nConversion failed!\\n')")
    with Process([str(noisy)], stdout=True) as process:
        assert process.read_into(memoryview(bytearray(10))) == 0
        assert process.finish() == 0
        assert process.last_words().endswith("pipe burst")
        assert len(process._lines) <= ffmpeg._STDERR_LINES


def test_leaving_the_block_ends_a_process_that_hangs(tmp_path: Path) -> None:
    hanging = script(tmp_path / "hanging", "time.sleep(600)")
    opened = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    with pytest.raises(KeyboardInterrupt), Process([str(hanging)], stdin=True, stdout=True) as process:
        raise KeyboardInterrupt
    assert process._process.returncode not in (None, 0)
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == opened


def test_a_process_that_stops_reading_raises_a_broken_pipe(tmp_path: Path) -> None:
    deaf = script(tmp_path / "deaf", "sys.stderr.write('no thanks'); sys.exit(3)")
    with Process([str(deaf)], stdin=True) as process:
        with pytest.raises(BrokenPipeError):
            process.write(memoryview(bytes(100 << 20)))
        assert process.finish() == 3
        assert process.last_words() == "no thanks"


def test_a_program_that_cannot_be_started_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "ffmpeg").write_text("not a program")
    with pytest.raises(Wav2LipError, match="cannot be started"):
        Process([str(tmp_path / "ffmpeg")])


def test_importing_the_package_of_media_loads_nothing_heavy() -> None:
    code = "import sys, wav2lip.media; print([m for m in ('numpy', 'cv2', 'av', 'ffmpeg', 'soxr') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_ffmpeg_that_is_named_from_here_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").symlink_to(binary())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAV2LIP_FFMPEG", "./mine")
    with Process([binary(), "-version"], folder=Path("/")) as process:
        assert process.finish() == 0
