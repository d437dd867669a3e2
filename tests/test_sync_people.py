"""Whom `wav2lip.sync` syncs, when, and what is heard: two drawn people beside each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_samples import run_ffmpeg
from two_people import LOSSLESS, SIZE, recording, two_people

import wav2lip
from wav2lip.cast.selectors import At, Voice
from wav2lip.cast.times import Span
from wav2lip.media.ffmpeg import binary, url
from wav2lip.media.geometry import Geometry
from wav2lip.media.placed import Piece
from wav2lip.media.probe import probe
from wav2lip.media.read import read_pictures
from wav2lip.pipeline.hearing import hear
from wav2lip.pipeline.plan import plan_sync
from wav2lip.pipeline.prepare import open_source
from wav2lip.pipeline.script import make_script
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.speech import Speech, listener
from wav2lip.progress import Progress

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SECONDS = 2.0
FRAMES = 50
OPTIONS_CLOSED = wav2lip.SyncOptions()
OPTIONS = wav2lip.SyncOptions(device="cpu", detector="cascade", offline=True, codec="ffv1", silence="model")
HALVES = {"left": slice(0, SIZE), "right": slice(SIZE, 2 * SIZE)}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two.mkv, whose own sound is stereo at 44.1 kHz, and recordings one.wav and other.wav of 2 s."""
    folder = tmp_path_factory.mktemp("media")
    for name, seed, seconds in (("one", 21, SECONDS), ("other", 22, SECONDS), ("short", 23, 0.8)):
        recording(folder / f"{name}.wav", seed, seconds)
    run_ffmpeg("-f", "lavfi", "-i", f"anoisesrc=d={SECONDS}:r=44100:a=0.1:seed=1,aformat=channel_layouts=stereo",
               "-c:a", "pcm_s16le", folder / "own.wav")
    two_people(folder / "two.mkv", SECONDS, folder / "own.wav")
    return folder


