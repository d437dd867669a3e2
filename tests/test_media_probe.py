from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_samples import (
    coloured_frame,
    make_sound,
    make_video,
    moving_frames,
    numbered_video,
    run_ffmpeg,
    tagged,
    variable_rate_video,
)

from wav2lip.errors import MediaError
from wav2lip.media.clip import Clip, Colour
from wav2lip.media.ffmpeg import binary, encoders, url, version
from wav2lip.media.picture import planar
from wav2lip.media.probe import probe, probe_sound
from wav2lip.media.read import read_frames

RATES = [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(1350, 61), Fraction(25)]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_exact_frame_rate_is_found(tmp_path: Path, fps: Fraction, suffix: str) -> None:
    clip = probe(numbered_video(tmp_path / f"clip{suffix}", 30, fps))
    assert (clip.fps, clip.frames, clip.stored_frames, clip.variable_rate) == (fps, 30, 30, False)
    assert clip.average_fps == fps
    assert clip.duration == pytest.approx(float(30 / fps))


def test_a_variable_rate_is_described_as_shown_and_as_stored(tmp_path: Path) -> None:
    shown = [0, *range(2, 20), 30, 31, 32, 34]
    clip = probe(variable_rate_video(tmp_path / "clip.mp4", shown))
    assert (clip.fps, clip.frames, clip.stored_frames, clip.variable_rate) == (30, 35, len(shown), True)


def test_the_real_clip_with_dropped_pictures_is_30_frames_a_second(shared: Path) -> None:
    clip = probe(shared / "data/clips/square_22fps.mp4")
    assert (clip.fps, clip.variable_rate, clip.frames) == (30, True, 183)
    assert (clip.average_fps, clip.stored_frames) == (Fraction(1350, 61), 135)


def test_average_rate_and_stored_frames_are_what_opencv_sees(shared: Path) -> None:
    for path in [*sorted((shared / "data/clips").glob("*720p*")), shared / "reference/golden/end_to_end/box.avi"]:
        clip, capture, count = probe(path), cv2.VideoCapture(str(path)), 0
        while capture.grab():
            count += 1
        assert clip.stored_frames == count
        assert float(clip.average_fps) == pytest.approx(capture.get(cv2.CAP_PROP_FPS))


def test_a_turned_video_is_described_upright(tmp_path: Path) -> None:
    numbered_video(tmp_path / "lying.mp4", 3, 25, ["-vf", "setsar=4/3"])
    turned = turn(tmp_path / "lying.mp4", tmp_path / "turned.mp4")
    clip = probe(turned)
    assert (clip.width, clip.height) == (48, 64)
    assert clip.rotation in (90, 270)
    assert clip.pixel_aspect == Fraction(3, 4)


def test_colour_tags_are_read(tmp_path: Path) -> None:
    clip = probe(make_video(tmp_path / "tagged.mp4", [coloured_frame(64, 48)], 25, tagged("bt709")))
    assert clip.colour == Colour("bt709", "bt709", "bt709", "tv")
    untagged = probe(make_video(tmp_path / "untagged.avi", [coloured_frame(64, 48)], 25, ["-c:v", "mpeg4"]))
    assert untagged.colour == Colour()
    rgb = probe(make_video(tmp_path / "rgb.avi", [coloured_frame(64, 48)], 25, ["-c:v", "ffv1", "-pix_fmt", "bgr0"]))
    assert (rgb.colour.matrix, rgb.colour.range, rgb.pixel_format) == ("gbr", "pc", "bgr0")


