from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from media_samples import (
    coloured_frame,
    make_video,
    mean_difference,
    moving_frames,
    number_of,
    numbered_video,
    run_ffmpeg,
    tagged,
    variable_rate_video,
)
from test_media_probe import turn

from wav2lip.errors import MediaError
from wav2lip.media import ffmpeg, read
from wav2lip.media.clip import Clip
from wav2lip.media.ffmpeg import Process, url
from wav2lip.media.picture import BGR
from wav2lip.media.probe import probe
from wav2lip.media.read import frames_command, read_frames, read_frames_backwards, slow_backwards

FILM = Fraction(24000, 1001)
X264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "12", "-bf", "3", "-b_strategy", "0"]
DROPPED = [0, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 26, 27, 29]


def numbers(clip: Clip, start: int = 0, count: int | None = None, *, stored: bool = False) -> list[int]:
    return [number_of(frame) for frame in read_frames(clip, start, count, stored=stored)]


@pytest.mark.parametrize("fps", [FILM, Fraction(1350, 61), Fraction(30)])
def test_a_constant_rate_gives_every_picture_once(tmp_path: Path, fps: Fraction) -> None:
    clip = probe(numbered_video(tmp_path / "clip.mp4", 40, fps))
    assert numbers(clip) == list(range(40))
    assert numbers(clip, 7, 5) == [7, 8, 9, 10, 11]
    assert numbers(clip, 38, 5) == [38, 39]
    assert numbers(clip, 40) == []


def test_a_variable_rate_gives_what_is_shown_at_each_moment(tmp_path: Path) -> None:
    clip = probe(variable_rate_video(tmp_path / "clip.mp4", DROPPED))
    shown = [max(number for number in DROPPED if number <= moment) for moment in range(30)]
    assert numbers(clip) == shown
    assert numbers(clip, stored=True) == DROPPED
    for start in (1, 2, 7, 9, 10, 19, 28, 29):
        assert numbers(clip, start, 3) == shown[start : start + 3]


def test_a_variable_rate_does_not_drift_over_a_long_clip(tmp_path: Path) -> None:
    rule, options = "not(between(mod(n,7),2,3))*mod(n,31)+eq(n,0)", ["-c:v", "libx264", "-g", "50"]
    clip = probe(variable_rate_video(tmp_path / "clip.mkv", rule, 30, options, count=700))
    shown = numbers(clip)
    assert len(shown) == 700
    stored = {0, *(number for number in range(700) if number % 7 not in (2, 3) and number % 31)}
    for moment, number in enumerate(shown):
        assert number == max(candidate for candidate in range(moment - 8, moment + 1) if candidate in stored) % 72


@pytest.mark.parametrize(
    ("name", "fps", "options"),
    [
        ("clip.mp4", FILM, X264),
        ("clip.mkv", Fraction(30000, 1001), X264),
        ("open.mkv", 25, [*X264, "-x264-params", "open-gop=1"]),
        ("late.mp4", 25, [*X264, "-output_ts_offset", "1.5"]),
        ("clip.webm", 25, ["-c:v", "libvpx-vp9", "-g", "9", "-deadline", "realtime"]),
        ("clip.mpg", 25, ["-c:v", "mpeg1video", "-bf", "2"]),
        ("clip.ts", 25, X264),
        ("clip.avi", 25, ["-c:v", "mpeg4", "-bf", "2", "-g", "9"]),
        ("intra.avi", 25, ["-c:v", "mjpeg"]),
        ("fragments.mp4", 25, [*X264, "-movflags", "frag_keyframe+empty_moov"]),
        ("clip.gif", 25, []),
    ],
)
def test_any_start_gives_the_frames_that_reading_from_the_beginning_gives(
    tmp_path: Path, name: str, fps: Fraction | int, options: Sequence[str]
) -> None:
    clip = probe(make_video(tmp_path / name, moving_frames(45), fps, options))
    whole = list(read_frames(clip))
    assert (len(whole), clip.frames, clip.fps) == (45, 45, fps)
    for start in (1, 12, 13, 30, 44):
        part = list(read_frames(clip, start, 3))
        assert len(part) == len(whole[start : start + 3])
        assert all(np.array_equal(one, other) for one, other in zip(part, whole[start:], strict=False)), start


