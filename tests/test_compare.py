"""Videos side by side, their difference as heat and in figures."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from math import inf, log10
from pathlib import Path

import numpy as np
import pytest
from media_samples import (
    loudest_frequency,
    make_sound,
    make_video,
    mean_difference,
    moving_frames,
    number_of,
    numbered_video,
    run_ffmpeg,
)

from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.evaluation.compare import Difference, compare
from wav2lip.evaluation.drawing import (
    GAP,
    HIGHEST,
    HOTTEST,
    LOWEST_LINE,
    NARROWEST,
    WIDEST,
    Board,
    Column,
    Moment,
    draw_sheet,
    draw_text,
    heat_map,
    sheet_picture,
)
from wav2lip.media.clip import Frame
from wav2lip.media.ffmpeg import url
from wav2lip.media.image import read_image
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.media.sound import read_samples
from wav2lip.progress import Advance, Progress

LOSSLESS = ("-c:v", "ffv1", "-pix_fmt", "bgr0")
LONG_NAME = "a_name_that_goes_on_and_on_" * 9 + ".mp4"


class Listener(Progress):
    """Keeps what is said, and can make the work fail after some frames."""

    def __init__(self, patience: float = inf):
        self.said: list[str] = []
        self.left = patience

    def say(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        def advance(count: int) -> None:
            self.left -= count
            if self.left < 0:
                raise Wav2LipError("enough")

        yield advance


def grey(level: int, width: int = 64, height: int = 48) -> Frame:
    return np.full((height, width, 3), level, np.uint8)


def lossless(path: Path, frames: Sequence[Frame], fps: int = 25, sound: Path | None = None) -> Path:
    return make_video(path, frames, fps, LOSSLESS, sound)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def picture_of(sheet: Path) -> Frame:
    picture = read_image(sheet)
    assert picture is not None
    return picture


def columns(*titles: str, table: Sequence[tuple[str, str]] = ()) -> list[Column]:
    return [Column(title, table) for title in titles]


def test_identical_videos_differ_by_nothing_and_their_map_is_cold(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", moving_frames(5))
    report = compare([a, a], tmp_path / "out.mkv", tmp_path / "out.png", moments=1)
    assert report.differences["a - b"] == Difference(0.0, 0.0)
    assert report.differences["a - b"].psnr == inf
    assert report.to_dict()["differences"] == {"a - b": {"mean": 0.0, "psnr": None}}
    width, height = sheet_picture(3, 96, 64)
    sheet = picture_of(tmp_path / "out.png")
    assert (sheet[-height:, -width:] == heat_map(grey(0))[0, 0]).all()
    board = Board([columns("a", "b"), [Column("difference", heat=True)]], 96, 64)
    left, top = board.places[2]
    shown = next(read_frames(probe(tmp_path / "out.mkv")))[top:, left:][: board.picture[1], : board.picture[0]]
    assert mean_difference(shown, np.broadcast_to(heat_map(grey(0))[0, 0], shown.shape)) < 2


def test_a_known_difference_gives_the_known_figures_over_all_frames(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", [grey(100)] * 8)
    b = lossless(tmp_path / "b.mkv", [grey(100)] * 4 + [grey(120)] * 4)
    found = compare([a, b], tmp_path / "out.mp4", None).differences["a - b"]
    assert found.mean == 10
    assert found.square == 200                     # of the squares: not the mean of the frames' own PSNR, of which
    assert found.psnr == pytest.approx(10 * log10(255**2 / 200))    # four are infinite


def test_with_a_truth_both_are_compared_with_it_and_with_each_other(tmp_path: Path) -> None:
    videos = [lossless(tmp_path / f"{level}.mkv", [grey(level)] * 3) for level in (100, 110, 130)]
    report = compare(videos, tmp_path / "out.mp4", None)
    means = {pair: difference.mean for pair, difference in report.differences.items()}
    assert means == {"a - truth": 30, "b - truth": 20, "a - b": 10}


def test_heat_is_one_scale_that_ends_at_64_levels() -> None:
    colours = [tuple(heat_map(grey(level))[0, 0]) for level in (0, 1, HOTTEST // 2, HOTTEST - 1, HOTTEST, 255)]
    assert len(set(colours)) == 5
    assert colours[-1] == colours[-2]
    assert max(colours[0]) < 10
    one_channel = grey(0)
    one_channel[..., 2] = 30
    assert (heat_map(one_channel) == heat_map(grey(10))).all()


def test_another_size_is_scaled_to_the_first_ones_and_told(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", [grey(100, 67, 49)] * 3)
    b = lossless(tmp_path / "b.mkv", [grey(104, 33, 25)] * 3)
    listener = Listener()
    report = compare([a, b], tmp_path / "out.mp4", tmp_path / "out.png", progress=listener)
    assert report.differences["a - b"].mean == 4
    assert listener.said == [f"{b} has 33×25 pixels; it is scaled to the 67×49 of {a}."]
    clip = probe(tmp_path / "out.mp4")
    assert (clip.width % 2, clip.height % 2, clip.pixel_format) == (0, 0, "yuv420p")
    assert (clip.width, clip.height, clip.frames) == (report.width, report.height, 3)


@pytest.mark.parametrize(("rate", "count"), [(50, 50), (Fraction(25, 2), 13)])
def test_another_rate_is_compared_by_time_and_told(tmp_path: Path, rate: Fraction | int, count: int) -> None:
    step = Fraction(rate) / 25
    a = lossless(tmp_path / "a.mkv", [grey(8 * n) for n in range(25)])
    b = make_video(tmp_path / "b.mkv", [grey(int(8 * (n // step))) for n in range(count)], rate, LOSSLESS)
    listener = Listener()
    report = compare([a, b], tmp_path / "out.mp4", None, progress=listener)
    assert (report.frames, report.fps) == (25, 25)
    assert report.differences["a - b"].mean == (0 if step >= 1 else pytest.approx(4, abs=0.2))
    assert [line for line in listener.said if "nearest in time" in line]


def test_rates_that_part_by_less_than_a_frame_are_not_worth_a_word(tmp_path: Path) -> None:
    a = make_video(tmp_path / "a.mkv", [grey(90)] * 30, 30, LOSSLESS)
    b = make_video(tmp_path / "b.mkv", [grey(90)] * 30, Fraction(30000, 1001), LOSSLESS)
    listener = Listener()
    assert compare([a, b], tmp_path / "out.mp4", None, progress=listener).frames == 30
    assert listener.said == []


def test_the_shortest_video_ends_the_comparison(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", [grey(90)] * 25)
    b = lossless(tmp_path / "b.mkv", [grey(90)] * 10)
    listener = Listener()
    report = compare([a, b, a], tmp_path / "out.mp4", None, progress=listener)
    assert report.frames == probe(tmp_path / "out.mp4").frames == 10
    assert listener.said == ["The videos last 1.00, 0.40, 1.00 seconds; they are compared until the shortest ends."]


def test_a_video_that_breaks_off_is_told_and_there_is_a_sheet_all_the_same(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", moving_frames(40))
    b = make_video(tmp_path / "b.mp4", moving_frames(40), 25, ["-g", 10, "-movflags", "+faststart"])
    half = b.read_bytes()[: b.stat().st_size // 2]
    b.write_bytes(half + bytes(len(half)))         # its index still promises 40 frames
    listener = Listener()
    report = compare([a, b], tmp_path / "out.mp4", tmp_path / "out.png", moments=1, progress=listener)
    assert 0 < report.frames < 39
    assert listener.said == [f"Only {report.frames} of 40 frames were compared: one of the videos breaks off."]
    assert (tmp_path / "out.png").exists()


def test_the_sound_is_the_truths_or_else_the_first_there_is_and_no_longer_than_the_picture(tmp_path: Path) -> None:
    low, high = (make_sound(tmp_path / f"{hertz}.wav", 2, frequencies=(hertz,)) for hertz in (300, 700))
    silent = lossless(tmp_path / "silent.mkv", [grey(90)] * 25)
    deep = lossless(tmp_path / "deep.mkv", [grey(90)] * 25, sound=low)
    shrill = lossless(tmp_path / "shrill.mkv", [grey(90)] * 25, sound=high)

    def heard(*videos: Path) -> float:
        compare(videos, tmp_path / "out.mp4", None)
        samples = np.concatenate(list(read_samples(tmp_path / "out.mp4")))
        assert len(samples) / 16_000 == pytest.approx(1, abs=0.1)
        return loudest_frequency(samples, 16_000)

    assert heard(deep, shrill) == pytest.approx(300, abs=3)
    assert heard(silent, shrill) == pytest.approx(700, abs=3)
    assert heard(deep, silent, shrill) == pytest.approx(700, abs=3)
    assert heard(deep, shrill, silent) == pytest.approx(300, abs=3)
    compare([silent, silent], tmp_path / "out.mp4", None)
    assert probe(tmp_path / "out.mp4").sound is None


def test_the_sound_keeps_its_time_where_the_picture_starts_later(tmp_path: Path) -> None:
    low, high = (make_sound(tmp_path / f"{hertz}.wav", 0.8, 48_000, (hertz,)) for hertz in (300, 900))
    run_ffmpeg("-i", low, "-i", high, "-filter_complex", "[0][1]concat=n=2:v=0:a=1", tmp_path / "turn.wav")
    silent = lossless(tmp_path / "silent.mkv", [grey(90)] * 25)
    run_ffmpeg(
        "-itsoffset", 0.4, "-i", silent, "-i", tmp_path / "turn.wav", "-map", "0:v", "-map", "1:a", "-c", "copy",
        tmp_path / "late.mkv",
    )
    compare([tmp_path / "late.mkv", silent], tmp_path / "out.mkv", None)
    samples = np.concatenate(list(read_samples(tmp_path / "out.mkv")))
    # The tone turns 0.8 s after the sound began: 0.4 s after the first picture.
    assert loudest_frequency(samples[: round(0.37 * 16_000)], 16_000) == pytest.approx(300, abs=5)
    assert loudest_frequency(samples[round(0.43 * 16_000) :], 16_000) == pytest.approx(900, abs=5)


SIZES = [(16, 16), (96, 96), (67, 121), (640, 360), (1080, 720), (1080, 1920), (3840, 2160), (2160, 3840), (30, 2000)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_words_do_not_touch_the_pictures_and_a_page_is_no_larger_than_a_screen(width: int, height: int) -> None:
    table = [("a figure of some name", "12.34 of 255")] * 4
    three = columns(f"a   {LONG_NAME}", "b", "truth   日本語\n.mp4", table=table)
    heats = [Column(f"difference   |{pair}|", heat=True) for pair in ("a - truth", "b - truth", "a - b")]
    for rows in ([three, heats], [[*three[:2], heats[0]]], [three[:2], heats[:1]]):
        board = Board(rows, width, height)
        wide, high = board.picture
        every = [column for row in rows for column in row]
        grain = np.random.default_rng(0)
        pictures = [grain.integers(0, 256, (high, wide, 3), np.uint8) for _ in every]
        page = board.draw(pictures, [("1.20 s", "mean 1.34   PSNR 37.5 dB")] * sum(column.heat for column in every))
        assert page.shape == (board.size[1], board.size[0], 3)
        assert board.size[0] % 2 == board.size[1] % 2 == 0
        assert board.size[0] <= WIDEST
        assert board.size[1] <= HIGHEST
        for picture, (left, top) in zip(pictures, board.places, strict=True):
            assert (page[top : top + high, left : left + wide] == picture).all()
        for (x, y), (u, v) in itertools.combinations(board.places, 2):
            assert abs(x - u) >= wide + GAP or abs(y - v) >= high + LOWEST_LINE


def test_a_long_name_keeps_its_beginning_and_end_inside_its_bar() -> None:
    short = draw_text(NARROWEST, LOWEST_LINE, ("a", ""))
    long = draw_text(NARROWEST, LOWEST_LINE, (LONG_NAME, "end"))
    margin = LOWEST_LINE // 3
    ground = short[0, 0]
    assert (long != ground).any(axis=2).sum() > (short != ground).any(axis=2).sum() > 0
    for line in (short, long):
        assert (line[:, : margin - 1] == ground).all()
        assert (line[:, -margin + 1 :] == ground).all()
        assert (line[[0, -1]] == ground).all()


def test_figures_are_drawn_under_the_pictures_and_in_the_sheet(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", [grey(90)] * 3)
    plain = compare([a, a], tmp_path / "plain.mp4", tmp_path / "plain.png")
    captions = [{"sound late": "40 ms"}, {"sound late": "0 ms", "LSE-C": "7.1", "LSE-D": "6.8", "PSNR": "31 dB"}]
    told = compare([a, a], tmp_path / "told.mp4", tmp_path / "told.png", captions=lambda: captions)
    assert told.height - plain.height >= 4 * LOWEST_LINE
    assert picture_of(tmp_path / "told.png").shape[0] - picture_of(tmp_path / "plain.png").shape[0] >= LOWEST_LINE
    left, top = Board([columns("a", "b")], 64, 48).places[1]
    under = next(read_frames(probe(tmp_path / "told.mp4")))[top + 240 :, left:][: 4 * LOWEST_LINE]
    assert all(under[n * LOWEST_LINE : (n + 1) * LOWEST_LINE].max() > 150 for n in range(4))


def test_a_sheet_has_evenly_spread_moments_of_every_video(tmp_path: Path) -> None:
    a = numbered_video(tmp_path / "a.mkv", 60, options=LOSSLESS)
    b = lossless(tmp_path / "b.mkv", [grey(20)] * 60)
    compare([a, b], tmp_path / "out.mp4", tmp_path / "out.png", moments=4)
    width, height = sheet_picture(3, 64, 48)
    sheet = picture_of(tmp_path / "out.png")
    step = height + LOWEST_LINE + GAP
    rows = [sheet[sheet.shape[0] - (4 - n) * step :][:step][-height:] for n in range(4)]
    assert [number_of(row[:, :width]) for row in rows] == [7, 22, 37, 52]
    assert [number_of(row[:, width + GAP : 2 * width + GAP]) for row in rows] == [0] * 4
    heats = [heat_map(grey(3 * number))[0, 0] for number in (7, 22, 37, 52)]
    assert all((row[:, -width:] == heat).all() for row, heat in zip(rows, heats, strict=True))


def test_a_sheet_has_no_more_moments_than_there_are_frames(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", [grey(90)] * 2)
    compare([a, a], tmp_path / "out.mp4", tmp_path / "few.png", moments=2)
    compare([a, a], tmp_path / "out.mp4", tmp_path / "many.png", moments=40)
    assert (tmp_path / "few.png").read_bytes() == (tmp_path / "many.png").read_bytes()


def test_a_tall_sheet_goes_on_beside_itself() -> None:
    pictures = [grey(90, 135, 240)] * 2
    moments = [Moment(float(n), pictures, []) for n in range(7)]
    one, all_of_them = draw_sheet(columns("a", "b"), moments[:1]), draw_sheet(columns("a", "b"), moments)
    assert all_of_them.shape[1] > 2 * one.shape[1]
    assert all_of_them.shape[0] == one.shape[0] + 3 * (240 + LOWEST_LINE + GAP)


def test_pictures_of_oblong_pixels_are_shown_as_players_show_them(tmp_path: Path) -> None:
    a = make_video(tmp_path / "a.mkv", [grey(90, 640, 720)] * 3, 25, [*LOSSLESS, "-vf", "setsar=2"])
    report = compare([a, a], tmp_path / "out.mp4", None)
    assert (report.width, report.height) == Board([columns("a", "b"), [Column("", heat=True)]], 1280, 720).size
    assert probe(tmp_path / "out.mp4").pixel_aspect == 1


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", [grey(90)] * 3)
    with pytest.raises(MediaError, match="sound but no picture"):
        compare([a, make_sound(tmp_path / "sound.wav", 1)], tmp_path / "out.mp4", None)
    compare([a, a], tmp_path / "out.mp4", tmp_path / "out.png")
    with pytest.raises(MediaError, match="is a picture"):
        compare([a, tmp_path / "out.png"], tmp_path / "new.mp4", None)
    with pytest.raises(UsageError, match="4 were given"):
        compare([a] * 4, tmp_path / "new.mp4", None)
    assert names(tmp_path) == {"a.mkv", "sound.wav", "out.mp4", "out.png"}


def test_a_result_never_replaces_an_input_or_a_folder(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", [grey(90)] * 3)
    b = lossless(tmp_path / "b.mkv", [grey(90)] * 3)
    disguised = tmp_path / "c.png"
    os.link(b, disguised)
    (tmp_path / "folder.png").mkdir()
    before = a.read_bytes(), b.read_bytes(), names(tmp_path)
    for output, sheet, words in (
        (b, None, "also an input.*-o"),
        (tmp_path / "new" / "out.mp4", disguised, "also an input.*--sheet"),
        (tmp_path / "new" / "out.mp4", tmp_path / "folder.png", "is a folder"),
        (tmp_path / "new" / "out.mp4", tmp_path / "out.jpg", "ends in .png"),
        (tmp_path / "new" / "out.gif", None, ".gif"),
    ):
        with pytest.raises(UsageError, match=words):
            compare([a, b], output, sheet)
    with pytest.raises(Wav2LipError, match="cannot be written: File name too long"):
        compare([a, b], tmp_path / f"{'x' * 300}.mp4", None)
    assert (a.read_bytes(), b.read_bytes(), names(tmp_path)) == before


def test_a_comparison_that_fails_leaves_nothing_and_replaces_nothing(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", [grey(90)] * 20)
    (tmp_path / "out.mp4").write_text("precious")
    (tmp_path / "out.png").write_text("precious")
    with pytest.raises(Wav2LipError, match="enough"):
        compare([a, a], tmp_path / "out.mp4", tmp_path / "out.png", progress=Listener(19))
    assert names(tmp_path) == {"a.mkv", "out.mp4", "out.png"}
    assert (tmp_path / "out.mp4").read_text() == (tmp_path / "out.png").read_text() == "precious"


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "wav2lip", "compare", *map(str, words)]


def run(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_names_its_results_after_the_videos_and_prints_their_paths_last(tmp_path: Path) -> None:
    for name, level in (("a.mkv", 100), ("b.mkv", 110)):
        lossless(tmp_path / name, [grey(level)] * 8)
    result = run(tmp_path, "a.mkv", "b.mkv")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "a_vs_b.mp4\na_vs_b.png\n"
    assert result.stderr == "|a - b|: mean difference 10.00 of 255, PSNR 28.1 dB.\n"
    assert names(tmp_path) == {"a.mkv", "b.mkv", "a_vs_b.mp4", "a_vs_b.png"}


def test_json_is_all_of_stdout_and_quiet_is_all_of_stderr(tmp_path: Path) -> None:
    for name, level in (("a.mkv", 100), ("b.mkv", 110), ("-t.mkv", 110)):
        lossless(tmp_path / name, [grey(level)] * 8)
    words = ("a.mkv", "b.mkv", "-o", "new/out.mkv", "--sheet", "sheets/s.PNG", "--moments", 2, "--json", "-q")
    result = run(tmp_path, *words, "--", "-t.mkv")
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert (report["output"], report["sheet"]) == ("new/out.mkv", "sheets/s.PNG")
    assert report["videos"] == {"a": "a.mkv", "b": "b.mkv", "truth": "-t.mkv"}
    assert (report["frames"], report["fps"]) == (8, "25")
    assert report["differences"]["b - truth"] == {"mean": 0.0, "psnr": None}
    assert report["differences"]["a - b"]["psnr"] == pytest.approx(28.13, abs=0.01)
    assert names(tmp_path / "new") == {"out.mkv"}
    assert names(tmp_path / "sheets") == {"s.PNG"}


def test_wrong_inputs_are_one_sentence_with_its_exit_code_and_leave_nothing(tmp_path: Path) -> None:
    a = lossless(tmp_path / "a.mkv", [grey(90)] * 3)
    sound = make_sound(tmp_path / "sound.wav", 1)
    before = names(tmp_path)
    for code, words, part in (
        (2, [a], "Name two videos"),
        (2, [], "Name two videos"),
        (3, [a, "nowhere.mp4"], "nowhere.mp4 does not exist"),
        (3, [a, a, sound], "no picture"),
        (2, [a, a, "-o", a], "also an input"),
        (2, [a, a, "-o", ""], "no extension"),
    ):
        result = run(tmp_path, *words)
        assert result.returncode == code, result.stderr
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
        assert part in result.stderr
    assert names(tmp_path) == before


def test_an_interrupted_comparison_tidies_up(tmp_path: Path) -> None:
    numbered_video(tmp_path / "long.mp4", 3000, width=320, height=240)
    words = command("long.mp4", "long.mp4")
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 90
        while not list(tmp_path.glob(".wav2lip-*.part.mp4")):    # the encoder is at work
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "Interrupted; nothing was written.\n")
    assert names(tmp_path) == {"long.mp4"}


def test_videos_with_sound_are_scored_and_others_are_not(tmp_path: Path) -> None:
    examples = Path(__file__).resolve().parent.parent / "examples"
    run_ffmpeg(
        "-i", url(examples / "face.mp4"), "-i", url(examples / "speech.wav"), "-map", "0:v", "-map", "1:a", "-t", 0.6,
        "-vf", "scale=160:160", "-c:a", "aac", url(tmp_path / "a.mp4"),
    )
    run_ffmpeg("-i", url(tmp_path / "a.mp4"), "-an", "-c", "copy", url(tmp_path / "b.mp4"))
    plain = run(tmp_path, "a.mp4", "b.mp4", "--no-scores", "--json", "-q")
    scored = run(tmp_path, "a.mp4", "b.mp4", "--detector", "cascade", "-o", "c.mp4")
    assert scored.returncode == 0, scored.stderr
    assert "Not scored" not in scored.stderr
    # Room for five figures below the first picture.
    assert probe(tmp_path / "c.mp4").height > json.loads(plain.stdout)["height"]
