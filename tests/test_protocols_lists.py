"""The original's file lists, in both of their orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from wav2lip.errors import MediaError, UsageError
from wav2lip.protocols.lists import Pair, read_pairs
from wav2lip.protocols.protocol import PROTOCOLS

LRS2, RANDOM, DUBBED = (PROTOCOLS[name] for name in ("lrs2", "resynced-random", "resynced-dubbed"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a/1.mp4", "b/2.mp4", "ABOUT_00001.mp4", "BELOW_00002.mp4", "one.v1.avi", "two.wav"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "data"


@pytest.fixture
def filelist(tmp_path: Path) -> Path:
    return tmp_path / "list.txt"


@pytest.mark.parametrize("name", ["lrs2", "lrs3"])
def test_a_line_of_lrs_names_the_sound_first_and_no_endings(root: Path, filelist: Path, name: str) -> None:
    filelist.write_text("a/1 b/2\nb/2 a/1\n")
    one, two = root / "a/1.mp4", root / "b/2.mp4"
    assert read_pairs(PROTOCOLS[name], root, filelist) == [Pair(0, face=two, audio=one), Pair(1, face=one, audio=two)]


def test_the_flat_names_of_lrw_are_looked_for_in_the_folder_itself(root: Path, filelist: Path) -> None:
    filelist.write_text("ABOUT_00001 BELOW_00002\n")
    (pair,) = read_pairs(PROTOCOLS["lrw"], root, filelist)
    assert (pair.audio, pair.face) == (root / "ABOUT_00001.mp4", root / "BELOW_00002.mp4")


@pytest.mark.parametrize("name", ["resynced-random", "resynced-tts"])
def test_a_line_of_resynced_names_the_video_first_with_its_ending(root: Path, filelist: Path, name: str) -> None:
    filelist.write_text("one.v1.avi two.wav\n")
    assert read_pairs(PROTOCOLS[name], root, filelist) == [Pair(0, root / "one.v1.avi", root / "two.wav")]


def test_dubbed_videos_are_paired_with_themselves_in_the_order_of_their_names(root: Path) -> None:
    (root / ".hidden").touch()
    pairs = read_pairs(DUBBED, root)
    names = ["ABOUT_00001.mp4", "BELOW_00002.mp4", "one.v1.avi", "two.wav"]
    assert pairs == [Pair(number, root / name, root / name) for number, name in enumerate(names)]


def test_blank_lines_are_passed_over_but_counted(root: Path, filelist: Path) -> None:
    filelist.write_bytes("\ufeffa/1 b/2\r\n\r\n  \r\n  b/2\ta/1  ".encode())
    assert [pair.number for pair in read_pairs(LRS2, root, filelist)] == [0, 3]


def test_a_malformed_line_is_named(root: Path, filelist: Path) -> None:
    filelist.write_text("a/1 b/2\nmy clip b/2\n")
    with pytest.raises(UsageError, match=r"list.txt, line 2 does not hold two words \(AUDIO VIDEO\).*spaces"):
        read_pairs(LRS2, root, filelist)
    filelist.write_text("one.v1.avi\n")
    with pytest.raises(UsageError, match=r"line 1 does not hold two words \(VIDEO AUDIO\)"):
        read_pairs(RANDOM, root, filelist)


def test_a_missing_file_is_named_with_its_line(root: Path, filelist: Path) -> None:
    filelist.write_text("\na/1 b/3\n")
    with pytest.raises(MediaError, match=r"list.txt, line 2: there is no file .*b/3.mp4"):
        read_pairs(LRS2, root, filelist)


def test_what_is_no_list_is_refused(root: Path, filelist: Path) -> None:
    for content, words in ((b"\n \n", "no pairs"), (b"\xff\xfe\x00 a", "not a text file")):
        filelist.write_bytes(content)
        with pytest.raises(UsageError, match=words):
            read_pairs(LRS2, root, filelist)
    with pytest.raises(UsageError, match="There is no list"):
        read_pairs(LRS2, root, filelist.with_name("other.txt"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_pairs(LRS2, root, root)


def test_a_list_is_given_where_it_is_needed_and_only_there(root: Path, filelist: Path) -> None:
    filelist.write_text("a/1 b/2\n")
    with pytest.raises(UsageError, match="needs its file list"):
        read_pairs(LRS2, root)
    with pytest.raises(UsageError, match="leave the list"):
        read_pairs(DUBBED, root, filelist)
    with pytest.raises(UsageError, match="not a folder"):
        read_pairs(LRS2, root / "two.wav", filelist)
    (root.parent / "empty").mkdir()
    with pytest.raises(UsageError, match="no file in"):
        read_pairs(DUBBED, root.parent / "empty")
