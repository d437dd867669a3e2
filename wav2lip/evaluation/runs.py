"""Lips against speech through one uninterrupted sight of a face, however long it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from wav2lip.evaluation.judges import Judge
from wav2lip.evaluation.tables import REACH, SHIFTS, around
from wav2lip.models.syncnet import WINDOW_FRAMES


class Heard:
    """The embeddings of a clip's speech by frame: made when they are needed, and forgotten when they are past.

    Args:
        batches: (k, D) in the order of the frames, from frame 0 on.
    """

    def __init__(self, batches: Iterator[Tensor]):
        self._batches = batches
        self._kept: Tensor | None = None
        self._first = 0              # frame of the first kept embedding

    def between(self, start: int, end: int) -> tuple[int, Tensor]:
        """Return those of the frames from `start` to `end` - 1 that there are, and the frame of the first.

        What comes before `start` is forgotten: the next call may not begin earlier.
        """
        while self._kept is None or self._first + len(self._kept) < end:
            more = next(self._batches, None)
            if more is None:
                break
            self._kept = more if self._kept is None else torch.cat([self._kept, more])
            self._forget(start)
        if self._kept is None:
            return start, torch.zeros(0, 1)
        self._forget(start)
        return self._first, self._kept[: max(0, end - self._first)]

    def _forget(self, start: int) -> None:
        assert self._kept is not None
        past = min(max(0, start - self._first), len(self._kept))
        self._kept, self._first = self._kept[past:], self._first + past


class Run:
    """Compares the lips of consecutive frames with the speech around each; memory does not grow with their number.

    Args:
        judge: compares.
        heard: the clip's speech.
        first: number of the first frame, at 25 a second.
    """

    def __init__(self, judge: Judge, heard: Heard, first: int):
        self._judge = judge
        self._heard = heard
        self.first = first
        self.faces = 0
        self._waiting: list[np.ndarray] = []
        self._tables: list[np.ndarray] = []
        self._lengths: list[np.ndarray] = []
        self._compared = 0

    def add(self, picture: np.ndarray) -> None:
        """Take the next frame's picture, as the judge cuts it."""
        self._waiting.append(picture)
        self.faces += 1
        if len(self._waiting) == self._judge.batch + WINDOW_FRAMES - 1:
            self._compare()

    def table(self) -> np.ndarray:
        """Return the distances of every window to the speech around it, float32 (windows, 31), as `around` does.

        No frame may be added after that.
        """
        if len(self._waiting) >= WINDOW_FRAMES:
            self._compare()
        if not self._tables:
            return np.zeros((0, SHIFTS), np.float32)
        windows = max(0, self.faces - self._judge.spare)
        table = np.concatenate(self._tables)[:windows]
        table = table[: int(np.isfinite(table[:, REACH]).sum())]     # those with speech of their own come first
        if self._judge.alone:
            shown = np.arange(len(table))[:, None] + np.arange(-REACH, REACH + 1)
            beyond = (shown < 0) | (shown >= len(table))
            table = np.where(beyond, np.concatenate(self._lengths)[: len(table), None], table)
        return table

    def _compare(self) -> None:
        lips = self._judge.lips(np.stack(self._waiting))
        start = self.first + self._compared
        earliest, speech = self._heard.between(max(0, start - REACH), start + len(lips) + REACH)
        distances = self._judge.distances(lips, speech) if len(speech) else np.zeros((len(lips), 0), np.float32)
        self._tables.append(around(distances, start - earliest))
        if self._judge.alone:
            self._lengths.append(self._judge.distances(lips, torch.zeros_like(lips[:1]))[:, 0])
        self._compared += len(lips)
        self._waiting = self._waiting[len(lips) :]