class Said(Progress):
    """Keeps what a user is told."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def say(self, text: str) -> None:
        self.words.append(text)


Sync = Callable[..., wav2lip.SyncReport]


@pytest.fixture
def sync(media: Path, tmp_path: Path) -> Sync:
    """Sync two.mkv to a recording of the media folder."""

    def run(
        audio: str | None = "one.wav", *, progress: Progress | None = None, **options: object
    ) -> wav2lip.SyncReport:
        recorded = None if audio is None else media / audio
        report = wav2lip.sync(
            media / "two.mkv", recorded, tmp_path / "out.mkv", replace(OPTIONS, **options), progress
        )
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
        return report

    return run


def luma(path: Path) -> np.ndarray:
    """Return the luma of every frame, uint8 (n, h, w)."""
    return np.stack([picture.planes[0] for picture in read_pictures(probe(path))])


def changed(media: Path, report: wav2lip.SyncReport) -> dict[str, set[int]]:
    """Return the frames in which anything of each half has changed."""
    before, after = luma(media / "two.mkv"), luma(report.output)
    assert len(before) >= len(after)
    return {
        side: set(np.flatnonzero((before[: len(after), :, part] != after[:, :, part]).any(axis=(1, 2))).tolist())
        for side, part in HALVES.items()
    }


def samples(path: Path, rate: int = 44100, channels: int = 2) -> np.ndarray:
    """Return the sound of a file as ffmpeg decodes it, int16 (n, channels)."""
    import subprocess

    done = subprocess.run(
        [binary(), "-v", "error", "-i", url(path), "-map", "0:a", "-f", "s16le", "-ar", str(rate), "-ac", str(channels),
         "pipe:1"], capture_output=True, check=True,
    )
    return np.frombuffer(done.stdout, "<i2").reshape(-1, channels)


EVERY = set(range(FRAMES))


def test_one_person_is_synced_and_the_others_are_left_as_they_are(media: Path, sync: Sync) -> None:
    labels = {}
    for label in ("A", "b"):
        report = sync(person=label)
        halves = changed(media, report)
        (side,) = [side for side, frames in halves.items() if frames]
        labels[label] = side
        assert halves[side] == EVERY
        assert report.people == ("A", "B")
        assert report.synced == (label.upper(),)
    assert set(labels.values()) == set(HALVES)


def test_without_a_choice_the_user_is_told_that_there_are_others(media: Path, sync: Sync) -> None:
    said = Said()
    report = sync(progress=said)
    assert report.synced == ("A",)
    assert any("2 people" in words and "--person" in words for words in said.words)
    assert sum(bool(frames) for frames in changed(media, report).values()) == 1


@pytest.mark.parametrize("side", HALVES)
def test_whoever_is_at_a_point_is_synced(media: Path, sync: Sync, side: str) -> None:
    x = SIZE // 2 + HALVES[side].start
    halves = changed(media, sync(at=At(Fraction(1), x, SIZE // 2)))
    assert {name for name, frames in halves.items() if frames} == {side}


def test_a_point_where_nobody_is_is_refused_with_those_who_are_there(sync: Sync) -> None:
    with pytest.raises(wav2lip.UsageError, match=r"Nobody is at 1,1 .*A at \d+,\d+, B at \d+,\d+"):
        sync(at=At(Fraction(1), 1, 1))
    with pytest.raises(wav2lip.UsageError, match="no face is seen at that time"):
        sync(at=At(Fraction(9), 1, 1))


def test_outside_the_ranges_pictures_and_sound_are_the_videos_own(media: Path, sync: Sync) -> None:
    spans = (Span(Fraction("0.4"), Fraction("0.8")), Span(Fraction("1.5"), None))
    report = sync(ranges=spans, person="A")
    inside = {*range(10, 20), *range(38, FRAMES)}
    assert sorted(len(frames) for frames in changed(media, report).values()) == [0, len(inside)]
    assert set().union(*changed(media, report).values()) == inside
    assert report.frames == FRAMES

    own, result = samples(media / "own.wav"), samples(report.output)
    assert len(result) == len(own)
    kept = np.ones(len(own), bool)
    kept[17640:35280] = kept[66150:] = False
    assert (result[kept] == own[kept]).all()
    heard = samples(media / "one.wav", channels=1).astype(float)[18000:35000]
    assert np.abs(result[18000:35000] - heard).mean() < 0.05 * np.abs(heard).mean()


def test_with_no_keep_audio_the_recording_is_heard_everywhere(media: Path, sync: Sync) -> None:
    report = sync(ranges=(Span(Fraction(1), None),), keep_audio=False)
    recorded, result = samples(media / "one.wav", channels=1), samples(report.output, channels=1)
    assert np.abs(result[: len(recorded)].astype(int) - recorded[: len(result)]).mean() < 30


def test_a_recording_that_begins_later_leaves_the_rest_of_the_video_alone(media: Path, sync: Sync) -> None:
    report = sync("short.wav", audio_start=Fraction("0.6"))
    assert set().union(*changed(media, report).values()) == set(range(15, 35))
    own, result = samples(media / "own.wav"), samples(report.output)
    assert (result[: round(0.6 * 44100)] == own[: round(0.6 * 44100)]).all()
    assert (result[round(1.4 * 44100) + 1000 :] == own[round(1.4 * 44100) + 1000 :]).all()


def test_two_people_say_two_recordings_and_both_are_heard(media: Path, sync: Sync) -> None:
    voices = (Voice("A", media / "one.wav"), Voice("B", media / "other.wav"))
    report = sync(None, voices=voices)
    assert changed(media, report) == {"left": EVERY, "right": EVERY}
    one, other = (samples(media / f"{name}.wav", 16000, 1).astype(int) for name in ("one", "other"))
    assert np.abs(samples(report.output, 16000, 1) - (one + other)).max() <= 2

    alone = [luma(sync(None, voices=(voice,)).output) for voice in voices]
    together = luma(wav2lip.sync(media / "two.mkv", None, report.output, replace(OPTIONS, voices=voices)).output)
    for part in HALVES.values():    # each mouth is as if the other one were not there
        before = luma(media / "two.mkv")[:, :, part]
        (single,) = [frames[:, :, part] for frames in alone if (frames[:, :, part] != before).any()]
        assert (together[:, :, part] == single).all()


def test_a_recording_that_several_say_is_heard_once_without_a_break_between_them(media: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("start,end,person,audio\n0,0.4,A,\n0.2,0.6,B,\n0.6,0.7,A,\n")
    options = replace(OPTIONS, edits=tmp_path / "a.csv")
    source = open_source(media / "two.mkv", options, None, Progress())
    script = make_script(media / "one.wav", source, options, Progress())
    assert script.pieces == (Piece(media / "one.wav", Fraction(0), Fraction(7, 10), Fraction(0)),)
    both = replace(OPTIONS, voices=(Voice("A", media / "one.wav"), Voice("B", media / "one.wav")))
    assert len(make_script(None, source, both, Progress()).pieces) == 1


def test_a_person_without_a_voice_is_left_alone_and_a_mix_is_what_is_heard(media: Path, sync: Sync) -> None:
    report = sync(None, voices=(Voice("B", media / "short.wav"),), mix=media / "own.wav")
    assert sum(bool(frames) for frames in changed(media, report).values()) == 1
    assert report.frames == 20
    assert (samples(report.output) == samples(media / "own.wav")[: len(samples(report.output))]).all()


def test_an_edit_list_says_who_speaks_when(media: Path, sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "edits.csv").write_text(
        f"start,end,person,audio\n0.2,0.6,A,\n1.0,1.4,B,{media / 'short.wav'}\n1.0,1.2,A,{media / 'other.wav'}\n"
    )
    report = sync(edits=tmp_path / "edits.csv")
    sides = sorted(changed(media, report).values(), key=min)
    assert sides == [{*range(5, 15), *range(25, 30)}, set(range(25, 35))]
    assert report.synced == ("A", "B")


def test_a_track_that_was_edited_is_followed(media: Path, sync: Sync, tmp_path: Path) -> None:
    box = [60, 45, 165, 180]
    boxes = [box if number < 20 else None for number in range(FRAMES)]
    (tmp_path / "track.json").write_text(json.dumps(boxes))
    report = sync(track=tmp_path / "track.json")
    assert changed(media, report) == {"left": set(range(20)), "right": set()}
    assert report.detector == "track"


WRONG = {
    "nobody": (dict(person="C"), "There is no person C in .*only A, B"),
    "beyond": (dict(ranges=(Span(Fraction(1), Fraction(3)),)), "the video ends at"),
    "after": (dict(ranges=(Span(Fraction(5), None),)), "the video ends at"),
    "twice": (dict(ranges=(Span(Fraction(0), Fraction(1)), Span(Fraction("0.5"), Fraction("1.5")))), "overlap"),
    "silent": (dict(audio="short.wav", ranges=(Span(Fraction(1), Fraction("1.5")),)), "--audio-start"),
    "later": (dict(ranges=(Span(Fraction(0), Fraction("0.5")),), audio_start=Fraction("1.2")), "begin earlier"),
    "voices": (dict(audio=None, voices=(Voice("A", Path("x.wav")), Voice("A", Path("y.wav")))), "two voices for A"),
    "same": (dict(audio=None, voices=(Voice("A", Path("one.wav")), Voice("largest", Path("other.wav")))), "same time"),
    "both": (dict(person="A", at=At(Fraction(0), 1, 1)), "contradict"),
    "compat": (dict(person="A", compat=True, silence=None), "leave out --person"),
    "nothing": (dict(audio=None), "nothing to say"),
    "audio": (dict(voices=(Voice("A", Path("x.wav")),)), "--audio and --voice"),
    "cropped": (dict(person="talking", resize_factor=2), "leave out"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_meant_is_one_sentence(sync: Sync, media: Path, case: str) -> None:
    options, words = WRONG[case]
    options = dict(options)
    if case == "same":
        options["voices"] = tuple(Voice(voice.person, media / voice.path) for voice in options["voices"])
    with pytest.raises(wav2lip.UsageError, match=words):
        sync(**options)


def test_a_picture_has_no_ranges(media: Path, tmp_path: Path) -> None:
    run_ffmpeg("-i", url(media / "two.mkv"), "-frames:v", 1, tmp_path / "still.png")
    with pytest.raises(wav2lip.UsageError, match="single picture"):
        wav2lip.sync(
            tmp_path / "still.png", media / "one.wav", tmp_path / "out.mkv",
            replace(OPTIONS, ranges=(Span(Fraction(0), Fraction(1)),)),
        )


def test_a_video_without_sound_is_silent_where_nobody_is_synced(media: Path, tmp_path: Path) -> None:
    run_ffmpeg("-i", url(media / "two.mkv"), "-an", *LOSSLESS[:4], tmp_path / "mute.mkv")
    report = wav2lip.sync(
        tmp_path / "mute.mkv", media / "short.wav", tmp_path / "out.mkv", replace(OPTIONS, keep_audio=True)
    )
    assert report.frames == FRAMES
    heard = samples(report.output, 16000, 1)
    assert not heard[round(0.81 * 16000) :].any()
    assert heard[: round(0.8 * 16000)].any()


def test_each_mouth_follows_its_own_voice_and_not_the_others(media: Path, tmp_path: Path) -> None:
    parts = {"A": (0.0, 3.2), "B": (3.7, 6.9)}
    for label, (start, end) in parts.items():
        run_ffmpeg("-ss", start, "-to", end, "-i", url(EXAMPLES / "speech.wav"), tmp_path / f"{label}.wav")
    voices = tuple(Voice(label, tmp_path / f"{label}.wav") for label in parts)
    report = wav2lip.sync(media / "two.mkv", None, tmp_path / "out.mkv", replace(OPTIONS, voices=voices))
    offsets = {}
    for side, part in HALVES.items():
        for label in parts:
            half = tmp_path / f"{side}-{label}.mkv"
            run_ffmpeg(
                "-i", url(report.output), "-i", url(tmp_path / f"{label}.wav"), "-map", "0:v", "-map", "1:a",
                "-vf", f"crop={SIZE}:{SIZE}:{part.start}:0", *LOSSLESS, half,
            )
            score = wav2lip.evaluate(half, wav2lip.EvaluationOptions(detector="cascade", device="cpu", picture=False))
            offsets[side, label] = score.sync["expert"].offset
    (left,) = [label for label in parts if abs(offsets["left", label]) <= 1]
    (right,) = [label for label in parts if abs(offsets["right", label]) <= 1]
    assert {left, right} == set(parts)


def test_a_small_face_is_synced_with_a_warning(media: Path, tmp_path: Path) -> None:
    run_ffmpeg("-i", url(media / "two.mkv"), "-vf", "scale=112:56", *LOSSLESS[:4], "-an", tmp_path / "small.mkv")
    said = Said()
    (tmp_path / "track.json").write_text(json.dumps([[15, 11, 41, 45]] * FRAMES))
    report = wav2lip.sync(
        tmp_path / "small.mkv", media / "short.wav", tmp_path / "out.mkv",
        replace(OPTIONS, track=tmp_path / "track.json"), said,
    )
    assert report.faces == 20
    assert any("In 20 frames a face is less than 32 pixels wide" in words for words in said.words)


def test_nobody_at_the_time_that_was_asked_for_is_no_face(media: Path, sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "track.json").write_text(json.dumps([[60, 45, 165, 180]] * 10))
    with pytest.raises(wav2lip.NoFaceError, match="not seen at those times"):
        sync(track=tmp_path / "track.json", ranges=(Span(Fraction(1), None),))


def test_a_face_that_is_turned_aside_is_left_as_it_is(media: Path, sync: Sync, tmp_path: Path) -> None:
    box = [60, 45, 165, 180]
    front, profile = (
        [[95 - apart, 90], [95 + apart, 90], [nose, 115], [95 - apart, 145], [95 + apart, 145]]
        for apart, nose in ((22, 95), (6, 125))
    )
    tracks = {
        "format": "wav2lip-tracks", "version": 1, "video": "two.mkv", "fps": "25", "frames": FRAMES,
        "size": [2 * SIZE, SIZE], "shots": [0],
        "people": [{
            "label": "A", "boxes": [box] * FRAMES, "landmarks": [front] * 20 + [profile] * (FRAMES - 20),
        }],
    }
    (tmp_path / "track.json").write_text(json.dumps(tracks))
    said = Said()
    assert changed(media, sync(track=tmp_path / "track.json", progress=said))["left"] == set(range(20))
    assert any("In 30 frames a face is turned aside" in words for words in said.words)
    assert changed(media, sync(track=tmp_path / "track.json", max_yaw=90.0))["left"] >= set(range(45))


def test_of_a_track_file_only_those_count_who_are_seen(media: Path, sync: Sync, tmp_path: Path) -> None:
    box = [60, 45, 165, 180]
    people = [{"label": "A", "boxes": [None] * FRAMES}, {"label": "B", "boxes": [box] * FRAMES}]
    (tmp_path / "track.json").write_text(json.dumps({"people": people, "fps": "25"}))
    for person in ("center", None):
        assert sync(track=tmp_path / "track.json", person=person).synced == ("B",)
    held = sync(track=tmp_path / "track.json", person="B", static=True)
    assert (held.synced, held.faces) == (("B",), FRAMES)
    planned = plan_sync(
        media / "two.mkv", media / "one.wav", tmp_path / "out.mkv",
        replace(OPTIONS, track=tmp_path / "track.json", person="B", static=True),
    )
    assert planned.detector == "track"


def test_where_there_is_no_face_nobody_talks(media: Path, tmp_path: Path) -> None:
    run_ffmpeg("-f", "lavfi", "-i", "color=gray:s=112x112:d=1:r=25", *LOSSLESS[:4], tmp_path / "empty.mkv")
    voices = (Voice("A", media / "one.wav"), Voice("B", media / "other.wav"))
    for audio, options in ((media / "one.wav", {"person": "talking"}), (None, {"voices": voices})):
        with pytest.raises(wav2lip.NoFaceError):
            wav2lip.sync(tmp_path / "empty.mkv", audio, tmp_path / "out.mkv", replace(OPTIONS, **options))


def test_a_soft_recording_is_heard_beside_a_loud_one(media: Path, tmp_path: Path) -> None:
    run_ffmpeg("-i", url(media / "other.wav"), "-af", "volume=-35dB", tmp_path / "soft.wav")
    rows = ["start,end,person,audio", f"0,1,A,{media / 'one.wav'}", f"1,2,B,{tmp_path / 'soft.wav'}"]
    (tmp_path / "scene.csv").write_text("\n".join(rows))
    source = Source(probe(media / "two.mkv"), Geometry())
    options = replace(OPTIONS, silence=None, edits=tmp_path / "scene.csv")
    _, ((lines, speech),) = hear(None, source, options, Said())
    assert len(lines) == 2
    alone = Speech.measure(tmp_path / "soft.wav", source.fps, False, listen=listener(OPTIONS_CLOSED))
    assert speech.presence()[25:].mean() > 0.8 * alone.presence()[:25].mean() > 0.4


@pytest.mark.parametrize("extend", ["cut", "loop"])
def test_a_picture_is_shown_as_long_as_the_sound(media: Path, tmp_path: Path, extend: str) -> None:
    run_ffmpeg("-i", url(media / "two.mkv"), "-frames:v", 1, tmp_path / "still.png")
    report = wav2lip.sync(
        tmp_path / "still.png", media / "short.wav", tmp_path / "out.mkv", replace(OPTIONS, extend=extend)
    )
    assert report.frames == probe(report.output).frames == 20
    at = At(Fraction(1, 2), SIZE // 2, SIZE // 2)
    assert wav2lip.sync(
        tmp_path / "still.png", media / "short.wav", tmp_path / "out.mkv", replace(OPTIONS, at=at)
    ).faces == 20


def test_sound_of_too_many_channels_is_refused_before_the_work(media: Path, tmp_path: Path) -> None:
    run_ffmpeg("-i", url(media / "two.mkv"), "-f", "lavfi", "-i", f"aevalsrc={'|'.join(['0'] * 10)}:d=2:s=48000",
               "-map", "0:v", "-map", "1:a", *LOSSLESS, tmp_path / "many.mkv")
    said = Said()
    with pytest.raises(wav2lip.UsageError, match="10 channels"):
        wav2lip.sync(
            tmp_path / "many.mkv", media / "short.wav", tmp_path / "out.mp4",
            replace(OPTIONS, codec=None, ranges=(Span(Fraction(0), Fraction("0.5")),)), said,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["many.mkv"]
