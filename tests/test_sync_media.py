"""`wav2lip.sync` on every kind of input that people bring: length, rate, size, and lips where the face is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_samples import mean_difference, run_ffmpeg

import wav2lip
from wav2lip.media.clip import Clip, Colour, Frame
from wav2lip.media.ffmpeg import pass_timestamps_through, url
from wav2lip.media.probe import probe, probe_sound
from wav2lip.media.read import read_frames

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SPEECH = EXAMPLES / "speech.wav"
OPTIONS = wav2lip.SyncOptions(device="cpu", detector="cascade", offline=True)

# Where the example's mouth is, as shares of the frame's height and width; the head sways a little.
MOUTH_ROWS, MOUTH_COLUMNS = (0.55, 0.80), (0.33, 0.67)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Turn the example's face, or its speech, into another kind of file with ffmpeg."""
    folder = tmp_path_factory.mktemp("made")

    def convert(name: str, *options: object, source: Path = EXAMPLES / "face.mp4", before: tuple = ()) -> Path:
        path = folder / name
        if not path.exists():
            run_ffmpeg(*before, "-i", url(source), *options, url(path))
        return path

    return convert


def sync(face: Path, audio: Path, output: Path, **options: object) -> tuple[wav2lip.SyncReport, Clip, list[Frame]]:
    report = wav2lip.sync(face, audio, output, replace(OPTIONS, **options))
    assert [path.name for path in output.parent.iterdir() if path.name.startswith(".")] == []
    clip = probe(output)
    return report, clip, list(read_frames(clip))


def assert_lips_are_where_the_face_is(before: list[Frame], after: list[Frame]) -> None:
    """The picture changed in the mouth's region, and nowhere else by more than coding noise."""
    change = np.mean([np.abs(a.astype(int) - b).mean(axis=2) for a, b in zip(after, before, strict=True)], axis=0)
    height, width = change.shape
    rows = slice(*(round(share * height) for share in MOUTH_ROWS))
    columns = slice(*(round(share * width) for share in MOUTH_COLUMNS))
    inside = change[rows, columns].mean()
    outside = change.copy()
    outside[round(0.45 * height) : round(0.95 * height), round(0.2 * width) : round(0.8 * width)] = 0
    assert inside > 3, "the mouth did not change"
    assert outside.mean() < 0.25 * inside
    weights = np.where(change > 0.5 * change.max(), change, 0)
    y, x = (float((weights.sum(axis=1 - axis) * np.arange(size)).sum() / weights.sum() / size)
            for axis, size in ((0, height), (1, width)))
    assert MOUTH_ROWS[0] < y < MOUTH_ROWS[1]
    assert MOUTH_COLUMNS[0] < x < MOUTH_COLUMNS[1]


