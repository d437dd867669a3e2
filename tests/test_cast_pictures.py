"""The pictures of who is in a video: the contact sheet and the overlay."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_samples import loudest_frequency, make_sound, make_video, mean_difference, run_ffmpeg
from people_clips import (
    AGAIN,
    FRAMES,
    LOSSLESS,
    NOBODY,
    SIZE,
    TOGETHER,
    blank_survey,
    head_frames,
    options,
    people_video,
    somebody,
    two_people,
    video_with_sound,
)

from wav2lip.cast import portraits as portraits_of
from wav2lip.cast.colours import paint_of
from wav2lip.cast.find import find_people
from wav2lip.cast.overlay import LOWEST, NARROWEST, Pen
from wav2lip.cast.portraits import AROUND, NEAR, cut_out, portraits
from wav2lip.cast.seen import Seen
from wav2lip.cast.sheet import BARS, LINE, MOST_PEOPLE, SIDE, TIMELINE, WIDTH, WORDS, draw_sheet
from wav2lip.cast.survey import Survey, survey_clip
from wav2lip.evaluation.drawing import GAP, GROUND
from wav2lip.faces.cascade import CascadeDetector
from wav2lip.media import pick
from wav2lip.media.clip import Frame
from wav2lip.media.ffmpeg import url
from wav2lip.media.image import read_image
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.media.sound import read_samples
from wav2lip.progress import Progress

PAGE = WORDS + GAP            # columns: where pictures and bars begin
ROW = LINE + SIDE + GAP // 2 + TIMELINE


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


def test_the_sheet_shows_everybody_in_their_colour_and_when_they_are_on_screen(video: Path, tmp_path: Path) -> None:
    find_people(video, options(sheet=tmp_path / "sheet.png"))
    sheet = read_image(tmp_path / "sheet.png")
    assert sheet is not None
    assert sheet.shape[1] == WIDTH
    for at, stretches in enumerate([[(0, TOGETHER), (AGAIN, FRAMES)], [(0, TOGETHER)]]):
        top = 2 * LINE + GAP + at * (ROW + GAP)
        colour = paint_of(at).colour
        assert (sheet[top + 1, WORDS // 2] == colour).all()
        bar = sheet[top + ROW - TIMELINE // 2, PAGE : PAGE + BARS]
        on = (bar == colour).all(axis=1)
        expected = np.zeros(BARS, bool)
        for first, end in stretches:
            expected[first * BARS // FRAMES : end * BARS // FRAMES] = True
        np.testing.assert_array_equal(on, expected)
        edge = sheet[top + ROW - 1, PAGE : PAGE + BARS].max(axis=1) > 100    # the cuts stand out
        np.testing.assert_array_equal(np.flatnonzero(edge), np.array([TOGETHER, AGAIN]) * BARS // FRAMES)
    bottom = 2 * LINE + 2 * (ROW + GAP) + GAP + TIMELINE // 2
    nobody = sheet[bottom, PAGE : PAGE + BARS]
    assert (nobody[(TOGETHER + NOBODY // 2) * BARS // FRAMES] != nobody[10]).any()


def test_the_pictures_of_the_sheet_are_the_faces_at_their_times(survey: Survey) -> None:
    found = portraits(survey, survey.people, most=6, side=SIDE, progress=Progress())
    frames = two_people()
    assert [len(some) for some in found] == [4, 2]    # one for every ten frames, begun
    for person, some in zip(survey.people, found, strict=True):
        times = [portrait.time for portrait in some]
        assert times == sorted(set(times))
        for portrait in some:
            number = int(portrait.time * 25)
            row = int(np.flatnonzero(person.frames == number)[0])
            assert (portrait.picture == cut_out(frames[number], person.boxes[row], SIDE)).all()
    assert found[0][-1].time >= Fraction(AGAIN, 25)


def test_of_near_frames_the_sharpest_is_shown(tmp_path: Path) -> None:
    sharp = head_frames(7, 1)[0]
    blurred = cv2.GaussianBlur(sharp, (0, 0), 4)
    clip = probe(make_video(tmp_path / "blurred.mkv", [blurred] * 5 + [sharp] + [blurred] * 4, 25, LOSSLESS))
    # The middle one is the best by its score; the sharp one, three frames later, nearly as good.
    score = np.linspace(0.95, 0.95, 10, dtype=np.float32)
    score[2] = 1.0
    seen = Seen("A", np.arange(10), np.tile(np.array([46, 35, 114, 126], np.float32), (10, 1)), score)
    survey = Survey(clip, np.zeros(10, int), (seen,))
    ((portrait,),) = portraits(survey, (seen,), most=6, side=SIDE, progress=Progress())
    assert portrait.time == Fraction(5, 25)


def test_only_frames_around_the_moments_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = head_frames(7, 1)[0]
    clip = probe(make_video(tmp_path / "long.mp4", [head] * 400, 25, ["-g", 25, "-preset", "ultrafast"]))
    asked: list[tuple[int, int]] = []

    def reading(of: object, start: int, count: int) -> Iterator[Frame]:
        asked.append((start, count))
        return read_frames(clip, start, count)

    monkeypatch.setattr(pick, "FAR", 20)
    monkeypatch.setattr(portraits_of, "read_frames", reading)
    person = somebody("A", np.arange(400), (46, 35, 114, 126))
    (some,) = portraits(
        Survey(clip, np.zeros(400, int), (person,)), (person,), most=4, side=64, progress=Progress()
    )
    assert len(some) == len(asked) == 4
    assert sum(count for _, count in asked) <= 4 * (2 * NEAR + 1)


def test_a_face_at_the_frames_border_stays_in_the_picture() -> None:
    frame = np.full((100, 200, 3), 200, np.uint8)
    frame[:30, :20] = (0, 0, 255)
    corner = cut_out(frame, np.array([0, 0, 20, 30]), 51)
    assert corner.shape == (51, 51, 3)
    assert (corner[2, 2] == (0, 0, 255)).all()
    assert not (corner == GROUND).all(axis=2).any()    # moved into the frame
    large = cut_out(frame, np.array([50, 5, 150, 95]), 90)
    high = round(AROUND * 100)
    beyond = (large == GROUND).all(axis=2)
    assert beyond[0].all()
    assert not beyond[45].any()
    assert beyond.mean() == pytest.approx(1 - 100 / high, abs=0.03)


def test_pixels_that_are_not_square_are_shown_square() -> None:
    frame = np.zeros((120, 120, 3), np.uint8)
    frame[40:80, 50:70] = 255    # as wide as it is high on a screen
    shown = cut_out(frame, np.array([50, 40, 70, 80]), 68, Fraction(2))[..., 0] > 128
    assert shown.any(axis=0).sum() == pytest.approx(40, abs=2)
    assert shown.any(axis=1).sum() == pytest.approx(40, abs=2)


def test_a_crowd_is_cut_off_and_told() -> None:
    crowd = tuple(somebody("ABCDEFGH"[n % 8], np.arange(10)) for n in range(MOST_PEOPLE + 5))
    whole = draw_sheet(blank_survey(10, crowd), [[]] * len(crowd))
    part = draw_sheet(blank_survey(10, crowd), [[]] * MOST_PEOPLE)
    assert whole.shape[0] - part.shape[0] == 5 * (ROW + GAP) - LINE


@pytest.mark.parametrize("frames", [1, 2, 90_000, 400_000])
def test_a_sheet_of_any_length_keeps_its_width_and_shows_single_frames(frames: int) -> None:
    shots = np.arange(frames) * 50 // frames
    person = somebody("A", np.array([frames - 1]))
    sheet = draw_sheet(blank_survey(frames, (person,), shots), [[]])
    assert sheet.shape[1] == WIDTH
    bar = sheet[2 * LINE + GAP + ROW - TIMELINE // 2, PAGE : PAGE + BARS]
    assert (bar[-1] == paint_of(0).colour).all()


def test_the_overlay_frames_the_faces_and_leaves_the_rest(video: Path, survey: Survey, tmp_path: Path) -> None:
    find_people(video, options(overlay=tmp_path / "overlay.mkv"))
    made = probe(tmp_path / "overlay.mkv")
    assert (made.width, made.height, made.fps, made.frames) == (320, 160, 25, FRAMES)
    for number, (shown, source) in enumerate(zip(read_frames(made), two_people(), strict=True)):
        drawn = source.copy()
        Pen(survey).draw(drawn, number)
        assert mean_difference(shown, drawn) < 4
        touched = (drawn != source).any(axis=2)
        allowed = np.zeros_like(touched)
        allowed[:LOWEST, :SIZE] = True    # the shot's number
        for at, person in enumerate(survey.people):
            row = np.flatnonzero(person.frames == number)
            if not len(row):
                continue
            x1, y1, x2, y2 = (round(float(side)) for side in person.boxes[row[0]])
            edges = [np.s_[y2 - 2 : y2, x1:x2], np.s_[y1:y2, x1 : x1 + 2], np.s_[y1:y2, x2 - 2 : x2]]
            for edge in edges:
                assert (drawn[edge] == paint_of(at).colour).all()
                assert mean_difference(shown[edge], drawn[edge]) < mean_difference(shown[edge], source[edge])
            allowed[y1 - LOWEST : y1, x1 : x1 + 2 * LOWEST] = allowed[y1:y2, x1:x2] = True
            allowed[y1 + NARROWEST : y2 - NARROWEST, x1 + NARROWEST : x2 - NARROWEST] = False
        assert not touched[~allowed].any()
    heard, said = (np.concatenate(list(read_samples(path))) for path in (tmp_path / "overlay.mkv", video))
    assert (heard == said).all()


def test_the_sound_of_an_overlay_keeps_its_time_where_the_picture_starts_later(tmp_path: Path) -> None:
    low, high = (make_sound(tmp_path / f"{hertz}.wav", 0.8, 48_000, (hertz,)) for hertz in (300, 900))
    run_ffmpeg("-i", low, "-i", high, "-filter_complex", "[0][1]concat=n=2:v=0:a=1", tmp_path / "turn.wav")
    silent = people_video(tmp_path / "silent.mkv")
    run_ffmpeg(
        "-itsoffset", 0.4, "-i", url(silent), "-i", url(tmp_path / "turn.wav"), "-map", "0:v", "-map", "1:a", "-c",
        "copy", tmp_path / "late.mkv",
    )
    assert probe(tmp_path / "late.mkv").start == pytest.approx(0.4)
    find_people(tmp_path / "late.mkv", options(overlay=tmp_path / "overlay.mkv"))
    heard = np.concatenate(list(read_samples(tmp_path / "overlay.mkv")))
    assert probe(tmp_path / "overlay.mkv").start == pytest.approx(0, abs=0.005)
    # The tone turns 0.8 s after the sound began: 0.4 s after the first picture.
    assert loudest_frequency(heard[: round(0.37 * 16_000)], 16_000) == pytest.approx(300, abs=5)
    assert loudest_frequency(heard[round(0.43 * 16_000) :], 16_000) == pytest.approx(900, abs=5)
    assert len(heard) / 16_000 == pytest.approx(1.2, abs=0.03)


@pytest.mark.parametrize(("width", "height"), [(16, 12), (33, 27), (640, 360), (3840, 2160)])
def test_lines_and_labels_go_with_the_frame_and_never_beyond_it(width: int, height: int) -> None:
    boxes = [(0, 0, width, height), (width - 3, height - 3, width, height), (0, 0, 1, 1), (2.4, 2.6, 9.5, 8.5)]
    people = tuple(somebody(f"{'A' * n}B", np.arange(2), box) for n, box in enumerate(boxes))
    pen = Pen(blank_survey(2, people, width=width, height=height))
    frame = np.zeros((height, width, 3), np.uint8)
    pen.draw(frame, 0)
    pen.draw(frame, 1)
    thick = (frame[height // 2, : width // 2] == paint_of(0).colour).all(axis=1).sum()
    if width >= 640:
        assert thick == max(NARROWEST, round(height / 270))
