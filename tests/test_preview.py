"""`wav2lip preview`: what it shows is what `wav2lip sync` would make, and it is told where and when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from answers import assert_one_sentence
from click.testing import CliRunner, Result
from media_samples import run_ffmpeg
from test_compose_parsing import head
from test_sync_picture import BOX, EXAMPLES, speech, write_sound

import wav2lip
from wav2lip.cli import main
from wav2lip.media.ffmpeg import url
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames, read_pictures
from wav2lip.media.sound import read_samples
from wav2lip.pipeline import networks
from wav2lip.preview import glimpse
from wav2lip.preview.glimpse import Glimpse
from wav2lip.preview.making import Made, make
from wav2lip.preview.moments import KINDS, Wish, choose, fullest, speed, stretches
from wav2lip.preview.trial import Trial
from wav2lip.progress import Progress

pytestmark = pytest.mark.usefixtures("one_thread")

SPOKEN = wav2lip.SyncOptions(device="cpu", detector="cascade", offline=True, codec="ffv1")
PLACED = replace(SPOKEN, box=BOX)
FIXED = ["--box", *map(str, BOX), "--offline", "--device", "cpu"]
FRAMES = 30                      # of the clip: the recording is longer, so that it plays backwards too


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's face, which moves, as a lossless video of 160 by 160 pixels."""
    path = tmp_path_factory.mktemp("faces") / "face.mkv"
    run_ffmpeg(
        "-i", url(EXAMPLES / "face.mp4"), "-vf", "scale=160:160", "-frames:v", FRAMES, "-an", "-c:v", "ffv1", url(path)
    )
    return path


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 frames of words, a pause of 15, and 15 of words again."""
    samples = speech()
    sound = np.concatenate([samples[16000 : 16000 + 640 * 16], np.zeros(640 * 15), samples[35200 : 35200 + 640 * 15]])
    return write_sound(tmp_path_factory.mktemp("sounds") / "words.wav", sound)


def made(face: Path, audio: Path, options: wav2lip.SyncOptions, frames: Sequence[int]) -> list[Made]:
    """Make some frames as a preview does, each by itself."""
    times = tuple(Fraction(frame, 25) for frame in frames)
    trial = Trial(face, audio, Glimpse(Wish(times)), Progress())
    prepared = trial.prepare(options)
    return [one for moment in trial.glimpse.moments for one in make(prepared, moment.frames(prepared.source.fps))]


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["preview", *map(str, words)])


SPAN = wav2lip.Span(Fraction(1, 4), Fraction(1))


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        # While somebody speaks, in the middle of the pause and on the way into it, and where the clip plays backwards.
        (SPOKEN, (3, 24, 17, 41)),
        (replace(PLACED, grain=True, blend="poisson", silence="source"), (5, 18)),
        (replace(PLACED, reference="closed", audio_start=Fraction(1, 5)), (10, 27)),
        (replace(PLACED, ranges=(SPAN,)), (2, 14)),
        (replace(PLACED, compat=True), (0, 40)),
    ],
    ids=["plain", "finished", "closed", "ranges", "compat"],
)
def test_its_frames_are_those_of_the_result_number_for_number(
    face: Path, words: Path, tmp_path: Path, options: wav2lip.SyncOptions, frames: tuple[int, ...]
) -> None:
    found = made(face, words, options, frames)
    wav2lip.sync(face, words, tmp_path / "out.mkv", options)
    clip = probe(tmp_path / "out.mkv")
    assert [one.frame for one in found] == list(frames)
    if options.compat:
        every = list(read_frames(clip))
        wanted = [[every[frame]] for frame in frames]
        ours = [[one.result] for one in found]
    else:
        pictures = list(read_pictures(clip))
        wanted = [list(pictures[frame].planes) for frame in frames]
        ours = [list(one.result.planes) for one in found]
    for theirs, planes in zip(wanted, ours, strict=True):
        for one, other in zip(theirs, planes, strict=True):
            assert np.abs(one.astype(int) - other.astype(int)).max() <= (1 if options.compat else 0)


class Trembling:
    """A parser that sees the same head higher or lower in every picture."""

    def __init__(self, *given: object):
        self._labels = head()

    def parse(self, faces: np.ndarray) -> np.ndarray:
        rolls = (int(face.mean() * 50) % 60 - 30 for face in faces)
        return np.stack([np.roll(self._labels, roll, axis=0) for roll in rolls])


def test_a_mask_that_its_neighbours_calm_is_the_same(
    face: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "load_bisenet", lambda *given: None)
    monkeypatch.setattr(networks, "FaceParser", Trembling)
    (tmp_path / "parser.pth").touch()
    short = write_sound(tmp_path / "short.wav", speech()[16000 : 16000 + 640 * 6])
    options = replace(PLACED, parsing=tmp_path / "parser.pth")
    (one,) = made(face, short, options, (3,))
    wav2lip.sync(face, short, tmp_path / "out.mkv", options)
    result = list(read_pictures(probe(tmp_path / "out.mkv")))[3]
    assert all(np.array_equal(*planes) for planes in zip(one.result.planes, result.planes, strict=True))
    assert not np.array_equal(one.result.planes[0], one.source.planes[0])


# The sheet

def test_the_sheet_shows_every_setting_at_every_moment(face: Path, words: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "new" / "sheet.png"
    result = run(
        "--face", face, "--audio", words, *FIXED, "--times", "0.2s,0.4s", "--try", "blend=soft,hard",
        "--try", "mask=lower,box", "-o", sheet, "--json",
    )
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    picture = cv2.imread(str(sheet))
    assert picture.shape == (report["height"], report["width"], 3)
    assert [(cell["frame"], cell["setting"]) for cell in report["cells"]] == [
        (frame, f"blend={blend}   mask={mask}")
        for frame in (5, 10) for blend in ("soft", "hard") for mask in ("lower", "box")
    ]
    top, bottom, left, right = BOX
    changed = []
    for cell in report["cells"]:
        assert cell["box"] == [left, top, right, bottom]
        assert (cell["source_frame"], cell["why"]) == (cell["frame"], None)
        source, crop, mask, shown = (part(picture, cell, name) for name in ("source", "crop", "mask", "result"))
        assert source.shape == shown.shape == mask.shape
        assert crop.std() > 20
        rows = np.abs(source.astype(int) - shown).max(axis=(1, 2)) > 0
        changed.append(int(rows.sum()))
        assert not rows[: len(rows) // 10].any(), "above the face nothing changes"
        tinted = np.abs(source.astype(int) - mask).max(axis=2) > 20
        assert 0.05 < tinted.mean() < 0.6
    assert min(changed) > 20
    assert changed[1] > 1.3 * changed[0], "of the whole box more rows change than of the lower face"
    assert [path.name for path in sheet.parent.iterdir()] == ["sheet.png"]


def part(picture: np.ndarray, cell: dict[str, Any], name: str) -> np.ndarray:
    """Return what the report says a picture of a cell is."""
    x, y, wide, high = cell["pictures"][name]
    return picture[y : y + high, x : x + wide]


def test_moments_are_chosen_while_somebody_speaks_and_are_the_same_every_time(
    face: Path, words: Path, tmp_path: Path
) -> None:
    reports = []
    for name in ("one.png", "other.png"):
        result = run("--face", face, "--audio", words, "--detector", "cascade", "--device", "cpu", "--moments", 3,
                     "-o", tmp_path / name, "--json", "--offline")
        assert result.exit_code == 0, result.stderr
        reports.append(json.loads(result.stdout))
    assert reports[0]["cells"] == reports[1]["cells"]
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    assert not reports[0]["partly"]
    assert [cell["why"] for cell in reports[0]["cells"]] == list(KINDS)
    frames = [cell["frame"] for cell in reports[0]["cells"]]
    heard = np.concatenate(list(read_samples(words)))
    loud, quiet, _ = (np.abs(heard[640 * frame : 640 * frame + 3200]).mean() for frame in frames)
    assert loud > 1.5 * quiet
    assert frames == sorted(frames)
    assert all(frame < 16 or frame >= 29 for frame in frames), "in the pause nobody speaks"
    assert all(cell["box"] for cell in reports[0]["cells"])


def test_where_there_is_no_face_the_source_is_shown(words: Path, tmp_path: Path) -> None:
    faceless = tmp_path / "half.mkv"
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-vf", "scale=160:160,drawbox=t=fill:enable='gte(n,20)'",
               "-frames:v", 46, "-an", "-c:v", "ffv1", url(faceless))
    result = run("--face", faceless, "--audio", words, "--detector", "cascade", "--device", "cpu", "--offline",
                 "--times", "0.2s,1.2s", "-o", tmp_path / "sheet.png", "--json")
    assert result.exit_code == 0, result.stderr
    here, there = json.loads(result.stdout)["cells"]
    assert here["box"]
    assert there["box"] is None
    assert set(there["pictures"]) == {"source", "mask", "result"}
    picture = cv2.imread(str(tmp_path / "sheet.png"))
    assert np.array_equal(part(picture, there, "source"), part(picture, there, "result"))


# A long clip

@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's speech, over and over for 16 s."""
    return write_sound(tmp_path_factory.mktemp("sounds") / "said.wav", np.tile(speech(), 3)[: 16000 * 16])


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's face for 16 s, with nobody to be seen in the first five."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    run_ffmpeg("-stream_loop", 20, "-i", url(EXAMPLES / "face.mp4"), "-t", 16, "-an", "-vf",
               "scale=160:160,drawbox=t=fill:enable='lt(t,5)'", "-preset", "ultrafast", "-g", 50, url(path))
    return path