def check(face: Path, audio: Path, output: Path, size: tuple[int, int], fps: Fraction, seconds: float) -> None:
    """Sync, and check duration (within a frame), frame count, rate, size, sound, and the place of the lips."""
    report, clip, frames = sync(face, audio, output)
    expected = -(-round(seconds * 16000) * fps.numerator // (16000 * fps.denominator))
    assert (clip.width, clip.height) == size
    assert clip.fps == clip.average_fps == fps
    assert len(frames) == clip.frames == report.frames == expected
    assert abs(clip.duration - seconds) <= 1 / fps
    assert probe_sound(output).duration == pytest.approx(seconds, abs=0.06)    # AAC counts in blocks
    source = probe(face)
    before = list(read_frames(source, 0, len(frames))) if not source.image else list(read_frames(source)) * len(frames)
    assert_lips_are_where_the_face_is(before, frames[: len(before)])


SMALL = ("-t", 2, "-vf", "scale=240:240", "-an")


@pytest.mark.parametrize(
    "fps", ["30000/1001", "24000/1001", "1350/61", "25", "60"], ids=lambda fps: f"{float(Fraction(fps)):.5g}"
)
def test_the_frame_rate_is_kept_exactly(make: Callable[..., Path], tmp_path: Path, fps: str) -> None:
    name = fps.replace("/", "_")
    face = make(f"{name}.mp4", "-t", 2, "-vf", f"scale=240:240,fps={fps}", "-an")
    speech = make("one.wav", "-t", 1.3, source=SPEECH)
    check(face, speech, tmp_path / "out.mp4", (240, 240), Fraction(fps), 1.3)


def test_a_variable_frame_rate_becomes_constant_without_drifting(make: Callable[..., Path], tmp_path: Path) -> None:
    # 25 a second, then 12.5: as many stored pictures in the first second as in the next two.
    keep = "select='lt(t,1)+not(mod(n,2))',scale=240:240"
    through = [word for name, value in pass_timestamps_through().items() for word in (f"-{name}", value)]
    face = make("variable.mp4", "-t", 3, "-vf", keep, *through, "-an")
    assert probe(face).variable_rate
    speech = make("long.wav", "-t", 2.8, source=SPEECH)
    check(face, speech, tmp_path / "out.mp4", (240, 240), Fraction(25), 2.8)


def test_a_phones_rotated_clip_comes_out_upright(make: Callable[..., Path], tmp_path: Path) -> None:
    lying = make("lying.mp4", "-t", 1.5, "-vf", "scale=240:320,transpose=clock", "-an")
    face = make("phone.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", source=lying)
    if probe(face).rotation == 0:    # since ffmpeg 6 it is an option of the input
        face = make("phone7.mp4", "-c", "copy", source=lying, before=("-display_rotation", "90"))
    assert (probe(face).width, probe(face).height) == (240, 320)
    speech = make("one.wav", "-t", 1.3, source=SPEECH)
    check(face, speech, tmp_path / "out.mp4", (240, 320), Fraction(25), 1.3)


@pytest.mark.parametrize(("width", "height"), [(241, 240), (240, 241), (239, 237)])
def test_odd_sizes_are_kept(make: Callable[..., Path], tmp_path: Path, width: int, height: int) -> None:
    lossless = ("-c:v", "ffv1", "-pix_fmt", "bgr0", "-an")
    face = make(f"odd{width}.mkv", "-t", 1.5, "-vf", f"scale={width}:{height}", *lossless)
    speech = make("one.wav", "-t", 1.3, source=SPEECH)
    check(face, speech, tmp_path / "out.mp4", (width, height), Fraction(25), 1.3)


SOUNDS = {
    "mono.wav": ("-ac", 1),
    "stereo.mp3": ("-ac", 2, "-ar", 44100),
    "24bit.wav": ("-c:a", "pcm_s24le", "-ar", 48000, "-ac", 2),
    "8khz.wav": ("-ar", 8000),
    "lossless.flac": ("-ar", 22050),
    "phone.opus": ("-ar", 48000),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_any_sound_is_taken(make: Callable[..., Path], tmp_path: Path, name: str) -> None:
    speech = make(name, "-t", 1.2, *SOUNDS[name], source=SPEECH)
    check(make("face.mp4", *SMALL), speech, tmp_path / "out.mp4", (240, 240), Fraction(25), 1.2)


def test_the_sound_of_another_video_is_taken(make: Callable[..., Path], tmp_path: Path) -> None:
    # What the face says later: a good generator changes little where it says the same already.
    other = make("other.mp4", "-t", 1.2, "-c:v", "libx264", "-vf", "scale=64:64", before=("-ss", 3))
    _report, _clip, frames = sync(make("face.mp4", *SMALL), other, tmp_path / "out.mp4")
    assert len(frames) in (30, 31)    # AAC counts in blocks: the sound may have grown by one of 64 ms
    assert probe_sound(tmp_path / "out.mp4").codec == "aac"    # copied: encoding it again would add a delay
    assert_lips_are_where_the_face_is(list(read_frames(probe(make("face.mp4")), 0, len(frames))), frames)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_still_image_talks(make: Callable[..., Path], tmp_path: Path, suffix: str) -> None:
    face = make(f"still.{suffix}", "-frames:v", 1, "-vf", "scale=240:240")
    speech = make("one.wav", "-t", 1.3, source=SPEECH)
    check(face, speech, tmp_path / "out.mp4", (240, 240), Fraction(25), 1.3)
    _, clip, frames = sync(face, speech, tmp_path / "slow.mp4", fps=Fraction(12))
    assert (clip.fps, len(frames)) == (12, 16)
    assert max(mean_difference(frames[0], frame) for frame in frames) > 0.1, "the picture does not move"


def test_sound_longer_than_the_video_plays_it_backwards_and_forwards(make: Callable[..., Path], tmp_path: Path) -> None:
    face = make("short.mp4", "-t", 0.6, "-vf", "scale=240:240", "-an")    # 15 frames
    speech = make("one.wav", "-t", 1.3, source=SPEECH)                   # 33 frames
    report, _clip, frames = sync(face, speech, tmp_path / "out.mp4")
    assert (report.extended, len(frames)) == ("bounce", 33)
    source = list(read_frames(probe(face)))
    order = [*range(15), *range(13, -1, -1), *range(1, 5)]
    assert_lips_are_where_the_face_is([source[number] for number in order], frames)
    # The upper half is the source's: it tells which frame is shown.
    nearest = [int(np.argmin([mean_difference(frame[:100], before[:100]) for before in source])) for frame in frames]
    assert sum(abs(a - b) <= 1 for a, b in zip(nearest, order, strict=True)) >= 31


@pytest.mark.parametrize(("extend", "frames"), [("loop", 33), ("freeze", 33), ("stretch", 33), ("cut", 15)])
def test_sound_longer_than_the_video_can_be_met_otherwise(
    make: Callable[..., Path], tmp_path: Path, extend: str, frames: int
) -> None:
    face = make("short.mp4", "-t", 0.6, "-vf", "scale=240:240", "-an")
    report, _clip, after = sync(face, make("one.wav", "-t", 1.3, source=SPEECH), tmp_path / "out.mp4", extend=extend)
    assert (report.frames, len(after)) == (frames, frames)
    assert probe_sound(tmp_path / "out.mp4").duration == pytest.approx(frames / 25, abs=0.06)


def test_sound_shorter_than_the_mel_window_works(make: Callable[..., Path], tmp_path: Path) -> None:
    face = make("face.mp4", *SMALL)
    speech = make("blip.wav", "-ss", 0.5, "-t", 0.1, source=SPEECH)
    _report, _clip, frames = sync(face, speech, tmp_path / "out.mp4")
    assert len(frames) == 3
    with pytest.raises(wav2lip.MediaError, match="too short for --compat"):
        sync(face, speech, tmp_path / "compat.mp4", compat=True, box=(60, 200, 60, 180))


def test_frames_without_a_face_pass_through_unchanged(make: Callable[..., Path], tmp_path: Path) -> None:
    # A grey second between two with the face.
    gap = "scale=240:240,drawbox=color=gray:t=fill:enable='between(t,0.5,1.5)'"
    face = make("gap.mkv", "-t", 2, "-vf", gap, "-c:v", "ffv1", "-pix_fmt", "bgr0", "-an")
    report, _, frames = sync(face, make("two.wav", "-t", 2, source=SPEECH), tmp_path / "out.mkv", codec="ffv1")
    before = list(read_frames(probe(face)))
    same = [np.array_equal(a, b) for a, b in zip(frames, before, strict=True)]
    assert all(same[13:38])
    assert not any(same[:12])
    assert report.faces == 50 - sum(same)


def test_a_clip_without_any_face_is_an_error_and_leaves_nothing(make: Callable[..., Path], tmp_path: Path) -> None:
    face = make("grey.mp4", "-t", 0.5, "-vf", "scale=240:240,drawbox=color=gray:t=fill", "-an")
    with pytest.raises(wav2lip.NoFaceError, match="No face was found"):
        sync(face, make("one.wav", "-t", 1.3, source=SPEECH), tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_pixels_outside_the_face_box_equal_the_sources(make: Callable[..., Path], tmp_path: Path) -> None:
    face = make("lossless.mkv", "-t", 1.5, "-vf", "scale=240:240", "-c:v", "ffv1", "-pix_fmt", "yuv420p", "-an")
    _, _clip, frames = sync(face, make("one.wav", "-t", 1.3, source=SPEECH), tmp_path / "out.mkv", codec="ffv1")
    source = probe(face)
    changed = np.zeros((240, 240), bool)
    for before, after in zip(read_frames(source), frames, strict=False):
        changed |= (before != after).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert rows.min() > 110
    assert rows.max() < 230
    assert columns.min() > 50
    assert columns.max() < 190
    assert changed.sum() > 500


BT709 = Colour("bt709", "bt709", "bt709", "tv")
BT601 = Colour("smpte170m", "smpte170m", "smpte170m", "tv")
TAGS = {"bt709": BT709, "bt601": BT601, "untagged": Colour()}


@pytest.mark.parametrize("name", TAGS)
def test_hd_colours_come_back_with_their_tags(make: Callable[..., Path], tmp_path: Path, name: str) -> None:
    colour = TAGS[name]
    matrix = "bt601" if name == "bt601" else "bt709"
    scale = f"scale=1280:720:in_color_matrix=bt601:out_color_matrix={matrix}:out_range=tv,format=yuv420p"
    setting = f"setparams=colorspace={colour.matrix or 'unknown'}:color_primaries={colour.primaries or 'unknown'}"
    setting += f":color_trc={colour.transfer or 'unknown'}:range={colour.range or 'unknown'}"
    tags = ["-colorspace", colour.matrix or "unknown", "-color_primaries", colour.primaries or "unknown"]
    tags += ["-color_trc", colour.transfer or "unknown", "-color_range", colour.range or "unknown"]
    face = make(f"{name}.mp4", "-t", 0.4, "-vf", f"{scale},{setting}", "-crf", 6, *tags, "-an")
    source = probe(face)
    assert source.colour == colour
    _, clip, _ = sync(face, make("bit.wav", "-t", 0.3, source=SPEECH), tmp_path / "out.mp4", crf=6)
    assert clip.colour == colour
    # Compared by an independent reader, which knows nothing of our matrices.
    before, after = (cv2.VideoCapture(str(path)).read()[1] for path in (face, tmp_path / "out.mp4"))
    assert mean_difference(before[:300], after[:300]) < 1
    assert np.abs(before[:300].mean(axis=(0, 1)) - after[:300].mean(axis=(0, 1))).max() < 1
