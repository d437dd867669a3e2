"""Not every frame is looked at for faces: which ones are, and that the others lose nothing by it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_samples import make_sound, numbered_video, run_ffmpeg

import wav2lip
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detections import Detections
from wav2lip.faces.look import look_for_faces
from wav2lip.faces.people import find_people
from wav2lip.faces.sparse import FARTHEST, detect_faces, distance, frames_to_see
from wav2lip.faces.track import FaceTrack, track_of
from wav2lip.media.clip import Frame
from wav2lip.media.ffmpeg import url
from wav2lip.media.geometry import fitting
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.models.store import cache_dir
from wav2lip.pipeline.options import SyncOptions
from wav2lip.progress import Progress
from wav2lip.training.heads import draw_head

EXAMPLE = Path(__file__).parent.parent / "examples" / "face.mp4"
SIDE = 40
SIZE = (320, 180)


class Seeing:
    """Finds the white squares of dark frames, and remembers the numbers of those it was shown."""

    name = fingerprint = "seeing"
    long_side: int | None = 640

    def __init__(self) -> None:
        self.shown: list[int] = []

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        self.shown += [int(frame[0, 0, 0]) for frame in frames]
        return [self._squares(frame) for frame in frames]

    @staticmethod
    def _squares(frame: Frame) -> np.ndarray:
        rows = []
        for left in np.flatnonzero(np.diff((frame[..., 1] == 255).any(axis=0).astype(int)) == 1) + 1:
            top = np.flatnonzero(frame[:, left, 1] == 255)[0]
            rows.append((left, top, left + SIDE, top + SIDE, 0.9))
        return np.array(rows, np.float32).reshape(-1, 5)


class Told:
    """Finds in the frame whose number its pixels are what it is told."""

    name = fingerprint = "told"
    long_side: int | None = 640

    def __init__(self, finds: Sequence[Sequence[tuple[float, ...]]]) -> None:
        self.finds = finds

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        return [np.array(self.finds[int(frame[0, 0, 0])], np.float32).reshape(-1, 5) for frame in frames]


class Staring(Told):
    """Finds a face in the same place of every frame."""

    def __init__(self, box: tuple[float, ...]) -> None:
        super().__init__([[(*box, 0.9)]] * 256)


def frame(number: int, *lefts: int) -> Frame:
    """Return a frame with a square at each place, and its number in the first pixel."""
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for left in lefts:
        picture[50 : 50 + SIDE, left : left + SIDE] = 255
    picture[0, 0] = (number, 0, 0)
    return picture


def seen(lefts: Sequence[Sequence[int]], block: int = 48, batch: int = 1) -> tuple[Seeing, list[list[int] | None]]:
    """Return the detector, and the left sides that are known of each frame."""
    eyes = Seeing()
    frames: Iterator[Frame] = (frame(number, *here) for number, here in enumerate(lefts))
    found = detect_faces(frames, eyes, every=12, block=block, batch=batch)
    return eyes, [None if faces is None else [int(face[0]) for face in faces] for faces in found.faces]


def test_a_still_face_is_looked_at_rarely_and_at_the_end() -> None:
    eyes, _ = seen([[100]] * 100)
    assert eyes.shown == [*range(0, 97, 12), 99]


def test_a_face_that_moves_evenly_is_looked_at_twice_as_often() -> None:
    eyes, _ = seen([[20 + number] for number in range(97)])
    assert sorted(eyes.shown) == list(range(0, 97, 6))


def test_a_face_that_comes_and_goes_is_found_to_the_frame() -> None:
    _, known = seen([[100] if 17 <= number < 70 else [] for number in range(97)])
    assert known[16] == known[70] == []
    assert known[17] == known[69] == [100]
    assert sum(faces is not None for faces in known) < 25


def test_a_jump_is_found_to_the_frame() -> None:
    _, known = seen([[30 if number < 29 else 200] for number in range(60)])
    assert (known[28], known[29]) == ([30], [200])


def test_a_second_face_of_equal_size_decides_too_where_to_look() -> None:
    _, known = seen([[30, 200] if number < 29 else [30] for number in range(60)])
    assert (known[28], known[29]) == ([30, 200], [30])


def test_somebody_else_in_the_same_place_is_found_to_the_frame() -> None:
    heads = [np.full((360, 640, 3), 120, np.uint8) for _ in range(2)]
    for picture, person in zip(heads, (3, 12), strict=True):
        picture[100:196, 300:396] = draw_head(person, 0.0, 0.0, 0.5, 96)
    frames = [heads[number >= 29] for number in range(49)]
    found = detect_faces(frames, Staring((328, 118, 368, 178)), every=12, block=48, batch=1)
    assert found.shots.tolist() == [0] * 49    # too little of the picture changes for a cut
    assert found.looked[[28, 29]].all()
    assert found.looked.sum() < 12


def test_a_small_face_beside_a_large_one_decides_too_where_to_look() -> None:
    large, small = (10, 10, 90, 130, 0.9), (150, 30, 180, 75, 0.9)
    finds = [[large, small] if number < 29 else [large] for number in range(60)]
    pictures = [np.full((SIZE[1], SIZE[0], 3), number, np.uint8) for number in range(60)]
    found = detect_faces(pictures, Told(finds), every=12, block=48, batch=1)
    assert found.looked[[28, 29]].all()


def tracks(detector: Told, frames: Sequence[Frame], fps: Fraction = Fraction(25)) -> list[FaceTrack]:
    """Everybody's track, from looks as far apart as they may be."""
    every = distance(fps)
    found = detect_faces(iter(frames), detector, every=every, block=every, batch=1)
    height, width = frames[0].shape[:2]
    return [
        track_of(person.sights, found, pads=Pads(0, 0, 0, 0), size=(width, height), fps=fps)
        for person in find_people(found, fps)
    ]


