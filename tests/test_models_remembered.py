"""What took long to find is remembered, whole or not at all, and never mistaken for something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wav2lip.models import remembered
from wav2lip.models.remembered import content_digest, entry_of, recall, remember

ROWS = np.random.default_rng(3).normal(size=(50, 5))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read for their digest, in order."""
    files: list[Path] = []
    sha256_of = remembered.sha256_of

    def reading(path: Path) -> str:
        files.append(path)
        return sha256_of(path)

    monkeypatch.setattr(remembered, "sha256_of", reading)
    return files


def test_what_is_remembered_comes_back_by_its_names() -> None:
    entry = entry_of("rows", 1)
    assert recall(entry, "rows") is None
    remember(entry, rows=ROWS, shots=np.arange(3))
    shots, rows = recall(entry, "shots", "rows") or []
    np.testing.assert_array_equal(rows, ROWS)
    assert shots.tolist() == [0, 1, 2]
    assert [path.name for path in entry.parent.iterdir()] == [entry.name]


def test_every_part_of_the_key_counts_and_so_does_where_it_ends() -> None:
    keys = [("a", 1, b"2"), ("a", 1, b"3"), ("a", 2, b"2"), ("a", "12", b""), ("a1", "2", b""), ("a", 1)]
    assert len({entry_of(*key) for key in keys}) == len(keys)
    assert entry_of("a", 1, b"2") == entry_of("a", 1, b"2")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"garbage",
        lambda data: data[: len(data) // 2],
        lambda data: data[:100] + bytes(8) + data[108:],
        lambda data: data[:1000] + b"\xff" + data[1001:],
        lambda data: data.replace(b"rows", b"r0ws"),
    ],
)
def test_a_damaged_entry_is_as_good_as_none(damage: Callable[[bytes], bytes]) -> None:
    entry = entry_of("rows")
    remember(entry, rows=ROWS)
    entry.write_bytes(damage(entry.read_bytes()))
    assert recall(entry, "rows") is None


def test_a_file_is_read_once_for_its_digest_until_it_changes(tmp_path: Path, read: list[Path]) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"pictures")
    before = content_digest(path)
    assert content_digest(path) == before
    assert read == [path]
    path.write_bytes(b"pictures and more")
    assert content_digest(path) != before
    assert read == [path, path]


def test_files_of_the_same_content_have_the_same_digest(tmp_path: Path) -> None:
    for name in ("one.mp4", "other.mov"):
        (tmp_path / name).write_bytes(b"pictures")
    assert content_digest(tmp_path / "one.mp4") == content_digest(tmp_path / "other.mov")
