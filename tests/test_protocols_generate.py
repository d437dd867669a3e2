"""What the original's evaluation scripts make of a pair of recordings, and which pairs they leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_samples import mean_difference, run_ffmpeg

import wav2lip
from wav2lip.media.clip import Frame
from wav2lip.media.ffmpeg import url
from wav2lip.media.probe import probe, probe_sound
from wav2lip.media.read import read_frames
from wav2lip.protocols.generate import Generated, Skipped, generate, prescribed
from wav2lip.protocols.lists import Pair
from wav2lip.protocols.protocol import PROTOCOLS

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SPEECH = EXAMPLES / "speech.wav"
OPTIONS = wav2lip.SyncOptions(device="cpu", detector="cascade", offline=True)
SMALL = ("-t", 1.4, "-vf", "scale=240:240", "-an")    # 35 frames
LRS = ["lrs2", "lrs3", "lrw"]
RESYNCED = ["resynced-random", "resynced-dubbed", "resynced-tts"]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Turn the example's face, or its speech, into another kind of file with ffmpeg."""
    folder = tmp_path_factory.mktemp("made")

    def convert(name: str, *options: object, source: Path = EXAMPLES / "face.mp4") -> Path:
        path = folder / name
        if not path.exists():
            run_ffmpeg("-i", url(source), *options, url(path))
        return path

    return convert


@pytest.fixture
def face(make: Callable[..., Path]) -> Path:
    return make("face.mp4", *SMALL)


@pytest.fixture
def speech(make: Callable[..., Path]) -> Path:
    return make("speech.wav", "-t", 0.8, source=SPEECH)    # 65 columns: 16 frames at 25 a second, and the tail


def made(face: Path, audio: Path, name: str, output: Path) -> list[Frame]:
    """Generate losslessly and return the frames."""
    outcome = generate(Pair(0, face, audio), PROTOCOLS[name], output, replace(OPTIONS, codec="ffv1"))
    assert isinstance(outcome, Generated), outcome
    return list(read_frames(probe(output)))


def skipped(face: Path, audio: Path, name: str, output: Path) -> str:
    """Have a pair left out, check that nothing was written, and return the reason."""
    outcome = generate(Pair(0, face, audio), PROTOCOLS[name], output / "0.mp4", OPTIONS)
    assert isinstance(outcome, Skipped), outcome
    assert list(output.iterdir()) == []
    return outcome.reason


@pytest.mark.parametrize(("name", "pads"), [("lrs2", (0, 0, 0, 0)), ("resynced-random", (0, 10, 0, 0))])
def test_the_frames_are_those_of_compat_with_the_protocols_pads_but_without_a_tail(
    face: Path, speech: Path, tmp_path: Path, name: str, pads: tuple[int, int, int, int]
) -> None:
    frames = made(face, speech, name, tmp_path / "out.mkv")
    options = replace(OPTIONS, compat=True, pads=pads, codec="ffv1")
    report = wav2lip.sync(face, speech, tmp_path / "whole.mkv", options)
    inference = list(read_frames(probe(report.output)))
    assert (len(frames), len(inference)) == (16, 17)
    # The original smooths the last four boxes by those that follow.
    assert all(np.array_equal(*both) for both in zip(frames[:12], inference[:12], strict=True))


def test_what_the_protocol_prescribes_replaces_what_was_chosen() -> None:
    options = replace(OPTIONS, pads=(9, 9, 9, 9), smooth=False, extend="freeze")
    for name in [*LRS, *RESYNCED]:
        got = prescribed(PROTOCOLS[name], options)
        assert (got.compat, got.tail, got.strict, got.smooth, got.detector) == (True, False, True, True, "cascade")
        assert got.pads == ((0, 0, 0, 0) if name in LRS else (0, 10, 0, 0))
        assert got.shorter_side == (None if name in LRS else 720)
        assert got.extend == ("stretch" if name == "resynced-tts" else None)


def test_the_sound_of_another_clip_is_taken_and_kept_whole(
    face: Path, make: Callable[..., Path], tmp_path: Path
) -> None:
    other = make("other.mp4", "-t", 0.8, "-c:v", "libx264", "-vf", "scale=64:64")
    outcome = generate(Pair(3, face, other), PROTOCOLS["lrs3"], tmp_path / "3.mp4", OPTIONS)
    assert isinstance(outcome, Generated)
    assert outcome.report
    assert outcome.report.frames in (16, 17, 18)    # AAC counts in blocks
    assert probe_sound(outcome.video).duration == pytest.approx(probe_sound(other).duration, abs=0.01)


