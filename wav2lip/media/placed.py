"""Recordings put in their places on the clock of a result."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np

from wav2lip.media.clip import Sound
from wav2lip.media.probe import audio_track
from wav2lip.media.sound import SAMPLE_RATE, read_samples

BLOCK = 1 << 16                                   # samples of the result
_WAITING = 4                                      # recordings that stay open for their next piece
# Where a jump lands on the very sample. In Matroska and Ogg it does not, and lossy sound depends on what came before.
_JUMPING = ("wav", "w64", "aiff", "flac")

Opened = tuple[Generator[np.ndarray], int]
"""The blocks of a recording, (n,) or (n, channels), and the number of their first sample."""


@dataclass(frozen=True)
class Piece:
    """A recording, or a part of one, in its place.

    A sample is heard where its time is in [start, end). What would be heard before the result begins is left out.

    Attributes:
        path: any file with sound; its first audio track is heard, on its own clock as `read_samples` has it.
        start: seconds on the result's clock at which it begins to be heard.
        end: seconds on that clock at which it stops; None where the recording ends. After that it is silent anyway.
        skip: seconds of the recording that are left out at its start.
    """

    path: Path
    start: Fraction
    end: Fraction | None = None
    skip: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.skip < 0:
            raise ValueError(f"{self.path} cannot be heard from {self.skip} s on: that is before it begins")


def placed_samples(pieces: Sequence[Piece], seconds: Fraction) -> Iterator[np.ndarray]:
    """Yield what is heard of pieces as mono samples at 16 kHz: their sum, and silence between them.

    Sample n is what is heard at n / 16000 s. One piece from the start on gives exactly the numbers of `read_samples`.

    Args:
        pieces: in any order; they may overlap.
        seconds: how long the result is.

    Yields:
        float32 (n,), n >= 1, ceil(16000 seconds) in all; full scale is [-1, 1], which sums may exceed.

    Raises:
        MediaError: a piece has no audio track, or it cannot be decoded or is empty.
    """
    for path in dict.fromkeys(piece.path for piece in pieces):
        audio_track(path)                         # what cannot be read is said now, not after an hour of other pieces

    def opened(path: Path, wanted: int) -> Opened:
        since = whole_seconds(wanted, SAMPLE_RATE, *audio_track(path))
        return read_samples(path, since=since), since * SAMPLE_RATE

    with closing(heard(pieces, SAMPLE_RATE, samples_until(seconds, SAMPLE_RATE), opened)) as blocks:
        for length, parts in blocks:
            block = np.zeros(length, np.float32)
            for at, samples in parts:
                block[at : at + len(samples)] += samples
            yield block


def whole_seconds(wanted: int, rate: int, sound: Sound, container: str) -> int:
    """Return how much of a recording can be jumped over where one of its samples is wanted, with some to spare."""
    exact = container in _JUMPING and (sound.codec == "flac" or sound.codec.startswith("pcm_"))
    return max(0, wanted // rate - 1) if exact else 0


def heard(
    pieces: Sequence[Piece], rate: int, total: int, opened: Callable[[Path, int], Opened], fade: int = 0
) -> Generator[tuple[int, list[tuple[int, np.ndarray]]]]:
    """Yield, for every block of a result, its length and what is heard in it: at which of its samples, and what.

    Args:
        pieces: in any order.
        rate: samples a second of the result and of all recordings.
        total: samples of the result.
        opened: opens a recording, by its path and the first sample that is wanted; it may begin before that one.
        fade: samples over which a piece comes and goes where it is cut out of its recording.
    """
    parts = [_Part.of(piece, rate) for piece in pieces]
    coming = sorted((part for part in parts if not part.over(0)), key=lambda part: part.first, reverse=True)
    playing: list[_Part] = []
    with closing(_Recordings(opened)) as recordings:
        for start in range(0, total, BLOCK):
            stop = min(start + BLOCK, total)
            while coming and coming[-1].first < stop:
                playing.append(coming.pop())
            sounds, still = [], []
            for part in playing:
                first, last = part.within(start, stop)
                if part.recording is None:
                    part.recording = recordings.take(part.piece.path, part.number(first))
                samples = part.recording.read(part.number(first), last - first)
                if len(samples):
                    sounds.append((first - start, part.faded(samples, first, fade) if fade else samples))
                if len(samples) < last - first or part.over(stop):
                    recordings.give(part.recording)
                else:
                    still.append(part)
            playing = still
            yield stop - start, sounds


def samples_until(time: Fraction, rate: int) -> int:
    """Return how many samples come before a time: the number of the first that is heard at or after it."""
    return ceil(time * rate)


class Recording:
    """A recording that is read forwards."""

    def __init__(self, path: Path, opened: Opened):
        self.path = path
        self.waits = False
        self._blocks, self.first = opened
        self._kept = np.empty(0)                  # from sample `first` on
        self._ended = False

    def read(self, first: int, count: int) -> np.ndarray:
        """Return samples from `first` on, fewer than `count` only where it ends, and forget those before them."""
        self._fill(first, first + count)
        return self._kept[:count]

    def has(self, number: int) -> bool:
        """Return whether it lasts until a sample not yet read."""
        self._fill(self.first, number + 1)
        return self.first + len(self._kept) > number

    def close(self) -> None:
        self._blocks.close()

    def _fill(self, first: int, end: int) -> None:
        self._forget(first)
        while not self._ended and self.first + len(self._kept) < end:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
            else:
                self._kept = np.concatenate((self._kept, block)) if len(self._kept) else block
                self._forget(first)

    def _forget(self, first: int) -> None:
        passed = min(max(first - self.first, 0), len(self._kept))
        self._kept = self._kept[passed:]
        self.first += passed


class _Recordings:
    """Those that are open: of one that many pieces come from, each goes on where another has ended."""

    def __init__(self, opened: Callable[[Path, int], Opened]):
        self._opened = opened
        self._open: list[Recording] = []

    def take(self, path: Path, first: int) -> Recording:
        """Return a recording that has not passed a sample yet."""
        for recording in self._open:
            if recording.waits and recording.path == path and recording.first <= first:
                recording.waits = False
                return recording
        self._open.append(Recording(path, self._opened(path, first)))
        return self._open[-1]

    def give(self, recording: Recording) -> None:
        """Take one back."""
        recording.waits = True
        self._open.remove(recording)
        self._open.append(recording)
        waiting = [recording for recording in self._open if recording.waits]
        for longest in waiting[:-_WAITING]:
            longest.close()
            self._open.remove(longest)

    def close(self) -> None:
        for recording in self._open:
            recording.close()


@dataclass
class _Part:
    """A piece in samples of the result, `first` and `stop`; before it is heard `skipped` of its recording are over."""

    piece: Piece
    first: int
    stop: int | None
    skipped: int
    recording: Recording | None = None

    @classmethod
    def of(cls, piece: Piece, rate: int) -> _Part:
        stop = None if piece.end is None else samples_until(piece.end, rate)
        return cls(piece, samples_until(piece.start, rate), stop, round(piece.skip * rate))

    def over(self, sample: int) -> bool:
        """Return whether it is not heard from a sample on."""
        return self.stop is not None and self.stop <= max(sample, self.first)

    def within(self, start: int, stop: int) -> tuple[int, int]:
        """Return its first sample in a block, and the one after its last."""
        return max(start, self.first), stop if self.stop is None else min(stop, self.stop)

    def number(self, sample: int) -> int:
        """Return which sample of the recording is heard at one of the result."""
        return sample - self.first + self.skipped

    def faded(self, samples: np.ndarray, first: int, fade: int) -> np.ndarray:
        """Return samples, heard from `first` on, that come and go softly where they are cut out of the recording."""
        assert self.recording is not None
        at = np.arange(first, first + len(samples))
        gain = np.ones(len(samples))
        if self.skipped:
            gain = np.minimum(gain, (at - self.first + 1) / (fade + 1))
        near = self.stop is not None and self.stop - fade <= at[-1]
        if self.stop is not None and near and self.recording.has(self.number(self.stop)):
            gain = np.minimum(gain, (self.stop - at) / (fade + 1))
        return samples * gain.reshape(-1, *[1] * (samples.ndim - 1))