def test_a_live_recording_without_an_index_is_read_from_any_start(tmp_path: Path) -> None:
    piped = tmp_path / "live.webm"
    make_video(tmp_path / "clip.mkv", moving_frames(40), 25, ["-c:v", "libvpx-vp9", "-g", "9", "-deadline", "realtime"])
    run_ffmpeg("-i", url(tmp_path / "clip.mkv"), "-c", "copy", "-live", "1", url(piped))
    clip = probe(piped)
    whole = list(read_frames(clip))
    assert len(whole) == 40
    assert all(np.array_equal(one, other) for one, other in zip(read_frames(clip, 21, 5), whole[21:26], strict=True))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mpg"])
def test_reading_backwards_gives_the_same_frames_in_small_blocks(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = X264 if name == "clip.mp4" else ["-c:v", "mpeg1video", "-bf", "2"]
    clip = probe(make_video(tmp_path / name, moving_frames(30), 25, options))
    monkeypatch.setattr(read, "BACKWARD_BYTES", 7 * clip.width * clip.height * 3)
    whole = list(read_frames(clip))
    backwards = list(read_frames_backwards(clip, 28, 20))
    assert len(backwards) == 20
    assert all(np.array_equal(one, other) for one, other in zip(backwards, whole[28:8:-1], strict=True))
    assert len(list(read_frames_backwards(clip, 3, 10))) == 4


def test_reading_backwards_follows_a_variable_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = probe(variable_rate_video(tmp_path / "clip.mp4", DROPPED))
    monkeypatch.setattr(read, "BACKWARD_BYTES", 4 * clip.width * clip.height * 3)
    assert [number_of(frame) for frame in read_frames_backwards(clip, 29, 30)] == numbers(clip)[::-1]


def test_a_turned_video_comes_upright(tmp_path: Path) -> None:
    lying = make_video(tmp_path / "lying.mp4", [coloured_frame(64, 48)] * 3)
    clip = probe(turn(lying, tmp_path / "turned.mp4"))
    frame = next(read_frames(clip))
    quarter = -1 if clip.rotation == 90 else 1
    assert frame.shape == (64, 48, 3)
    assert mean_difference(frame, np.rot90(next(read_frames(probe(lying))), quarter)) < 0.5


@pytest.mark.parametrize(("width", "height"), [(65, 48), (64, 49), (33, 31)])
def test_odd_sizes_are_read_whole(tmp_path: Path, width: int, height: int) -> None:
    picture = coloured_frame(width, height)
    clip = probe(make_video(tmp_path / "odd.avi", [picture] * 2, 25, ["-c:v", "ffv1", "-pix_fmt", "bgr0"]))
    frames = list(read_frames(clip))
    assert len(frames) == 2
    assert np.array_equal(frames[0], picture)


def test_bgr_video_is_read_bit_for_bit(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for pixels in ("bgr0", "gbrp"):
        clip = probe(make_video(tmp_path / "exact.mkv", [noise], 25, ["-c:v", "ffv1", "-pix_fmt", pixels]))
        assert np.array_equal(next(read_frames(clip)), noise)


@pytest.mark.parametrize("tags", ["bt709 tv", "bt709 pc", "smpte170m tv", "bt2020nc tv"])
def test_tagged_colours_are_read_by_their_own_matrix_and_range(tmp_path: Path, tags: str) -> None:
    matrix, levels = tags.split()
    picture = coloured_frame(64, 48)
    options = tagged(matrix, levels, pixels="yuv444p", quality=1)
    clip = probe(make_video(tmp_path / "clip.mkv", [picture], 25, options))
    assert (clip.colour.matrix, clip.colour.range) == (matrix, levels)
    assert mean_difference(next(read_frames(clip)), picture) < 1


@pytest.mark.parametrize(
    ("width", "height", "matrix"), [(640, 480, "bt601"), (1280, 536, "bt709"), (720, 1280, "bt709")]
)
def test_untagged_colours_are_read_by_the_size(tmp_path: Path, width: int, height: int, matrix: str) -> None:
    picture = coloured_frame(width, height)
    options = ["-vf", f"scale=out_color_matrix={matrix}:flags=accurate_rnd,format=yuv444p", "-c:v", "ffv1"]
    clip = probe(make_video(tmp_path / "clip.avi", [picture], 25, options))
    assert clip.colour.matrix is None
    assert mean_difference(next(read_frames(clip)), picture) < 1


def test_grey_and_full_range_sources_keep_their_levels(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 16, 0).repeat(3, 2)
    grey = probe(make_video(tmp_path / "grey.mkv", [ramp], 25, ["-c:v", "ffv1", "-pix_fmt", "gray"]))
    assert np.array_equal(next(read_frames(grey)), ramp)
    jpeg = probe(make_video(tmp_path / "jpeg.avi", [ramp], 25, ["-c:v", "mjpeg", "-q:v", "1", "-pix_fmt", "yuvj444p"]))
    assert mean_difference(next(read_frames(jpeg)), ramp) < 1


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    picture = coloured_frame(64, 48)
    options = ["-vf", "scale=out_color_matrix=bt601,format=yuv444p10le", "-c:v", "ffv1"]
    clip = probe(make_video(tmp_path / "deep.mkv", [picture], 25, options))
    assert clip.pixel_format == "yuv444p10le"
    assert mean_difference(next(read_frames(clip)), picture) < 1


def test_a_photograph_is_upright_and_without_its_transparency(tmp_path: Path) -> None:
    picture = coloured_frame(40, 30)
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    orientation = b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    photo = tmp_path / "ünïcode foto.jpg"
    photo.write_bytes(jpeg[:2] + orientation + jpeg[2:])
    clip = probe(photo)
    assert (clip.width, clip.height) == (30, 40)
    assert mean_difference(next(read_frames(clip)), np.rot90(picture, -1)) < 3
    clear = tmp_path / "clear.png"
    clear.write_bytes(cv2.imencode(".png", np.dstack([picture, np.zeros((30, 40), np.uint8)]))[1].tobytes())
    assert np.array_equal(next(read_frames(probe(clear))), picture)


def test_a_picture_that_changes_its_size_midway_is_brought_to_the_first_size(tmp_path: Path) -> None:
    """As browsers record calls."""
    parts = []
    for number, size in enumerate(((64, 48), (32, 24))):
        part = tmp_path / f"{number}.ts"
        make_video(part, [coloured_frame(*size)] * 10, 25, [*X264, "-output_ts_offset", number * 0.4])
        parts.append(part.read_bytes())
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts))
    frames = list(read_frames(probe(joined)))
    assert len(frames) == 20
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert mean_difference(frames[19], frames[0]) < 10