def test_in_a_long_clip_faces_are_looked_for_around_the_moments_until_all_is_known(
    long: Path, sentences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glimpse, "AROUND", Fraction(1, 2))
    command = ("--face", long, "--audio", sentences, "--detector", "cascade", "--device", "cpu", "--offline",
               "--moments", 2, "-o", tmp_path / "sheet.png", "--json")
    result = run(*command)
    assert result.exit_code == 0, result.stderr
    assert "wav2lip faces" in result.stderr
    partly = json.loads(result.stdout)
    assert partly["partly"]
    cells = partly["cells"]
    assert len(cells) == 2
    assert all(cell["box"] and cell["time"] >= 5 for cell in cells), "where there is no face, another moment is taken"

    times = ",".join(str(Fraction(cell["frame"], 25)) for cell in cells)
    asked = CliRunner().invoke(main, ["faces", str(long), "--detector", "cascade", "--no-sheet", "--device", "cpu"])
    assert asked.exit_code == 0, asked.stderr
    result = run(*command, "--times", times)
    whole = json.loads(result.stdout)
    assert not whole["partly"]
    assert "wav2lip faces" not in result.stderr
    for one, other in zip(cells, whole["cells"], strict=True):
        assert one["frame"] == other["frame"]
        side = other["box"][2] - other["box"][0]
        assert np.abs(np.subtract(one["box"], other["box"])).max() < 0.05 * side


