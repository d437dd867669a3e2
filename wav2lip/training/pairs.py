"""Pairs for an enhancer: one person's faces as the generator makes them, and as the camera saw them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from wav2lip.compose.face import crop_face, network_input
from wav2lip.errors import MediaError, NoFaceError, UsageError, Wav2LipError
from wav2lip.faces.boxes import Box, Pads
from wav2lip.faces.detector import Detector, make_detector
from wav2lip.faces.look import look_at_clip
from wav2lip.faces.people import follow
from wav2lip.media.clip import Clip, Frame
from wav2lip.media.palette import as_seen
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.media.sound import read_samples, samples_from_first_frame
from wav2lip.media.whole import whole_file
from wav2lip.models.generator import FACE_SIZE, Generator
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import load_generator
from wav2lip.models.rrdbnet import SCALE
from wav2lip.models.store import demo_checkpoint, locate, sha256_of
from wav2lip.progress import Progress
from wav2lip.speech.mel import mel_blocks
from wav2lip.speech.windows import mel_windows, sound_frames

LARGE = SCALE * FACE_SIZE         # 384 pixels: the width and height of a true face
SHARD = 64                        # pairs in a file: 30 MB
MOST = 1500                       # pairs that are made by default: 0.7 GB
HELD_OUT = 0.1                    # of the seconds with a face, and of the pairs
MARGIN = 0.5                      # seconds beside held-out ones that are not trained on: they look the same
NEAREST, FARTHEST = 1.0, 3.0      # seconds between a face and its reference
DETAILED = 192                    # pixels: a smaller face has hardly more in it than the 96 that the generator makes
GENERATED = 16                    # faces at a time

PLAN = "plan.npz"

_VERSION = 1                      # of what stands in the folder
_SMALL_BYTES, _LARGE_BYTES = 3 * FACE_SIZE**2, 3 * LARGE**2
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Making:
    """What pairs are made from, and how.

    Attributes:
        videos: of one person.
        audio: a file with the same speech for each video; empty takes the videos' own sound.
        generator: its weights; None takes the one that ships.
        detector, weights, offline: as `make_detector` takes them.
        pads: added to the boxes, as for `sync`.
        most: pairs at most, spread evenly over the videos.
        device: where detector and generator run.
    """

    videos: tuple[Path, ...]
    audio: tuple[Path, ...] = ()
    generator: Path | None = None
    detector: str = "auto"
    weights: Path | None = None
    offline: bool | None = None
    pads: Pads = field(default_factory=Pads)
    most: int = MOST
    device: str = "cpu"

    def request(self) -> str:
        """Return what the pairs depend on, as a text that is another one whenever they would be others.

        Raises:
            UsageError: there is not one sound for each video.
            MediaError: a file is missing.
        """
        if self.audio and len(self.audio) != len(self.videos):
            raise UsageError(
                f"There are {len(self.videos)} videos and {len(self.audio)} sounds: give one --audio for each --video, "
                "in their order, or none."
            )
        return json.dumps({
            "version": _VERSION,
            "videos": [_content(path) for path in self.videos],
            "audio": [_content(path) for path in self.audio],
            "generator": sha256_of(demo_checkpoint() if self.generator is None else locate(self.generator)),
            "detector": [self.detector, self.weights and str(self.weights)],
            "pads": list(self.pads),
            "most": self.most,
        })


@dataclass(frozen=True)
class Pairs:
    """A folder of pairs; the pictures are read when they are asked for.

    Attributes:
        folder: holds the plan and, in files of 64 pairs, the pictures as they are.
        train, held: numbers of the pairs to learn from and of those to judge by, int (n,).
        name: another one whenever the pairs are.
        size: the lesser of width and height of the faces in the videos, in pixels; their median.
    """

    folder: Path
    train: np.ndarray
    held: np.ndarray
    name: str
    size: float

    def small(self, number: int) -> np.ndarray:
        """Return a face as the generator makes it, uint8 (96, 96, 3), BGR."""
        return self._row(number)[:_SMALL_BYTES].reshape(FACE_SIZE, FACE_SIZE, 3)

    def large(self, number: int) -> np.ndarray:
        """Return the same face as the video shows it, uint8 (384, 384, 3), BGR."""
        return self._row(number)[_SMALL_BYTES:].reshape(LARGE, LARGE, 3)

    def _row(self, number: int) -> np.ndarray:
        row: np.ndarray = _open(_shard(self.folder, number // SHARD))[number % SHARD]
        return row


def find_pairs(folder: Path, making: Making) -> Pairs | None:
    """Return the pairs in a folder if all of them are there.

    Raises:
        UsageError: they are those of other videos, or made in another way.
    """
    plan = _Plan.read(folder, making.request())
    if plan is None or len(list(plan.missing(folder))):
        return None
    return plan.pairs(folder)


def make_pairs(
    folder: Path, making: Making, progress: Progress, alone: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> Pairs:
    """Make the pairs in a folder, from where an interrupted making of the same ones stopped.

    Every face is generated from the speech of its own moment, the upper half of its own frame, and a reference from
    one to three seconds away: the frame there whose upper half is most alike. With its own frame as the reference, the
    generator would copy the very mouth that it shall make; in use it has to make another one, in the pose of the frame
    that it is put into. A distant reference of another pose would blur what in use is sharp.

    Held out to judge by are whole seconds at the end of each video: neighbouring frames are nearly the same.

    Args:
        folder: is made, once it is known that the videos are of use.
        making: what from, and how.
        progress: receives words and progress.
        alone: entered before anything is written, to keep other processes out.

    Raises:
        UsageError: the folder holds other pairs.
        MediaError: a video or sound cannot be read, or is too short.
        NoFaceError: there is no face, or only one too small to learn anything from.
        WeightsError: weights that are missing, broken or of another network.
        Wav2LipError: the pairs cannot be written.
    """
    request = making.request()
    generator = fold_batch_norm(load_generator(making.generator), in_place=True).to(making.device)
    plan = _Plan.read(folder, request) or _Plan.make(making, request, progress)
    with alone():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for part in folder.glob(".*.part*"):
                part.unlink()
        except OSError as error:
            raise Wav2LipError(f"The pairs in {folder} cannot be written: {error.strerror or error}.") from error
        if _Plan.read(folder, request) is None:
            plan.write(folder)
        missing = list(plan.missing(folder))
        if missing:
            _make_missing(folder, making, plan, missing, generator, progress)
    return plan.pairs(folder)


def _make_missing(
    folder: Path, making: Making, plan: _Plan, missing: Sequence[int], generator: Generator, progress: Progress
) -> None:
    done = missing[0] * SHARD
    with progress.stage("Making pairs", len(plan.frames) - done) as advance:
        pairs = _generated(plan.cut(making, done), generator, making.device)
        for shard in range(missing[0], missing[-1] + 1):
            rows = list(islice(pairs, SHARD))
            if len(rows) != plan.in_shard(shard):
                raise MediaError("A video gave fewer frames than before; remove the pairs and make them again.")
            with whole_file(_shard(folder, shard)) as file:
                np.save(file, np.stack(rows))
            advance(len(rows))


class _Moment(NamedTuple):
    """What a pair is made from: three pictures uint8 (n, n, 3), BGR, and the mel window, float32 (80, 16)."""

    face: np.ndarray
    reference: np.ndarray
    large: np.ndarray
    mel: np.ndarray


@dataclass(frozen=True)
class _Plan:
    """Which frames become pairs, and where their faces are.

    Attributes:
        request: what it was made for.
        tracks: of each video int32 (n, 5): x1, y1, x2, y2 and shot of each frame; x2 = 0 without a face.
        frames: int32 (pairs, 2): video and frame of each pair, ascending.
        held: bool (pairs,).
    """

    request: str
    tracks: tuple[np.ndarray, ...]
    frames: np.ndarray
    held: np.ndarray

    @classmethod
    def make(cls, making: Making, request: str, progress: Progress) -> _Plan:
        """Look for the faces, and choose among them."""
        detector = make_detector(
            making.detector, weights=making.weights, device=making.device, compat=False, offline=making.offline,
            say=progress.say,
        )
        share = max(2, making.most // len(making.videos))
        tracks, frames, held = [], [], []
        for number, video in enumerate(making.videos):
            clip = probe(video)
            track = _track(clip, _audio(making, number), detector, making, progress)
            chosen, out = _choose(clip, track, share)
            tracks.append(track)
            frames.append(np.stack([np.full_like(chosen, number), chosen], axis=1))
            held.append(out)
        return cls(request, tuple(tracks), np.concatenate(frames).astype(np.int32), np.concatenate(held))

    @classmethod
    def read(cls, folder: Path, request: str) -> _Plan | None:
        """Return the plan in a folder; None where there is none, or a damaged one."""
        try:
            with np.load(folder / PLAN, allow_pickle=False) as file:
                tracks = tuple(file[f"track_{number}"] for number in range(int(file["videos"])))
                plan = cls(str(file["request"]), tracks, file["frames"], file["held"])
        except _DAMAGED:
            return None
        if plan.request != request:
            raise UsageError(
                f"{folder} holds pairs of other videos, or made with another generator, sound or detector. Choose "
                "another folder for the run, or remove that one to make the pairs anew."
            )
        return plan

    def write(self, folder: Path) -> None:
        tracks: dict[str, Any] = {f"track_{number}": track for number, track in enumerate(self.tracks)}
        with whole_file(folder / PLAN) as part:
            np.savez_compressed(
                part, videos=len(self.tracks), request=self.request, frames=self.frames, held=self.held, **tracks
            )

    def missing(self, folder: Path) -> Iterator[int]:
        """Yield the numbers of the files that are not there; they are written in their order."""
        for shard in range(-(-len(self.frames) // SHARD)):
            if not _shard(folder, shard).is_file():
                yield shard

    def in_shard(self, shard: int) -> int:
        """Return how many pairs a file holds."""
        return min(SHARD, len(self.frames) - shard * SHARD)

    def pairs(self, folder: Path) -> Pairs:
        sides = [np.minimum(t[:, 2] - t[:, 0], t[:, 3] - t[:, 1])[t[:, 2] > 0] for t in self.tracks]
        name = hashlib.sha256(self.request.encode()).hexdigest()
        size = float(np.median(np.concatenate(sides)))
        return Pairs(folder, np.flatnonzero(~self.held), np.flatnonzero(self.held), name, size)

    def cut(self, making: Making, done: int) -> Iterator[_Moment]:
        """Yield what the pairs from number `done` on are made from."""
        left = self.frames[done:]
        for number, video in enumerate(making.videos):
            wanted = left[left[:, 0] == number, 1]
            if len(wanted):
                clip = probe(video)
                yield from _cut(clip, _audio(making, number), self.tracks[number], wanted)


def _content(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error


def _audio(making: Making, number: int) -> Path | None:
    return making.audio[number] if making.audio else None


def _samples(clip: Clip, audio: Path | None) -> Iterator[np.ndarray]:
    """Yield the speech from the first picture on, at 16 kHz."""
    if audio is not None:
        return read_samples(audio)
    if clip.sound is None:
        raise MediaError(f"{clip.path} has no sound to make faces from; --audio names a file with the same speech.")
    return samples_from_first_frame(clip)


def _track(clip: Clip, audio: Path | None, detector: Detector, making: Making, progress: Progress) -> np.ndarray:
    """Return where the face is in every frame that has sound: int32 (n, 5) as `_Plan` keeps it."""
    if clip.image:
        raise MediaError(f"{clip.path} is a picture; an enhancer learns from a video with speech.")
    heard = sound_frames(sum(len(block) for block in _samples(clip, audio)), clip.fps)
    frames = min(clip.frames, heard)
    detections = look_at_clip(clip, frames, detector, making.device, progress)
    track = follow(detections, pads=making.pads, size=(clip.width, clip.height), fps=clip.fps).first(frames)
    rows = np.zeros((len(track), 5), np.int32)
    rows[:, 4] = track.shot
    for frame in range(len(track)):
        rows[frame, :4] = track.box(frame) or (0, 0, 0, 0)
    return rows


def _choose(clip: Clip, track: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames of a video that become pairs (n,), ascending, and which of them are held out, bool (n,).

    Raises:
        NoFaceError: there are too few, or the faces are too small.
    """
    shown = np.flatnonzero(track[:, 2] > 0)
    if not len(shown):
        raise NoFaceError(f"No face was found in {clip.path}. Choose another --detector.")
    sides = np.minimum(track[shown, 2] - track[shown, 0], track[shown, 3] - track[shown, 1])
    if np.median(sides) < FACE_SIZE:
        raise NoFaceError(
            f"The face in {clip.path} is only {np.median(sides):.0f} pixels wide: there is no detail to learn beyond "
            f"the {FACE_SIZE} that the generator makes. Take a video with a larger face, of {DETAILED} pixels and more."
        )
    second = shown * clip.fps.denominator // clip.fps.numerator
    whole = np.unique(second[second < int(len(track) / clip.fps)])    # the last second may be cut short
    if len(whole) < 2:
        raise NoFaceError(
            f"{clip.path} shows a face for less than two whole seconds; an enhancer needs some to learn from and one "
            "to be judged by."
        )
    out = whole[-max(1, round(HELD_OUT * len(whole))) :]
    time = (shown / float(clip.fps))[:, None]
    apart = np.maximum(out - time, time - (out + 1)).min(axis=1)    # seconds to the next held-out one; below 0 within
    held = _spread(shown[np.isin(second, out)], max(1, round(HELD_OUT * most)))
    train = _spread(shown[apart >= MARGIN], max(1, most - len(held)))
    if not len(train):
        raise NoFaceError(f"{clip.path} shows a face in too few frames to learn from; take a longer video.")
    chosen = np.sort(np.concatenate([train, held]))
    return chosen, np.isin(chosen, held)


