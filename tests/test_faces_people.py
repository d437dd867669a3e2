"""Who is who in a film of two people: side by side, in turn, passing each other, leaving, tilted, covered."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from people_films import FILMS, FPS, GONE, HIDDEN, Someone, agreement, detector, drawn, recorded, show, switches

from wav2lip.faces.detector import Detector

Cast = Callable[[Path], tuple[Detector, tuple[Someone, ...]]]


def of_recordings(name: str, *paths: str) -> Cast:
    def cast(data: Path) -> tuple[Detector, tuple[Someone, ...]]:
        eyes = detector(name, None if name == "cascade" else data / f"detectors/{name}.onnx")
        return eyes, tuple(recorded(data / path, eyes) for path in paths)

    return cast


ALIKE = ("grid/other/sbia1a.mpg", "grid/other/id2_vcd_swwp2s.mpg")    # dark-haired men before the same blue wall
APART = ("clips/landscape_720p_30fps.mp4", "grid/other/lbbc2a.mpg")
CASTS = {
    "yunet, alike": of_recordings("yunet", *ALIKE),
    "yunet, apart": of_recordings("yunet", *APART),
    "cascade, alike": of_recordings("cascade", *ALIKE),
}
FRONTAL = sorted(set(FILMS) - {"tilted", "half covered"})    # what the cascade can see


def check(
    name: str, eyes: Detector, people: tuple[Someone, ...], folder: Path, fps: Fraction | int = FPS
) -> None:
    """Hold a film to its truth."""
    outcome = show(FILMS[name], people, eyes, folder, fps)
    labels = [max(owners, key=lambda label: owners[label], default="") for owners in outcome.owners]
    assert sorted(labels) == ["A", "B"], outcome.owners
    assert switches(outcome) == 0
    for who, (mine, truth) in enumerate(zip(labels, outcome.truths, strict=True)):
        assert truth.clear.sum() > 5
        track, own = outcome.tracks[mine], agreement(outcome.tracks[mine], truth)
        assert (own[truth.clear] >= 0.5).mean() >= 0.99, (mine, np.flatnonzero(truth.clear & (own < 0.5)))
        # Of a face that is partly hidden the visible part may be found, which overlaps less of the whole.
        enough = np.minimum(0.5, 0.6 * truth.seen)
        assert not np.flatnonzero(track.seen & (truth.seen >= HIDDEN) & (own < enough)).size
        assert not np.flatnonzero(track.seen & (truth.seen <= GONE)).size
        stolen = agreement(track, outcome.truths[1 - who]) >= 0.5
        assert not np.flatnonzero(stolen & (own < 0.5)).size
    empty = ~np.any([truth.seen > 0 for truth in outcome.truths], axis=0)
    assert not any((track.seen & empty).any() for track in outcome.tracks.values())


@pytest.mark.parametrize("name", FRONTAL)
def test_drawn_people_are_told_apart(name: str, tmp_path: Path) -> None:
    eyes = detector("cascade")
    check(name, eyes, (drawn(3, eyes), drawn(12, eyes)), tmp_path)


@pytest.mark.parametrize("fps", [5, Fraction(30000, 1001), 60], ids=["slow", "NTSC", "fast"])
def test_people_are_told_apart_at_other_rates(fps: Fraction | int, tmp_path: Path) -> None:
    eyes = detector("cascade")
    check("in turn", eyes, (drawn(3, eyes), drawn(12, eyes)), tmp_path, fps)


@pytest.mark.parametrize("cast", CASTS)
@pytest.mark.parametrize("name", FILMS)
def test_recorded_people_are_told_apart(name: str, cast: str, shared: Path, tmp_path: Path) -> None:
    if cast.startswith("cascade") and name not in FRONTAL:
        pytest.skip("the cascade sees upright faces only")
    eyes, people = CASTS[cast](shared / "data")
    check(name, eyes, people, tmp_path)
