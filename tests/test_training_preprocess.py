"""From videos to training clips: what lies on disk, in step with the sound, and what is left out."""

from __future__ import annotations

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from media_samples import (
    make_sound,
    make_video,
    mean_difference,
    number_of,
    numbered_video,
    run_ffmpeg,
    variable_rate_video,
)

from wav2lip.cli.preprocess import preprocess
from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.media.sound import pcm16, read_samples
from wav2lip.speech.mel import SAMPLE_RATE, log_mel
from wav2lip.training import layout, pool
from wav2lip.training.heads import draw_head
from wav2lip.training.layout import TrainingClip, find_clips, is_written, write_clip
from wav2lip.training.locate import find_boxes
from wav2lip.training.pool import WorkerDied, run_all
from wav2lip.training.preprocess import NO_FACE, NO_SOUND, TOO_SHORT, UNREADABLE, Job, Preprocessing, preprocess_video
from wav2lip.training.splits import is_held_out

SIDE = 32                # pixels of the white square that stands for a face
LOSSLESS = ("-c:v", "ffv1", "-c:a", "copy")
HOW = Preprocessing()


class SquareDetector:
    """Sees each white square on black, and counts its looks."""

    name = "square"
    fingerprint = "square"
    long_side = None

    def __init__(self) -> None:
        self.looks = 0

    def detect(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.looks += len(frames)
        found = []
        for frame in frames:
            white = (frame.min(axis=2) > 128).astype(np.uint8)
            boxes = cv2.connectedComponentsWithStats(white)[2][1:, :4]
            found.append(np.array([[x, y, x + w, y + h, 0.9] for x, y, w, h in boxes], np.float32).reshape(-1, 5))
        return found


class WholeFrameDetector:
    """Takes every frame for a face."""

    name = "whole"
    fingerprint = "whole"
    long_side = None

    def detect(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        height, width = frames[0].shape[:2]
        return [np.array([[0, 0, width, height, 0.9]], np.float32)] * len(frames)


def square_frame(*places: tuple[int, int], size: tuple[int, int] = (160, 120), grey: int = 0) -> np.ndarray:
    frame = np.full((size[1], size[0], 3), grey, np.uint8)
    for x, y in places:
        frame[y : y + SIDE, x : x + SIDE] = 255
    return frame


def boxes_in(frames: Sequence[np.ndarray], detector: SquareDetector, block: int = 100, every: int = 10) -> np.ndarray:
    return find_boxes(iter(frames), detector, every=every, block=block, batch=4)


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def textured(seed: int, width: int = 320, height: int = 240) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (height // 40, width // 40, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def written(folder: Path, numbers: Sequence[int] = range(8)) -> Path:
    box = (100.4, 60.0, 180.2, 160.9)
    frames = {n: textured(n) for n in numbers}
    write_clip(folder, max(numbers) + 3, [pcm16(babble(1.0))], ((n, frame, box) for n, frame in frames.items()))
    return folder


def original_clip(folder: Path, numbers: Sequence[int], *, rate: int = 44_100) -> Path:
    """Make what the original program's preprocess.py leaves behind."""
    folder.mkdir(parents=True)
    for number in numbers:
        cv2.imwrite(str(folder / f"{number}.jpg"), textured(number, 80, 120))
    make_sound(folder / "audio.wav", 1.0, rate, (440, 440))
    return folder


def leftovers(out: Path) -> list[Path]:
    return list(out.rglob(".*"))


# What lies on disk


def test_a_written_clip_reads_back(tmp_path: Path) -> None:
    folder = written(tmp_path / "set" / "clip", [0, 1, 4, 10])
    (clip,) = find_clips(tmp_path)
    assert (clip, clip.name, clip.frames) == (TrainingClip(folder), "clip", 13)
    assert clip.numbers.dtype == np.int32
    assert clip.numbers.tolist() == [0, 1, 4, 10]
    picture, (x1, y1, x2, y2) = clip.face(4)
    left, top = 100.4 - x1, 60.0 - y1
    assert (x2 - x1, y2 - y1) == pytest.approx((79.8, 100.9), abs=1e-3)
    assert x1 > 0.29 * 79.8
    assert picture.shape[0] - y2 > 0.29 * 100.9
    around = textured(4)[round(top) : round(top) + picture.shape[0], round(left) : round(left) + picture.shape[1]]
    assert mean_difference(picture, around) < 3
    with pytest.raises(KeyError):
        clip.face(2)


def test_the_original_trainer_finds_its_pictures_and_sound(tmp_path: Path) -> None:
    folder = written(tmp_path / "set" / "clip", [0, 1, 4])
    assert {path.name for path in folder.glob("*.jpg")} == {"0.jpg", "1.jpg", "4.jpg"}
    face = cv2.imread(str(folder / "4.jpg"))
    assert mean_difference(face, textured(4)[60:160, 100:180]) < 3
    with wave.open(str(folder / "audio.wav")) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, SAMPLE_RATE)
        assert sound.getnframes() == SAMPLE_RATE
    samples = np.concatenate(list(read_samples(folder / "audio.wav")))
    assert np.allclose(TrainingClip(folder).mel, log_mel(samples), atol=1e-5)


def test_a_large_face_is_stored_small_and_its_box_with_it(tmp_path: Path) -> None:
    frame = textured(0, 1280, 720)
    write_clip(tmp_path / "clip", 1, [pcm16(babble(0.1))], [(0, frame, (500, 100, 900, 600))])
    picture, (x1, y1, x2, y2) = TrainingClip(tmp_path / "clip").face(0)
    assert y2 - y1 == pytest.approx(200, abs=1)
    assert x2 - x1 == pytest.approx(160, abs=1)
    inside = cv2.resize(picture[round(y1) : round(y2), round(x1) : round(x2)], (400, 500))
    assert mean_difference(inside, frame[100:600, 500:900]) < 4
    assert cv2.imread(str(tmp_path / "clip" / "0.jpg")).shape == (500, 400, 3)


def test_a_box_beyond_the_frame_ends_at_its_edge(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip", 1, [pcm16(babble(0.1))], [(0, textured(0), (-20, -10, 60, 300))])
    picture, box = TrainingClip(tmp_path / "clip").face(0)
    assert cv2.imread(str(tmp_path / "clip" / "0.jpg")).shape == (240, 60, 3)
    assert box[:2].tolist() == [0, 0]
    assert box[3] == picture.shape[0] == 200


def test_data_preprocessed_by_the_original_program_reads_as_it_is(tmp_path: Path) -> None:
    folder = original_clip(tmp_path / "main" / "00001", [0, 1, 2, 10, 9])
    (clip,) = find_clips(tmp_path)
    assert not is_written(folder)
    assert clip.numbers.tolist() == [0, 1, 2, 9, 10]
    picture, box = clip.face(10)
    assert mean_difference(picture, textured(10, 80, 120)) < 3
    assert box.tolist() == [0, 0, 80, 120]
    assert not (folder / "mel.npy").exists()
    assert clip.mel.shape == (80, 81)
    assert np.array_equal(np.load(folder / "mel.npy"), clip.mel)


def test_the_mel_is_not_computed_again(tmp_path: Path) -> None:
    folder = original_clip(tmp_path / "main" / "00001", range(6))
    kept = np.full((80, 7), 2, np.float32)
    np.save(folder / "mel.npy", kept)
    assert np.array_equal(TrainingClip(folder).mel, kept)


def test_clips_are_found_one_and_two_folders_down(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a"):
        written(tmp_path / name, [0])
    original_clip(tmp_path / "c" / "1", [0])
    assert [clip.folder for clip in find_clips(tmp_path)] == [tmp_path / name for name in ("a", "b/1", "b/2", "c/1")]


def test_a_folder_without_clips_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match=str(folder)):
            find_clips(folder)


def test_an_unfinished_clip_counts_as_missing(tmp_path: Path) -> None:
    folder = written(tmp_path / "set" / "clip")
    written(tmp_path / "set" / "other")
    (folder / "clip.npz").unlink()
    assert not is_written(folder)
    assert [clip.name for clip in find_clips(tmp_path)] == ["other"]


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[int, np.ndarray, Sequence[float]]]:
        yield 0, textured(0), (100, 60, 180, 160)
        raise MediaError("the rest is damaged")

    with pytest.raises(MediaError, match="the rest is damaged"):
        write_clip(tmp_path / "set" / "clip", 9, [pcm16(babble(0.2))], broken())
    assert list((tmp_path / "set").iterdir()) == []


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "thesis.txt").write_text("precious")
    with pytest.raises(Wav2LipError, match="is there already"):
        written(tmp_path / "clip")
    assert [path.name for path in tmp_path.rglob("*")] == ["clip", "thesis.txt"]


@pytest.mark.parametrize("name", ["wide.npy", "clip.npz", "mel.npy"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path / "clip")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=name):
        _ = TrainingClip(folder).mel, TrainingClip(folder).face(0)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    folder = original_clip(tmp_path / "clip", range(6))
    (folder / "3.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(MediaError, match=r"3\.jpg"):
        TrainingClip(folder).face(3)


def test_a_clip_travels_to_other_processes_as_little_more_than_its_path(tmp_path: Path) -> None:
    clip = TrainingClip(written(tmp_path / "clip"))
    before = clip.face(3)[0]
    sent = pickle.dumps(clip)
    assert len(sent) < 500 + len(str(tmp_path))
    assert np.array_equal(pickle.loads(sent).face(3)[0], before)


# Where the face is


def test_between_looks_the_box_moves_in_a_straight_line() -> None:
    detector = SquareDetector()
    boxes = boxes_in([square_frame((20 + n, 40)) for n in range(48)], detector)
    assert np.abs(boxes - [[20 + n, 40, 20 + n + SIDE, 40 + SIDE] for n in range(48)]).max() < 0.01
    assert detector.looks == 11               # 0, 10, ..., 40, 47, and the middles between them


def test_a_faceless_stretch_is_found_to_the_frame() -> None:
    frames = [square_frame() if 23 <= n < 37 else square_frame((40, 40)) for n in range(75)]
    boxes = boxes_in(frames, SquareDetector())
    assert np.flatnonzero(np.isnan(boxes[:, 0])).tolist() == list(range(23, 37))


def test_boxes_do_not_glide_across_a_cut() -> None:
    frames = [square_frame((10, 40)) if n < 24 else square_frame((40, 60), grey=100) for n in range(50)]
    boxes = boxes_in(frames, SquareDetector())
    assert boxes[[0, 23, 24, 49], 0].round().tolist() == [10, 10, 40, 40]
    assert set(boxes[:, 0].round()) == {10, 40}


def test_a_jump_within_a_shot_is_followed_to_the_frame() -> None:
    frames = [square_frame((10, 40) if n < 24 else (90, 60)) for n in range(50)]
    boxes = boxes_in(frames, SquareDetector())
    assert set(boxes[:, 0].round()) <= {10, 90}
    assert (boxes[24:, 0] > 89).all()


@pytest.mark.parametrize("count", [3, 6, 9, 11, 12])
def test_a_short_clip_is_looked_at_often_enough(count: int) -> None:
    boxes = boxes_in([square_frame((40, 40))] * count, SquareDetector())
    assert not np.isnan(boxes).any()


def test_the_block_in_memory_does_not_change_the_boxes() -> None:
    frames = [square_frame() if 20 <= n < 33 or n == 60 else square_frame((10 + n, 40)) for n in range(75)]
    whole = boxes_in(frames, SquareDetector())
    assert np.allclose(boxes_in(frames, SquareDetector(), block=10), whole, atol=0.01, equal_nan=True)
    assert np.allclose(boxes_in(frames, SquareDetector(), block=20), whole, atol=0.01, equal_nan=True)


# In step with the sound


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(50), Fraction(24), Fraction(1350, 61), Fraction(25, 2)])
def test_any_rate_becomes_25_by_time(tmp_path: Path, fps: Fraction) -> None:
    count = min(72, round(2 * fps))
    video = numbered_video(
        tmp_path / "v.mkv", count, fps, LOSSLESS, sound=make_sound(tmp_path / "s.wav", 3.0)
    )
    report = preprocess_video(Job(video, tmp_path / "set" / "v"), WholeFrameDetector(), HOW)
    clip = TrainingClip(tmp_path / "set" / "v")
    assert report.frames == len(clip.numbers) == pytest.approx(count / fps * 25, abs=1)
    shown = [number_of(clip.face(int(n))[0]) / fps for n in clip.numbers]
    assert max(abs(float(time) - n / 25) for n, time in enumerate(shown)) <= 0.5 / fps + 0.001


