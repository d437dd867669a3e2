"""The reference is a face of the same shot with its mouth closed, or the face in a file that the user names."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_samples import make_video, number_of, numbered_frame, numbered_video, run_ffmpeg

from wav2lip.compose.face import crop_face
from wav2lip.errors import MediaError, NoFaceError
from wav2lip.faces.boxes import Pads
from wav2lip.faces.cascade import CascadeDetector
from wav2lip.faces.track import FaceTrack, fixed_track
from wav2lip.media import pick
from wav2lip.media.clip import Frame
from wav2lip.media.ffmpeg import url
from wav2lip.media.geometry import Geometry
from wav2lip.media.picture import Picture
from wav2lip.media.probe import probe
from wav2lip.models.engine import TorchEngine
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import load_generator, load_syncnet, save_network
from wav2lip.models.store import cache_dir
from wav2lip.models.syncnet import SyncNet
from wav2lip.pipeline import reference
from wav2lip.pipeline.lips import Lips
from wav2lip.pipeline.reference import closed_references, likeness, most_closed, reference_from_file
from wav2lip.pipeline.source import Source
from wav2lip.progress import Advance, Progress
from wav2lip.speech.mel import SILENCE
from wav2lip.training.heads import draw_head

pytestmark = pytest.mark.usefixtures("one_thread")

NO_PADS = Pads(0, 0, 0, 0)
HEAD = (30, 190, 40, 184)          # top, bottom, left, right of the face in a drawn head of 224 pixels
LOSSLESS = ("-c:v", "libx264", "-qp", 0, "-pix_fmt", "yuv444p")


class Counting(Progress):
    """Remembers the stages, and what was finished in each."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int]] = []

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        done: list[int] = []
        yield done.append
        self.stages.append((name, total, sum(done)))


class OneFace:
    """Finds a face of 40 x 48 pixels in frames that are brighter than a number's grey."""

    name, fingerprint = "stand-in", "stand-in"
    long_side = None

    def __init__(self, from_number: int = 0):
        self.from_number = from_number

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        found = np.array([[4, 0, 44, 48, 0.9]], np.float32)
        return [found if number_of(frame) >= self.from_number else found[:0] for frame in frames]


def source_of(path: Path) -> Source:
    return Source(probe(path), Geometry())


def numbers_track(shots: Sequence[int], missing: Sequence[int] = ()) -> FaceTrack:
    """Return a track of 64 x 48 frames whose face is the whole frame, but for the missing ones."""
    n = len(shots)
    boxes = np.repeat([[0.0, 0.0, 64.0, 48.0]], n, axis=0)
    boxes[list(missing)] = np.nan
    there = ~np.isnan(boxes[:, 0])
    return FaceTrack(boxes, there.astype(float), there.astype(int) - 1, np.array(shots), (64, 48))


