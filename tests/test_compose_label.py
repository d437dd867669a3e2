"""A label is drawn into every frame, so that it can be read on any picture, and nothing else of it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from click.testing import CliRunner
from media_samples import noise_pictures
from provenance_clips import FRAMES, OPTIONS, make_face, make_word

import wav2lip
from wav2lip.cli import main
from wav2lip.compose import lettering
from wav2lip.compose.label import Label, make_label
from wav2lip.compose.lettering import letters
from wav2lip.errors import UsageError
from wav2lip.media.clip import Colour
from wav2lip.media.palette import Palette
from wav2lip.media.picture import Picture, Pixels
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames

WIDTH, HEIGHT = 321, 243
BT709 = Colour("bt709", "bt709", "bt709", "tv")
PQ = Colour("bt2020nc", "bt2020", "smpte2084", "tv")
KINDS = [
    (Pixels(8, 1, 1), BT709), (Pixels(8, 0, 0), BT709), (Pixels(10, 1, 1), PQ), (Pixels(12, 1, 0), BT709),
    (Pixels(8, 2, 2), BT709), (Pixels(8, rgb=True), Colour()), (Pixels(16, rgb=True, alpha=True), Colour()),
]


@pytest.fixture
def fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The folders of a machine that has no fonts of its own, until some are put in."""
    folders: list[Path] = []
    monkeypatch.setattr(lettering, "folders", lambda: folders)
    forget()
    yield folders
    forget()


def forget() -> None:
    lettering._fonts.cache_clear()
    lettering._font_for.cache_clear()


def label_for(pixels: Pixels, colour: Colour, text: str = "AI dub", aspect: Fraction = Fraction(1)) -> Label:
    return make_label(text, Palette(colour, pixels, WIDTH, HEIGHT), WIDTH, HEIGHT, aspect)


@pytest.mark.parametrize(("pixels", "colour"), KINDS)
def test_a_label_is_white_on_dark_at_the_bottom_left_in_the_numbers_of_the_picture(
    pixels: Pixels, colour: Colour
) -> None:
    (picture,) = noise_pictures(pixels, 1, WIDTH, HEIGHT)
    before = picture.copy()
    label = label_for(pixels, colour)
    drawn = label.draw(picture)
    for one, other in zip(picture.planes, before.planes, strict=True):
        assert np.array_equal(one, other)                              # what was given is not touched
    assert drawn.pixels == pixels
    for number, (plane, was) in enumerate(zip(drawn.planes, before.planes, strict=True)):
        assert plane.dtype == was.dtype
        across, down = pixels.steps(number)
        changed = np.nonzero(plane != was)
        assert label.rows.start <= changed[0].min() << down
        assert (changed[0].max() << down) < label.rows.stop <= HEIGHT
        assert label.columns.start <= changed[1].min() << across
        assert (changed[1].max() << across) < label.columns.stop
    assert label.rows.start > HEIGHT * 0.8
    assert label.columns.start < WIDTH * 0.1


@pytest.mark.parametrize("level", [0, 255])
def test_it_can_be_read_on_black_and_on_white(level: int) -> None:
    pixels = Pixels(8, 1, 1)
    palette = Palette(BT709, pixels, WIDTH, HEIGHT)
    numbers = np.rint(palette.from_bgr(np.full(3, level, np.float32))).astype(np.uint8)
    planes = tuple(np.full(shape, numbers[at], np.uint8) for at, shape in enumerate(pixels.shapes(WIDTH, HEIGHT)))
    label = label_for(pixels, BT709)
    luma = label.draw(Picture(planes, pixels)).planes[0][label.rows, label.columns].astype(int)
    assert np.percentile(luma, 99.5) > 225                             # strokes are white
    assert np.median(luma) < 110                                       # and what is around them is not
    chroma = label.draw(Picture(planes, pixels)).planes[1]
    assert np.abs(chroma.astype(int) - 128).max() <= 1


