"""Training clips on disk: a folder each, which the original program's trainer can read, with more in it for ours."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import wave
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.media.clip import Frame
from wav2lip.media.sound import FULL_SCALE, read_samples
from wav2lip.speech.basis import BANDS, SAMPLE_RATE
from wav2lip.speech.mel import mel_blocks

QUALITY = 95                             # of the JPEGs, OpenCV's default as in the original program
MARGIN = (0.30, 0.25, 0.30, 0.30)        # left, top, right, bottom: shares of the box kept around it, to move it in
TALLEST = 200                            # pixels: what is kept around a box higher than this is stored smaller

AUDIO, MEL, WIDE, INDEX = "audio.wav", "mel.npy", "wide.npy", "clip.npz"
PART_PATTERN = ".wav2lip-*.part"
"""Glob of the unfinished clip folders that a killed run may leave beside the finished ones."""

_VERSION = 1                             # of what stands in clip.npz and wide.npy
_OPEN = 2048                             # clips whose numbers, boxes and mel are kept in memory
_AGAIN = "remove its folder and preprocess the video again"
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class TrainingClip:
    """A folder with one clip; what is in it is read when it is asked for.

    The folder holds, as for the original program, `{number}.jpg`, the face in frame `number` of 25 a second, and
    `audio.wav`, which starts with frame 0. Clips written by `write_clip` also hold `mel.npy`; `wide.npy`, the JPEGs of
    wider regions around the faces, one after another; and `clip.npz`, where in them everything is.

    All reading raises MediaError, naming the file, where something is missing or damaged.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The folder's own name, which decides whether the clip is held out."""
        return self.folder.name

    @property
    def numbers(self) -> np.ndarray:
        """The frames that have a face, int32 (n,), ascending: number n is what is shown n / 25 s after the start."""
        return _open(self.folder).numbers

    @property
    def frames(self) -> int:
        """How many frames the clip has, with those that have no face; not those at its end in data of the original."""
        return _open(self.folder).frames

    @property
    def mel(self) -> np.ndarray:
        """The log-mel spectrogram, float32 (80, columns), 80 columns a second from the clip's start."""
        return _open(self.folder).mel

    def face(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture around the face in a frame, and where in it the face is.

        Args:
            number: one of `numbers`.

        Returns:
            uint8 (h, w, 3), BGR, and float64 (4,): x1, y1, x2, y2 in pixels. The picture is wider than the face where
            the clip was written by `write_clip`, and the face alone in data for the original program.
        """
        return _open(self.folder).face(number)


def find_clips(root: Path) -> list[TrainingClip]:
    """Return the clips in `root`/*/* and `root`/*, sorted by their paths; unfinished ones are left out.

    Raises:
        UsageError: `root` is no folder, or there is none in it.
    """
    if not root.is_dir():
        raise UsageError(f"The data folder {root} does not exist.")
    clips = []
    for folder in _folders(root):
        clips += [inner for inner in (folder, *_folders(folder)) if is_clip(inner)]
    if not clips:
        raise UsageError(f"{root} holds no training clips; `wav2lip preprocess VIDEOS {root}` makes them.")
    return [TrainingClip(folder) for folder in sorted(clips)]


def is_written(folder: Path) -> bool:
    """Return whether `folder` holds a whole clip of `write_clip`."""
    return (folder / INDEX).is_file()


def is_clip(folder: Path) -> bool:
    """Return whether `folder` holds a whole clip: ours, or one for the original program, which writes sound last."""
    if is_written(folder):
        return True
    return (folder / AUDIO).is_file() and not (folder / WIDE).exists() and next(_pictures(folder), None) is not None


def write_clip(
    folder: Path, frames: int, sound: Iterable[np.ndarray], faces: Iterable[tuple[int, Frame, Sequence[float]]]
) -> int:
    """Write a clip; its folder appears whole or not at all.

    Args:
        folder: what to make, with the folders above it.
        frames: how many the clip has at 25 a second, with those that have no face.
        sound: blocks of mono int16 at 16 kHz, as `pcm16` makes them; the first sample is heard with frame 0.
        faces: in ascending order the number of each frame that has a face, at 25 a second, the whole frame
            uint8 (height, width, 3), BGR, and the box x1, y1, x2, y2 of the face in it, in pixels. The box may reach
            beyond the frame, but must not lie outside.

    Returns:
        How many faces were written, at least 1.

    Raises:
        Wav2LipError: the folder is there already, or cannot be written.
        ValueError: there is no face, or no sound.
    """
    part = folder.parent / f".wav2lip-{secrets.token_hex(8)}.part"
    try:
        if folder.exists() and any(folder.iterdir()):
            raise Wav2LipError(f"{folder} is there already and is no whole clip; remove it, or name another output.")
        part.mkdir(parents=True)
        _write_sound(part, sound)
        count = _write_faces(part, frames, faces)
        os.rename(part, folder)
    except OSError as error:
        raise Wav2LipError(f"{folder} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count


def _write_sound(folder: Path, sound: Iterable[np.ndarray]) -> None:
    with open(folder / AUDIO, "wb") as file, wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)

        def stored() -> Iterator[np.ndarray]:
            for block in sound:
                for at in range(0, len(block), SAMPLE_RATE):
                    second = block[at : at + SAMPLE_RATE]
                    writer.writeframesraw(second.astype("<i2").tobytes())
                    yield second.astype(np.float32) / FULL_SCALE    # so that the mel is that of the file

        columns = list(mel_blocks(stored()))
    np.save(folder / MEL, np.concatenate(columns, axis=1))


def _write_faces(folder: Path, frames: int, faces: Iterable[tuple[int, Frame, Sequence[float]]]) -> int:
    numbers, boxes, offsets = [], [], [0]
    with open(folder / WIDE, "wb") as file:
        _write_header(file, 0)
        for number, frame, box in faces:
            (folder / f"{number}.jpg").write_bytes(_encode(_cut_face(frame, box)))
            wide, inside = _cut_wide(frame, box)
            offsets.append(offsets[-1] + file.write(_encode(wide)))
            numbers.append(number)
            boxes.append(inside)
        file.seek(0)
        _write_header(file, offsets[-1])
    if not numbers:
        raise ValueError("a clip needs a face")
    np.savez(
        folder / INDEX, version=_VERSION, frames=frames, numbers=np.array(numbers, np.int32),
        offsets=np.array(offsets, np.int64), boxes=np.array(boxes, np.float32),
    )
    return len(numbers)


def _write_header(file: BinaryIO, length: int) -> None:
    """Write the header of a uint8 array (length,), which always takes 128 bytes."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, header)


def _cut_face(frame: Frame, box: Sequence[float]) -> Frame:
    """Return the face alone, as the original program cuts it: whole pixels towards the top left, within the frame."""
    x1, y1, x2, y2 = (max(0, int(side)) for side in box)
    return frame[y1:y2, x1:x2]


def _cut_wide(frame: Frame, box: Sequence[float]) -> tuple[Frame, np.ndarray]:
    """Return the region around a face, made smaller where the face is large, and the box (4,) within it."""
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = np.clip(box, 0, [width, height, width, height])
    across, down = x2 - x1, y2 - y1
    left, top = max(0, int(x1 - MARGIN[0] * across)), max(0, int(y1 - MARGIN[1] * down))
    right, bottom = min(width, int(x2 + MARGIN[2] * across)), min(height, int(y2 + MARGIN[3] * down))
    wide = frame[top:bottom, left:right]
    scale = min(1.0, TALLEST / down)
    if scale < 1:
        size = (max(1, round(wide.shape[1] * scale)), max(1, round(wide.shape[0] * scale)))
        wide = cv2.resize(wide, size, interpolation=cv2.INTER_AREA)
    stretch = np.array(wide.shape[1::-1] * 2) / np.array([right - left, bottom - top] * 2)
    return wide, (np.array([x1, y1, x2, y2]) - [left, top, left, top]) * stretch


def _encode(picture: Frame) -> bytes:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [
            Path(entry.path) for entry in entries
            if not entry.name.startswith(".") and entry.name != "lost+found" and entry.is_dir()    # of a disk, not ours
        ]


def _pictures(folder: Path) -> Iterator[int]:
    """Yield the numbers of the pictures in a folder, in no order."""
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, _, suffix = entry.name.partition(".")
            if suffix == "jpg" and stem.isdecimal():
                yield int(stem)


class _Opened:
    """What is kept in memory of a clip for the original program: everything but the pictures."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.numbers = np.array(sorted(_pictures(folder)), np.int32)
        if not len(self.numbers):
            raise MediaError(f"{folder} holds no clip any more.")
        self.frames = int(self.numbers[-1]) + 1

    @cached_property
    def mel(self) -> np.ndarray:
        return _read_mel(self.folder)

    def face(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        path = self.folder / f"{number}.jpg"
        try:
            picture = _decode(np.fromfile(path, np.uint8), path)
        except OSError as error:
            raise MediaError(f"{path} cannot be read: {error.strerror}.") from error
        return picture, np.array([0, 0, picture.shape[1], picture.shape[0]], float)


class _OpenedWide(_Opened):
    """What is kept in memory of a clip of ours."""

    def __init__(self, folder: Path):
        self.folder = folder
        path = folder / INDEX
        try:
            with np.load(path, allow_pickle=False) as index:
                version, self.frames = int(index["version"]), int(index["frames"])
                self.numbers, self._offsets, self._boxes = index["numbers"], index["offsets"], index["boxes"]
            path = folder / WIDE
            # Not kept mapped: each map keeps a file open, and processes may not have many.
            wide = np.load(path, mmap_mode="r", allow_pickle=False)
        except _DAMAGED as error:
            raise MediaError(f"{path} is missing or damaged; {_AGAIN}.") from error
        if version != _VERSION or wide.shape != (self._offsets[-1],):
            raise MediaError(f"{path} is damaged, or of another version; {_AGAIN}.")
        self._header = wide.offset

    def face(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        at = int(np.searchsorted(self.numbers, number))
        if at == len(self.numbers) or self.numbers[at] != number:
            raise KeyError(f"frame {number} of {self.folder} has no face")
        start, end = (int(offset) for offset in self._offsets[at : at + 2])
        path = self.folder / WIDE
        try:
            data = np.fromfile(path, np.uint8, end - start, offset=self._header + start)
        except OSError as error:
            raise MediaError(f"{path} cannot be read: {error.strerror}.") from error
        return _decode(data, path), self._boxes[at].astype(np.float64)


@lru_cache(_OPEN)
def _open(folder: Path) -> _Opened:
    try:
        return _OpenedWide(folder) if is_written(folder) else _Opened(folder)
    except OSError as error:    # a disk that went away
        raise MediaError(f"{folder} cannot be read: {error.strerror}.") from error


def _decode(data: np.ndarray, path: Path) -> Frame:
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if picture is None:
        raise MediaError(f"{path} holds a damaged picture; {_AGAIN}.")
    return picture


def _read_mel(folder: Path) -> np.ndarray:
    """Return the mel of a clip; computed and, where that can be done, kept where only the sound is there."""
    path = folder / MEL
    if path.exists():
        try:
            mel = np.load(path, allow_pickle=False)
        except _DAMAGED as error:
            raise MediaError(f"{path} is damaged; remove it, it is made again from {AUDIO}.") from error
        if mel.dtype != np.float32 or mel.ndim != 2 or len(mel) != BANDS:
            raise MediaError(f"{path} is no spectrogram of this program; remove it, it is made again from {AUDIO}.")
        return mel
    mel = np.concatenate(list(mel_blocks(read_samples(folder / AUDIO))), axis=1)
    part = folder / f".{MEL}.{os.getpid()}.part"
    with contextlib.suppress(OSError):       # a data set may well be read-only
        with open(part, "wb") as file:
            np.save(file, mel)
        os.replace(part, path)
    return mel
