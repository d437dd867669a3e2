"""An NVIDIA GPU decodes and encodes where it makes the same of a picture, and software does where it does not."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_samples import BT709, coloured_frame, make_video, mean_difference, noise_pictures, tagged
from pretended_gpu import PretendedGpu, value

from wav2lip.errors import MediaError, Wav2LipError
from wav2lip.media import hardware, read
from wav2lip.media.clip import Clip
from wav2lip.media.encoding import COPY_SETTINGS, Encoding, decide
from wav2lip.media.ffmpeg import attempt, binary, encoders
from wav2lip.media.hardware import decoded_on, nvenc_options
from wav2lip.media.picture import Pixels, planar
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames, read_pictures
from wav2lip.media.write import VideoWriter

SIZE = (320, 192)
TEN_BITS = planar("yuv420p10le")
MakeGpu = Callable[..., PretendedGpu]


@pytest.fixture
def make_gpu(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> MakeGpu:
    return lambda manner="works": PretendedGpu(tmp_path_factory.mktemp("gpu"), monkeypatch, manner)


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the machine's GPUs, if it has any, from ffmpeg."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    hardware._failure.cache_clear()


def write(output: Path, encoding: Encoding, pixels: Pixels | None = None, count: int = 5) -> Clip:
    pictures: list[Any] = [coloured_frame(*SIZE)] * count if pixels is None else noise_pictures(pixels, count, *SIZE)
    with VideoWriter(
        output, width=SIZE[0], height=SIZE[1], fps=Fraction(25), pixels=pixels, colour=BT709, encoding=encoding
    ) as writer:
        for picture in pictures:
            writer.write(picture)
    return probe(output)


@pytest.mark.parametrize(
    ("codec", "crf", "preset", "told"),
    [
        ("h264", 18, None, ("h264_nvenc", 18, "p4")),
        ("h264", 30, "ultrafast", ("h264_nvenc", 30, "p1")),
        ("hevc", 20, "veryfast", ("hevc_nvenc", 20, "p2")),
        ("hevc", 20, "medium", ("hevc_nvenc", 20, "p4")),
        ("hevc", 20, "placebo", ("hevc_nvenc", 20, "p7")),
        ("av1", 60, "0", ("av1_nvenc", 60, "p7")),
        ("av1", 24, "12", ("av1_nvenc", 24, "p1")),
    ],
)
def test_quality_and_speed_are_told_in_nvencs_words(
    codec: str, crf: int, preset: str | None, told: tuple[str, int, str]
) -> None:
    encoder, cq, speed = told
    assert nvenc_options(codec, 1, crf, preset) == {
        "c:v": encoder, "gpu": 1, "rc": "vbr", "cq": cq, "b:v": 0, "preset": speed,
    }


def test_a_gpu_encodes_what_it_was_tried_with_and_is_tried_once(tmp_path: Path, make_gpu: MakeGpu) -> None:
    gpu = make_gpu()
    encoding = Encoding(gpu=1, crf=21, preset="slow")
    for name in ("one.mp4", "two.mp4"):
        clip = write(tmp_path / name, encoding)
        assert (clip.frames, clip.codec, clip.pixel_format, clip.colour) == (5, "h264", "yuv420p", BT709)
        assert mean_difference(next(read_frames(clip)), coloured_frame(*SIZE)) < 1
    trial, *runs = gpu.commands
    assert "null" in trial
    assert "color=black:size=320x192:rate=25" in trial
    assert len(runs) == 2
    assert all("null" not in run for run in runs)
    expected = {"-c:v": "h264_nvenc", "-gpu": "1", "-rc": "vbr", "-cq": "21", "-b:v": "0", "-preset": "p5"}
    for option, told in expected.items():
        assert {value(command, option) for command in gpu.commands} == {told}
    assert not {"-crf", "-x265-params"} & {word for command in gpu.commands for word in command}


@pytest.mark.parametrize("fresh", ["another size", "another quality"])
def test_another_size_or_another_option_is_tried_anew(make_gpu: MakeGpu, fresh: str) -> None:
    gpu = make_gpu()
    decide("out.mp4", Encoding(gpu=0), 320, 192)
    width, crf = (640, None) if fresh == "another size" else (320, 30)
    decide("out.mp4", Encoding(gpu=0, crf=crf), width, 192)
    assert len(gpu.commands) == 2


def test_ten_bits_reach_a_gpu_as_the_same_numbers(tmp_path: Path, make_gpu: MakeGpu) -> None:
    if "libx265" not in encoders(binary()):
        pytest.skip("this ffmpeg has no libx265, which stands in for the GPU")
    gpu = make_gpu()
    clip = write(tmp_path / "out.mp4", Encoding("hevc", gpu=0), TEN_BITS, 3)
    assert "format=p010le" in value(gpu.commands[-1], "-vf")
    assert value(gpu.commands[-1], "-tag:v") == "hvc1"
    for after, before in zip(read_pictures(clip), noise_pictures(TEN_BITS, 3, *SIZE), strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(after.planes, before.planes, strict=True))


@pytest.mark.parametrize(
    ("output", "encoding", "size"),
    [
        ("out.mkv", Encoding("ffv1", gpu=0), (320, 192)),
        ("out.mov", Encoding("prores", gpu=0), (320, 192)),
        ("out.webm", Encoding(gpu=0), (320, 192)),
        ("out.mp4", Encoding(crf=0, gpu=0), (320, 192)),
        ("out.mp4", Encoding(gpu=0), (321, 192)),
        ("out.mp4", Encoding(pixel_format="yuv422p", gpu=0), (320, 192)),
        ("out.mp4", Encoding("h264", pixel_format="yuv420p10le", gpu=0), (320, 192)),
        ("out.mp4", Encoding(), (320, 192)),
    ],
    ids=["ffv1", "prores", "vp9", "lossless", "odd", "4:2:2", "h264 of 10 bits", "off"],
)
def test_a_gpu_is_not_tried_where_it_would_make_another_file(
    make_gpu: MakeGpu, output: str, encoding: Encoding, size: tuple[int, int]
) -> None:
    gpu = make_gpu()
    decided = decide(output, encoding, *size)
    assert (decided.gpu, decided.notices, gpu.commands) == (None, (), [])
    assert not decided.encoder.endswith("nvenc")


def test_copied_settings_are_softwares(tmp_path: Path, make_gpu: MakeGpu) -> None:
    source = probe(make_video(tmp_path / "in.mp4", [coloured_frame(*SIZE)] * 3, 25, tagged("bt709")))
    gpu = make_gpu()
    decided = decide("out.mp4", Encoding(COPY_SETTINGS, gpu=0), *SIZE, source=source, pixels=planar("yuv420p"))
    assert (decided.encoder, decided.gpu, gpu.commands) == ("libx264", None, [])


@pytest.mark.usefixtures("no_driver")
def test_where_nvenc_does_not_start_software_encodes_and_that_is_said(tmp_path: Path) -> None:
    if "h264_nvenc" not in encoders(binary()):
        pytest.skip("this ffmpeg knows no NVENC")
    decided = decide("out.mp4", Encoding(gpu=0), *SIZE)
    assert (decided.encoder, decided.gpu) == ("libx264", None)
    (notice,) = decided.notices
    assert notice.startswith("NVENC did not start ([h264_nvenc] ")
    assert notice.endswith("); encoding with libx264.")
    clip = write(tmp_path / "out.mp4", Encoding(gpu=0))
    assert (clip.frames, clip.codec) == (5, "h264")


def test_a_trial_that_hangs_is_given_up() -> None:
    endless = [binary(), "-f", "lavfi", "-re", "-i", "color=black:size=16x16", "-f", "null", "-"]
    assert attempt(endless, 0.3) == (b"", "no answer within 0.3 s")


def test_an_encoder_that_dies_midway_names_the_option_that_avoids_it(tmp_path: Path, make_gpu: MakeGpu) -> None:
    make_gpu("dies")
    says = r"out\.mp4 could not be written: \[h264_nvenc\] EncodePicture failed.* With --hardware off the software"
    with pytest.raises(Wav2LipError, match=says):
        write(tmp_path / "out.mp4", Encoding(gpu=0), count=100)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Clip:
    """A clip that is long enough for a GPU; by its pixel format."""
    monkeypatch.setattr(hardware, "WORTHWHILE", 20)
    monkeypatch.setattr(read, "WORTHWHILE", 20)
    pixels = getattr(request, "param", "yuv420p")
    frames = [np.roll(coloured_frame(*SIZE), 3 * number, axis=1) for number in range(30)]
    levels = "pc" if pixels.startswith("yuvj") else "tv"
    return probe(make_video(tmp_path / "in.mp4", frames, 25, tagged("bt709", levels, pixels=pixels)))


def numbers(clip: Clip, *where: int) -> bytes:
    """Return what both readers give from a clip, as one run of bytes."""
    planes = [plane for picture in read_pictures(clip, *where) for plane in picture.planes]
    return b"".join(plane.tobytes() for plane in [*planes, *read_frames(clip, *where)])


@pytest.mark.parametrize("moving", ["yuv420p", "yuvj420p", "yuv420p10le"], indirect=True)
@pytest.mark.parametrize("where", [(), (7, 21)], ids=["whole", "from the middle"])
def test_a_gpu_decodes_to_the_same_numbers(moving: Clip, make_gpu: MakeGpu, where: tuple[int, ...]) -> None:
    expected = numbers(moving, *where)
    gpu = make_gpu()
    clip, failure = decoded_on(moving, 1)
    assert (clip.gpu, failure, clip) == (1, "", moving)
    assert numbers(clip, *where) == expected
    trial, *runs = gpu.commands
    assert value(trial, "-hwaccel_output_format") == "cuda"
    assert [(value(run, "-hwaccel"), value(run, "-hwaccel_device"), value(run, "-c:v")) for run in runs] == [
        ("cuda", "1", "h264")
    ] * 2


def test_a_few_frames_are_not_worth_opening_a_gpu(moving: Clip, make_gpu: MakeGpu) -> None:
    gpu = make_gpu()
    clip, _ = decoded_on(moving, 0)
    before = len(gpu.commands)
    assert len(list(read_frames(clip, 5, 19))) == 19
    assert len(gpu.commands) == before


def test_a_gpu_that_decodes_other_numbers_is_not_used(moving: Clip, make_gpu: MakeGpu) -> None:
    make_gpu("wrong")
    clip, failure = decoded_on(moving, 0)
    assert clip.gpu is None
    assert "not those of the software decoder" in failure


@pytest.mark.usefixtures("no_driver")
def test_where_nvdec_does_not_start_the_clip_is_left_to_software(moving: Clip) -> None:
    if "cuda" not in hardware.hwaccels(binary()):
        pytest.skip("this ffmpeg knows no NVDEC")
    clip, failure = decoded_on(moving, 0)
    assert clip.gpu is None
    assert failure
    assert len(list(read_frames(clip))) == 30


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("in.mkv", ["-c:v", "ffv1"]),
        ("in.mp4", ["-c:v", "mpeg4"]),
        ("in.mp4", tagged("bt709", pixels="yuv444p")),
        ("in.mp4", [*tagged("bt709"), "-flags", "+ildct+ilme", "-x264-params", "tff=1"]),
    ],
    ids=["ffv1", "mpeg4", "4:4:4", "interlaced"],
)
def test_a_gpu_is_not_tried_with_what_it_may_decode_to_other_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_gpu: MakeGpu, name: str, options: list[object]
) -> None:
    monkeypatch.setattr(hardware, "WORTHWHILE", 2)
    clip = probe(make_video(tmp_path / name, [coloured_frame(*SIZE)] * 6, 25, options))
    gpu = make_gpu()
    assert decoded_on(clip, 0) == (clip, "")
    assert gpu.commands == []


def test_a_decoder_that_dies_names_the_option_that_avoids_it(moving: Clip, make_gpu: MakeGpu) -> None:
    make_gpu("dies")
    clip, _ = decoded_on(moving, 0)
    with pytest.raises(MediaError, match=r"device lost.* With --hardware off the software decoder"):
        list(read_frames(clip))