def test_a_variable_rate_becomes_25_by_time(tmp_path: Path) -> None:
    numbers = [n for n in range(60) if not 20 < n < 35]
    silent = variable_rate_video(tmp_path / "silent.mkv", numbers, 30, ["-c:v", "ffv1"])
    sound = make_sound(tmp_path / "s.wav", 3.0)
    video = tmp_path / "v.mkv"
    run_ffmpeg("-i", silent, "-i", sound, "-map", "0:v", "-map", "1:a", "-c", "copy", video)
    preprocess_video(Job(video, tmp_path / "set" / "v"), WholeFrameDetector(), HOW)
    clip = TrainingClip(tmp_path / "set" / "v")
    shown = [number_of(clip.face(n)[0]) for n in (0, 10, 17, 24, 28, 30, 45)]
    assert shown == [0, 12, 20, 20, 20, 36, 54]


@pytest.mark.parametrize("late", [-0.5, 0.0, 0.36])
def test_the_sound_starts_with_the_first_frame(tmp_path: Path, late: float) -> None:
    """A tone begins at 1 s of the sound file; the picture begins earlier or later than the sound."""
    tone = np.concatenate([np.zeros(SAMPLE_RATE), 0.5 * np.sin(np.arange(2 * SAMPLE_RATE))]).astype("<f4")
    sound = tmp_path / "s.wav"
    run_ffmpeg("-f", "f32le", "-ar", SAMPLE_RATE, "-ac", 1, "-i", "pipe:0", sound, given=tone.tobytes())
    silent = numbered_video(tmp_path / "silent.mov", 60, 25, ["-c:v", "libx264", "-qp", 4])
    video = tmp_path / "v.mov"
    run_ffmpeg(
        "-itsoffset", max(0.0, late), "-i", silent, "-itsoffset", max(0.0, -late), "-i", sound,
        "-map", "0:v", "-map", "1:a", "-c", "copy", video,
    )
    report = preprocess_video(Job(video, tmp_path / "set" / "v"), WholeFrameDetector(), HOW)
    assert report.frames == 60
    clip = TrainingClip(tmp_path / "set" / "v")
    assert [number_of(clip.face(n)[0]) for n in (0, 30, 59)] == [0, 30, 59]
    samples = np.concatenate(list(read_samples(clip.folder / "audio.wav")))
    assert np.flatnonzero(np.abs(samples) > 0.05)[0] == pytest.approx((1 - late) * SAMPLE_RATE, abs=20)


