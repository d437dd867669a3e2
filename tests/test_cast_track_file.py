"""Files of tracks: written line by line, read back equal, and refused by person and frame."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wav2lip.cast.track_file import PersonTrack, TrackFile, check_tracks, read_tracks, write_tracks
from wav2lip.errors import MediaError, UsageError, Wav2LipError

NAN = np.nan
SIZE = (640, 360)
RATE = F(30_000, 1001)


def track(label: str, frames: int, seed: int = 0, landmarks: bool = False) -> PersonTrack:
    """Return a face that comes and goes, in numbers with many digits."""
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 200, (frames, 2))
    boxes = np.concatenate([corner, corner + random.uniform(20, 100, (frames, 2))], axis=1)
    marks = (corner + 10)[:, None] + random.uniform(-5, 5, (frames, 5, 2))
    boxes[1::4], marks[1::4], marks[2::4] = NAN, NAN, NAN
    return PersonTrack(label, boxes, marks if landmarks else None)


def write(path: Path, *tracks: PersonTrack, frames: int) -> None:
    write_tracks(path, tracks, video="in.mp4", fps=RATE, frames=frames, size=SIZE, shots=[0, 3])


def test_what_is_written_is_read_to_a_tenth_of_a_pixel(tmp_path: Path) -> None:
    people = [track("A", 20, 1, landmarks=True), track("AA", 20, 2)]
    write(tmp_path / "t.json", *people, frames=20)
    file = read_tracks(tmp_path / "t.json")
    assert (file.fps, file.size, file.shots, file.frames) == (RATE, SIZE, (0, 3), 20)
    for wrote, got in zip(people, file.people, strict=True):
        assert got.label == wrote.label
        np.testing.assert_allclose(got.boxes, wrote.boxes, rtol=0, atol=0.0501)
    assert file.people[0].landmarks is not None
    np.testing.assert_allclose(file.people[0].landmarks, people[0].landmarks, rtol=0, atol=0.0501)
    assert file.people[1].landmarks is None
    assert check_tracks(file, 20, SIZE, RATE) == []


def test_a_file_that_is_read_and_written_again_is_the_same(tmp_path: Path) -> None:
    write(tmp_path / "t.json", track("A", 9, landmarks=True), track("B", 9, 5), frames=9)
    write(tmp_path / "u.json", *read_tracks(tmp_path / "t.json").people, frames=9)
    assert (tmp_path / "t.json").read_bytes() == (tmp_path / "u.json").read_bytes()


def test_every_box_has_a_line_of_its_own(tmp_path: Path) -> None:
    boxes = np.array([[1.04, 2, 30.06, 40], [NAN, NAN, NAN, NAN], [1, 2, 1.5, 90]])
    write(tmp_path / "t.json", PersonTrack("A", boxes), frames=3)
    assert (tmp_path / "t.json").read_text() == (
        '{\n "format": "wav2lip-tracks",\n "version": 1,\n "video": "in.mp4",\n "fps": "30000/1001",\n "frames": 3,\n'
        ' "size": [640, 360],\n "shots": [0, 3],\n "people": [\n  {\n   "label": "A",\n   "boxes": [\n'
        "    [1.0, 2.0, 30.1, 40.0],\n    null,\n    null]\n  }\n ]\n}\n"
    )


def test_one_person_is_written_before_the_next_is_asked_for(tmp_path: Path) -> None:
    def people() -> Iterator[PersonTrack]:
        yield track("A", 5000)
        (part,) = tmp_path.iterdir()
        assert part.name != "t.json"
        assert part.stat().st_size > 4000 * 30
        yield track("B", 5000)

    write_tracks(tmp_path / "t.json", people(), video="v", fps=F(25), frames=5000, size=SIZE, shots=[0])
    assert [file.name for file in tmp_path.iterdir()] == ["t.json"]


def test_tracks_that_fail_halfway_leave_no_file(tmp_path: Path) -> None:
    def people() -> Iterator[PersonTrack]:
        yield track("A", 50)
        raise MediaError("The video broke off.")

    with pytest.raises(MediaError):
        write_tracks(tmp_path / "t.json", people(), video="v", fps=F(25), frames=50, size=SIZE, shots=[0])
    assert not list(tmp_path.iterdir())


def test_tracks_that_cannot_be_written_are_an_error_of_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Wav2LipError, match="cannot be written"):
        write(tmp_path / "file" / "t.json", track("A", 3), frames=3)


def read(folder: Path, content: Any) -> TrackFile:
    (folder / "track.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return read_tracks(folder / "track.json")


BOX = [1, 2.5, 30, 40]


@pytest.mark.parametrize("name", [None, "boxes", "bounding_boxes"])
def test_boxes_alone_are_those_of_person_a(tmp_path: Path, name: str | None) -> None:
    boxes = [BOX, None, BOX]
    file = read(tmp_path, boxes if name is None else {name: boxes, "note": "by hand"})
    assert (file.fps, file.size, file.shots, file.frames) == (None, None, None, 3)
    (person,) = file.people
    assert person.label == "A"
    np.testing.assert_array_equal(person.boxes, [BOX, [NAN] * 4, BOX])


def test_a_person_alone_may_have_a_label(tmp_path: Path) -> None:
    assert [person.label for person in read(tmp_path, {"label": "b", "boxes": [BOX]}).people] == ["B"]


def test_what_a_hand_has_written_may_leave_most_out(tmp_path: Path) -> None:
    file = read(tmp_path, {"fps": 29.97, "people": [{"label": " b ", "boxes": [None, BOX], "landmarks": None}]})
    assert (file.people[0].label, file.fps, file.size, file.shots) == ("B", F(2997, 100), None, None)
    assert check_tracks(file, 2, SIZE, RATE) == []


def test_landmarks_are_not_believed_where_the_box_has_moved_away_or_gone(tmp_path: Path) -> None:
    marks = [[10, 10], [20, 10], [15, 20], [10, 30], [20, 30]]
    boxes = [BOX, [300, 200, 340, 240], None]
    person = read(tmp_path, {"people": [{"label": "A", "boxes": boxes, "landmarks": [marks] * 3}]}).people[0]
    assert person.landmarks is not None
    np.testing.assert_array_equal(person.landmarks[0], marks)
    assert np.isnan(person.landmarks[1:]).all()


def test_tracks_shorter_than_the_video_say_so_and_can_be_filled_up(tmp_path: Path) -> None:
    file = read(tmp_path, [BOX, BOX])
    assert check_tracks(file, 5, SIZE, RATE) == [
        f"{tmp_path / 'track.json'} has boxes for 2 of 5 frames; nobody is synced in the rest."
    ]
    long = track("A", 4, landmarks=True).lasting(6)
    assert long.landmarks is not None
    assert np.isnan(long.boxes[4:]).all()
    assert np.isnan(long.landmarks[4:]).all()
    np.testing.assert_array_equal(long.boxes[:4], track("A", 4).boxes)


@pytest.mark.parametrize(
    ("frames", "size", "rate", "words"),
    [
        (1, SIZE, RATE, "it has boxes for 2 frames, but the video has only 1"),
        (2, (360, 640), RATE, "its video is 640x360, this one is 360x640"),
        (2, SIZE, F(30), "its video has 30000/1001 frames a second, this one 30"),
    ],
    ids=["frames", "size", "rate"],
)
def test_tracks_of_another_video_are_refused(
    tmp_path: Path, frames: int, size: tuple[int, int], rate: F, words: str
) -> None:
    content = {"size": SIZE, "fps": "30000/1001", "people": [{"label": "A", "boxes": [BOX, BOX]}]}
    with pytest.raises(UsageError, match=rf"track\.json: {words}.*`wav2lip faces -o` writes those"):
        check_tracks(read(tmp_path, content), frames, size, rate)


def test_a_box_outside_of_the_picture_is_named(tmp_path: Path) -> None:
    for box in ([640, 0, 700, 50], [0, 360, 50, 400], [-50, 0, 0, 50]):
        with pytest.raises(UsageError, match=r"track.json: person A, frame 1: the box lies outside .* 640x360"):
            check_tracks(read(tmp_path, [None, box]), 2, SIZE, RATE)
    assert check_tracks(read(tmp_path, [[-50, -50, 1, 1], [639, 359, 900, 900]]), 2, SIZE, RATE) == []


def person(**changes: Any) -> dict[str, Any]:
    return {"label": "B", "boxes": [BOX, BOX]} | changes


def people(*listed: Any, **header: Any) -> dict[str, Any]:
    return {"people": list(listed), **header}


POINTS = [[3, 4]] * 5
HALF = "x2 has to be greater than x1"

WRONG: dict[str, tuple[Any, str]] = {
    "nothing": ("", "line 1: this is not JSON"),
    "no_json": ("[[1, 2, 3, 4],\n[1 2]]", "line 2: this is not JSON"),
    "nested": ("[" * 100_000, "is nested too deeply"),
    "text": ('"boxes"', "this is no file of tracks, which is a list of boxes"),
    "other_object": ({"faces": []}, "this is no file of tracks"),
    "null_boxes": ({"boxes": None}, "this is no file of tracks"),
    "empty": ([], "person A: there are no boxes"),
    "nan": ("[null, [1, 2, NaN, 4]]", r"person A, frame 1: \[1.0, 2.0, nan, 4.0\] is neither null nor \[x1, y1, x2, "),
    "infinity": ("[[1, 2, Infinity, 4]]", "person A, frame 0: .*inf"),
    "huge": ("[[1, 2, 1e999999999, 4]]", "person A, frame 0: .*inf"),
    "digits": ("[[1, 2, " + "9" * 5000 + ", 4]]", "person A, frame 0: .*inf"),
    "far": ([[1, 2, 100_001, 4]], "person A, frame 0: .*at most 100000"),
    "three": ([BOX, [1, 2, 3]], "person A, frame 1: .* is neither null nor"),
    "string": ([["1", 2, 3, 4]], "person A, frame 0: "),
    "bool": ([[True, 2, 3, 4]], "person A, frame 0: "),
    "object": ([{"x1": 1}], "person A, frame 0: "),
    "faces_a_frame": ([[BOX, BOX]], "person A, frame 0: "),
    "turned": ([None, [30, 2, 1, 40]], rf"person A, frame 1: \[30.0, 2.0, 1.0, 40.0\] .*; {HALF}"),
    "flat": ([[1, 2, 30, 2]], f"person A, frame 0: .*; {HALF}"),
    "shares": ([[0.1, 0.2, 0.5, 0.6]], "person A, frame 0: .* boxes are in pixels, not in shares"),
    "format": (people(person(), format="tracks"), "it is 'tracks', version 1"),
    "version": (people(person(), version=2), "it is 'wav2lip-tracks', version 2.0; this program reads .*version 1"),
    "nobody": (people(), '"people" has to be a list of at least one'),
    "people_object": ({"people": {"A": []}}, '"people" has to be a list'),
    "no_label": (people({"boxes": []}), 'number 1 of "people" has no "label"'),
    "no_person": (people(person(), [BOX]), 'number 2 of "people" has no "label"'),
    "number_label": (people(person(label=1)), '"label" cannot be 1.0; a person is called "A"'),
    "bad_label": (people(person(), person(label="the boss")), "'the boss' is not a person's label, such as A, B or AA"),
    "same_label": (people(person(), person(label="b")), "two people are called B"),
    "no_boxes": (people({"label": "B"}), 'person B: "boxes" has to be a list with one entry for every frame'),
    "line_lost": (people(person(), frames=3), "person B has 2 boxes for 3 frames; write null"),
    "unlike": (people(person(), person(label="C", boxes=[BOX])), "person C has 1 boxes for 2 frames"),
    "frames": (people(person(), frames="two"), "\"frames\" cannot be 'two'"),
    "half_frames": (people(person(), frames=1.5), '"frames" cannot be 1.5'),
    "landmarks": (people(person(landmarks=5)), 'person B: "landmarks" has to be a list'),
    "landmarks_short": (people(person(landmarks=[POINTS])), "person B: there are 2 boxes, but 1 landmarks"),
    "landmarks_four": (people(person(landmarks=[POINTS, POINTS[:4]])), "person B, frame 1: .*five points"),
    "landmarks_odd": (people(person(landmarks=[[[1, 2]] * 4 + [[1]], None])), "person B, frame 0: .*five points"),
    "fps_word": (people(person(), fps="fast"), "\"fps\" cannot be 'fast': it is a rate, such as 25"),
    "fps_zero": (people(person(), fps="0/1"), '"fps" cannot be'),
    "fps_ratio": (people(person(), fps="25/0"), '"fps" cannot be'),
    "fps_hang": (people(person(), fps="1e999999999"), '"fps" cannot be'),
    "fps_list": (people(person(), fps=[25]), '"fps" cannot be'),
    "size": (people(person(), size=[640]), '"size" cannot be'),
    "size_words": (people(person(), size=["640", "360"]), "\"size\" cannot be '640'"),
    "shots": (people(person(), shots=0), '"shots" has to be a list'),
    "shots_late": (people(person(), shots=[1]), '"shots" has to rise from 0'),
    "shots_back": (people(person(), shots=[0, 1, 1]), '"shots" has to rise from 0'),
    "shots_beyond": (people(person(), shots=[0, 2]), '"shots" has to rise from 0 and stay below 2'),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_meant_is_named_with_person_and_frame(tmp_path: Path, what: str) -> None:
    content, words = WRONG[what]
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content)
    message = str(caught.value)
    assert re.search(words, message), message
    assert message.startswith(str(tmp_path / "track.json"))
    assert len(message) < len(str(tmp_path)) + 300
    assert "\n" not in message


def test_a_file_that_is_no_text_or_not_there_is_a_matter_of_media(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        read_tracks(tmp_path / "none.json")
    (tmp_path / "film.json").write_bytes(b"\x00\x00\x00\x1cftypisom\xff\xfe")
    with pytest.raises(MediaError, match="not a text file"):
        read_tracks(tmp_path / "film.json")


def test_a_picture_has_no_rate_that_could_be_another(tmp_path: Path) -> None:
    write(tmp_path / "t.json", track("A", 9), frames=9)
    file = read_tracks(tmp_path / "t.json")
    assert check_tracks(file, 9, SIZE, None) == []
    with pytest.raises(UsageError, match="frames a second"):
        check_tracks(file, 9, SIZE, F(25))
