"""Faces are looked for once per video and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from wav2lip.faces.appearance import SIZE
from wav2lip.faces.cache import cached_detections
from wav2lip.faces.detections import Detections
from wav2lip.faces.memo import Memo
from wav2lip.models.store import cache_dir


def described(faces: Sequence[np.ndarray | None], shots: np.ndarray) -> Detections:
    """Return detections whose faces look like their x1, all over."""
    looks = (None if some is None else np.repeat(some[:, :1], SIZE, axis=1).astype(np.float16) for some in faces)
    return Detections(tuple(faces), shots, tuple(looks))


class Looking:
    """Computes detections, and counts how often."""

    def __init__(self, frames: int = 4):
        self.times = 0
        faces = tuple(np.full((at % 3, 5), at, np.float32) for at in range(frames))
        self.detections = described(faces, np.arange(frames, dtype=np.int32) // 2)

    def __call__(self, memo: Memo) -> Detections:
        self.times += 1
        return self.detections


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"pictures" * 1000)
    return path


def entries() -> list[Path]:
    return sorted((cache_dir() / "faces").iterdir())


def assert_same(one: Detections, other: Detections) -> None:
    assert len(one) == len(other)
    np.testing.assert_array_equal(one.shots, other.shots)
    assert one.looks is not None
    assert other.looks is not None
    for values, others in ((one.faces, other.faces), (one.looks, other.looks)):
        for value, like in zip(values, others, strict=True):
            np.testing.assert_array_equal(value, like)


def test_the_second_time_nothing_is_computed(video: Path) -> None:
    look = Looking()
    cached_detections(video, "s3fd", 4, look)
    assert_same(cached_detections(video, "s3fd", 4, look), look.detections)
    assert look.times == 1


def test_a_copy_under_another_name_is_the_same_video(video: Path) -> None:
    look = Looking()
    cached_detections(video, "s3fd", 4, look)
    cached_detections(video.rename(video.with_name("other.mov")), "s3fd", 4, look)
    assert look.times == 1


def test_other_settings_or_other_content_are_looked_at_anew(video: Path) -> None:
    look = Looking()
    cached_detections(video, "s3fd", 4, look)
    cached_detections(video, "cascade", 4, look)
    video.write_bytes(video.read_bytes() + b".")
    cached_detections(video, "s3fd", 4, look)
    assert look.times == 3


def test_the_first_frames_of_a_longer_look_serve_a_shorter_one(video: Path) -> None:
    look = Looking()
    cached_detections(video, "s3fd", 4, look)
    assert_same(cached_detections(video, "s3fd", 2, look), look.detections.first(2))
    assert look.times == 1


def test_a_shorter_look_is_replaced_when_more_frames_are_wanted(video: Path) -> None:
    short, long = Looking(2), Looking(4)
    cached_detections(video, "s3fd", 2, short)
    assert_same(cached_detections(video, "s3fd", 4, long), long.detections)
    assert_same(cached_detections(video, "s3fd", 4, long), long.detections)
    assert long.times == 1


def test_a_video_that_ends_early_is_not_looked_at_again_and_again(video: Path) -> None:
    look = Looking(3)
    cached_detections(video, "s3fd", 10, look)
    assert len(cached_detections(video, "s3fd", 10, look)) == 3
    assert look.times == 1


def test_landmarks_are_remembered_among_frames_without_a_face(video: Path) -> None:
    look = Looking()
    rows = np.arange(45, dtype=np.float32).reshape(3, 15)
    faces = (np.zeros((0, 5), np.float32), rows[:2], np.zeros((0, 15), np.float32), rows[2:])
    look.detections = described(faces, np.zeros(4, np.int32))
    cached_detections(video, "yunet", 4, look)
    found = cached_detections(video, "yunet", 4, look)
    assert look.times == 1
    assert found.columns == 15
    assert [len(faces) for faces in found.faces] == [0, 2, 0, 1]
    np.testing.assert_array_equal(np.concatenate([found.faces[1], found.faces[3]]), rows)


def test_a_video_without_frames_or_faces_is_remembered_too(video: Path) -> None:
    look = Looking(0)
    cached_detections(video, "s3fd", 4, look)
    assert len(cached_detections(video, "s3fd", 4, look)) == 0
    assert look.times == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"garbage",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"counts", b"c0unts"),
    ],
)
def test_a_damaged_entry_is_ignored_and_replaced(video: Path, damage: Callable[[bytes], bytes]) -> None:
    look = Looking()
    cached_detections(video, "s3fd", 4, look)
    (entry,) = entries()
    entry.write_bytes(damage(entry.read_bytes()))
    assert_same(cached_detections(video, "s3fd", 4, look), look.detections)
    assert_same(cached_detections(video, "s3fd", 4, look), look.detections)
    assert look.times == 2
    assert entries() == [entry]


def test_an_entry_whose_parts_do_not_fit_together_is_ignored(video: Path) -> None:
    look = Looking()
    cached_detections(video, "s3fd", 4, look)
    (entry,) = entries()
    np.savez(entry, counts=[1, 2], rows=np.zeros((2, 5)), shots=[0, 0], asked=4)
    assert_same(cached_detections(video, "s3fd", 4, look), look.detections)


def test_a_pickle_in_the_cache_is_not_opened(video: Path) -> None:
    look = Looking()
    cached_detections(video, "s3fd", 4, look)
    (entry,) = entries()
    np.savez(entry, counts=np.array([object()], dtype=object), rows=[], shots=[], asked=4)
    cached_detections(video, "s3fd", 4, look)
    assert look.times == 2


def test_a_cache_that_cannot_be_written_is_no_error(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way of the folder")
    monkeypatch.setenv("WAV2LIP_CACHE", str(tmp_path / "file"))
    look = Looking()
    assert_same(cached_detections(video, "s3fd", 4, look), look.detections)


def test_nothing_unfinished_is_left_when_writing_fails(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **names: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    cached_detections(video, "s3fd", 4, Looking())
    assert entries() == []
