"""Who talks is told from the sound and the mouths: two drawn heads beside each other, of which one is heard."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_samples import make_video, run_ffmpeg
from training_clips import BOX, SIZE

from wav2lip.cast import talking
from wav2lip.cast.mouths import Mouths, watch_mouths
from wav2lip.cast.talking import who_talks
from wav2lip.cast.turns import evidence_of_speech
from wav2lip.evaluation.judges import ExpertJudge
from wav2lip.faces.track import FaceTrack
from wav2lip.media.clip import Clip
from wav2lip.media.ffmpeg import url
from wav2lip.media.probe import probe
from wav2lip.media.sound import read_samples
from wav2lip.models.syncnet import FPS
from wav2lip.progress import Progress
from wav2lip.speech.mel import SAMPLE_RATE
from wav2lip.training.articulation import Articulation, speech_to_articulation
from wav2lip.training.heads import draw_talking
from wav2lip.training.synth import write_wav

SPEECH = Path(__file__).resolve().parent.parent / "examples" / "speech.wav"
FRAMES = 75
LEFT, RIGHT, NOBODY = 0, 1, -1

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def said() -> list[np.ndarray]:
    """What the left and the right one say, 3 s each."""
    speech = np.concatenate(list(read_samples(SPEECH)))
    return [speech[start : start + 3 * SAMPLE_RATE] for start in (0, 4 * SAMPLE_RATE)]


@pytest.fixture(scope="module")
def talks(said: list[np.ndarray]) -> list[np.ndarray]:
    """The left and the right head talking, (75, 160, 160, 3) each."""
    return [
        np.stack(list(draw_talking(who, speech_to_articulation(words, 25), 25, SIZE))[:FRAMES])
        for who, words in zip((7, 20), said, strict=True)
    ]


@pytest.fixture(scope="module")
def rests() -> list[np.ndarray]:
    """The same two with their mouths closed."""
    closed = Articulation(np.zeros(FRAMES), np.zeros(FRAMES))
    return [np.stack(list(draw_talking(who, closed, 25, SIZE))) for who in (7, 20)]


def film(
    path: Path, left: Sequence[np.ndarray], right: Sequence[np.ndarray], sound: Sequence[np.ndarray] = (),
    fps: Fraction = FPS,
) -> Clip:
    """Put heads beside each other, with what is heard."""
    pictures = np.concatenate([np.concatenate(left), np.concatenate(right)], axis=2)
    wave = None
    if sound:
        wave = path.with_suffix(".wav")
        write_wav(wave, np.concatenate(sound))
    return probe(make_video(path, pictures, fps, ["-c:v", "ffv1", "-c:a", "copy"], wave))


def two_tracks(frames: int, shot: np.ndarray | None = None) -> list[FaceTrack]:
    """Return where the two heads are."""
    return [
        FaceTrack(
            np.repeat([BOX + np.array([SIZE * who, 0, SIZE * who, 0])], frames, axis=0), np.ones(frames),
            np.zeros(frames, int), np.zeros(frames, int) if shot is None else shot, (2 * SIZE, SIZE),
        )
        for who in (LEFT, RIGHT)
    ]


def share(found: np.ndarray, who: int) -> float:
    """Return in which share of the frames somebody talks."""
    return float((found == who).mean())


@pytest.mark.parametrize("heard", [LEFT, RIGHT], ids=["left", "right"])
def test_the_one_who_is_heard_talks_although_the_other_mouth_says_something_too(
    heard: int, talks: list[np.ndarray], said: list[np.ndarray], tmp_path: Path
) -> None:
    clip = film(tmp_path / "clip.mkv", [talks[LEFT]], [talks[RIGHT]], [said[heard]])
    assert share(who_talks(clip, two_tracks(FRAMES), Progress()), heard) == 1


def test_turns_are_taken_within_a_shot(
    talks: list[np.ndarray], rests: list[np.ndarray], said: list[np.ndarray], tmp_path: Path
) -> None:
    clip = film(tmp_path / "clip.mkv", [talks[LEFT], rests[LEFT]], [rests[RIGHT], talks[RIGHT]], said)
    found = who_talks(clip, two_tracks(2 * FRAMES), Progress())
    assert (np.diff(found) != 0).sum() == 1
    assert abs(int(np.argmax(found == RIGHT)) - FRAMES) <= 12


def test_a_cut_parts_who_talks_to_the_frame_at_any_rate(
    talks: list[np.ndarray], said: list[np.ndarray], tmp_path: Path
) -> None:
    fast, cut = Fraction(60000, 1001), 181
    shown = [(np.arange(2 * cut) * 25 / float(fast)).astype(int) for _ in said]
    both = [np.concatenate([talks[who], talks[who]]) for who in (LEFT, RIGHT)]
    pictures = [both[who][shown[who].clip(max=2 * FRAMES - 1)] for who in (LEFT, RIGHT)]
    dark = np.where(np.arange(2 * cut) < cut, 1, 0.4)[:, None, None, None]
    pictures = [(some * dark).astype(np.uint8) for some in pictures]
    clip = film(tmp_path / "clip.mkv", [pictures[LEFT]], [pictures[RIGHT]], said, fast)
    shot = (np.arange(2 * cut) >= cut).astype(int)
    found = who_talks(clip, two_tracks(2 * cut, shot), Progress())
    assert set(found[:cut]) == {LEFT}
    assert set(found[cut:]) == {RIGHT}


def test_a_face_that_gets_darker_at_a_cut_has_not_moved_its_mouth() -> None:
    shot = np.repeat([0, 1], 50)
    nothing, loud = np.zeros((1, 100), np.float32), 1 + np.sin(np.arange(100, dtype=np.float32))
    still = Mouths(np.full((1, 100, 31), np.nan, np.float16), nothing, nothing, shot, loud, np.ones(100, bool))
    darker = replace(still, gap=-0.3 * shot[None].astype(np.float32))
    assert np.allclose(evidence_of_speech(darker), evidence_of_speech(still), atol=1e-3)


def test_sound_that_starts_before_the_picture_is_no_obstacle(
    talks: list[np.ndarray], said: list[np.ndarray], tmp_path: Path
) -> None:
    early = film(tmp_path / "early.mkv", [talks[LEFT]], [talks[RIGHT]], [said[RIGHT]])
    late = tmp_path / "late.mkv"
    run_ffmpeg(
        "-itsoffset", 1, "-i", url(early.path), "-i", url(early.path), "-map", "0:v", "-map", "1:a", "-c:v", "copy",
        "-af", "adelay=1000", "-c:a", "pcm_s16le", url(late),
    )
    clip = probe(late)
    assert clip.start == pytest.approx(1, abs=0.01)
    assert share(who_talks(clip, two_tracks(FRAMES), Progress()), RIGHT) == 1


def test_without_sound_the_moving_mouth_talks(
    talks: list[np.ndarray], rests: list[np.ndarray], tmp_path: Path
) -> None:
    clip = film(tmp_path / "clip.mkv", [rests[LEFT], talks[LEFT]], [talks[RIGHT], rests[RIGHT]])
    found = who_talks(clip, two_tracks(2 * FRAMES), Progress())
    assert share(found[:60], RIGHT) > 0.9
    assert share(found[-60:], LEFT) > 0.9


def test_a_voice_from_elsewhere_is_nobodys_and_neither_is_silence(
    rests: list[np.ndarray], said: list[np.ndarray], tmp_path: Path
) -> None:
    for name, sound in (("voice", said[LEFT]), ("silence", 0 * said[LEFT])):
        clip = film(tmp_path / f"{name}.mkv", [rests[LEFT]], [rests[RIGHT]], [sound])
        assert share(who_talks(clip, two_tracks(FRAMES), Progress()), NOBODY) == 1, name


def test_a_silent_shot_is_nobodys_but_a_pause_belongs_to_who_talks_around_it(
    talks: list[np.ndarray], rests: list[np.ndarray], said: list[np.ndarray], tmp_path: Path
) -> None:
    frames, pause = 3 * FRAMES, np.zeros(3 * SAMPLE_RATE, np.float32)
    clip = film(
        tmp_path / "clip.mkv", [talks[LEFT], rests[LEFT], talks[LEFT]], [rests[RIGHT]] * 3,
        [said[LEFT], pause, said[LEFT]],
    )
    assert share(who_talks(clip, two_tracks(frames), Progress()), LEFT) == 1
    shot = np.repeat([0, 1, 2], FRAMES)
    found = who_talks(clip, two_tracks(frames, shot), Progress())
    assert [share(part, LEFT) for part in np.split(found, 3)] == [1, 0, 1]
    assert share(found[shot == 1], NOBODY) > 0.8    # what a word leaves behind belongs to somebody


def test_who_is_out_of_sight_for_a_while_talks_before_and_after(
    talks: list[np.ndarray], said: list[np.ndarray], tmp_path: Path
) -> None:
    clip = film(tmp_path / "clip.mkv", [talks[LEFT]], [talks[RIGHT]], [said[LEFT]])
    left, right = two_tracks(FRAMES)
    left.boxes[30:36] = np.nan
    never = replace(right, boxes=np.full_like(right.boxes, np.nan))
    found = who_talks(clip, [left, right, never], Progress())
    assert set(found[30:36]) == {NOBODY}
    assert share(np.delete(found, np.s_[30:36]), LEFT) == 1
    assert set(who_talks(clip, [never, never], Progress())) == {NOBODY}


def test_who_is_alone_talks_wherever_seen_and_nothing_is_read() -> None:
    track, _ = two_tracks(10)
    track.boxes[3:5] = np.nan
    nothing: Clip = None    # type: ignore[assignment]
    assert who_talks(nothing, [track], Progress()).tolist() == [0, 0, 0, -1, -1, 0, 0, 0, 0, 0]
    assert who_talks(nothing, [], Progress()).tolist() == []


def test_an_answer_is_remembered_by_what_it_depends_on(
    talks: list[np.ndarray], said: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def counted(*arguments: object) -> object:
        looks.append("look")
        return watch_mouths(*arguments)    # type: ignore[arg-type]

    monkeypatch.setattr(talking, "watch_mouths", counted)
    clip = film(tmp_path / "clip.mkv", [talks[LEFT]], [talks[RIGHT]], [said[LEFT]])
    left, right = two_tracks(FRAMES)
    first = who_talks(clip, [left, right], Progress())
    renamed = tmp_path / "renamed.mkv"
    shutil.copy(clip.path, renamed)
    assert np.array_equal(who_talks(probe(renamed), [left, right], Progress()), first)
    assert looks == ["look"]
    other = who_talks(clip, [right, left], Progress())
    assert np.array_equal(other, 1 - first)
    assert looks == ["look", "look"]


def test_every_window_is_compared_once_and_none_spans_a_gap_or_a_cut(
    talks: list[np.ndarray], said: list[np.ndarray], tmp_path: Path
) -> None:
    clip = film(tmp_path / "clip.mkv", [talks[LEFT]], [talks[RIGHT]], [said[LEFT]])
    judge = ExpertJudge()
    left, right = two_tracks(FRAMES, (np.arange(FRAMES) >= 50).astype(int))
    right.boxes[30:33] = np.nan
    mouths = watch_mouths(clip, [left, right], judge, Progress())
    assert len(mouths) == FRAMES
    seen = np.isfinite(mouths.fit).any(axis=2)
    # By the middles of windows of 5 frames; the batches meet at frame 66.
    assert np.flatnonzero(seen[LEFT]).tolist() == [*range(2, 48), *range(52, 73)]
    assert np.flatnonzero(seen[RIGHT]).tolist() == [*range(2, 28), *range(35, 48), *range(52, 73)]
    assert np.flatnonzero(np.isnan(mouths.motion[RIGHT])).tolist() == [0, 30, 31, 32, 33, 50]
    pictures = np.stack([judge.cut(frame, BOX) for frame in talks[LEFT]])
    speech = np.concatenate([some.numpy() for some in judge.speech(iter([said[LEFT]]))])
    plain = (judge.lips(pictures).numpy()[: len(speech)] * speech).sum(axis=1)
    compared = np.flatnonzero(np.isfinite(mouths.fit[LEFT, :, 15]))
    assert compared[-1] >= 70
    assert np.allclose(mouths.fit[LEFT, compared, 15], plain[compared - 2], atol=0.01)
