"""What an output is, for what its source was: codec, bits, transparency, HDR and bit rate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
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
)

from wav2lip.errors import UsageError
from wav2lip.media import encoding as encoding_module
from wav2lip.media.clip import Clip, Colour
from wav2lip.media.encoding import COPY_SETTINGS, Decided, Encoding, check_encoding, decide
from wav2lip.media.geometry import Geometry
from wav2lip.media.picture import Picture, Pixels, planar
from wav2lip.media.probe import probe
from wav2lip.media.read import native, read_pictures
from wav2lip.media.write import VideoWriter
from wav2lip.pipeline.output import default_output
from wav2lip.pipeline.source import Source

PQ = Colour("bt2020nc", "bt2020", "smpte2084", "tv")
HLG = Colour("bt2020nc", "bt2020", "arib-std-b67", "tv")
FASTEST = {"h264": "ultrafast", "hevc": "ultrafast", "vp9": "8"}


def decided(output: str | Path, source: Clip, encoding: Encoding = Encoding()) -> Decided:   # noqa: B008 - frozen
    return decide(output, encoding, source.width, source.height, source=source, pixels=native(source))


def write(output: Path, source: Clip, encoding: Encoding = Encoding(), pictures: Iterable[Picture] = ()) -> Clip:   # noqa: B008
    codec = decided(output, source, encoding).codec
    if encoding.preset is None and encoding.codec != COPY_SETTINGS:
        encoding = replace(encoding, preset=FASTEST.get(codec))
    with VideoWriter(
        output, width=source.width, height=source.height, fps=source.fps, pixels=native(source), source=source,
        colour=source.colour, encoding=encoding,
    ) as writer:
        for picture in pictures or read_pictures(source):
            writer.write(picture)
    return probe(output)


@pytest.fixture
def deep(tmp_path: Path) -> Clip:
    return probe(make_pictures(tmp_path / "deep.mkv", flat_pictures(planar("yuv420p10le"))))


@pytest.fixture
def clear(tmp_path: Path) -> Clip:
    """A photograph cut out of its background."""
    path, picture = tmp_path / "clear.png", coloured_frame(96, 64)
    path.write_bytes(cv2.imencode(".png", np.dstack([picture, picture[..., 1]]))[1].tobytes())
    return probe(path)


def test_eight_bits_are_written_as_ever(tmp_path: Path) -> None:
    source = probe(make_pictures(tmp_path / "in.mkv", flat_pictures(planar("yuv422p"))))
    kinds = {".mp4": "h264", ".mov": "h264", ".mkv": "h264", ".webm": "vp9", ".avi": "h264"}
    for suffix, codec in kinds.items():
        assert decided(f"out{suffix}", source) == decide(f"out{suffix}", Encoding(), 96, 64)
        assert decided(f"out{suffix}", source).codec == codec
        assert decided(f"out{suffix}", source).pixel_format == "yuv420p"


@pytest.mark.parametrize(("suffix", "tag"), [(".mp4", "hvc1"), (".mov", "hvc1"), (".mkv", None)])
def test_ten_bits_stay_ten_bits(tmp_path: Path, deep: Clip, suffix: str, tag: str | None) -> None:
    clip = write(tmp_path / f"out{suffix}", deep)
    assert (clip.codec, clip.pixel_format, clip.colour) == ("hevc", "yuv420p10le", BT709)
    before, after = next(read_pictures(deep)), next(read_pictures(clip))
    assert mean_difference(after.planes[0], before.planes[0]) < 4
    if tag:
        with av.open(str(tmp_path / f"out{suffix}")) as container:
            assert container.streams.video[0].codec_context.codec_tag == tag


@pytest.mark.parametrize(
    ("output", "encoding", "kept"),
    [
        ("out.webm", Encoding(), ("vp9", "yuv420p10le")),
        ("out.mkv", Encoding("av1"), ("av1", "yuv420p10le")),
        ("out.mov", Encoding("prores"), ("prores", "yuv422p10le")),
        ("out.mkv", Encoding("ffv1"), ("ffv1", "yuv420p10le")),
        ("out.mp4", Encoding("h264"), ("h264", "yuv420p")),
        ("out.avi", Encoding(), ("h264", "yuv420p")),
    ],
)
def test_other_codecs_keep_ten_bits_too_but_not_h264(
    deep: Clip, output: str, encoding: Encoding, kept: tuple[str, str]
) -> None:
    choice = decided(output, deep, encoding)
    assert (choice.codec, choice.pixel_format) == kept
    assert bool(choice.notices) == (kept[0] == "h264")
    if choice.notices:
        assert "8 bits of the 10" in choice.notices[0]


def test_without_a_ten_bit_encoder_eight_bits_are_written_and_said(deep: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding_module, "pixel_formats", lambda program, encoder: ("yuv420p", "yuv444p"))
    choice = decided("out.mp4", deep)
    assert (choice.codec, choice.pixel_format, len(choice.notices)) == ("h264", "yuv420p", 1)


@pytest.mark.parametrize("colour", [PQ, HLG])
def test_hdr_keeps_its_bits_and_tags_and_is_refused_fewer(tmp_path: Path, colour: Colour) -> None:
    pictures = flat_pictures(planar("yuv420p10le"))
    source = probe(make_pictures(tmp_path / "in.mkv", pictures, colour=colour))
    assert source.colour == colour
    for suffix in (".mp4", ".mkv"):
        clip = write(tmp_path / f"out{suffix}", source)
        assert (clip.codec, clip.pixel_format, clip.colour) == ("hevc", "yuv420p10le", colour)
    for name, encoding, advice in (
        ("out.mp4", Encoding("h264"), "choose --codec hevc"),
        ("out.avi", Encoding(), "choose --codec ffv1"),
        ("out.mp4", Encoding("hevc", pixel_format="yuv420p"), "--pix-fmt of 10 bits"),
    ):
        with pytest.raises(UsageError, match=rf"in\.mkv is HDR \({colour.transfer}\).*10 bits.*{advice}") as refusal:
            VideoWriter(
                tmp_path / name, width=96, height=64, fps=Fraction(25), pixels=native(source), source=source,
                colour=source.colour, encoding=encoding,
            )
        assert "\n" not in str(refusal.value)
    assert decided("out.mp4", source, Encoding("h264", pixel_format="yuv420p10le")).pixel_format == "yuv420p10le"


@pytest.mark.parametrize(
    ("suffix", "codec", "kept"),
    [(".mov", "prores", "yuva444p10le"), (".webm", "vp9", "yuva420p"), (".mkv", "ffv1", "bgra")],
)
def test_transparency_is_kept_where_the_container_can(
    tmp_path: Path, clear: Clip, suffix: str, codec: str, kept: str
) -> None:
    assert decided(f"out{suffix}", clear).notices == ()
    clip = write(tmp_path / f"out{suffix}", clear)
    assert clip.codec == codec
    assert planar(clip.pixel_format).alpha
    assert decided(f"out{suffix}", clear).pixel_format == kept
    before, after = next(read_pictures(clear)), next(read_pictures(clip))
    scale = 2 ** (after.pixels.depth - 8)
    assert mean_difference(after.planes[3] / scale, before.planes[3]) < 2
    again = write(tmp_path / f"again{suffix}", clip)
    assert again.codec == codec
    assert mean_difference(next(read_pictures(again)).planes[3] / scale, before.planes[3]) < 3


def test_transparency_that_gets_lost_is_said(tmp_path: Path, clear: Clip) -> None:
    for name, encoding in (("out.mp4", Encoding()), ("out.avi", Encoding()), ("out.mp4", Encoding("vp9")),
                           ("out.mkv", Encoding("hevc"))):
        choice = decided(name, clear, encoding)
        assert not planar(choice.pixel_format).alpha
        (notice,) = choice.notices
        assert f"{name} is without the transparency" in notice
        assert ".mov (prores), .webm (vp9) or .mkv (ffv1)" in notice
    clip = write(tmp_path / "out.mp4", clear)
    frame = next(read_pictures(clip))
    assert (clip.codec, clip.colour, len(frame.planes)) == ("h264", BT709, 3)


@pytest.mark.parametrize(("name", "kept"), [("yuv422p", "yuv422p10le"), ("yuv444p", "yuv444p10le"),
                                            ("gbrp", "yuv444p10le"), ("yuv420p12le", "yuv422p10le")])
def test_prores_has_the_chroma_of_its_source(tmp_path: Path, name: str, kept: str) -> None:
    colour = Colour("gbr", None, None, "pc") if planar(name).rgb else replace(BT709, range="pc")
    source = probe(make_pictures(tmp_path / "in.mkv", flat_pictures(planar(name)), ["-c:v", "ffv1"], colour))
    clip = write(tmp_path / "out.mov", source, Encoding("prores"))
    assert (clip.codec, clip.colour) == ("prores", BT709)     # it has no full range: the levels are converted
    assert decided("out.mov", source, Encoding("prores")).pixel_format == kept
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].codec_context.profile == ("4444" if kept == "yuv444p10le" else "HQ")
    if source.colour.matrix != "gbr":
        luma = next(read_pictures(source)).planes[0] / 2.0**native(source).depth
        after = next(read_pictures(clip)).planes[0] / 2.0**native(clip).depth
        assert np.abs((after * 256 - 16) / 219 - luma).mean() < 0.01


def test_a_pixel_format_can_be_chosen(tmp_path: Path, deep: Clip) -> None:
    for name, encoding, codec in (
        ("out.mp4", Encoding(pixel_format="yuv420p"), "h264"),
        ("out.mp4", Encoding("hevc", pixel_format="yuv422p10le"), "hevc"),
        ("out.mkv", Encoding("ffv1", pixel_format="gbrp10le"), "ffv1"),
        ("out.mkv", Encoding("h264", pixel_format="yuvj420p"), "h264"),
    ):
        clip = write(tmp_path / name, deep, encoding)
        assert clip.codec == codec
        assert clip.pixel_format == encoding.pixel_format
        full = encoding.pixel_format in ("yuvj420p", "gbrp10le")
        assert clip.colour.range == ("pc" if full else "tv")
        assert clip.colour.matrix == ("gbr" if encoding.pixel_format == "gbrp10le" else "bt709")
        if clip.pixel_format in ("yuv420p", "yuv422p10le"):
            scale = 2 ** (10 - native(clip).depth)
            before, after = next(read_pictures(deep)), next(read_pictures(clip))
            assert np.abs(after.planes[0].astype(float) * scale - before.planes[0]).mean() < 4


@pytest.mark.parametrize(
    ("name", "encoding", "says"),
    [
        ("out.mov", Encoding("prores", pixel_format="yuv420p"), "no pixel format 'yuv420p'; it takes yuv422p10le"),
        ("out.mp4", Encoding("h264", pixel_format="nonsense"), "no pixel format 'nonsense'; it takes yuv420p, "),
        ("out.mp4", Encoding(pixel_format="bgr0"), "h264 .*no pixel format 'bgr0'"),
        ("out.avi", Encoding(COPY_SETTINGS, pixel_format="bgr0"), "mjpeg video, whose settings cannot be copied"),
    ],
)
def test_a_pixel_format_that_the_encoder_lacks_is_refused(
    tmp_path: Path, name: str, encoding: Encoding, says: str
) -> None:
    source = probe(make_video(tmp_path / "in.avi", [coloured_frame(64, 48)], 25, ["-c:v", "mjpeg"]))
    with pytest.raises(UsageError, match=says) as refusal:
        decided(name, source, encoding)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mp4", ["-c:v", "libx264", "-pix_fmt", "yuv422p10le", "-b:v", "600k"]),
        (".mov", ["-c:v", "libx265", "-pix_fmt", "yuv420p", "-b:v", "400k", "-x265-params", "log-level=error"]),
        (".webm", ["-c:v", "libvpx-vp9", "-b:v", "300k", "-deadline", "realtime"]),
    ],
)
def test_the_settings_of_the_source_can_be_copied(tmp_path: Path, suffix: str, options: list[str]) -> None:
    source = probe(make_video(tmp_path / f"in{suffix}", moving_frames(40, 192, 128), 25, options))
    stream = av.open(str(source.path)).streams.video[0]
    assert source.bit_rate == pytest.approx(stream.bit_rate or source.bit_rate, rel=0.05)
    clip = write(tmp_path / f"out{suffix}", source, Encoding(COPY_SETTINGS))
    assert (clip.codec, clip.pixel_format, clip.profile) == (source.codec, source.pixel_format, source.profile)
    assert source.bit_rate < clip.bit_rate < 2 * source.bit_rate


def test_lossless_and_prores_settings_are_copied_too(tmp_path: Path) -> None:
    lossless = probe(make_pictures(tmp_path / "in.mkv", flat_pictures(planar("yuv422p10le"))))
    choice = decided("out.mkv", lossless, Encoding(COPY_SETTINGS))
    assert (choice.codec, choice.pixel_format, choice.bit_rate) == ("ffv1", "yuv422p10le", 0)
    with pytest.raises(UsageError, match=r"\.mp4 files cannot hold ffv1"):
        decided("out.mp4", lossless, Encoding(COPY_SETTINGS))
    options = ["-c:v", "prores_ks", "-profile:v", "1", "-pix_fmt", "yuv422p10le"]
    proxy = probe(make_video(tmp_path / "in.mov", [coloured_frame(64, 48)] * 2, 25, options))
    assert decided("out.mov", proxy, Encoding(COPY_SETTINGS)).profile == 1
    assert write(tmp_path / "out.mov", proxy, Encoding(COPY_SETTINGS)).profile == proxy.profile == "LT"


def test_only_known_settings_can_be_copied(tmp_path: Path, clear: Clip) -> None:
    other = probe(make_video(tmp_path / "in.avi", [coloured_frame(64, 48)], 25, ["-c:v", "mpeg4"]))
    with pytest.raises(UsageError, match=r"in\.avi is mpeg4 video, whose settings cannot be copied; choose h264"):
        decided("out.avi", other, Encoding(COPY_SETTINGS))
    with pytest.raises(UsageError, match=r"clear\.png is no video"):
        decided("out.mp4", clear, Encoding(COPY_SETTINGS))
    assert check_encoding("out.mp4", Encoding(COPY_SETTINGS)) == COPY_SETTINGS


def test_the_ending_suits_codec_and_source(tmp_path: Path, deep: Clip, clear: Clip) -> None:
    face, audio = Path("folder/face.any"), Path("other/voice.wav")
    endings = {
        (None, None): "mp4", ("ffv1", None): "mkv", ("prores", None): "mov", ("vp9", None): "webm",
        (None, deep): "mp4", (None, clear): "mov", ("h264", clear): "mp4", (COPY_SETTINGS, deep): "mkv",
    }
    for (codec, clip), ending in endings.items():
        source = None if clip is None else Source(clip, Geometry())
        assert default_output(face, audio, codec, source) == Path(f"face_voice.{ending}")


def test_an_odd_size_that_a_pixel_format_cannot_share_out_is_refused_beforehand(tmp_path: Path) -> None:
    source = probe(make_pictures(tmp_path / "in.mkv", flat_pictures(planar("yuv420p"), 1, 97, 64)))
    for codec in ("h264", "hevc"):
        with pytest.raises(UsageError, match="cannot share the chroma of 97×64 pixels as yuv420p does; choose yuv444p"):
            decided("out.mp4", source, Encoding(codec, pixel_format="yuv420p"))
    assert decided("out.webm", source, Encoding(pixel_format="yuv420p")).codec == "vp9"
    cropped = replace(source, codec="h264")
    assert decided("out.mp4", cropped, Encoding(COPY_SETTINGS)).pixel_format == "yuv444p"


def test_odd_sizes_keep_their_depth_and_transparency(tmp_path: Path) -> None:
    for layout, name in ((Pixels(10, 1, 1), "out.mp4"), (Pixels(8, 1, 1, alpha=True), "out.webm"),
                         (Pixels(10, alpha=True), "out.mov")):
        source = probe(make_pictures(tmp_path / "in.mkv", flat_pictures(layout, 2, 97, 65)))
        clip = write(tmp_path / name, source)
        assert (clip.width, clip.height) == (97, 65)
        assert planar(clip.pixel_format).depth >= layout.depth
        assert planar(clip.pixel_format).alpha == layout.alpha
        before, after = next(read_pictures(source)), next(read_pictures(clip))
        scale = 2 ** (after.pixels.depth - before.pixels.depth)
        for number in (0, -1):
            if after.planes[number].shape == before.planes[number].shape:
                assert np.abs(after.planes[number] / scale - before.planes[number]).mean() < 4
