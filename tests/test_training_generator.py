"""From drawn heads to a trained generator: prepared clips, samples, a loss that falls, a file that loads."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from wav2lip.faces.cascade import CascadeDetector
from wav2lip.media.ffmpeg import binary
from wav2lip.models.generator import Generator
from wav2lip.models.load import load_generator
from wav2lip.speech.mel import SAMPLE_RATE, SILENCE, log_mel
from wav2lip.training.__main__ import main
from wav2lip.training.articulation import speech_to_articulation
from wav2lip.training.augment import View, change_speech
from wav2lip.training.dataset import Sampler, pick_frames, speech_window
from wav2lip.training.evaluate import contact_sheet, evaluate, mouth_darkness, opening_agreement
from wav2lip.training.generator import TrainOptions, train_generator
from wav2lip.training.heads import draw_talking
from wav2lip.training.prepare import prepare_head
from wav2lip.training.prepared import PreparedClip, is_held_out, is_prepared, load_prepared, save_prepared

FPS = Fraction(25)
SIZE = 160


def babble(seed: int, seconds: float) -> np.ndarray:
    """Return syllables: noise that swells and fades, float32 at 16 kHz."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voice = np.sin(2 * np.pi * 180 * time) + np.sin(2 * np.pi * 720 * time) + 0.2 * random.standard_normal(len(time))
    return (0.1 * voice * np.clip(np.sin(2 * np.pi * (3 + seed % 3) * time + seed), 0, 1)).astype(np.float32)


def head_clip(identity: int) -> PreparedClip:
    samples = babble(identity, 1.2)
    frames = np.stack(list(draw_talking(identity, speech_to_articulation(samples, 25), 25, SIZE)))
    box = np.array([0.29, 0.22, 0.71, 0.79], np.float32) * SIZE
    return PreparedClip(f"clip-{identity}", FPS, frames, np.tile(box, (len(frames), 1)), log_mel(samples))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks gain nothing from threads, and on a busy machine the threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clips() -> list[PreparedClip]:
    return [head_clip(identity) for identity in range(3)]


def test_a_prepared_clip_comes_back_as_it_was(tmp_path: Path, clips: list[PreparedClip]) -> None:
    assert not is_prepared(tmp_path, clips[0].name)
    save_prepared(tmp_path, clips[0])
    (back,) = load_prepared(tmp_path)
    assert is_prepared(tmp_path, back.name)
    assert (back.name, back.fps) == (clips[0].name, FPS)
    for field in ("frames", "boxes", "mel"):
        assert np.array_equal(getattr(back, field), getattr(clips[0], field))


def test_about_a_sixth_of_the_names_is_held_out() -> None:
    held = [is_held_out(f"clip-{n}") for n in range(2000)]
    assert 0.13 < np.mean(held) < 0.18
    assert held == [is_held_out(f"clip-{n}") for n in range(2000)]


def test_a_plain_crop_is_what_resizing_the_box_gives() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (150, 140, 3), np.uint8)
    frame = cv2.GaussianBlur(frame, (0, 0), 2)
    view = View(np.zeros(4), 0, 0, False, np.eye(3, 4, dtype=np.float32), np.arange(256, dtype=np.uint8))

    class Still:
        def uniform(self, low: float, high: float, size: int) -> np.ndarray:
            return np.zeros(size)

    cropped = view.crop(frame, np.array([20, 15, 125, 140]), Still())  # type: ignore[arg-type]
    resized = cv2.resize(frame[15:140, 20:125], (96, 96))
    inner = np.s_[2:-2, 2:-2]    # at the border the crop sees what lies beyond the box
    assert np.abs(cropped.astype(int) - resized)[inner].max() <= 3


def test_the_same_step_gives_the_same_batch_with_the_lower_half_hidden(clips: list[PreparedClip]) -> None:
    first, again = (Sampler([clips], 4, seed=3).batch(7, 0.5) for _ in range(2))
    assert np.array_equal(first.faces, again.faces)
    assert np.array_equal(first.mel, again.mel)
    assert first.faces.shape == (4, 96, 96, 6)
    assert not first.faces[:, 48:, :, :3].any()
    assert np.array_equal(first.faces[:, :48, :, :3], first.target[:, :48])
    assert not np.array_equal(first.faces, Sampler([clips], 4, seed=3).batch(8, 0.5).faces)


def test_the_reference_is_never_next_to_the_target(clips: list[PreparedClip]) -> None:
    random = np.random.default_rng(0)
    pairs = [pick_frames(clips[0], random) for _ in range(200)]
    assert min(abs(target - reference) for target, reference in pairs) == 5
    assert len({target for target, _ in pairs}) == len(clips[0].frames)