def _spread(frames: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` of the frames, evenly spread."""
    return frames if len(frames) <= most else frames[np.linspace(0, len(frames) - 1, most).round().astype(int)]


def _cut(clip: Clip, audio: Path | None, track: np.ndarray, wanted: np.ndarray) -> Iterator[_Moment]:
    """Yield what the wanted frames' pairs are made from; it holds six seconds of small faces, three of large ones."""
    reach = max(1, round(FARTHEST * clip.fps))
    first, last = max(0, int(wanted[0]) - reach), min(len(track), int(wanted[-1]) + reach + 1)
    chosen = set(wanted.tolist())
    seen: deque[tuple[int, np.ndarray]] = deque()
    waiting: deque[tuple[int, np.ndarray, np.ndarray]] = deque()

    def ready() -> _Moment:
        number, large, mel = waiting.popleft()
        face = next(face for other, face in seen if other == number)
        moment = _Moment(face, _reference(number, face, seen, track, clip.fps), large, mel)
        while seen and seen[0][0] < (waiting[0][0] if waiting else number) - reach:
            seen.popleft()
        return moment

    windows = islice(mel_windows(mel_blocks(_samples(clip, audio)), clip.fps, last), first, None)
    with closing(read_frames(clip, first, last - first)) as frames:
        for number, (frame, mel) in enumerate(zip(frames, windows, strict=False), first):
            if track[number, 2] > 0:
                box, frame = Box(*(int(side) for side in track[number, :4])), as_seen(frame, clip.colour)
                seen.append((number, crop_face(frame, *box)))
                if number in chosen:
                    waiting.append((number, _large(frame, box), mel))
            while waiting and waiting[0][0] + reach <= number:
                yield ready()
            while not waiting and seen and seen[0][0] < number - reach:
                seen.popleft()
    while waiting:
        yield ready()


def _large(frame: Frame, box: Box) -> np.ndarray:
    """Return the face as large as an enhancer makes it; averaged where the video has more pixels."""
    shrinks = box.width >= LARGE and box.height >= LARGE
    face = frame[box.y1 : box.y2, box.x1 : box.x2]
    return cv2.resize(face, (LARGE, LARGE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _reference(
    number: int, face: np.ndarray, seen: Sequence[tuple[int, np.ndarray]] | deque[tuple[int, np.ndarray]],
    track: np.ndarray, fps: Fraction,
) -> np.ndarray:
    """Return the face some seconds away in the same shot whose upper half is most alike; else the farthest there is."""
    inside = [(abs(other - number), crop) for other, crop in seen if track[other, 4] == track[number, 4]]
    near = [crop for apart, crop in inside if NEAREST * fps <= apart <= FARTHEST * fps]
    if not near:
        return max(inside, key=lambda candidate: candidate[0])[1]
    upper = face[: FACE_SIZE // 2 : 2, ::2].astype(np.int16)
    return min(near, key=lambda crop: int(np.abs(crop[: FACE_SIZE // 2 : 2, ::2] - upper).sum()))


def _generated(moments: Iterator[_Moment], generator: Generator, device: str) -> Iterator[np.ndarray]:
    """Yield each pair as the bytes of its two pictures, uint8 (n,)."""
    while group := list(islice(moments, GENERATED)):
        faces = network_input(np.stack([one.face for one in group]), np.stack([one.reference for one in group]))
        mel = torch.from_numpy(np.stack([one.mel for one in group])[:, None])
        with torch.inference_mode():
            made = generator(mel.to(device), torch.from_numpy(faces).to(device)).float().cpu()
        pictures = (255 * made + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        for picture, one in zip(pictures, group, strict=True):
            yield np.concatenate([picture.ravel(), one.large.ravel()])


def _shard(folder: Path, number: int) -> Path:
    return folder / f"pairs_{number:04d}.npy"


@lru_cache(256)
def _open(path: Path) -> Any:
    """Return the rows of a file, mapped and not read."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGED as error:
        raise MediaError(f"{path} is missing or damaged; remove it, the same command makes it again.") from error
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != _SMALL_BYTES + _LARGE_BYTES:
        raise MediaError(f"{path} holds no pairs of this program; remove it, the same command makes them again.")
    return rows