@pytest.fixture
def first_wins(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Let the first candidate of every shot win, and return which were compared: their numbers, by shot."""
    seen: list[list[int]] = []

    def take_first(faces: np.ndarray, expert: SyncNet) -> np.ndarray:
        seen.append([number_of(face) for face in faces])
        return np.asarray(faces[0])

    monkeypatch.setattr(reference, "most_closed", take_first)
    return seen


@pytest.fixture(scope="module")
def expert() -> SyncNet:
    return fold_batch_norm(load_syncnet())


@pytest.fixture(scope="module")
def openings() -> np.ndarray:
    """How far a drawn head opens its mouth through a second and a half; shut for a moment only."""
    return np.asarray(0.15 + 0.8 * np.abs(np.cos(np.arange(36) * np.pi / 18)) ** 0.7).clip(0, 1) * (
        np.abs(np.arange(36) - 22) > 2
    )


@pytest.fixture(scope="module")
def heads(openings: np.ndarray) -> dict[int, np.ndarray]:
    """Two drawn people who speak: the faces (36, 96, 96, 3) of each, by number."""
    top, bottom, left, right = HEAD
    return {
        person: np.stack([
            crop_face(draw_head(person, float(opening), 0.0, at / 25, 224), left, top, right, bottom)
            for at, opening in enumerate(openings)
        ])
        for person in (700_000, 700_037)
    }


def which(face: np.ndarray, among: np.ndarray) -> int:
    """Return the number of the face that another one is nearest to."""
    return int(np.abs(among.astype(int) - face).mean(axis=(1, 2, 3)).argmin())


def test_the_face_with_the_most_closed_mouth_is_chosen(
    heads: dict[int, np.ndarray], openings: np.ndarray, expert: SyncNet
) -> None:
    for faces in heads.values():
        assert openings[which(most_closed(faces, expert), faces)] == 0


def test_the_choice_does_not_depend_on_what_was_asked_before(heads: dict[int, np.ndarray], expert: SyncNet) -> None:
    faces = heads[700_000]
    np.testing.assert_array_equal(most_closed(faces, expert), most_closed(faces.copy(), expert))


def test_of_equal_faces_the_first_is_taken_and_of_one_face_that_one(expert: SyncNet) -> None:
    face = np.full((96, 96, 3), 90, np.uint8)
    np.testing.assert_array_equal(most_closed(face[None], expert), face)
    np.testing.assert_array_equal(most_closed(np.stack([face] * 3), expert), face)


def test_every_shot_has_a_reference_of_its_own(
    heads: dict[int, np.ndarray], openings: np.ndarray, tmp_path: Path
) -> None:
    both = np.concatenate(list(heads.values()))
    video = make_video(tmp_path / "two.mkv", both, options=LOSSLESS)
    track = fixed_track((0, 96, 0, 96), len(both), (96, 96))
    track.shot[len(openings) :] = 1
    progress = Counting()
    found = closed_references(source_of(video), track, progress)
    assert sorted(found) == [0, 1]
    for shot, faces in enumerate(heads.values()):
        assert (found[shot].shape, found[shot].dtype) == ((96, 96, 3), np.uint8)
        assert openings[which(found[shot], faces)] == 0
    assert progress.stages == [("Looking for a closed mouth", 24, 24)]


def test_a_generator_that_is_given_the_reference_hears_silence_in_it(
    heads: dict[int, np.ndarray], openings: np.ndarray, expert: SyncNet
) -> None:
    lips = Lips(TorchEngine(load_generator(), "cpu"))
    faces = heads[700_037]
    open_frames = faces[np.argsort(openings)[-6:]]
    mel = np.full((6, 80, 16), SILENCE, np.float32)
    closed = np.repeat(most_closed(faces, expert)[None], 6, axis=0)
    truth = faces[np.flatnonzero(openings == 0)].mean(axis=0)

    def far_from_closed(references: np.ndarray) -> float:
        return float(np.abs(lips.speak(open_frames, references, mel) - truth)[:, 60:88, 28:68].mean())

    assert far_from_closed(closed) < far_from_closed(open_frames)


def test_frames_without_a_face_and_shots_without_one_are_left_out(
    tmp_path: Path, first_wins: list[list[int]]
) -> None:
    video = numbered_video(tmp_path / "numbers.mkv", 30, options=LOSSLESS)
    shots = [0] * 12 + [1] * 9 + [2] * 9
    track = numbers_track(shots, missing=[*range(6), *range(12, 21)])
    found = closed_references(source_of(video), track, Progress())
    assert sorted(found) == [0, 2]
    assert len(first_wins) == 2
    assert all(6 <= number < 12 for number in first_wins[0])
    assert all(number >= 21 for number in first_wins[1])


def test_candidates_are_spread_over_the_shot_and_no_neighbours(tmp_path: Path, first_wins: list[list[int]]) -> None:
    video = numbered_video(tmp_path / "numbers.mkv", 72, options=LOSSLESS)
    closed_references(source_of(video), numbers_track([0] * 72), Progress())
    (numbers,) = first_wins
    assert set(np.diff(numbers)) <= {3, 4}
    assert numbers[0] <= 3
    assert numbers[-1] >= 68


def test_of_two_who_take_turns_all_turns_are_looked_at(tmp_path: Path, first_wins: list[list[int]]) -> None:
    video = numbered_video(tmp_path / "numbers.mkv", 45, options=LOSSLESS)
    turns = [number // 9 % 2 for number in range(45)]
    found = closed_references(source_of(video), numbers_track(turns), Progress())
    assert [{turns[number] for number in numbers} for numbers in first_wins] == [{1}, {0}]
    assert [max(numbers) - min(numbers) > 15 for numbers in first_wins] == [True, True]
    assert {shot: number_of(face) for shot, face in found.items()} == {turns[some[0]]: some[0] for some in first_wins}


def test_a_long_shot_is_looked_at_in_no_more_frames_than_a_shorter_one() -> None:
    for frames in (400, 20_000):
        numbers = reference._candidates(numbers_track([0] * frames), 0)
        assert len(numbers) == reference.MOST
        assert np.ptp(np.diff(numbers)) <= 1


def test_faces_of_unusual_size_or_between_two_finds_are_passed_over() -> None:
    track = numbers_track([0] * 60)
    track.boxes[10:20] = [0, 0, 30, 24]
    track.score[40:50] = 0
    numbers = reference._candidates(track, 0)
    assert not set(numbers) & {*range(10, 20), *range(40, 50)}


def test_where_all_faces_are_unusual_one_is_taken_all_the_same() -> None:
    track = numbers_track([0, 0], missing=[])
    track.boxes[0] = [0, 0, 8, 8]
    assert len(reference._candidates(track, 0)) == 1


def test_what_lies_far_apart_is_jumped_to_and_is_the_same_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = numbered_video(tmp_path / "numbers.mp4", 72, options=["-g", 10, "-qp", 0])
    source = source_of(video)
    asked: list[tuple[int, int]] = []
    read = Source.read_pictures

    def reading(self: Source, start: int, count: int) -> Generator[Picture]:
        asked.append((start, count))
        return read(self, start, count)

    monkeypatch.setattr(Source, "read_pictures", reading)
    for far, expected in ((250, [(2, 69)]), (20, [(2, 1), (30, 11), (70, 1)])):
        monkeypatch.setattr(pick, "FAR", far)
        asked.clear()
        got = [
            (number, number_of((picture.planes[0] - 16.0) * 255 / 219))    # grey as luma
            for number, picture in reference._frames(source, [2, 30, 40, 70])
        ]
        assert got == [(number, number) for number in (2, 30, 40, 70)]
        assert asked == expected


def test_a_file_that_ends_early_gives_what_it_has(tmp_path: Path, first_wins: list[list[int]]) -> None:
    video = numbered_video(tmp_path / "numbers.mkv", 20, options=LOSSLESS)
    track = numbers_track([0] * 15 + [1] * 20)
    found = closed_references(source_of(video), track, Progress())
    assert sorted(found) == [0, 1]
    assert max(first_wins[1]) < 20
    assert sorted(closed_references(source_of(video), numbers_track([0] * 21 + [1] * 9), Progress())) == [0]


def test_a_still_image_gives_its_one_face(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8)
    path = tmp_path / "still.png"
    cv2.imwrite(str(path), picture)
    found = closed_references(source_of(path), fixed_track((0, 96, 0, 96), 1, (96, 96)), Progress())
    np.testing.assert_array_equal(found[0], picture)


def test_a_static_video_gives_its_first_face(tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "numbers.mkv", 12, options=LOSSLESS)
    source = Source(probe(video), Geometry(), static=True)
    found = closed_references(source, numbers_track([0]), Progress())
    assert number_of(found[0]) == 0


def test_a_track_without_any_face_reads_nothing(tmp_path: Path) -> None:
    progress = Counting()
    video = numbered_video(tmp_path / "numbers.mkv", 4, options=LOSSLESS)
    assert closed_references(source_of(video), numbers_track([0] * 4, missing=range(4)), progress) == {}
    assert progress.stages == []


def test_a_picture_of_a_face_gives_that_face(tmp_path: Path) -> None:
    picture = draw_head(700_000, 0.0, 0.0, 0.0, 320)
    path = tmp_path / "person.png"
    cv2.imwrite(str(path), picture)
    detector = CascadeDetector()
    x1, y1, x2, y2 = detector.detect([picture])[0][0, :4]
    face = reference_from_file(path, detector, Pads(0, 10, 0, 0))
    expected = crop_face(picture, round(float(x1)), round(float(y1)), round(float(x2)), round(float(y2)) + 10)
    np.testing.assert_array_equal(face, expected)


def test_a_video_gives_the_first_face_in_it(tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "numbers.mkv", 30, options=LOSSLESS)
    face = reference_from_file(video, OneFace(from_number=12), NO_PADS)
    assert face.shape == (96, 96, 3)
    assert number_of(face) == 15              # every fifth frame is looked at


@pytest.mark.parametrize(("transfer", "white"), [("smpte2084", 573), ("arib-std-b67", 721)])
def test_an_hdr_reference_is_what_an_sdr_screen_would_show(tmp_path: Path, transfer: str, white: int) -> None:
    tags = ["-color_trc", transfer, "-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_range", "tv"]
    run_ffmpeg("-f", "lavfi", "-i", f"color=s=96x96:d=0.1,format=yuv420p10le,geq=lum={white}:cb=512:cr=512",
               "-c:v", "ffv1", *tags, url(tmp_path / "paper.mkv"))
    assert reference_from_file(tmp_path / "paper.mkv", None, NO_PADS).min() >= 253


def test_without_a_detector_the_whole_picture_is_the_face(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), numbered_frame(30, 200, 300))
    face = reference_from_file(path, None, NO_PADS)
    assert face.shape == (96, 96, 3)
    assert number_of(face) == 30


def test_a_reference_without_a_face_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), numbered_frame(30))
    with pytest.raises(NoFaceError, match=r"reference .*wall\.png \(looked for with stand-in\)\. Name a picture"):
        reference_from_file(path, OneFace(from_number=40), NO_PADS)
    video = numbered_video(tmp_path / "wall.mkv", 50, options=LOSSLESS)
    with pytest.raises(NoFaceError, match=r"in its first 2 seconds"):
        reference_from_file(video, OneFace(from_number=80), NO_PADS)


def test_a_reference_that_is_no_picture_says_so(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        reference_from_file(tmp_path / "nobody.png", OneFace(), NO_PADS)
    (tmp_path / "words.png").write_text("not a picture")
    with pytest.raises(MediaError, match="text file"):
        reference_from_file(tmp_path / "words.png", OneFace(), NO_PADS)


def test_the_frame_rate_bounds_how_long_a_video_is_searched(tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "slow.mkv", 40, fps=Fraction(2), options=LOSSLESS)
    with pytest.raises(NoFaceError, match=r"in its first 10 seconds"):
        reference_from_file(video, OneFace(from_number=21), NO_PADS)


def test_a_reference_likeness_a_head_that_is_held_alike_whatever_the_mouth_does(heads: dict[int, np.ndarray]) -> None:
    one, other = heads.values()
    top, bottom, left, right = HEAD
    wide, closed = (crop_face(draw_head(700_000, opening, 0, 0, 224), left, top, right, bottom) for opening in (1, 0))
    assert likeness(wide, closed) == 1
    assert likeness(wide, np.roll(closed, 14, axis=1)) == 0
    assert likeness(one[0], other[0]) == 0
    assert likeness(np.zeros_like(wide), np.zeros_like(wide)) == 1
    turned = [likeness(wide, np.roll(closed, columns, axis=1)) for columns in range(15)]
    assert turned == sorted(turned, reverse=True)
    assert 0 < min(share for share in turned if share) < 1


def test_the_second_time_neither_frames_are_read_nor_the_expert_is_loaded(
    tmp_path: Path, heads: dict[int, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = make_video(tmp_path / "head.mkv", heads[700_000], options=LOSSLESS)
    track = fixed_track((0, 96, 0, 96), 36, (96, 96))
    first = closed_references(source_of(video), track, Progress())
    copy = source_of(video.rename(tmp_path / "copy.mkv"))
    monkeypatch.setattr(Source, "read_pictures", lambda *_: pytest.fail("the video was read"))
    monkeypatch.setattr(reference, "load_syncnet", lambda *_: pytest.fail("the expert was loaded"))
    progress = Counting()
    again = closed_references(copy, track, progress)
    assert list(again) == list(first) == [0]
    np.testing.assert_array_equal(again[0], first[0])
    assert progress.stages == []


def test_another_track_video_view_or_expert_is_searched_anew(
    tmp_path: Path, first_wins: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = numbered_video(tmp_path / "numbers.mkv", 20, options=LOSSLESS)
    track = numbers_track([0] * 20)
    closed_references(source_of(video), track, Progress())
    assert len(first_wins) == 1

    def searched(source: Source, track: FaceTrack) -> bool:
        first_wins.clear()
        for _ in range(2):
            closed_references(source, track, Progress())
        assert len(first_wins) <= 1
        return bool(first_wins)

    assert not searched(source_of(video), track)
    assert searched(source_of(video), numbers_track([0] * 20, missing=[0]))
    assert searched(source_of(video), replace(track, score=track.score * np.linspace(0.5, 1, 20)))
    assert searched(source_of(video), replace(track, shot=track.shot + 1))
    assert searched(Source(probe(video), Geometry(crop=(0, 40, 0, 64))), track)
    assert searched(source_of(numbered_video(tmp_path / "others.mkv", 21, options=LOSSLESS)), track)
    save_network(SyncNet(2), tmp_path / "expert.safetensors")
    monkeypatch.setattr(reference, "expert_checkpoint", lambda: tmp_path / "expert.safetensors")
    assert searched(source_of(video), track)


def test_an_entry_that_is_damaged_or_of_another_form_is_replaced(
    tmp_path: Path, first_wins: list[list[int]]
) -> None:
    video = numbered_video(tmp_path / "numbers.mkv", 20, options=LOSSLESS)
    source, track = source_of(video), numbers_track([0] * 10 + [1] * 10)
    whole = closed_references(source, track, Progress())
    (entry,) = (cache_dir() / "faces").iterdir()
    stored, form = entry.read_bytes(), np.zeros((1, 96, 96, 3), np.uint8)
    for times, damage in enumerate([
        lambda: entry.write_bytes(stored[: len(stored) // 2]),
        lambda: np.savez(entry, shots=np.arange(2), faces=form),
        lambda: np.savez(entry, shots=np.arange(1), faces=form.astype(float)),
    ], start=2):
        damage()
        for _ in range(2):
            found = closed_references(source, track, Progress())
            assert list(found) == [0, 1]
            np.testing.assert_array_equal(np.stack(list(found.values())), np.stack(list(whole.values())))
        assert len(first_wins) == 2 * times


def test_a_real_speaker_is_caught_with_the_lips_of_the_rest_before_and_after_the_sentence(shared: Path) -> None:
    """GRID sentences begin and end with a closed mouth."""
    source = source_of(shared / "data/grid/s1/bbaf2n.mp4")
    track = fixed_track((97, 266, 100, 211), source.frames, source.size)
    (face,) = closed_references(source, track, Progress()).values()
    faces = np.stack([crop_face(frame, 100, 97, 211, 266) for frame in source.read(0, source.frames)])
    mouths = faces[:, 62:84, 28:68].astype(float)
    rest = np.median(mouths[[*range(8), *range(67, 75)]], axis=0)
    away = np.abs(mouths - rest).mean(axis=(1, 2, 3))
    assert away[which(face, faces)] < np.median(away)