@pytest.mark.parametrize("step", [(2.0, 2.4), (2.4, 3.2), (2.8, 3.6)])
def test_a_face_that_moves_along_a_diagonal_is_followed_through_every_frame(step: tuple[float, float]) -> None:
    ways = [min(max(number - 24, 0), 24) for number in range(72)]
    corners = [(20 + step[0] * way, 10 + step[1] * way) for way in ways]
    detector = Told([[(x, y, x + 36, y + 48, 0.9)] for x, y in corners])
    (track,) = tracks(detector, [frame(number) for number in range(72)])
    assert track.seen.sum() == 72


@pytest.mark.parametrize("step", [2, 3, 4])
def test_a_small_person_who_walks_beside_a_large_one_is_followed_through_every_frame(step: int) -> None:
    large = (10.0, 20.0, 120.0, 160.0, 0.9)
    detector = Told([[large, (130 + step * at, 40, 160 + step * at, 80, 0.9)] for at in range(40)])
    assert [track.seen.sum() for track in tracks(detector, [frame(number) for number in range(40)])] == [40, 40]


def test_a_crowd_of_whom_some_are_found_now_and_then_is_not_looked_at_closer() -> None:
    random = np.random.default_rng(1)
    picture = cv2.resize(random.integers(0, 255, (45, 80, 3), np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    crowd = [(100 + 21 * column, 2 + 34 * row, 114 + 21 * column, 20 + 34 * row, 0.9)
             for column in range(10) for row in range(2)]
    large = (10, 20, 90, 160, 0.9)
    detector = Told([[large, *(one for one in crowd if random.random() < 0.8)] for _ in range(96)])
    film = [picture.copy() for _ in range(96)]
    for number, shown in enumerate(film):
        shown[0, 0] = number
    found = detect_faces(iter(film), detector, every=12, block=12, batch=1)
    assert found.looked.sum() <= 12              # of 9 in any case


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(20), Fraction(15), Fraction(10)])
def test_a_lean_is_told_at_every_rate_also_in_short_shots(fps: Fraction) -> None:
    half = cv2.resize(np.random.default_rng(0).integers(0, 255, (15, 5, 3), np.uint8), (20, 60))
    picture = np.full((160, 160, 3), 90, np.uint8)
    picture[50:110, 60:100] = np.concatenate([half, half[:, ::-1]], axis=1)    # as like on both sides as a face
    leaning = cv2.warpAffine(
        picture, cv2.getRotationMatrix2D((80, 80), -15, 1), (160, 160), borderMode=cv2.BORDER_REPLICATE
    )
    box = (60.0, 50.0, 100.0, 110.0, 0.9)
    leaning[0, 0] = 0                            # number 0 of what is told
    (track,) = tracks(Told([[box]]), [leaning] * round(1.2 * fps), fps)
    angle = track.posed(tilt=True, max_yaw=60).angle
    assert angle is not None
    assert np.degrees(angle) == pytest.approx(15, abs=3)


