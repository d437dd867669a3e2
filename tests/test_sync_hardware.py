"""`wav2lip.sync` where the networks run on a GPU that may have video engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from media_samples import run_ffmpeg
from pretended_gpu import PretendedGpu, value

import wav2lip
from wav2lip.media import hardware, read
from wav2lip.media.ffmpeg import binary, encoders, url
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.progress import Progress

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
OPTIONS = wav2lip.SyncOptions(device="cpu", box=(50, 230, 60, 180), silence="model", offline=True)
GPU = wav2lip.SyncOptions.gpu


class Heard(Progress):
    """Keeps what users are told: always, and on request."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.details: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A face and speech of 12 frames."""
    folder = tmp_path_factory.mktemp("inputs")
    face, speech = folder / "face.mp4", folder / "speech.wav"
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-t", 0.48, "-vf", "scale=240:240", "-an", url(face))
    run_ffmpeg("-i", url(EXAMPLES / "speech.wav"), "-t", 0.48, url(speech))
    return face, speech


@pytest.fixture
def networks_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let options decide as if the networks ran on the second GPU; clips of 10 frames are worth its while."""
    monkeypatch.setattr(wav2lip.SyncOptions, "gpu", lambda options, device: GPU(options, "cuda:1"))
    monkeypatch.setattr(hardware, "WORTHWHILE", 10)
    monkeypatch.setattr(read, "WORTHWHILE", 10)


@pytest.mark.parametrize(
    ("device", "options", "gpu"),
    [
        ("cuda", {}, 0),
        ("cuda:1", {}, 1),
        ("cuda", {"hardware": "off"}, None),
        ("cuda", {"compat": True}, None),
        ("cpu", {}, None),
        ("mps", {}, None),
    ],
    ids=["cuda", "cuda-1", "off", "compat", "cpu", "mps"],
)
def test_the_gpu_of_the_networks_does_the_video_unless_told_otherwise(
    device: str, options: dict[str, object], gpu: int | None
) -> None:
    assert wav2lip.SyncOptions(**options).gpu(device) == gpu


@pytest.mark.usefixtures("networks_on_a_gpu")
def test_without_a_driver_software_makes_the_whole_result_and_one_word_is_said(
    inputs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "h264_nvenc" not in encoders(binary()):
        pytest.skip("this ffmpeg knows no NVENC")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    hardware._failure.cache_clear()
    heard = Heard()
    report = wav2lip.sync(*inputs, tmp_path / "out.mp4", OPTIONS, heard)
    assert report.encoder == report.to_dict()["encoder"] == "libx264"
    (notice,) = [line for line in heard.said if "NVENC" in line]
    assert notice.startswith("NVENC did not start (")
    assert notice.endswith("); encoding with libx264.")
    (detail,) = [line for line in heard.details if "NVDEC" in line]
    assert detail.startswith("NVDEC does not decode face.mp4 (")
    clip = probe(tmp_path / "out.mp4")
    assert (clip.codec, len(list(read_frames(clip))), clip.sound is not None) == ("h264", report.frames, True)


@pytest.mark.usefixtures("networks_on_a_gpu")
def test_a_gpu_that_works_decodes_and_encodes(
    inputs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, heard = PretendedGpu(tmp_path, monkeypatch), Heard()
    report = wav2lip.sync(*inputs, tmp_path / "out.mp4", OPTIONS, heard)
    assert report.encoder == "h264_nvenc"
    assert not [line for line in heard.said + heard.details if "NVENC" in line or "NVDEC" in line]
    assert len(list(read_frames(probe(tmp_path / "out.mp4")))) == report.frames
    encoded = [command for command in gpu.commands if "h264_nvenc" in command]
    decoded = [command for command in gpu.commands if "-hwaccel" in command]
    assert [value(command, "-gpu") for command in encoded] == ["1"] * 2         # a trial and the result
    assert [value(command, "-hwaccel_device") for command in decoded] == ["1"] * 2


@pytest.mark.usefixtures("networks_on_a_gpu")
def test_with_hardware_off_a_gpu_is_not_even_tried(
    inputs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = PretendedGpu(tmp_path, monkeypatch)
    report = wav2lip.sync(*inputs, tmp_path / "out.mp4", replace(OPTIONS, hardware="off"))
    assert (report.encoder, gpu.commands) == ("libx264", [])
