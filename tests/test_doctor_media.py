"""`wav2lip doctor` on videos and recordings with something planted in them, and on healthy ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_samples import BT709, make_sound, make_video, run_ffmpeg
from training_clips import babble, head_frames

from wav2lip.doctor.examine import Examination
from wav2lip.doctor.finding import Finding
from wav2lip.media.clip import Colour, Frame
from wav2lip.media.colour import numbers as colour_numbers
from wav2lip.media.ffmpeg import pass_timestamps_through, url
from wav2lip.media.probe import probe
from wav2lip.models.store import expert_checkpoint
from wav2lip.pipeline.options import SyncOptions
from wav2lip.progress import Progress
from wav2lip.training.synth import write_wav

SIZE, FRAMES = 224, 40
ALICE, BOB = 3, 10                     # identities whose faces the cascade finds
WALL = np.full((SIZE, SIZE, 3), 90, np.uint8)
PLANTED = {
    "variable-rate", "rotation", "faceless", "silence", "low-rate", "hdr", "odd-size", "mono", "several-people",
    "small-face", "length-mismatch", "no-face",
}
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")

Examined = Callable[..., list[Finding]]


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return head_frames(ALICE, babble(ALICE, FRAMES / 25 + 0.2), SIZE)[:FRAMES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="module")
def healthy(folder: Path, frames: list[Frame]) -> Path:
    return make_video(folder / "healthy.mp4", frames, options=H264)


@pytest.fixture(scope="module")
def speech(folder: Path) -> Path:
    """A stereo recording of somebody who speaks for as long as the video lasts."""
    write_wav(folder / "mono.wav", babble(ALICE, FRAMES / 25))
    run_ffmpeg("-i", url(folder / "mono.wav"), "-ac", 2, url(folder / "speech.wav"))
    return folder / "speech.wav"


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch, healthy: Path, speech: Path) -> Examined:
    """What the doctor finds, without the frames that are tried: these cost seconds."""
    monkeypatch.setattr(Examination, "_foresee", lambda *given: None)

    def examine(face: Path | None = None, audio: Path | None = None, **options: object) -> list[Finding]:
        given = SyncOptions(**{"detector": "cascade", "device": "cpu", **options})
        examination = Examination(face or healthy, audio or speech, healthy.parent / "out.mp4", given, Progress())
        examination.run(0.0)
        return examination.findings

    return examine


def planted(findings: list[Finding]) -> set[str]:
    return {finding.name for finding in findings if finding.name in PLANTED}


def told(findings: list[Finding], name: str) -> str:
    """Return the text of the finding of that name, of which there is one."""
    (finding,) = (finding for finding in findings if finding.name == name)
    assert finding.level != "ok"
    return f"{finding.text} {finding.advice}"


def test_nothing_is_wrong_with_a_healthy_clip(examined: Examined) -> None:
    findings = examined()
    assert {finding.level for finding in findings} == {"ok"}, findings
    assert not planted(findings)


def test_a_variable_frame_rate_is_found_with_what_becomes_of_it(
    examined: Examined, folder: Path, healthy: Path
) -> None:
    through = [word for option, value in pass_timestamps_through().items() for word in (f"-{option}", value)]
    face = folder / "variable.mp4"
    run_ffmpeg("-i", url(healthy), "-vf", "select='gte(n,35)+not(between(mod(n,7),2,4))'", *through, *H264, url(face))
    findings = examined(face)
    assert planted(findings) == {"variable-rate"}
    assert "40 to 160 ms apart; it is made constant, 25 a second" in told(findings, "variable-rate")


def test_a_clip_that_is_stored_turned_is_found(
    examined: Examined, folder: Path, frames: list[Frame]
) -> None:
    wide = [cv2.rotate(np.hstack([frame, WALL[:, :64]]), cv2.ROTATE_90_CLOCKWISE) for frame in frames]
    lying = make_video(folder / "lying.mp4", wide, options=H264)
    face = folder / "phone.mp4"
    run_ffmpeg("-i", url(lying), "-c", "copy", "-metadata:s:v", "rotate=90", url(face))
    if probe(face).rotation == 0:      # since ffmpeg 6 it is an option of the input
        run_ffmpeg("-display_rotation", "90", "-i", url(lying), "-c", "copy", url(face))
    findings = examined(face)
    assert planted(findings) == {"rotation"}
    assert "upright (288×224)" in told(findings, "rotation")


def test_frames_without_a_face_in_the_middle_are_found_with_their_times(
    examined: Examined, folder: Path, frames: list[Frame]
) -> None:
    face = make_video(folder / "away.mp4", [*frames[:14], *[WALL] * 13, *frames[27:]], options=H264)
    findings = examined(face)
    assert planted(findings) == {"faceless"}
    assert "from 0:00.56 to 0:01.08: such frames pass through" in told(findings, "faceless")
    assert any("2 cuts in all frames" in finding.text for finding in findings)


def test_a_video_without_any_face_is_a_problem(examined: Examined, folder: Path) -> None:
    face = make_video(folder / "wall.mp4", [WALL] * 20, options=H264)
    findings = examined(face)
    assert "--box" in told(findings, "no-face")
    assert any(finding.level == "problem" for finding in findings)


def test_a_silent_recording_is_found(examined: Examined, folder: Path) -> None:
    silent = folder / "silent.wav"
    run_ffmpeg("-f", "lavfi", "-i", "anullsrc=channel_layout=stereo", "-t", FRAMES / 25, url(silent))
    findings = examined(audio=silent)
    assert planted(findings) == {"silence"}
    assert "Nobody speaks in silent.wav: the mouth is closed throughout" in told(findings, "silence")


def test_eight_frames_a_second_are_found_to_be_few(examined: Examined, folder: Path, frames: list[Frame]) -> None:
    face = make_video(folder / "slow.mp4", frames[:13], 8, H264)
    assert planted(examined(face)) == {"low-rate"}


def test_high_dynamic_range_is_found(examined: Examined, folder: Path, healthy: Path) -> None:
    matrix, primaries, transfer, levels = colour_numbers(Colour("bt2020nc", "bt2020", "smpte2084", "tv"))
    tags = f"setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}:range={levels}"
    face = folder / "hdr.mkv"
    run_ffmpeg("-i", url(healthy), "-vf", f"format=yuv420p10le,{tags}", "-c:v", "ffv1", url(face))
    findings = examined(face)
    assert planted(findings) == {"hdr"}
    assert any(finding.name == "encoding" and "hevc" in finding.text for finding in findings)    # as sync decides
    assert BT709.transfer not in told(findings, "hdr")


def test_hdr_that_the_result_cannot_hold_is_a_problem(examined: Examined, folder: Path) -> None:
    findings = examined(folder / "hdr.mkv", codec="h264")
    assert any(finding.level == "problem" and "needs 10 bits" in finding.text for finding in findings)


def test_an_odd_size_is_found_with_the_crop_that_makes_it_even(
    examined: Examined, folder: Path, frames: list[Frame]
) -> None:
    odd = [np.ascontiguousarray(frame[:-1, :-3]) for frame in frames]
    findings = examined(make_video(folder / "odd.mkv", odd, options=("-c:v", "ffv1", "-pix_fmt", "yuv444p")))
    assert planted(findings) == {"odd-size"}
    assert "--crop 0 222 0 220" in told(findings, "odd-size")


def test_a_mono_recording_is_found(examined: Examined, folder: Path, speech: Path) -> None:
    assert planted(examined(audio=folder / "mono.wav")) == {"mono"}


def test_two_people_are_found(examined: Examined, folder: Path, frames: list[Frame]) -> None:
    others = head_frames(BOB, babble(BOB, FRAMES / 25 + 0.2), SIZE)
    both = [np.hstack(pair) for pair in zip(frames, others, strict=False)]
    findings = examined(make_video(folder / "two.mp4", both, options=H264))
    assert planted(findings) == {"several-people"}
    assert "2 people" in told(findings, "several-people")


def test_a_tiny_face_is_found(examined: Examined, folder: Path, frames: list[Frame]) -> None:
    tiny = []
    for frame in frames:
        tiny.append(cv2.copyMakeBorder(cv2.resize(frame, (72, 72), interpolation=cv2.INTER_AREA), 60, 60, 60, 60,
                                       cv2.BORDER_CONSTANT, value=(90, 90, 90)))
    findings = examined(make_video(folder / "tiny.mp4", tiny, options=H264))
    assert planted(findings) == {"small-face"}


@pytest.mark.parametrize(("seconds", "fate"), [(2.4, "backwards and forwards"), (0.8, "are left out")])
def test_sound_and_video_of_different_lengths_are_found(
    examined: Examined, folder: Path, seconds: float, fate: str
) -> None:
    audio = folder / f"long{seconds}.wav"
    write_wav(folder / "part.wav", babble(ALICE, seconds))
    run_ffmpeg("-i", url(folder / "part.wav"), "-ac", 2, url(audio))
    findings = examined(audio=audio)
    assert planted(findings) == {"length-mismatch"}
    assert fate in told(findings, "length-mismatch")


def test_the_weights_of_another_network_are_a_problem_and_the_video_is_looked_at_all_the_same(
    examined: Examined
) -> None:
    findings = examined(checkpoint=expert_checkpoint())
    (bad,) = (finding for finding in findings if finding.level == "problem")
    assert bad.name == "checkpoint"
    assert "SyncNet" in bad.text
    assert any(finding.name == "people" for finding in findings)


def test_a_video_or_recording_that_cannot_be_read_is_a_problem(examined: Examined, folder: Path) -> None:
    missing = folder / "missing.mp4"
    assert f"{missing} does not exist" in told(examined(missing), "video")
    silent = make_sound(folder / "short.wav", 0.2)
    silent.write_bytes(b"no sound at all\n")
    assert any(finding.topic == "sound" and finding.level == "problem" for finding in examined(audio=silent))


def test_a_detector_that_sync_would_download_is_not_downloaded(
    examined: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAV2LIP_OFFLINE")
    monkeypatch.setattr("wav2lip.models.download.fetch_known", lambda *given, **more: pytest.fail("it was"))
    findings = examined(detector="auto")
    assert "Here the built-in cascade looks" in told(findings, "detector")
    assert any("cascade looked" in finding.text for finding in findings)