@pytest.mark.parametrize(
    ("times", "code", "parts"),
    [("1s,3s", 5, ("around 2 moments", "--times")), ("99s", 2, ("lasts until 0:16.00", "1:39.00"))],
    ids=["faceless", "late"],
)
def test_moments_that_show_nobody_are_refused(
    long: Path, sentences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: str, code: int,
    parts: tuple[str, ...],
) -> None:
    monkeypatch.setattr(glimpse, "AROUND", Fraction(1, 2))
    result = run("--face", long, "--audio", sentences, "--detector", "cascade", "--device", "cpu", "--offline",
                 "--times", times, "-o", tmp_path / "sheet.png")
    assert result.exit_code == code
    assert_one_sentence(result.stdout, result.stderr, *parts)
    assert not (tmp_path / "sheet.png").exists()


# A short video

def test_a_short_video_shows_source_and_settings_beside_each_other_with_sound(
    face: Path, words: Path, tmp_path: Path
) -> None:
    output = tmp_path / "side.mp4"
    result = run("--face", face, "--audio", words, *FIXED, "--side-by-side", "0.4s", "--times", "1/5",
                 "--try", "blend=soft,hard", "-o", output, "--json")
    assert result.exit_code == 0, result.stderr
    report, clip = json.loads(result.stdout), probe(output)
    assert (report["frames"], report["time"], clip.frames) == (10, 0.2, 10)
    assert (clip.width, clip.height) == (report["width"], report["height"])
    assert clip.sound is not None
    assert abs(clip.sound.duration - 0.4) < 0.1
    shown = list(read_frames(clip))[7]
    source, soft, hard = (part(shown, report, name) for name in ("source", "blend=soft", "blend=hard"))
    for one in (soft, hard):
        rows = np.abs(source.astype(int) - one).max(axis=(1, 2))
        assert rows[: len(rows) // 3].max() < 40 < rows[len(rows) // 2 :].max()
    assert [path.name for path in tmp_path.iterdir()] == ["side.mp4"]


def test_it_is_of_where_most_is_said(face: Path, words: Path, tmp_path: Path) -> None:
    result = run("--face", face, "--audio", words, *FIXED, "--side-by-side", "0.5s", "-o", tmp_path / "a.mkv",
                 "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert not 0.1 < report["time"] < 1.1, "in the pause nothing is said"
    assert set(report["pictures"]) == {"source", "result"}


# What cannot be

@pytest.mark.parametrize(
    ("words_given", "code", "parts"),
    [
        (["--try", "blend=soft,hard,poisson", "--try", "pads=0 0 0 0,0 1 0 0,0 2 0 0,0 3 0 0", "--moments", 5], 2,
         ("5 moments under 12 settings would be 60 rows", "at most 48")),
        (["--try", "colour=red"], 2, ("--try colour", "no option of `wav2lip sync`")),
        (["--try", "output=a,b"], 2, ("--try output",)),
        (["--try", "blend=soft,wild"], 2, ("blend", "wild")),
        (["--times", "1s,9s"], 2, ("The result lasts until 0:01.84", "0:09.00")),
        (["--side-by-side", "40s", "-o", "a.mp4"], 2, ("40 seconds", "30")),
        (["--side-by-side", "1s", "--times", "1s,2s", "-o", "a.mp4"], 2, ("one stretch",)),
        (["-o", "sheet.jpg"], 2, ("sheet.jpg", ".png")),
        (["--checkpoint", "none.pth"], 4, ("none.pth",)),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence_and_leaves_nothing(
    face: Path, words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words_given: list[object], code: int,
    parts: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("--face", face, "--audio", words, *FIXED, *words_given)
    assert result.exit_code == code
    assert_one_sentence(result.stdout, result.stderr, *parts)
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_that_is_there_can_be_kept(face: Path, words: Path, tmp_path: Path) -> None:
    (tmp_path / "sheet.png").write_text("mine")
    result = run("--face", face, "--audio", words, *FIXED, "--no-clobber", "-o", tmp_path / "sheet.png")
    assert result.exit_code == 2
    assert_one_sentence(result.stdout, result.stderr, "sheet.png", "--no-clobber")
    assert (tmp_path / "sheet.png").read_text() == "mine"


def test_values_that_name_nothing_are_refused(face: Path, words: Path) -> None:
    result = run("--face", face, "--audio", words, "--try", "blend")
    assert result.exit_code == 2
    assert "blend=soft,hard" in result.stderr


# Choosing

def test_stretches_are_spread_over_what_is_good() -> None:
    good = np.zeros(100, bool)
    good[10:50] = good[80:100] = True
    found = stretches(good, 3, 5)
    assert [part.tolist() for part in found] == [
        [18, 19, 20, 21, 22], [38, 39, 40, 41, 42], [88, 89, 90, 91, 92]
    ]
    assert [len(part) for part in stretches(good[:12], 4, 5)] == [1, 1]
    assert stretches(np.zeros(4, bool), 2, 5) == []


def test_the_fullest_stretch_has_most_that_is_good() -> None:
    good = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0], bool)
    assert fullest(good, 3) == 5
    assert fullest(good, 20) == 0


def test_moments_are_loud_then_quiet_then_moving() -> None:
    loudness = {0: 1.0, 1: 3.0, 2: 2.0}
    motion = np.array([0.0, 0.1, 0.4])
    assert choose([np.arange(3)] * 3, loudness, motion) == [(1, "loud"), (0, "quiet"), (2, "moving")]


def test_speed_is_told_in_sizes_of_the_face() -> None:
    x = np.array([0.0, 0.0, 20.0, 40.0, np.nan])
    boxes = np.stack([x, np.zeros(5), x + 100, np.full(5, 100.0)], axis=1)
    np.testing.assert_allclose(speed(boxes), [0, 0.1, 0.2, 0, 0])