def test_resynced_videos_keep_their_own_rate(make: Callable[..., Path], speech: Path, tmp_path: Path) -> None:
    fast = make("fast.mp4", "-t", 1.4, "-vf", "scale=240:240,fps=30", "-an")
    frames = made(fast, speech, "resynced-dubbed", tmp_path / "out.mkv")
    assert probe(tmp_path / "out.mkv").fps == Fraction(30)
    assert len(frames) == 19    # ceil((65 - 15) * 30 / 80)


def test_an_lrs_clip_of_another_rate_is_left_out(make: Callable[..., Path], speech: Path, tmp_path: Path) -> None:
    fast = make("fast.mp4", "-t", 1.4, "-vf", "scale=240:240,fps=30", "-an")
    assert "has 30 frames a second instead of 25." in skipped(fast, speech, "lrs2", tmp_path)


@pytest.mark.parametrize(("name", "size"), [("lrs2", (1280, 960)), ("resynced-random", (960, 720))])
def test_only_resynced_videos_are_shrunk_to_720_pixels(
    make: Callable[..., Path], tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    large = make("large.mp4", "-t", 0.4, "-vf", "scale=960:960,pad=1280:960:160:0", "-an")
    outcome = generate(
        Pair(0, large, make("bit.wav", "-t", 0.2, source=SPEECH)), PROTOCOLS[name], tmp_path / "0.mp4", OPTIONS
    )
    assert isinstance(outcome, Generated), outcome
    assert (probe(outcome.video).width, probe(outcome.video).height) == size


@pytest.mark.parametrize("name", ["lrs2", "resynced-random", "resynced-dubbed"])
def test_a_video_shorter_than_the_sound_is_left_out(
    make: Callable[..., Path], speech: Path, tmp_path: Path, name: str
) -> None:
    short = make("short.mp4", "-frames:v", 15, "-vf", "scale=240:240", "-an")
    assert "short.mp4 has 15 frames; " in (reason := skipped(short, speech, name, tmp_path))
    assert reason.endswith("speech.wav needs 16.")
    enough = make("enough.mp4", "-frames:v", 16, "-vf", "scale=240:240", "-an")
    assert len(made(enough, speech, name, tmp_path / "out.mkv")) == 16


def test_a_video_shorter_than_speech_from_text_shows_its_frames_evenly_more_often(
    make: Callable[..., Path], speech: Path, tmp_path: Path
) -> None:
    # Ten frames, 0.8 s apart: each has an upper half of its own.
    lossless = ("-c:v", "ffv1", "-pix_fmt", "bgr0", "-an")
    few = make("few.mkv", "-vf", "select='not(mod(n,20))',setpts=N/25/TB,scale=240:240", "-frames:v", 10, *lossless)
    assert probe(few).stored_frames == 10
    frames = made(few, speech, "resynced-tts", tmp_path / "out.mkv")
    source = list(read_frames(probe(few)))
    shown = [int(np.argmin([mean_difference(frame[:60], before[:60]) for before in source])) for frame in frames]
    assert shown == [10 * n // 16 for n in range(16)]


def test_one_frame_without_a_face_leaves_the_pair_out(make: Callable[..., Path], speech: Path, tmp_path: Path) -> None:
    gap = "scale=240:240,drawbox=color=gray:t=fill:enable='eq(n,9)'"
    face = make("gap.mkv", "-t", 1.4, "-vf", gap, "-c:v", "ffv1", "-pix_fmt", "bgr0", "-an")
    for name in ("lrs2", "resynced-random", "resynced-tts"):
        assert "1 of 16 frames of" in skipped(face, speech, name, tmp_path)
    # Beyond the sound's end nobody looks.
    bit = make("bit.wav", "-t", 0.2, source=SPEECH)
    assert len(made(face, bit, "lrs2", tmp_path / "out.mkv")) == 1


def test_what_shows_no_face_or_has_no_sound_is_left_out(
    make: Callable[..., Path], face: Path, speech: Path, tmp_path: Path
) -> None:
    grey = make("grey.mp4", "-t", 1.4, "-vf", "scale=240:240,drawbox=color=gray:t=fill", "-an")
    assert "No face was found in" in skipped(grey, speech, "lrs2", tmp_path)
    assert "has no audio track" in skipped(face, face, "resynced-dubbed", tmp_path)
    assert "too short" in skipped(face, make("blip.wav", "-t", 0.1, source=SPEECH), "lrs2", tmp_path)
    assert "has sound but no picture" in skipped(speech, speech, "resynced-random", tmp_path)


def test_what_is_wrong_with_the_run_is_an_error(face: Path, speech: Path, tmp_path: Path) -> None:
    options = replace(OPTIONS, checkpoint=tmp_path / "no.pth")
    with pytest.raises(wav2lip.WeightsError):
        generate(Pair(0, face, speech), PROTOCOLS["lrs2"], tmp_path / "0.mp4", options)
