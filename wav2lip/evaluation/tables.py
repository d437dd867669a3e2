"""From the distances of lips and speech at every shift to an offset, a distance and a confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wav2lip.models.syncnet import FPS

REACH = 15             # frames of 25 a second, 0.6 s: how far the sound is shifted either way
SHIFTS = 2 * REACH + 1


@dataclass(frozen=True)
class SyncScore:
    """How well lips and speech fit together.

    Attributes:
        offset: by how many frames of 25 a second the sound is ahead of the lips, negative where it is late: the
            original SyncNet's sign, `15 - argmin(curve)`.
        distance: mean of lips and speech where they fit best, lower is better: LSE-D for the original SyncNet; for the
            expert one minus the cosine.
        confidence: how much better they fit there than usual, higher is better: median minus minimum of `curve`;
            LSE-C for the original SyncNet.
        windows: how many windows of 5 frames were compared.
        curve: float64 (31,): mean distance of lips and the speech from -15 .. 15 frames later, NaN where fewer than
            half of the windows have speech so far away. Where some have none, the others count by how they differ from
            their own mean.

    Source: Chung, Zisserman 2016, "Out of time: automated lip sync in the wild"; Prajwal et al. 2020
    (arXiv 2008.10010), section 4.3.
    """

    offset: int
    distance: float
    confidence: float
    windows: int
    curve: np.ndarray

    @property
    def late(self) -> int:
        """By how many frames of 25 a second the sound is late; negative where it is ahead."""
        return -self.offset

    @property
    def late_seconds(self) -> float:
        """The same in seconds."""
        return float(self.late / FPS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, without the curve."""
        return {
            "offset": self.offset,
            "sound_late_ms": round(1000 * self.late_seconds),
            "distance": self.distance,
            "confidence": self.confidence,
            "windows": self.windows,
        }


def around(distances: np.ndarray, together: int) -> np.ndarray:
    """Return the distances of lips to the speech of -15 .. 15 frames later, NaN where there is none.

    Args:
        distances: (m, n) of the lips of m consecutive frames and the speech of n consecutive frames.
        together: which speech belongs to the first lips if nothing is shifted; it may lie outside of 0 .. n - 1.

    Returns:
        float32 (m, 31).
    """
    m, n = distances.shape
    wanted = np.arange(m)[:, None] + together + np.arange(-REACH, REACH + 1)
    there = (wanted >= 0) & (wanted < n)
    table = np.full((m, SHIFTS), np.nan, np.float32)
    table[there] = distances[np.nonzero(there)[0], wanted[there]]
    return table


def summarise(table: np.ndarray) -> SyncScore:
    """Return the score of some windows, (n, 31) with NaN where there is no speech.

    Raises:
        ValueError: there is no window with speech.
    """
    heard = table[~np.isnan(table[:, REACH])]
    if not len(heard):
        raise ValueError("no window has speech")
    # Near the ends of a clip windows lack some shifts. Some windows are far from any speech, others near: what tells is
    # how each one's distances differ among themselves, or the missing would bend the curve.
    usual = np.nanmean(heard, axis=1, keepdims=True, dtype=np.float64)
    counts = np.isfinite(heard).sum(axis=0)
    often = 2 * counts >= len(heard)
    curve = np.full(SHIFTS, np.nan)
    curve[often] = np.nansum(heard[:, often] - usual, axis=0) / counts[often] + usual.mean()
    best = int(np.nanargmin(curve))
    distance = np.nanmean(heard[:, best], dtype=np.float64)
    return SyncScore(REACH - best, float(distance), float(np.nanmedian(curve) - curve[best]), len(heard), curve)