def test_the_sound_beside_a_picture_is_described(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.wav", 1.0, 44_100, (440, 660))
    clip = probe(numbered_video(tmp_path / "clip.mp4", 25, sound=tone))
    assert clip.sound is not None
    assert (clip.sound.codec, clip.sound.sample_rate, clip.sound.channels) == ("aac", 44_100, 2)
    assert clip.sound.duration == pytest.approx(1.0, abs=0.05)
    assert probe(numbered_video(tmp_path / "silent.mp4", 5)).sound is None


@pytest.mark.parametrize(("suffix", "codec"), [(".wav", "pcm_s16le"), (".mp3", "mp3"), (".flac", "flac"),
                                               (".ogg", "vorbis"), (".m4a", "aac"), (".aac", "aac")])
def test_a_sound_file_is_described(tmp_path: Path, suffix: str, codec: str) -> None:
    options = ["-c:a", "libvorbis"] if codec == "vorbis" else []
    sound = probe_sound(make_sound(tmp_path / f"tone{suffix}", 2.0, 22_050, options=options))
    assert (sound.codec, sound.sample_rate, sound.channels) == (codec, 22_050, 1)
    assert sound.duration == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_a_still_is_known_by_its_content_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    done, data = cv2.imencode(suffix, coloured_frame(41, 31))
    assert done
    still = tmp_path / "photo%03d.mp4"
    still.write_bytes(data.tobytes())
    clip = probe(still, image_fps=Fraction(24000, 1001))
    assert (clip.image, clip.frames, clip.width, clip.height) == (True, 1, 41, 31)
    assert clip.fps == Fraction(24000, 1001)


def test_an_animated_gif_is_a_video_and_one_that_stands_still_an_image(tmp_path: Path) -> None:
    moving = probe(numbered_video(tmp_path / "moving.gif", 10, 25))
    assert (moving.image, moving.frames, moving.fps) == (False, 10, 25)
    still = probe(numbered_video(tmp_path / "still.gif", 1), image_fps=Fraction(30))
    assert (still.image, still.frames, still.fps) == (True, 1, 30)


def test_the_cover_of_a_song_is_not_a_video(tmp_path: Path) -> None:
    tone = make_sound(tmp_path / "tone.mp3", 0.5)
    cover = tmp_path / "cover.jpg"
    cv2.imwrite(str(cover), coloured_frame(64, 48))
    song = tmp_path / "song.mp3"
    run_ffmpeg("-i", url(tone), "-i", url(cover), "-map", "0", "-map", "1", "-c", "copy", "-disposition:v",
               "attached_pic", url(song))
    with pytest.raises(MediaError, match="sound but no picture"):
        probe(song)


@pytest.mark.parametrize("name", ["with space.mp4", "it's \"quoted\".mp4", "-dash.mp4", "gesicht_ü_脸.mp4", "a\nb.mp4",
                                  "concat:x.mp4", "50%d.mp4"])
def test_any_file_name_works(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    numbered_video(tmp_path / "plain.mp4", 3).rename(tmp_path / name)
    clip: Clip = probe(Path(name))
    assert clip.frames == 3


def bad_files(folder: Path) -> dict[str, Path]:
    video = numbered_video(folder / "whole.mp4", 25, 25, ["-movflags", "+faststart"])
    whole = video.read_bytes()
    kinds = {
        "missing": None,
        "empty": b"",
        "text": b"<html><body>404 not found</body></html>\n" * 3,
        "noise": np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes(),
        "header only": whole[:200],
        "no data": whole[: whole.index(b"mdat") + 4],
        "hls": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nwhole.mp4\n#EXT-X-ENDLIST\n",
        "hidden hls": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nwhole.mp4\n#EXT-X-ENDLIST\n\xff\xfe",
        "concat": b"ffconcat version 1.0\nfile whole.mp4\n",
        "png": cv2.imencode(".png", coloured_frame(64, 48))[1].tobytes()[:60],
    }
    files = {"folder": folder}
    for kind, content in kinds.items():
        files[kind] = folder / f"{kind}.mp4"
        if content is not None:
            files[kind].write_bytes(content)
    files["sound only"] = make_sound(folder / "tone.wav", 0.2)
    return files


def test_what_is_no_video_is_refused_in_one_clear_sentence(tmp_path: Path) -> None:
    said = {}
    for kind, path in bad_files(tmp_path).items():
        with pytest.raises(MediaError) as refusal:
            probe(path)
        said[kind] = str(refusal.value)
        assert said[kind].startswith(str(path)), kind
        assert "\n" not in said[kind], kind
    assert "does not exist" in said["missing"]
    assert "folder" in said["folder"]
    assert "is empty" in said["empty"]
    assert "text file" in said["text"]
    assert "damaged" in said["header only"]
    assert "damaged" in said["no data"]
    assert "playlist" in said["hls"]
    assert "playlist" in said["hidden hls"]
    assert "playlist" in said["concat"]
    assert "sound but no picture" in said["sound only"]


def test_a_video_without_sound_is_no_sound_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no audio track"):
        probe_sound(numbered_video(tmp_path / "silent.mp4", 3))


def turn(source: Path, target: Path) -> Path:
    """Copy a video, telling players to turn it by a quarter."""
    run_ffmpeg("-i", url(source), "-c", "copy", "-metadata:s:v", "rotate=90", url(target))
    if probe(target).rotation == 0:               # since ffmpeg 6 it is an option of the input
        run_ffmpeg("-display_rotation", "90", "-i", url(source), "-c", "copy", url(target))
    return target


def test_a_gif_is_as_transparent_as_its_pictures(tmp_path: Path) -> None:
    for name, chain in (("opaque", "null"), ("clear", "format=rgba,colorchannelmixer=aa=0")):
        run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=1:r=10", "-vf",
                   f"{chain},split[a][b];[a]palettegen[p];[b][p]paletteuse", url(tmp_path / f"{name}.gif"))
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.1:r=10", "-i", url(tmp_path / "clear.gif"), "-filter_complex",
               "[0]format=rgba[a];[1]format=rgba[b];[a][b]concat,split[c][d];[c]palettegen[p];[d][p]paletteuse",
               url(tmp_path / "later.gif"))
    assert planar(probe(tmp_path / "later.gif").pixel_format).alpha
    opaque, clear = (probe(tmp_path / f"{name}.gif").pixel_format for name in ("opaque", "clear"))
    assert (planar(opaque).alpha, planar(clear).alpha) == (False, True)