def test_a_truncated_video_ends_early(tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4", moving_frames(60), 25, [*X264, "-movflags", "+faststart"])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip = probe(path)
    assert 0 < len(list(read_frames(clip))) < 60


def test_what_cannot_be_decoded_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "clip.mp4", 10)
    clip = probe(path)
    path.write_bytes(b"something else by now" * 100)
    with pytest.raises(MediaError, match="cannot be decoded"):
        list(read_frames(clip))


def test_leaving_early_leaves_no_process_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Process] = []

    class Watched(Process):
        def __enter__(self) -> Process:
            started.append(self)
            return super().__enter__()

    monkeypatch.setattr(read, "Process", Watched)
    frames = read_frames(probe(numbered_video(tmp_path / "clip.mp4", 60, width=640, height=480)))
    next(frames)
    frames.close()
    assert started[0]._process.returncode is not None
    assert started[0]._process.stdout.closed


def test_the_original_programs_view_is_opencvs(tmp_path: Path, shared: Path) -> None:
    untagged_hd = make_video(tmp_path / "hd.mp4", [coloured_frame(1280, 720)] * 2, 25, ["-c:v", "mpeg4", "-q:v", "2"])
    for path in (untagged_hd, shared / "data/clips/square_22fps.mp4", shared / "reference/golden/end_to_end/box.avi"):
        capture = cv2.VideoCapture(str(path))
        for frame in read_frames(probe(path), 0, 20, stored=True):
            assert np.abs(frame.astype(int) - capture.read()[1]).max() <= 1


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_pictures_whose_references_were_cut_off_do_not_count(tmp_path: Path, codec: str) -> None:
    open_gop = ["-flags", "-cgop"] if codec == "mpeg2video" else ["-x264-params", "open-gop=1"]
    whole = make_video(tmp_path / "whole.ts", moving_frames(60), 25, ["-c:v", codec, "-g", "15", "-bf", "2", *open_gop])
    data = whole.read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[len(data) // 188 // 3 * 188 :])
    clip = probe(tmp_path / "cut.ts")
    frames = list(read_frames(clip))
    assert 20 < len(frames) == clip.frames == clip.stored_frames < 50
    with av.open(str(clip.path)) as container:
        first = next(container.decode(video=0))
    assert clip.first_time == first.pts * first.time_base


def test_stored_pictures_are_the_same_backwards(tmp_path: Path) -> None:
    clip = probe(variable_rate_video(tmp_path / "clip.mp4", DROPPED))
    last = clip.stored_frames - 1
    backwards = [number_of(frame) for frame in read_frames_backwards(clip, last + 5, 1000, stored=True)]
    assert backwards == numbers(clip, stored=True)[::-1]
    untagged = probe(make_video(tmp_path / "hd.mp4", [coloured_frame(1280, 720)], 25, ["-c:v", "mpeg4", "-q:v", "2"]))
    (one,), (other,) = (list(way(untagged, 0, 1, stored=True)) for way in (read_frames, read_frames_backwards))
    assert np.array_equal(one, other)


def test_a_jump_into_sparse_pictures_does_not_land_behind_the_one_that_is_shown(tmp_path: Path) -> None:
    options = ["-c:v", "libx264", "-g", "5", "-bf", "3", "-b_strategy", "0", "-sc_threshold", "0"]
    clip = probe(variable_rate_video(tmp_path / "clip.mp4", [*range(30), *range(30, 300, 30)], 30, options))
    whole = numbers(clip)
    for start in (31, 153, 177, 299):             # shown long before a key frame
        assert numbers(clip, start, 1) == [whole[start]], start


def test_pictures_are_not_cropped_by_what_the_container_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = probe(numbered_video(tmp_path / "clip.mkv", 1))
    for version, asked in (((5, 1), False), ((7, 0), False), ((7, 1), True), ((8, 0), True)):
        monkeypatch.setattr(ffmpeg, "version", lambda program, version=version: version)
        assert ("-apply_cropping codec" in " ".join(frames_command(clip, 0, 1))) == asked


def test_only_what_cannot_be_jumped_in_is_slow_to_read_backwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, slow in (("clip.mkv", False), ("clip.ts", True)):
        clip = probe(numbered_video(tmp_path / name, 5, 25, X264))
        monkeypatch.setattr(read, "BACKWARD_BYTES", 7 * clip.width * clip.height * 3)
        assert slow_backwards(clip, 1000, BGR) == slow
        assert not slow_backwards(clip, 20, BGR)


def test_a_turned_photograph_in_a_videos_container_comes_upright_from_every_ffmpeg(tmp_path: Path) -> None:
    turned = Path(__file__).parent / "data/turned.avif"
    lying = tmp_path / "lying.avif"
    lying.write_bytes(turned.read_bytes().replace(b"irot", b"none"))
    clip = probe(turned)
    assert (clip.width, clip.height, clip.rotation, probe(lying).rotation) == (64, 96, 90, 0)
    (frame,), (whole,) = read_frames(clip), read_frames(probe(lying))
    assert mean_difference(frame, np.rot90(whole, -1)) < 1