def test_a_window_past_the_end_of_the_sound_is_silent(clips: list[PreparedClip]) -> None:
    window = speech_window(clips[0], len(clips[0].frames) - 1)
    assert (window[:, -4:] == SILENCE).all()
    assert np.array_equal(speech_window(clips[0], 10), clips[0].mel[:, 32:48])


def test_loudness_changes_move_speech_and_leave_silence() -> None:
    random = np.random.default_rng(1)
    window = np.full((80, 16), SILENCE, np.float32)
    window[10:20] = 1.0
    changed = change_speech(window, random, 1.0)
    assert changed.min() == SILENCE
    assert changed.max() != 1.0
    assert np.array_equal(change_speech(window, random, 0.0), window)


def test_augmentation_starts_late_and_ends_full() -> None:
    options = TrainOptions(steps=100, plain_steps=40, ramp_steps=20)
    assert [options.strength(step) for step in (0, 40, 50, 60, 99)] == [0, 0, 0.5, 1, 1]


def test_training_lowers_the_error_and_the_scores_see_it(clips: list[PreparedClip]) -> None:
    torch.manual_seed(0)
    network = Generator(channels=2)
    before = evaluate(network, clips, 8, seed=1)
    options = TrainOptions(steps=40, batch_size=4, rate=4e-3, plain_steps=40)
    errors = [error for _, error in train_generator(network, [clips], options)]
    assert len(errors) == 40
    assert np.mean(errors[-10:]) < 0.9 * np.mean(errors[:10])
    assert contact_sheet(network, clips, 2, seed=1).shape == (2 * 96, 4 * 96, 3)
    assert -1 <= opening_agreement(network, clips[:1]) <= 1
    assert before.copy == evaluate(network, clips, 8, seed=1).copy


def test_an_opening_mouth_is_measured_as_darker(clips: list[PreparedClip]) -> None:
    opening = speech_to_articulation(babble(0, 1.2), 25).opening
    view = View(np.zeros(4), 0, 0, False, np.eye(3, 4, dtype=np.float32), np.arange(256, dtype=np.uint8))
    random = np.random.default_rng(0)
    faces = np.stack([view.crop(frame, clips[0].boxes[0], random) for frame in clips[0].frames])
    darkness = mouth_darkness(torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255)
    assert np.corrcoef(opening, darkness)[0, 1] > 0.8


def test_a_video_is_prepared_once(tmp_path: Path, clips: list[PreparedClip]) -> None:
    videos, out = tmp_path / "videos", tmp_path / "out"
    videos.mkdir()
    raw = tmp_path / "frames.bgr"
    raw.write_bytes(clips[0].frames.tobytes())
    picture = ["-f", "rawvideo", "-pixel_format", "bgr24", "-video_size", f"{SIZE}x{SIZE}", "-framerate", "25"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=1.2"]
    encode = [binary(), "-v", "error", *picture, "-i", str(raw), *tone, "-crf", "12", str(videos / "talk.mp4")]
    subprocess.run(encode, check=True)
    (videos / "notes.txt").write_text("not a video")

    for _ in range(2):
        result = CliRunner().invoke(main, ["prepare", str(videos), str(out)])
        assert result.exit_code == 0, result.output
    assert "0clip" in result.output.replace(" ", "")    # the second time there is nothing left to do
    (clip,) = load_prepared(out)
    assert clip.name == "talk"
    assert clip.fps == FPS
    assert len(clip.frames) == len(clip.boxes) == 30
    x1, y1, x2, y2 = clip.boxes[10]
    height, width = clip.frames.shape[1:3]
    assert 0 < x1 < x2 < width
    assert 0 < y1 < y2 < height
    assert clip.mel.shape[0] == 80
    assert abs(clip.mel.shape[1] - 97) <= 3


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_a_drawn_head_is_prepared_with_its_own_speech() -> None:
    clip = prepare_head(154, 0.7, CascadeDetector())
    again = prepare_head(154, 0.7, CascadeDetector())
    assert clip.name == "head-000154"
    assert is_held_out(clip.name)
    assert len(clip.frames) == 6    # every third of 18
    assert clip.fps == Fraction(25, 3)
    assert np.array_equal(clip.frames, again.frames)
    assert np.array_equal(clip.mel, again.mel)


def test_the_train_command_writes_weights_that_load(tmp_path: Path, clips: list[PreparedClip]) -> None:
    for clip in clips:
        save_prepared(tmp_path / "heads", clip)
    weights = tmp_path / "new" / "small.safetensors"
    arguments = ["train", "--data", str(tmp_path / "heads"), "-o", str(weights), "--channels", "1", "--steps", "1"]
    result = CliRunner().invoke(main, [*arguments, "--note", "licence", "none"])
    assert result.exit_code == 0, result.output
    assert load_generator(weights).channels == 1