def test_a_photograph_in_a_videos_container_is_a_picture(tmp_path: Path) -> None:
    if "libaom-av1" not in encoders(binary()) or version(binary()) < (5, 1):
        pytest.skip("this ffmpeg writes no AVIF")
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=1:r=25", "-frames:v", 1, "-c:v", "libaom-av1",
               "-still-picture", 1, "-cpu-used", 8, url(tmp_path / "a.avif"))
    clip = probe(tmp_path / "a.avif", image_fps=Fraction(30))
    assert (clip.image, clip.fps, clip.frames) == (True, 30, 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_recordings_strung_together_last_as_long_as_they_do_whatever_their_clocks_show(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    tone, parts = make_sound(tmp_path / "tone.wav", 0.8), []
    for hours in (0, 1):
        options = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-output_ts_offset", 3600 * hours]
        parts.append(make_video(tmp_path / f"{hours}.ts", moving_frames(20, 32, 16), 25, options, tone).read_bytes())
    (tmp_path / "both.ts").write_bytes(parts[order[0]] + parts[order[1]])
    clip = probe(tmp_path / "both.ts")
    assert (clip.fps, clip.frames, clip.variable_rate) == (25, 40, False)
    assert len(list(read_frames(clip))) == 40


def test_a_picture_that_stands_still_while_the_sound_goes_on_is_no_second_recording(tmp_path: Path) -> None:
    run_ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=32x16:r=25:d=2", "-f", "lavfi", "-i", "sine=d=14", "-c:v", "libx264",
        "-pix_fmt", "yuv420p", "-vf", "setpts='if(gt(N,24),PTS+12/TB,PTS)'", "-fps_mode", "passthrough",
        url(tmp_path / "slides.ts"),
    )
    clip = probe(tmp_path / "slides.ts")
    assert clip.variable_rate
    assert clip.frames / clip.fps == 14


def test_a_photograph_in_tiles_is_not_taken_for_its_first_tile() -> None:
    with pytest.raises(MediaError, match="in tiles"):
        probe(Path(__file__).parent / "data/tiles.avif")     # 4 of 96×64 pixels


def test_one_picture_that_is_shown_for_long_gets_the_rate_of_an_image(tmp_path: Path) -> None:
    clip = probe(numbered_video(tmp_path / "one.mkv", 1, Fraction(1, 10)), image_fps=Fraction(30))
    assert (clip.fps, clip.frames, clip.average_fps, clip.image) == (30, 1, Fraction(1, 10), False)
    assert probe(numbered_video(tmp_path / "short.mkv", 1, 12)).fps == 12
