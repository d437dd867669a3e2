"""`wav2lip doctor` on machines that lack something."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner
from media_samples import make_sound

from wav2lip.cli import main
from wav2lip.doctor import disk, hardware, program, weights
from wav2lip.doctor.disk import look_at_disk, look_at_room
from wav2lip.doctor.finding import Finding
from wav2lip.doctor.program import look_at_extras, look_at_program
from wav2lip.doctor.tools import look_at_ffmpeg
from wav2lip.doctor.weights import look_at_weights
from wav2lip.media.encoding import CODECS
from wav2lip.media.ffmpeg import encoders
from wav2lip.models.known import KNOWN
from wav2lip.models.store import cache_dir, place_of

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NO_LIBGL = (
    "import sys\n"
    "class Broken:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name == 'cv2':\n"
    "            raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')\n"
    "sys.meta_path.insert(0, Broken())\n"
    "from wav2lip.cli import main\n"
    "main(['doctor', *sys.argv[1:]])\n"
)


def problems(findings: list[Finding]) -> dict[str, str]:
    return {finding.name: finding.text + finding.advice for finding in findings if finding.level == "problem"}


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let every disk have so many bytes free."""
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda place: SimpleNamespace(free=size))


def test_a_machine_without_libgl_gets_a_sentence_and_no_traceback() -> None:
    face, audio = str(EXAMPLES / "face.mp4"), str(EXAMPLES / "speech.wav")
    done = subprocess.run(
        [sys.executable, "-c", NO_LIBGL, "--face", face, "--audio", audio, "--json"], capture_output=True, text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["usable"] is False
    (bad,) = (finding for finding in told["findings"] if finding["level"] == "problem")
    assert bad["name"] == "opencv"
    assert "libGL.so.1" in bad["text"]
    assert "apt install libgl1" in bad["advice"]


def test_a_machine_without_ffmpeg_is_told_how_to_get_it_and_the_video_is_looked_at_as_far_as_can_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    words = ["--face", EXAMPLES / "face.mp4", "--audio", EXAMPLES / "speech.wav", "--detector", "cascade", "--json"]
    result = CliRunner().invoke(main, ["doctor", *map(str, words)])
    assert result.exit_code == 1, result.output
    found = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert found["ffmpeg"]["level"] == "problem"
    assert "apt install ffmpeg" in found["ffmpeg"]["advice"]
    assert found["video"]["text"].startswith("face.mp4: ")


def test_an_ffmpeg_that_lacks_encoders_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    few = encoders(shutil.which("ffmpeg") or "") - {"libx264", "libx265", "aac"}
    monkeypatch.setattr("wav2lip.media.encoding.encoders", lambda program: few)
    findings = list(look_at_ffmpeg())
    assert problems(findings).keys() == {"encoders", "sound-encoders"}
    assert "h264" in problems(findings)["encoders"]
    (lesser,) = (finding for finding in findings if finding.level == "note")
    assert "hevc (libx265)" in lesser.text
    assert "vp9" in lesser.text.partition("cannot")[0]


def test_a_program_that_is_not_ffmpeg_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAV2LIP_FFMPEG", sys.executable)
    assert "is not ffmpeg" in problems(list(look_at_ffmpeg()))["ffmpeg"]


def test_a_complete_ffmpeg_is_fine() -> None:
    found = list(look_at_ffmpeg())
    assert not problems(found)
    assert all(codec in found[-1].text for codec in CODECS if codec in ("h264", "ffv1"))


def test_a_full_disk_is_a_problem_where_the_result_goes_and_a_note_for_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free(monkeypatch, 1 << 20)
    levels = {finding.name: finding.level for finding in look_at_disk(tmp_path / "new" / "out.mp4")}
    assert levels == {"disk": "problem", "cache-disk": "note", "temporary-disk": "problem"}


def test_room_is_needed_for_the_parts_and_the_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    free(monkeypatch, 500 << 20)
    assert not list(look_at_room(tmp_path / "out.mp4", 200 << 20))
    assert "disk" in problems(list(look_at_room(tmp_path / "out.mp4", 300 << 20)))


def test_weights_that_are_damaged_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache_dir().mkdir(parents=True, exist_ok=True)
    (cache_dir() / KNOWN["yunet"].file).write_bytes(b"half of it")
    other = make_sound(tmp_path / "other.wav", 0.1)
    real = weights.place_of
    monkeypatch.setattr(weights, "place_of", lambda known: other if known.name == "demo" else real(known))
    found = {finding.name: finding for finding in look_at_weights("auto")}
    assert found["demo"].level == "problem"
    assert found["demo"].advice.endswith("in a copy of the project: pip install --force-reinstall .")
    assert found["yunet"].level == "note"
    assert "wav2lip models get yunet" in found["yunet"].advice
    assert "expert" in found["weights"].text


def test_extras_that_are_not_installed_come_with_the_line_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = [
        'spandrel>=0.4; extra == "enhance"', "numpy>=1.24", "click>=8; extra == 'known'", 'pytest; extra == "test"',
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: declared)
    monkeypatch.setattr("wav2lip.doctor.program.version_of", lambda package: None if package == "spandrel" else "1.0")
    (found,) = look_at_extras()
    assert found.text == 'Extras here: known; not here: enhance (pip install "wav2lip[enhance]").'


def test_help_of_the_doctor_has_the_options_of_sync() -> None:
    said = CliRunner().invoke(main, ["doctor", "--help"], env={"COLUMNS": "110"}).output
    assert "--checkpoint" in said
    assert "--min-score" not in said
    assert os.linesep in said


def test_a_pytorch_that_does_not_know_numpy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(self: torch.Tensor) -> None:
        raise RuntimeError("Numpy is not available")

    monkeypatch.setattr(torch.Tensor, "numpy", unknown)
    found, _ = look_at_program()
    assert 'pip install "numpy<2"' in problems(found)["numpy"]
    assert "Numpy is not available" in problems(found)["numpy"]


def test_without_a_place_for_temporary_files_there_is_a_report_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(disk.tempfile, "gettempdir", full)
    assert "No usable temporary directory" in problems(list(look_at_disk(None)))["temporary-disk"]


def test_weights_of_an_unknown_hash_are_not_called_right() -> None:
    place_of(KNOWN["wav2lip-torchscript"]).parent.mkdir(parents=True, exist_ok=True)
    place_of(KNOWN["wav2lip-torchscript"]).write_bytes(b"anything")
    said = {finding.name: finding.text for finding in look_at_weights("cascade")}
    assert "wav2lip-torchscript" not in said["weights"]
    assert "wav2lip-torchscript" in said["unchecked-weights"]


def test_a_package_that_is_missing_is_not_fetched_by_a_name_that_others_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program, "EVERYTHING", "nothing_of_this_name")
    found, _ = look_at_program()
    assert problems(found)["packages"].endswith(
        "which brings nothing_of_this_name, in a copy of the project: pip install --force-reinstall ."
    )


def test_memory_that_a_container_has_used_is_not_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hardware, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("50000000\n")
    assert hardware.memory() == (50_000_000, 50_000_000)
    (tmp_path / "memory.current").write_text("40000000\n")
    (tmp_path / "memory.stat").write_text("anon 1000\ninactive_file 10000000\nactive_file 5\n")
    assert hardware.memory() == (50_000_000, 20_000_000)
    (tmp_path / "memory.current").write_text("70000000\n")
    assert hardware.memory() == (50_000_000, 0)