def test_letters_are_as_large_as_the_picture_and_as_wide_as_its_pixels_are_not() -> None:
    def drawn(width: int, height: int, aspect: Fraction = Fraction(1)) -> tuple[int, int]:
        pixels = Pixels(8, 1, 1)
        label = make_label("AI", Palette(BT709, pixels, width, height), width, height, aspect)
        return label.rows.stop - label.rows.start, label.columns.stop - label.columns.start

    small, large = drawn(640, 360), drawn(1920, 1080)
    assert large[0] / small[0] == pytest.approx(3, rel=0.2)
    wide = drawn(960, 1080, Fraction(2))
    assert wide[0] == drawn(960, 1080)[0]
    assert wide[1] < 0.8 * drawn(960, 1080)[1]


def test_a_long_line_gets_smaller_and_one_too_long_is_refused() -> None:
    short, long = label_for(Pixels(), BT709, "AI"), label_for(Pixels(), BT709, "made by a computer, with consent")
    assert long.rows.stop - long.rows.start <= short.rows.stop - short.rows.start
    assert long.columns.stop <= WIDTH
    with pytest.raises(UsageError, match="Say it shorter"):
        label_for(Pixels(), BT709, "M" * 100)
    for text in ("", "  ", "two\nlines", "x" * 101, "bell\a"):
        with pytest.raises(UsageError, match="label"):
            wav2lip.SyncOptions(visible_label=text)
    with pytest.raises(UsageError, match="--visible-label"):
        wav2lip.SyncOptions(visible_label="AI", compat=True)


def test_letters_that_are_not_latin_are_drawn_with_a_font_that_has_them(fonts: list[Path]) -> None:
    fonts.append(Path(matplotlib.get_data_path()))    # DejaVu is there
    for text in ("Généré par IA", "Создано ИИ", "Φτιαγμένο"):
        assert letters(text, 20).max() == 1
    with pytest.raises(UsageError, match=r"No font of this machine can write '人工'"):
        letters("人工", 20)


@pytest.mark.usefixtures("fonts")
def test_without_fonts_only_plain_letters_can_be_drawn() -> None:
    assert letters("AI-generated", 20).max() == 1
    with pytest.raises(UsageError, match=r"No font of this machine can write 'ИС'"):
        letters("ИС", 20)


def test_letters_that_need_arranging_are_refused_where_nothing_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering.features, "check", lambda name: False)
    with pytest.raises(UsageError, match="Raqm"):
        letters("صنع", 21)


@pytest.mark.usefixtures("one_thread")
def test_every_frame_of_a_result_has_the_label_and_the_rest_stays(tmp_path: Path) -> None:
    face, word = make_face(tmp_path / "face.mkv", "-c:v", "ffv1"), make_word(tmp_path / "word.wav")
    options = replace(OPTIONS, codec="ffv1", crf=None, ranges=(wav2lip.Span(Fraction(0), Fraction(5, 25)),))
    frames = []
    for name, text in (("plain.mkv", None), ("labelled.mkv", "AI")):
        wav2lip.sync(face, word, tmp_path / name, replace(options, visible_label=text))
        frames.append(list(read_frames(probe(tmp_path / name))))
    plain, labelled = frames
    assert len(plain) == len(labelled) == FRAMES
    for one, other in zip(plain, labelled, strict=True):
        changed = np.nonzero(np.any(one != other, axis=2))
        assert len(changed[0]) > 100
        assert changed[0].min() > 60
        assert changed[1].max() < 60


def test_a_label_that_cannot_be_drawn_is_told_before_anything_runs(tmp_path: Path) -> None:
    face, word = make_face(tmp_path / "face.mp4"), make_word(tmp_path / "word.wav")
    result = CliRunner().invoke(main, [
        "sync", "--face", str(face), "--audio", str(word), "-o", str(tmp_path / "out" / "a.mp4"), "--visible-label",
        "far too long for a picture of ninety-six pixels",
    ])
    assert result.exit_code == 2
    assert "Say it shorter" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []
