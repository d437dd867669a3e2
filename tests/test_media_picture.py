"""Pictures as their file stores them, read and written without losing a bit."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_samples import (
    BT709,
    coloured_frame,
    flat_pictures,
    make_pictures,
    make_video,
    mean_difference,
    moving_frames,
    noise_pictures,
    run_ffmpeg,
    stored_bytes,
    variable_rate_video,
)
from test_media_probe import turn

from wav2lip.media import read
from wav2lip.media.clip import Clip, Colour
from wav2lip.media.encoding import Encoding
from wav2lip.media.ffmpeg import url
from wav2lip.media.geometry import Geometry
from wav2lip.media.picture import Picture, Pixels, planar
from wav2lip.media.probe import probe
from wav2lip.media.read import native, read_frames, read_pictures, read_pictures_backwards
from wav2lip.media.write import VideoWriter
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.timeline import Run


def write(output: Path, pictures: Iterable[Picture], source: Clip) -> Path:
    with VideoWriter(
        output, width=source.width, height=source.height, fps=Fraction(25), pixels=native(source), source=source,
        colour=source.colour, encoding=Encoding("ffv1"),
    ) as writer:
        for picture in pictures:
            writer.write(picture)
    return output


def equal(one: Picture, other: Picture) -> bool:
    return one.pixels == other.pixels and all(map(np.array_equal, one.planes, other.planes))


def as_bytes(pictures: Iterable[Picture]) -> bytes:
    return b"".join(plane.tobytes() for picture in pictures for plane in picture.planes)


def luma_of(frame: np.ndarray) -> np.ndarray:
    """Return the luma that BT.601 gives a BGR frame, 16 to 235."""
    return np.asarray(frame @ np.array([0.114, 0.587, 0.299]) * 219 / 255 + 16)


LAYOUTS = ["yuv420p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv411p", "yuva420p", "yuva444p10le", "gbrp10le",
           "gbrap16le"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_read_and_written_again_is_stored_number_for_number(tmp_path: Path, name: str) -> None:
    colour = Colour("gbr", None, None, "pc") if planar(name).rgb else BT709
    before = make_pictures(tmp_path / "in.mkv", noise_pictures(planar(name)), colour=colour)
    source = probe(before)
    assert (source.pixel_format, native(source).name) == (name, name)
    pictures = list(read_pictures(source))
    assert as_bytes(pictures) == stored_bytes(before, name)
    after = write(tmp_path / "out.mkv", pictures, source)
    assert stored_bytes(after, name) == stored_bytes(before, name)
    assert probe(after).colour == source.colour


@pytest.mark.parametrize("name", ["bgr0", "bgra"])
def test_packed_colours_come_apart_and_together_again_exactly(tmp_path: Path, name: str) -> None:
    pictures = noise_pictures(planar(name))
    before = make_pictures(tmp_path / "in.mkv", pictures, ["-c:v", "ffv1", "-pix_fmt", name])
    source = probe(before)
    assert all(map(equal, read_pictures(source), pictures))
    after = write(tmp_path / "out.mkv", read_pictures(source), source)
    assert stored_bytes(after, name) == stored_bytes(before, name)


@pytest.mark.parametrize("name", ["nv12", "yuyv422", "uyvy422"])
def test_formats_that_mix_their_planes_keep_every_number(tmp_path: Path, name: str) -> None:
    pixels = planar(name)
    pictures = noise_pictures(pixels)
    clip = probe(make_pictures(tmp_path / "clip.nut", pictures, ["-c:v", "rawvideo", "-pix_fmt", name]))
    assert clip.pixel_format == name
    assert all(map(equal, read_pictures(clip), pictures))


def test_full_range_stays_full_range(tmp_path: Path) -> None:
    full = replace(BT709, range="pc")
    pictures = noise_pictures(planar("yuv420p"))
    source = probe(make_pictures(tmp_path / "in.mkv", pictures, ["-c:v", "ffv1"], full))
    assert all(map(equal, read_pictures(source), pictures))
    result = probe(write(tmp_path / "out.mkv", read_pictures(source), source))
    assert result.colour == full
    assert all(map(equal, read_pictures(result), pictures))
    jpeg = tmp_path / "jpeg.avi"
    make_video(jpeg, [coloured_frame(64, 48)] * 2, 25, ["-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p"])
    clip = probe(jpeg)
    assert (clip.pixel_format, clip.colour.range) == ("yuvj420p", "pc")
    assert as_bytes(read_pictures(clip)) == stored_bytes(jpeg, "yuvj420p")


def test_pictures_are_chosen_as_frames_are(tmp_path: Path) -> None:
    options = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "12", "-bf", "3"]
    steady = probe(make_video(tmp_path / "steady.mp4", moving_frames(40), 25, options))
    changing = probe(variable_rate_video(tmp_path / "changing.mp4", [0, 2, 3, 4, 5, 9, 10, 11, 12, 13, 19]))
    for clip in (steady, changing):
        whole = list(read_pictures(clip))
        assert len(whole) == clip.frames
        assert {picture.size for picture in whole} == {(clip.width, clip.height)}
        for start in (1, 13, clip.frames - 2):
            part = list(read_pictures(clip, start, 3))
            assert len(part) == len(whole[start : start + 3])
            assert all(equal(one, other) for one, other in zip(part, whole[start:], strict=False))
        for picture, frame in zip(whole, read_frames(clip), strict=True):
            assert abs(picture.planes[0].mean() - luma_of(frame).mean()) < 0.6
    stored = list(read_pictures(changing, stored=True))
    assert len(stored) == changing.stored_frames


def test_reading_backwards_gives_the_same_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-g", "12", "-bf", "3"]
    clip = probe(make_video(tmp_path / "clip.mp4", moving_frames(30), 25, options))
    monkeypatch.setattr(read, "BACKWARD_BYTES", 7 * native(clip).bytes(clip.width, clip.height))
    whole = list(read_pictures(clip))
    backwards = list(read_pictures_backwards(clip, 28, 20))
    assert len(backwards) == 20
    assert all(map(equal, backwards, whole[28:8:-1]))


def test_a_turned_deep_video_comes_upright(tmp_path: Path) -> None:
    for name, layout in (("yuv420p10le", "yuv420p10le"), ("yuv422p10le", "yuv444p10le")):
        pictures = flat_pictures(planar(name))
        lossless = ["-c:v", "libx265", "-x265-params", "lossless=1:log-level=error"]
        lying = make_pictures(tmp_path / f"{name}.mov", pictures, lossless)
        clip = probe(turn(lying, tmp_path / f"turned_{name}.mov"))
        picture = next(read_pictures(clip))
        quarter = -1 if clip.rotation == 90 else 1
        assert (picture.pixels.name, picture.size) == (layout, (64, 96))
        assert np.array_equal(picture.planes[0], np.rot90(pictures[0].planes[0], quarter))
        assert picture.planes[1].shape == ((48, 32) if layout == name else (96, 64))
        upright = np.rot90(pictures[0].planes[1], quarter)
        whole = upright if layout == name else np.repeat(upright, 2, axis=0)
        assert mean_difference(picture.planes[1], whole) < 8


@pytest.mark.parametrize(("suffix", "codec"), [(".webm", "libvpx-vp9"), (".webm", "libvpx"), (".mkv", "libvpx-vp9")])
def test_the_transparency_of_vp8_and_vp9_is_seen(tmp_path: Path, suffix: str, codec: str) -> None:
    pictures = flat_pictures(planar("yuva420p"))
    path = tmp_path / f"clear{suffix}"
    make_pictures(path, pictures, ["-c:v", codec, "-auto-alt-ref", "0", "-crf", "4", "-b:v", "1M"])
    clip = probe(path)
    assert clip.pixel_format == "yuva420p"
    read_back = list(read_pictures(clip))
    assert len(read_back) == 3
    assert read_back[0].pixels == planar("yuva420p")
    assert mean_difference(read_back[2].planes[3], pictures[2].planes[3]) < 3
    (jumped,) = read_pictures(clip, 2)
    assert np.array_equal(jumped.planes[3], read_back[2].planes[3])
    assert len(next(read_pictures(clip, pixels=planar("yuv420p"))).planes) == 3


def test_a_photograph_is_a_picture_of_its_own_depth_and_transparency(tmp_path: Path) -> None:
    plain = coloured_frame(40, 30)
    deep = np.random.default_rng(0).integers(0, 1 << 16, (30, 40, 4), np.uint16)
    kinds = {
        "opaque.png": (plain, Pixels(rgb=True)),
        "solid.png": (np.dstack([plain, np.full((30, 40), 255, np.uint8)]), Pixels(rgb=True)),
        "clear.png": (np.dstack([plain, plain[..., 0]]), Pixels(rgb=True, alpha=True)),
        "deep.png": (deep[..., :3], Pixels(16, rgb=True)),
        "deep.tiff": (deep[..., :3], Pixels(16, rgb=True)),
        "both.png": (deep, Pixels(16, rgb=True, alpha=True)),
        "clear.webp": (np.dstack([plain, plain[..., 0]]), Pixels(rgb=True, alpha=True)),
    }
    for name, (image, pixels) in kinds.items():
        path = tmp_path / name
        path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
        clip = probe(path)
        assert native(clip) == pixels, name
        (picture,) = read_pictures(clip)
        expected = [image[..., channel] for channel in (1, 0, 2, 3)[: len(picture.planes)]]
        assert all(map(np.array_equal, picture.planes, expected)), name
        assert next(read_frames(clip)).dtype == np.uint8
    (filled,) = read_pictures(probe(tmp_path / "opaque.png"), pixels=Pixels(10, rgb=True, alpha=True))
    assert filled.planes[3].min() == 1023
    assert np.abs(filled.planes[0] / 1023 * 255 - plain[..., 1]).max() < 0.2


def test_a_photograph_with_transparency_is_upright(tmp_path: Path) -> None:
    picture = np.dstack([coloured_frame(40, 30), coloured_frame(40, 30)[..., 1]])
    data = cv2.imencode(".png", picture)[1].tobytes()
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    header = 8 + 25                               # of the signature and of IHDR
    chunk = len(exif).to_bytes(4, "big") + b"eXIf" + exif
    chunk += zlib.crc32(chunk[4:]).to_bytes(4, "big")
    path = tmp_path / "phone.png"
    path.write_bytes(data[:header] + chunk + data[header:])
    clip = probe(path)
    (read_back,) = read_pictures(clip)
    lies = (clip.width, clip.height) == (40, 30)  # some versions of OpenCV know no orientation in PNG
    expected = picture if lies else np.rot90(picture, -1)
    assert np.array_equal(read_back.planes[3], expected[..., 3])
    assert np.array_equal(read_back.planes[0], expected[..., 1])


def test_a_source_gives_its_pictures_in_the_files_own_layout(tmp_path: Path) -> None:
    pictures = noise_pictures(planar("yuv420p10le"), 4)
    source = Source(probe(make_pictures(tmp_path / "in.mkv", pictures)), Geometry())
    assert source.pixels == planar("yuv420p10le")
    played = list(source.play_pictures([Run(0, 4, 1), Run(2, 3, -1), Run(1, 2, 0)]))
    assert [number for number, _ in played] == [0, 1, 2, 3, 2, 1, 0, 1, 1]
    assert all(equal(picture, pictures[number]) for number, picture in played)


def test_turned_scaled_and_cropped_pictures_are_those_of_frames(tmp_path: Path) -> None:
    options = ["-vf", "scale=out_color_matrix=bt601,format=yuv420p10le", "-c:v", "ffv1"]
    clip = probe(make_video(tmp_path / "in.mkv", [coloured_frame(96, 64)] * 2, 25, options))
    source = Source(clip, Geometry(2, True, (3, -1, 2, 30)))
    assert source.pixels == Pixels(10)
    ((_, picture), (_, frame)) = next(source.play_pictures([Run(0, 1, 1)])), next(source.play([Run(0, 1, 1)]))
    assert picture.size == source.size == frame.shape[1::-1]
    assert {plane.shape for plane in picture.planes} == {frame.shape[:2]}
    assert np.abs(picture.planes[0] / 4 - luma_of(frame)).mean() < 1


def test_an_untagged_hd_source_made_small_is_tagged_with_the_matrix_of_its_numbers(tmp_path: Path) -> None:
    path = make_video(tmp_path / "in.mp4", [coloured_frame(1280, 720)], 25, ["-c:v", "mpeg4"])
    clip = probe(path)
    assert clip.colour.matrix is None
    assert Source(clip, Geometry()).colour == clip.colour
    assert Source(clip, Geometry(4)).colour.matrix == "bt709"


def test_a_writer_takes_pictures_of_its_layout_only(tmp_path: Path) -> None:
    deep, flat = noise_pictures(planar("yuv420p10le"), 1)[0], noise_pictures(planar("yuv420p"), 1)[0]
    smaller = noise_pictures(planar("yuv420p10le"), 1, 32)[0]
    frame = np.zeros((26, 34, 3), np.uint8)
    for given, pixels in ((flat, deep.pixels), (smaller, deep.pixels), (frame, deep.pixels), (deep, None)):
        writer = VideoWriter(tmp_path / "out.mkv", width=34, height=26, fps=Fraction(25), pixels=pixels)
        with pytest.raises(ValueError, match="the frame is"), writer:
            writer.write(given)


def test_animated_and_still_palettes_become_rgb(tmp_path: Path) -> None:
    gif = make_video(tmp_path / "moving.gif", [coloured_frame(64, 48)] * 3, 10)
    clip = probe(gif)
    picture = next(read_pictures(clip))
    assert picture.pixels.rgb
    bgr = np.dstack([picture.planes[1], picture.planes[0], picture.planes[2]])
    assert np.array_equal(bgr, next(read_frames(clip)))
    run_ffmpeg("-i", url(gif), "-frames:v", 1, url(tmp_path / "still.gif"))
    assert next(read_pictures(probe(tmp_path / "still.gif"))).pixels.rgb


def test_full_range_is_not_squeezed_where_chroma_cannot_be_turned_as_it_is(tmp_path: Path) -> None:
    pixels = planar("yuv422p10le")
    pictures = [Picture(tuple(np.full(shape, 1000 if at == 0 else 512, "<u2")
                              for at, shape in enumerate(pixels.shapes(64, 32))), pixels)]
    lossless = ["-c:v", "libx265", "-x265-params", "lossless=1:range=full:log-level=error"]
    lying = make_pictures(tmp_path / "lying.mov", pictures, lossless, replace(BT709, range="pc"))
    clip = probe(turn(lying, tmp_path / "turned.mov"))
    assert clip.colour.range == "pc"
    luma, *chroma = next(read_pictures(clip)).planes
    assert np.abs(luma.astype(int) - 1000).max() <= 1
    assert all(np.abs(plane.astype(int) - 512).max() <= 1 for plane in chroma)