def test_frames_without_a_face_are_left_out_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    frames = [square_frame() if 23 <= n < 37 else square_frame((40 + n, 40)) for n in range(60)]
    video = make_video(tmp_path / "v.mkv", frames, 25, LOSSLESS, make_sound(tmp_path / "s.wav", 2.4))
    report = preprocess_video(Job(video, tmp_path / "set" / "v"), SquareDetector(), HOW)
    assert (report.name, report.frames, report.faceless, report.dropped) == ("set/v", 60, 14, None)
    clip = TrainingClip(tmp_path / "set" / "v")
    assert clip.numbers.tolist() == [*range(23), *range(37, 60)]
    for number in (0, 22, 37, 59):
        face = cv2.imread(str(clip.folder / f"{number}.jpg"))
        assert face.shape == (SIDE, SIDE, 3)
        assert face.mean() > 240


def test_a_long_clip_is_read_twice_instead_of_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [square_frame() if 23 <= n < 37 else square_frame((40 + n, 40)) for n in range(60)]
    video = make_video(tmp_path / "v.mkv", frames, 25, LOSSLESS, make_sound(tmp_path / "s.wav", 2.4))
    held = Job(video, tmp_path / "held" / "v")
    streamed = Job(video, tmp_path / "streamed" / "v")
    preprocess_video(held, SquareDetector(), HOW)
    monkeypatch.setattr("wav2lip.training.preprocess.HELD_BYTES", 21 * frames[0].nbytes)
    preprocess_video(streamed, SquareDetector(), HOW)
    for path in held.folder.iterdir():
        assert (streamed.folder / path.name).read_bytes() == path.read_bytes(), path.name