@pytest.mark.parametrize("block", [12, 24, 96])
@pytest.mark.parametrize("batch", [1, 5])
def test_what_is_held_and_looked_at_together_changes_nothing(block: int, batch: int) -> None:
    lefts = [[20 + (number * number) % 7 + number] if number % 30 > 4 else [] for number in range(97)]
    assert seen(lefts, block, batch)[1] == seen(lefts)[1]


def test_what_is_found_does_not_depend_on_how_much_more_was_asked_for() -> None:
    lefts = [[20 + (number * number) % 50] for number in range(97)]
    for wanted in (1, 2, 12, 13, 14, 50):
        few = frames_to_see(wanted, 97, 12)
        assert few >= wanted
        assert seen(lefts[:few])[1] == seen(lefts)[1][:few]


def test_both_sides_of_a_cut_are_looked_at() -> None:
    light = [np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)] * 10
    eyes = Seeing()
    found = detect_faces([frame(n, 100) for n in range(30)] + light, eyes, every=12, block=48, batch=1)
    assert found.shots.tolist() == [0] * 30 + [1] * 10
    assert found.looked[[29, 30, 39]].all()


def test_looks_are_never_further_apart_than_a_gap_can_be_bridged() -> None:
    assert [distance(fps) for fps in (1, 5, 12, 25, 60)] == [1, 2, 6, 12, FARTHEST]


def test_frames_are_made_small_for_the_detector_but_never_larger() -> None:
    assert fitting((1920, 1080), 640) == (640, 360)
    assert fitting((1080, 1920), 640) == (360, 640)
    assert fitting((320, 200), 640) == (320, 200)
    assert fitting((1920, 1080), None) == (1920, 1080)


class Shapes:
    """Takes every frame for a face, and remembers the sizes of those it was shown."""

    name = fingerprint = "shapes"
    long_side: int | None = 160

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        self.shapes += [frame.shape for frame in frames]
        height, width = frames[0].shape[:2]
        return [np.array([[0, 0, width, height, 0.9]], np.float32) for _ in frames]


def test_a_video_comes_small_out_of_ffmpeg_and_the_boxes_fit_the_large_one(tmp_path: Path) -> None:
    clip = probe(numbered_video(tmp_path / "clip.mp4", 50, width=320, height=180))
    eyes, asked = Shapes(), []

    def read(count: int, size: tuple[int, int]) -> Iterator[Frame]:
        asked.append((count, size))
        yield from read_frames(clip, 0, count, size=size)

    found = look_for_faces(
        clip.path, 14, clip.frames, (320, 180), clip.fps, read, eyes, Progress(), batch=1   # type: ignore[arg-type]
    )
    assert asked == [(25, (160, 90))]
    assert set(eyes.shapes) == {(90, 160, 3)}
    assert len(eyes.shapes) == 3
    assert found.faces[0] is not None
    assert found.faces[0][0, :4].tolist() == [0, 0, 320, 180]


