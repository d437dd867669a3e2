"""Who is in a video: found, counted and listed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from answers import assert_one_sentence
from click.testing import CliRunner, Result
from media_samples import make_video
from people_clips import (
    AGAIN,
    FRAMES,
    LOSSLESS,
    SIZE,
    TOGETHER,
    blank_survey,
    options,
    people_video,
    somebody,
    two_people,
    video_with_sound,
)

import wav2lip
from wav2lip.cast import find
from wav2lip.cast.cue import check_cues
from wav2lip.cast.edl import read_edits
from wav2lip.cast.find import find_people, first_cues
from wav2lip.cast.report import describe
from wav2lip.cast.seen import Seen, runs
from wav2lip.cast.survey import Survey, survey_clip
from wav2lip.cast.times import Span
from wav2lip.cast.track_file import check_tracks, read_tracks
from wav2lip.cli import main
from wav2lip.errors import MediaError, NoFaceError, UsageError, Wav2LipError, WeightsError
from wav2lip.faces.cascade import CascadeDetector
from wav2lip.faces.pose import yaw
from wav2lip.media.geometry import Geometry
from wav2lip.media.probe import probe
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.who import find_cast
from wav2lip.progress import Advance, Progress


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _remembering(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests share what was found in the videos that they share."""
    monkeypatch.setenv("WAV2LIP_CACHE", str(cache))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with a sound, lossless."""
    return video_with_sound(tmp_path_factory.mktemp("people"))


@pytest.fixture
def survey(video: Path) -> Survey:
    return survey_clip(probe(video), CascadeDetector(), "cpu", Progress())


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, ["faces", "--detector", "cascade", "--device", "cpu", *map(str, words)])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_everybody_is_found_with_the_times_at_which_they_are_seen(video: Path) -> None:
    report = wav2lip.find_people(video, options())
    a, b = report.people
    assert (a.label, a.frames, a.seconds, a.share, a.shots) == ("A", 32, Fraction(32, 25), 0.8, 2)
    assert a.stretches == (Span(Fraction(0), Fraction(4, 5)), Span(Fraction(28, 25), Fraction(8, 5)))
    assert (b.label, b.frames, b.first, b.last, b.shots) == ("B", TOGETHER, 0, Fraction(4, 5), 1)
    assert report.shots == (0, Fraction(4, 5), Fraction(28, 25))
    assert report.faceless == (Span(Fraction(4, 5), Fraction(28, 25)),)
    assert (report.frames, report.width, report.height, report.detector) == (FRAMES, 320, 160, "cascade")
    assert (a.yaw, a.yaw_range) == (None, None)    # the cascade sees no eyes
    assert 45 < a.width < a.height < 110


def test_who_is_left_and_who_is_right_is_in_the_boxes(survey: Survey) -> None:
    a, b = survey.people
    assert (a.boxes[:TOGETHER, 2] < SIZE + 10).all()
    assert (b.boxes[:, 0] > SIZE - 10).all()
    middle = a.boxes[TOGETHER:, [0, 2]].mean(axis=1)
    assert (np.abs(middle - SIZE) < 15).all()


def test_rates_that_are_no_decimal_numbers_stay_exact(tmp_path: Path) -> None:
    report = find_people(people_video(tmp_path / "two.mkv", Fraction(30000, 1001)), options())
    assert report.people[1].last == TOGETHER * Fraction(1001, 30000)
    assert report.faceless[0].end == AGAIN * Fraction(1001, 30000)
    assert report.to_dict()["fps"] == "30000/1001"


def test_how_far_a_face_is_turned_is_told_where_landmarks_are_known() -> None:
    upright = np.array([[20, 40], [40, 40], [30, 52], [22, 65], [38, 65]], np.float32)
    turned = upright.copy()
    turned[2, 0] += 10    # the nose stands aside by half the distance of the eyes
    landmarks = np.stack([upright, turned, turned, np.full((5, 2), np.nan, np.float32)])
    person = somebody("A", np.arange(4))
    seen = Seen(person.label, person.frames, person.boxes, person.score, landmarks)
    member = describe(blank_survey(4, (seen,)), seen)
    straight, aside = (float(angle) for angle in yaw(landmarks[:2]))
    assert abs(straight) < 1
    assert aside > 20
    assert member.yaw == pytest.approx(aside, abs=0.06)
    assert member.yaw_range == pytest.approx((straight + 0.1 * (aside - straight), aside), abs=0.06)
    assert member.turned("°") == f"{member.yaw:+.0f}° ({member.yaw_range[0]:+.0f} to {member.yaw_range[1]:+.0f})"
    unknown = Seen(person.label, person.frames, person.boxes, person.score, np.full((4, 5, 2), np.nan, np.float32))
    assert describe(blank_survey(4, (unknown,)), unknown).yaw is None


def test_the_second_time_and_for_sync_nobody_looks_again(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find_people(video, options())

    def refuse(*_: object) -> None:
        raise AssertionError("looked again")

    monkeypatch.setattr(CascadeDetector, "detect", refuse)
    assert find_people(video, options()) == first
    source = Source(probe(video), Geometry())
    networks = Networks(None, "", CascadeDetector(), "cpu")    # type: ignore[arg-type]
    cast = find_cast(source, FRAMES, SyncOptions(detector="cascade"), networks, Progress())
    assert cast.labels == ("A", "B")


def test_the_tracks_hold_every_box_and_suit_the_video(video: Path, survey: Survey, tmp_path: Path) -> None:
    find_people(video, options(tracks=tmp_path / "track.json"))
    file = read_tracks(tmp_path / "track.json")
    assert check_tracks(file, FRAMES, (320, 160), Fraction(25)) == []
    assert file.shots == (0, TOGETHER, AGAIN)
    for read, person in zip(file.people, survey.people, strict=True):
        assert read.label == person.label
        seen = ~np.isnan(read.boxes).any(axis=1)
        np.testing.assert_array_equal(np.flatnonzero(seen), person.frames)
        np.testing.assert_allclose(read.boxes[seen], person.boxes, atol=0.051)


@pytest.mark.parametrize("ending", [".csv", ".json", ".srt"])
def test_the_edit_list_has_a_row_for_everybody_and_time_on_screen(ending: str, video: Path, tmp_path: Path) -> None:
    find_people(video, options(edits=tmp_path / f"edits{ending}"))
    cues = read_edits(tmp_path / f"edits{ending}")
    # A is away for eight frames only, and so goes on.
    assert [(cue.person, cue.start, cue.end, cue.audio) for cue in cues] == [
        ("A", 0, Fraction(8, 5), None), ("B", 0, Fraction(4, 5), None)
    ]
    check_cues(cues, Fraction(8, 5))


def test_a_row_ends_where_somebody_is_away_for_longer_than_a_second() -> None:
    fps = Fraction(30000, 1001)
    there = np.concatenate([np.arange(10), np.arange(39, 50), np.arange(80, 90)])    # away for 29 and for 30 frames
    cues = first_cues(blank_survey(100, (somebody("A", there),), fps=fps))
    assert [(cue.start, cue.end) for cue in cues] == [(0, 50 / fps), (80 / fps, 90 / fps)]


@pytest.mark.parametrize(
    ("frames", "gap", "expected"),
    [([], 0, []), ([3], 0, [(3, 4)]), ([0, 1, 3], 0, [(0, 2), (3, 4)]), ([0, 1, 3], 1, [(0, 4)]),
     ([0, 3, 7], 2, [(0, 4), (7, 8)])],
)
def test_numbers_that_follow_each_other_are_one_run(
    frames: list[int], gap: int, expected: list[tuple[int, int]]
) -> None:
    assert runs(np.array(frames, int), gap) == expected


def test_a_file_that_breaks_off_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = people_video(tmp_path / "whole.mp4", options=["-g", 5, "-movflags", "+faststart"])
    data = whole.read_bytes()
    kept = len(data) * 3 // 4
    whole.write_bytes(data[:kept] + bytes(len(data) - kept))
    results = {name: tmp_path / name for name in ("s.png", "o.mkv", "t.json")}
    report = find_people(
        whole, options(sheet=results["s.png"], overlay=results["o.mkv"], tracks=results["t.json"])
    )
    assert 5 < report.frames < FRAMES
    assert probe(results["o.mkv"]).frames == report.frames == read_tracks(results["t.json"]).frames


def test_a_picture_is_one_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "two.png"), two_people()[0])
    report = find_people(tmp_path / "two.png", options(sheet=tmp_path / "sheet.png"))
    assert [(person.label, person.frames) for person in report.people] == [("A", 1), ("B", 1)]
    assert (tmp_path / "sheet.png").exists()


def test_the_command_prints_a_table_and_writes_a_sheet_unless_told_otherwise(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(video)
    assert result.exit_code == 0, result.output
    head, a, b, rest, sheet = result.stdout.splitlines()
    assert head.split() == ["person", "on", "screen", "share", "first", "last", "face", "yaw", "shots"]
    assert a.split()[:5] == ["A", "0:01.28", "80%", "0:00.00", "0:01.60"]
    assert b.split()[:5] == ["B", "0:00.80", "50%", "0:00.00", "0:00.80"]
    assert rest == "3 shots; nobody is seen from 0:00.80 to 0:01.12"
    assert sheet == "sheet: two_faces.png"
    assert names(tmp_path) == {"two_faces.png"}
    (tmp_path / "two_faces.png").unlink()
    result = invoke(video, "--no-sheet", "--json", "-o", "t.json", "--edl", "e.csv", "--overlay", "o.mkv", "-q")
    assert result.stderr == ""
    told = json.loads(result.stdout)
    assert told == find_people(
        video, options(tracks=Path("t.json"), edits=Path("e.csv"), overlay=Path("o.mkv"))
    ).to_dict()
    assert (told["sheet"], told["tracks"], told["people"][0]["stretches"]) == (None, "t.json", [[0, 0.8], [1.12, 1.6]])
    assert names(tmp_path) == {"t.json", "e.csv", "o.mkv"}


def test_a_video_without_a_face_ends_with_code_5_and_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "wall.mkv", two_people()[TOGETHER:AGAIN], 25, LOSSLESS)
    result = invoke("wall.mkv", "-o", "t.json", "--overlay", "o.mkv")
    assert result.exit_code == NoFaceError.exit_code
    assert_one_sentence(
        result.stdout, result.stderr, "No face was found in wall.mkv (8 frames, looked for with cascade)", "--detector"
    )
    assert names(tmp_path) == {"wall.mkv"}


@pytest.mark.parametrize(
    ("words", "error", "parts"),
    [
        (["no.mkv"], MediaError, ["no.mkv does not exist"]),
        (["sound.wav"], MediaError, ["sound but no picture"]),
        (["two.mkv", "--sheet", "s.jpg"], UsageError, ["--sheet s.jpg", "must end in .png"]),
        (["two.mkv", "-o", "t.csv"], UsageError, ["-o t.csv", "must end in .json"]),
        (["two.mkv", "--edl", "e.xlsx"], UsageError, ["--edl e.xlsx", ".csv", ".json", ".srt"]),
        (["two.mkv", "--overlay", "o.gif"], UsageError, [".gif"]),
        (["two.mkv", "--overlay", "two.mkv"], UsageError, ["two.mkv is also an input", "--overlay"]),
        (["two.mkv", "-o", "x.json", "--edl", "x.json"], UsageError, ["-o and --edl both name x.json"]),
        (["two.mkv", "-o", "x.json", "--edl", "./new/../x.json"], UsageError, ["-o and --edl both name x.json"]),
        (["two.mkv", "--sheet", "folder.png"], UsageError, ["folder.png is a folder", "--sheet"]),
        (["two.mkv", "--no-sheet", "-o", "old.json", "--no-clobber"], UsageError, ["old.json exists already", "-o"]),
        (["two.mkv", "--sheet", "s.png", "--no-sheet"], UsageError, ["--sheet and --no-sheet"]),
        (["two.mkv", "--device", "cuda:99"], UsageError, ["cuda:99"]),
        (["two.mkv", "--detector", "yunet"], WeightsError, ["--detector-weights"]),
        (["two.mkv", "--sheet", f"{'x' * 300}.png"], Wav2LipError, ["cannot be written", "File name too long"]),
    ],
    ids=lambda value: None if not isinstance(value, list) else "-".join(value)[:50].replace("/", "_"),
)
def test_a_wrong_use_is_one_sentence_and_changes_nothing(
    words: list[str], error: type[Wav2LipError], parts: list[str], video: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.mkv").write_bytes(video.read_bytes())
    (tmp_path / "sound.wav").write_bytes((video.parent / "sound.wav").read_bytes())
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "old.json").write_text("precious")
    before = names(tmp_path)
    result = invoke(*words)
    assert result.exit_code == error.exit_code, result.output
    assert_one_sentence(result.stdout, result.stderr, *parts)
    assert names(tmp_path) == before
    assert (tmp_path / "old.json").read_text() == "precious"
    assert (tmp_path / "two.mkv").read_bytes() == video.read_bytes()


class Impatient(Progress):
    """Interrupts a stage in the middle of its work."""

    def __init__(self, stage: str):
        self.name = stage

    @contextmanager
    def stage(self, name: str, total: int, unit: str = "frame") -> Iterator[Advance]:
        left = [total // 2]

        def advance(count: int) -> None:
            left[0] -= count
            if name == self.name and left[0] < 0:
                raise KeyboardInterrupt

        yield advance


@pytest.mark.parametrize("stage", ["Drawing the contact sheet", "Writing the overlay"])
def test_whoever_interrupts_finds_no_halves_and_the_old_file(stage: str, video: Path, tmp_path: Path) -> None:
    old = tmp_path / ("sheet.png" if "sheet" in stage else "overlay.mkv")
    old.write_text("precious")
    wanted = {"sheet": tmp_path / "sheet.png", "overlay": tmp_path / "overlay.mkv"}
    with pytest.raises(KeyboardInterrupt):
        find_people(video, options(**wanted), Impatient(stage))
    assert old.read_text() == "precious"
    assert names(tmp_path) <= {"sheet.png", "overlay.mkv"}


def test_ctrl_c_is_told_in_a_sentence(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(find, "write_overlay", interrupted)
    result = invoke(video, "--overlay", "o.mkv")
    assert result.exit_code == 130
    assert "Interrupted; what is not finished was not written." in result.stderr
    assert names(tmp_path) == {"two_faces.png"}