def test_what_follows_the_end_of_the_sound_is_cut(tmp_path: Path) -> None:
    video = make_video(
        tmp_path / "v.mkv", [square_frame((40, 40))] * 60, 25, LOSSLESS, make_sound(tmp_path / "s.wav", 1.0)
    )
    assert preprocess_video(Job(video, tmp_path / "set" / "v"), SquareDetector(), HOW).frames == 25


def test_a_clip_with_too_few_frames_is_dropped(tmp_path: Path) -> None:
    sound = make_sound(tmp_path / "s.wav", 1.0)
    short = make_video(tmp_path / "a.mkv", [square_frame((40, 40))] * 5, 25, LOSSLESS, sound)
    seldom = make_video(
        tmp_path / "b.mkv", [square_frame((40, 40))] * 5 + [square_frame()] * 20, 25, LOSSLESS, sound
    )
    blip = make_sound(tmp_path / "blip.wav", 0.1)
    unheard = make_video(tmp_path / "c.mkv", [square_frame((40, 40))] * 25, 25, LOSSLESS, blip)
    reports = [
        preprocess_video(Job(path, tmp_path / "set" / path.stem), SquareDetector(), HOW)
        for path in (short, seldom, unheard)
    ]
    assert [report.dropped for report in reports] == [TOO_SHORT, "fewer than 6 frames with a face", TOO_SHORT]
    assert [(report.frames, report.faceless) for report in reports] == [(5, 0), (25, 20), (0, 0)]
    assert not (tmp_path / "set").exists()


