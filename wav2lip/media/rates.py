"""Which constant frame rate a list of time stamps has, or should get."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

STANDARD = (
    *(Fraction(n) for n in (10, 12)), Fraction(25, 2), Fraction(15), Fraction(20), Fraction(24000, 1001),
    *(Fraction(n) for n in (24, 25)), Fraction(30000, 1001), Fraction(30), Fraction(48), Fraction(50),
    Fraction(60000, 1001), Fraction(60), Fraction(120000, 1001), Fraction(120), Fraction(240),
)
FASTEST = 60                                      # frames a second that a variable rate is normalised to at most
_JITTER = 0.4                                     # of a frame: less than half, so that every picture keeps its place
_SNAP = 0.01                                      # a standard rate within 1 % is the one that was meant
_LARGEST_DENOMINATOR = 1001
_PERCENTILE = 10                                  # of the distances between pictures: the fast passages of the clip


def constant_rate(ticks: np.ndarray, tick: Fraction, stated: Iterable[Fraction]) -> Fraction | None:
    """Return the rate whose grid all time stamps lie on, or None if there is none.

    Args:
        ticks: int64 (n,), sorted, n >= 2: when each picture is shown.
        tick: seconds of one unit of `ticks`.
        stated: rates that the file claims, the most trusted first.

    Returns:
        Frames a second, the exact one where the stamps are as precise as their unit allows; stamps may also
        jitter by less than half a frame, as those of telephones do.
    """
    span = int(ticks[-1] - ticks[0]) * tick
    if span <= 0:
        return None
    measured = Fraction(len(ticks) - 1) / span
    near = sorted((rate for rate in STANDARD if _within(rate, measured, _SNAP)), key=lambda rate: abs(rate - measured))
    claimed = [rate for rate in stated if _within(rate, measured, _SNAP)]
    trusted = [rate for rate in claimed if rate in STANDARD]
    rounded = measured.limit_denominator(_LARGEST_DENOMINATOR)
    by_trust = (*trusted, *claimed, *near, rounded)
    by_custom = (*trusted, *near, *claimed, rounded)
    for rate in by_trust:
        # Both ends of a distance are rounded by half a unit.
        if _worst(ticks, tick, rate) <= min(1.01 * float(tick * rate), _JITTER):
            return rate
    for rate in by_custom:
        if _worst(ticks, tick, rate) <= _JITTER:
            return rate
    return None


def rate_for_variable(ticks: np.ndarray, tick: Fraction, stated: Iterable[Fraction]) -> Fraction:
    """Return the constant rate at which no motion of a variable-rate video is lost, at most 60 a second.

    Args:
        ticks: int64 (n,), sorted, n >= 2, not all equal: when each picture is shown.
        tick: seconds of one unit of `ticks`.
        stated: rates that the file claims.
    """
    distances = np.diff(ticks)
    shortest = float(np.percentile(distances[distances > 0], _PERCENTILE)) * float(tick)
    fastest = min(Fraction(1 / shortest), Fraction(FASTEST))
    near = [rate for rate in (*STANDARD, *stated) if rate <= FASTEST and _within(rate, fastest, _SNAP)]
    if not near:
        return fastest.limit_denominator(_LARGEST_DENOMINATOR)
    seconds = (ticks - ticks[0]) * float(tick)

    def off_grid(rate: Fraction) -> float:
        places = seconds * float(rate)
        return float(np.abs(places - np.round(places)).mean())

    return min(near, key=off_grid)


def _within(rate: Fraction, of: Fraction, share: float) -> bool:
    return abs(rate - of) <= of * Fraction(share)


def _worst(ticks: np.ndarray, tick: Fraction, rate: Fraction) -> float:
    """Return how far, in frames, the worst time stamp is from the grid through the first."""
    places = (ticks - ticks[0]) * float(tick * rate)
    return float(np.abs(places - np.arange(len(ticks))).max())