class Tired(Seeing):
    """Sees squares, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        if len(self.shown) == self.times:
            raise KeyboardInterrupt
        return super().detect(frames)


def test_a_stopped_search_goes_on_where_it_was(tmp_path: Path) -> None:
    video = tmp_path / "video"
    video.write_bytes(b"its content is the key")
    pictures = [frame(number, 2 * number, 200) if number != 40 else frame(number) for number in range(80)]

    def look(detector: Seeing, frames: int = 80) -> Detections:
        return look_for_faces(
            video, frames, 80, SIZE, Fraction(25), lambda count, size: (one.copy() for one in pictures[:count]),
            detector, Progress(), batch=1,
        )

    undisturbed = Seeing()
    whole = look(undisturbed)
    shutil.rmtree(cache_dir())
    tired, rested = Tired(9), Seeing()
    with pytest.raises(KeyboardInterrupt):
        look(tired)
    found = look(rested)
    assert len(tired.shown) == 9
    assert tired.shown + rested.shown == undisturbed.shown
    assert all(one is other is None or np.array_equal(one, other)
               for one, other in zip(found.faces, whole.faces, strict=True))
    assert len(list((cache_dir() / "faces").iterdir())) == 1    # the whole answer, and nothing of what led to it


class Eyes:
    """A detector that sees nothing, and remembers how many frames it was shown together."""

    name = fingerprint = "eyes"
    long_side = None

    def __init__(self) -> None:
        self.batches: list[int] = []

    def detect(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        self.batches.append(len(frames))
        return [np.zeros((0, 5), np.float32) for _ in frames]


def test_frames_are_looked_at_in_batches_as_they_come() -> None:
    eyes, done, read = Eyes(), [], []

    def frames() -> object:
        for number in range(7):
            read.append(number)
            assert len(read) <= sum(done) + 3    # never more than a batch ahead
            yield np.zeros((36, 64, 3), np.uint8)

    detections = detect_faces(frames(), eyes, every=1, block=3, batch=3, progress=done.append)  # type: ignore[arg-type]
    assert eyes.batches == done == [3, 3, 1]
    assert len(detections) == 7


def test_a_cut_starts_a_new_shot_and_motion_does_not() -> None:
    rng = np.random.default_rng(0)
    scenes = [np.kron(rng.integers(0, 256, (6, 16, 3)), np.ones((40, 40, 1))).astype(np.uint8) for _ in range(2)]
    pan = [np.roll(scenes[0], 4 * step, axis=1) for step in range(5)]
    light = [(scenes[1] * (1 - 0.05 * step)).astype(np.uint8) for step in range(5)]
    detections = detect_faces(pan + light, Eyes(), every=1, block=4, batch=4)
    assert detections.shots.tolist() == [0] * 5 + [1] * 5


def test_a_small_change_is_a_cut_where_nothing_else_changes() -> None:
    walls = [np.full((180, 320, 3), level, np.uint8) for level in (100, 146)]
    still = detect_faces([walls[0]] * 6 + [walls[1]] * 6, Eyes(), every=1, block=4, batch=4)
    assert still.shots.tolist() == [0] * 6 + [1] * 6
    flicker = [np.full((180, 320, 3), 100 + 46 * (number % 2), np.uint8) for number in range(12)]
    assert detect_faces(flicker, Eyes(), every=1, block=4, batch=4).shots.tolist() == [0] * 12


def test_noise_in_a_grey_picture_is_no_cut() -> None:
    rng = np.random.default_rng(0)
    noise = [(128 + rng.normal(0, 20, (360, 640, 3))).clip(0, 255).astype(np.uint8) for _ in range(4)]
    assert detect_faces(noise, Eyes(), every=1, block=4, batch=4).shots.tolist() == [0] * 4


def test_compat_takes_a_face_in_every_frame_from_whichever_detector(tmp_path: Path) -> None:
    video, speech = tmp_path / "face.mp4", tmp_path / "speech.wav"
    run_ffmpeg("-i", url(EXAMPLE), "-t", 0.8, "-an", "-c:v", "libx264", url(video))
    make_sound(speech, 1.0, 16_000, (440,))
    options = SyncOptions(compat=True, detector="cascade", device="cpu", extend="cut")
    report = wav2lip.sync(video, speech, tmp_path / "out.mp4", options)
    assert report.source_frames == report.source_faces == 20