# The command


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people who are heard, and four files of no use."""
    root = tmp_path_factory.mktemp("media")
    folder = root / "videos"
    (folder / "more").mkdir(parents=True)
    sound = make_sound(root / "s.wav", 1.0)
    lossless: list[object] = ["-c:v", "libx264", "-qp", 10, "-c:a", "aac"]
    heads = [[draw_head(identity, 0.3 * (n % 2), 0.0, 1.0, 160) for n in range(2)] * 10 for identity in (0, 1)]
    make_video(folder / "one.take.mp4", heads[0], 25, lossless, sound)
    make_video(folder / "more" / "two.MP4", heads[1], 25, lossless, sound)
    make_video(folder / "nobody.mp4", [square_frame()] * 20, 25, lossless, sound)
    make_video(folder / "silent.mp4", heads[0], 25, ["-c:v", "libx264"])
    (folder / "damaged.mp4").write_bytes((folder / "one.take.mp4").read_bytes()[:3000])
    (folder / "notes.txt").write_text("not a video")
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(preprocess, ["--detector", "cascade", "--device", "cpu", *map(str, words)])


def test_a_folder_of_videos_becomes_a_data_set(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(videos, out, "--workers", 2)
    assert result.exit_code == 0, result.output
    assert [clip.folder for clip in find_clips(out)] == [out / "more" / "two", out / "videos" / "one.take"]
    lines = [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]
    assert {line["name"]: line["dropped"] for line in lines} == {
        "more/two": None, "videos/damaged": UNREADABLE, "videos/nobody": NO_FACE, "videos/one.take": None,
        "videos/silent": NO_SOUND,
    }
    assert lines[0] == {
        "name": "more/two", "frames": 20, "frames_without_face": 0, "seconds": 0.8, "dropped": None, "detail": None
    }
    assert str(videos / "damaged.mp4") in lines[1]["detail"]
    assert "2 of 5 clips are usable" in result.output
    assert "1 no sound" in result.output
    assert not leftovers(out)


def test_a_second_run_keeps_what_is_there(videos: Path, tmp_path: Path) -> None:
    command = ("--data_root", videos, "--preprocessed_root", tmp_path, "--workers", 1, "--json", "--quiet")
    first = json.loads(run(*command).stdout)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.name != "report.jsonl"}
    report = (tmp_path / "report.jsonl").read_bytes()
    second = json.loads(run(*command).stdout)
    assert (first.pop("already"), second.pop("already")) == (0, 2)
    assert first == second
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "report.jsonl").read_bytes() == report


def test_what_a_killed_run_left_is_removed_but_not_what_another_works_on(videos: Path, tmp_path: Path) -> None:
    old, new = (tmp_path / "more" / f".wav2lip-{name}.part" for name in ("old", "new"))
    for part in (old, new):
        part.mkdir(parents=True)
        (part / "0.jpg").touch()
    os.utime(old, (0, time.time() - 7200))
    run(videos / "more", tmp_path, "--workers", 1)
    assert leftovers(tmp_path) == [new]


def test_the_report_keeps_the_lines_of_other_videos(videos: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("report.jsonl").write_text('{"name": "elsewhere/clip", "dropped": "no face"}\n')
    run(videos / "more", tmp_path, "--workers", 1)
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["elsewhere/clip", "more/two"]


def test_exit_codes_tell_what_was_wrong_with_all_videos(videos: Path, tmp_path: Path) -> None:
    for name, code in (("nobody", 5), ("silent", 3), ("damaged", 3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "v.mp4").symlink_to(videos / f"{name}.mp4")
        result = run(tmp_path / name, tmp_path / "out")
        assert result.exit_code == code
        assert "Error: " in result.stderr
        assert "Traceback" not in result.output


def test_two_videos_of_one_name_are_refused_by_name(videos: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv"):
        (tmp_path / name).symlink_to(videos / "silent.mp4")
    result = run(tmp_path, tmp_path / "out")
    assert result.exit_code == 2
    assert "a.mp4" in result.stderr
    assert "a.mkv" in result.stderr


def test_a_folder_without_videos_is_wrong_usage(tmp_path: Path) -> None:
    for words in ([tmp_path, tmp_path / "out"], [tmp_path / "missing", tmp_path / "out"], [tmp_path]):
        assert run(*words).exit_code == 2
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_leaves_whole_clips_only(videos: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "videos", tmp_path / "out"
    folder.mkdir()
    for number in range(3):
        run_ffmpeg("-stream_loop", 20, "-i", videos / "one.take.mp4", "-c", "copy", folder / f"{number}.mp4")
    code = "from wav2lip.cli.preprocess import preprocess\nif __name__ == '__main__': preprocess()\n"
    (tmp_path / "main.py").write_text(code)
    words = [folder, out, "--detector", "cascade", "--device", "cpu", "--workers", 2]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    process = subprocess.Popen(
        [sys.executable, tmp_path / "main.py", *map(str, words)], stderr=subprocess.PIPE, text=True, env=environment,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not leftovers(out) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert leftovers(out), "nothing was begun"
    os.killpg(process.pid, signal.SIGINT)    # as a terminal does, to all its processes
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not leftovers(out)
    assert all(is_written(clip) for clip in out.glob("*/*"))


# Processes


def _square_or_die(number: int) -> int:
    if number == 3:
        os._exit(7)
    return number * number


def _make_square() -> object:
    return _square_or_die


def test_a_process_that_dies_takes_only_its_own_item_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "Connection", type("Connection", (), {}))    # Windows has a pipe of another class
    results = dict(run_all(range(6), partial(_make_square), 2))
    assert isinstance(results[3], WorkerDied)
    assert "exit code 7" in str(results[3])
    assert {n: result for n, result in results.items() if n != 3} == {n: n * n for n in (0, 1, 2, 4, 5)}


def test_names_that_are_no_unicode_and_links_have_clips_of_their_own(tmp_path: Path) -> None:
    raw, folder, out = tmp_path / "raw", tmp_path / "videos", tmp_path / "out"
    raw.mkdir()
    folder.mkdir()
    (folder / "speaker1").symlink_to(raw)
    for name in (b"caf\xe9", b"cafe"):
        (raw / os.fsdecode(name + b".mp4")).write_bytes(b"no video")
        assert CliRunner().invoke(preprocess, [str(folder), str(out), "--detector", "cascade"]).exit_code == 3
    written = (out / "report.jsonl").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    assert [json.loads(line)["name"] for line in written] == ["speaker1/cafe", os.fsdecode(b"speaker1/caf\xe9")]
    assert not is_held_out(os.fsdecode(b"caf\xe9"))


def test_a_clip_that_disappears_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match=r"gone cannot be read: No such file"):
        _ = TrainingClip(tmp_path / "gone").numbers

    def away(folder: Path) -> bool:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(layout, "is_written", away)
    with pytest.raises(MediaError, match=r"away cannot be read: Transport endpoint is not connected\."):
        _ = TrainingClip(tmp_path / "away").numbers
