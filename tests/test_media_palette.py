"""What the numbers of a picture mean as colours, held against ffmpeg's own conversion and the standards."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from media_samples import make_pictures

from wav2lip.media.clip import Colour
from wav2lip.media.palette import Palette, as_seen, hlg_light, hlg_signal, pq_light, pq_signal
from wav2lip.media.picture import Picture, Pixels
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames

MATRICES = ["bt709", "smpte170m", "bt470bg", "bt2020nc", "fcc", "smpte240m", None]
GREYS = np.linspace(0, 255, 256, dtype=np.float32)[:, None].repeat(3, 1)


def random_colours(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (*shape, 3)).astype(np.float32)


# Deep RGB is left out: the scaler itself is off by up to 3 levels there.
KINDS = [*product(MATRICES, (("tv", 8), ("pc", 8), ("tv", 10), ("pc", 12), ("tv", 16))), ("gbr", ("pc", 8))]


@pytest.mark.parametrize(("matrix", "kind"), KINDS)
def test_colours_are_those_that_ffmpeg_sees(tmp_path: Path, matrix: str | None, kind: tuple[str, int]) -> None:
    levels, depth = kind
    pixels, colour = Pixels(depth, rgb=matrix == "gbr"), Colour(matrix, None, None, levels)
    palette = Palette(colour, pixels, 32, 24)
    values = np.rint(palette.from_bgr(random_colours(24, 32)))
    assert values.min() >= 0
    assert values.max() < 2**depth
    picture = Picture(tuple(values[..., plane].astype(pixels.dtype) for plane in range(3)), pixels)
    clip = probe(make_pictures(tmp_path / "clip.mkv", [picture], colour=colour))
    seen = next(read_frames(clip))
    # Full range of many bits is a level brighter there: the scaler divides by 2 to a power, not by the largest number.
    assert np.abs(np.rint(palette.to_bgr(values)) - seen).max() <= 1
    assert np.abs(palette.to_bgr(values) - seen).mean() < 0.6


@pytest.mark.parametrize("transfer", ["bt709", "smpte2084", "arib-std-b67"])
@pytest.mark.parametrize("depth", [8, 10, 12])
def test_colours_become_numbers_and_colours_again(transfer: str, depth: int) -> None:
    layouts = ((Pixels(depth, 1, 1), "tv"), (Pixels(depth), "pc"), (Pixels(depth, rgb=True, alpha=True), "pc"))
    for pixels, levels in layouts:
        palette = Palette(Colour("bt2020nc", "bt2020", transfer, levels), pixels, 64, 64)
        assert palette.pixels == pixels
        for colours in (random_colours(96, 96), GREYS):
            values = palette.from_bgr(colours)
            assert (values.dtype, values.shape) == (np.float32, colours.shape)
            assert np.abs(palette.to_bgr(values) - colours).max() < 0.02
            assert np.abs(palette.from_bgr(palette.to_bgr(values)) - values).max() < 0.1


def test_rgb_of_any_depth_is_only_put_in_order() -> None:
    for depth in (8, 10, 16):
        palette = Palette(Colour("gbr", None, None, "pc"), Pixels(depth, rgb=True), 64, 64)
        assert palette.to_bgr(np.array([0, 1, 0.5]) * (2**depth - 1)).tolist() == [255, 0, 127.5]


def test_what_no_screen_shows_is_clipped_to_a_colour_and_numbers_are_not() -> None:
    palette = Palette(Colour("bt709", None, None, "tv"), Pixels(), 64, 64)
    assert palette.to_bgr(np.array([255, 128, 128])).tolist() == [255, 255, 255]
    assert palette.to_bgr(np.array([0, 128, 128])).tolist() == [0, 0, 0]
    assert palette.from_bgr(np.array([300.0, 300.0, 300.0]))[0] > 235


def test_untagged_pictures_have_the_matrix_of_their_size() -> None:
    values = np.array([120.0, 90.0, 200.0])
    small, large = (Palette(Colour(), Pixels(), *size).to_bgr(values) for size in ((640, 480), (1280, 720)))
    for tag, colours in (("smpte170m", small), ("bt709", large)):
        assert np.array_equal(Palette(Colour(tag), Pixels(), 64, 64).to_bgr(values), colours)


def test_the_transfers_of_hdr_are_those_of_the_standards() -> None:
    # SMPTE ST 2084 and BT.2100 by their known points: BT.2408, tables 1 and 2.
    assert pq_signal(np.array(203.0)) == pytest.approx(0.58, abs=0.001)
    assert pq_signal(np.array([0.0, 100.0, 1000.0, 10_000.0])) == pytest.approx([0, 0.508, 0.752, 1], abs=0.001)
    assert hlg_light(np.array([0.0, 0.5, 0.75, 1.0])) == pytest.approx([0, 1 / 12, 0.265, 1], abs=0.001)
    signal = np.linspace(0, 1, 1001)
    assert pq_signal(pq_light(signal)) == pytest.approx(signal, abs=1e-6)
    assert hlg_signal(hlg_light(signal)) == pytest.approx(signal, abs=1e-6)


@pytest.mark.parametrize(("transfer", "white"), [("smpte2084", 0.5807), ("arib-std-b67", 0.75)])
def test_hdr_looks_like_sdr_with_white_where_a_screen_shows_paper(transfer: str, white: float) -> None:
    palette = Palette(Colour("bt2020nc", "bt2020", transfer, "tv"), Pixels(10, 1, 1), 64, 64)

    def grey(signal: float) -> np.ndarray:
        return palette.to_bgr(np.array([64 + 876 * signal, 512, 512]))

    assert grey(white) == pytest.approx(255, abs=0.5)
    assert grey(0.0) == pytest.approx(0, abs=0.5)
    assert grey(1.0) == pytest.approx(255)            # a lamp is white
    steps = np.array([grey(signal)[0] for signal in np.linspace(0, white, 50)])
    assert (np.diff(steps) > 0).all()
    seen = as_seen(np.full((2, 2, 3), round(255 * 0.4), np.uint8), Colour("bt2020nc", "bt2020", transfer, "tv"))
    assert seen == pytest.approx(grey(0.4)[0], abs=1)
    # A face in the light of day is at about 55 cd/m²: the middle of what networks are trained on.
    skin = 0.44 if transfer == "smpte2084" else 0.5
    assert 130 < grey(skin)[0] < 160
