"""How a face is held is told from its landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from wav2lip.faces.pose import facing, steady, straightened, tilt, yaw

EYES, TIP, CORNERS = 30.0, 12.0, 24.0    # pixels: halves of the distances of eyes, nose to face and mouth corners


def face(leaning: float = 0.0, turned: float = 0.0) -> np.ndarray:
    """Return the landmarks of a head that leans and is turned, in degrees, (1, 5, 2), as a distant camera sees them."""
    points = np.array([
        [-EYES, -40, 0], [EYES, -40, 0], [0, 0, -2 * TIP], [-CORNERS, 40, 0], [CORNERS, 40, 0],
    ], float)
    aside, lean = np.radians(turned), np.radians(leaning)
    x = points[:, 0] * np.cos(aside) - points[:, 2] * np.sin(aside)
    flat = np.stack([x, points[:, 1]], axis=1)
    turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    return (flat @ turn.T + [200, 150])[None]


@pytest.mark.parametrize("degrees", [-50, -15, 0, 7, 30])
@pytest.mark.parametrize("turned", [0, 25])
def test_a_lean_is_read_off_eyes_and_mouth_however_the_head_is_turned(degrees: float, turned: float) -> None:
    assert np.degrees(tilt(face(degrees, turned)))[0] == pytest.approx(degrees, abs=0.1)


@pytest.mark.parametrize("degrees", [-70, -30, 0, 10, 45, 80])
@pytest.mark.parametrize("leaning", [0, 20])
def test_a_turn_is_read_off_the_nose_however_the_head_leans(degrees: float, leaning: float) -> None:
    assert yaw(face(leaning, degrees))[0] == pytest.approx(degrees, abs=0.5)


def test_an_upright_face_is_left_as_it_is_and_a_leaning_one_is_turned_back_steadily() -> None:
    leans = np.radians(np.linspace(-90, 90, 1801))
    turned = np.degrees(straightened(leans))
    assert (turned[np.abs(np.degrees(leans)) <= 6] == 0).all()
    assert np.abs(np.diff(turned)).max() <= 0.21
    np.testing.assert_allclose(turned[[1050, 750]], [15, -15], atol=1e-9)
    assert np.abs(turned).max() == pytest.approx(60)
    assert straightened(np.array([np.nan])) == 0


def test_a_face_that_turns_aside_fades_and_one_of_which_nobody_knows_is_shown() -> None:
    shown = facing(np.array([0, 40, -45, 52.5, -60, 90, np.nan]), 60.0)
    np.testing.assert_allclose(shown, [1, 1, 1, 0.5, 0, 0, 1])


def test_a_lean_that_some_looks_tell_is_steadied_over_time() -> None:
    truth = np.radians(np.linspace(0, 20, 100))
    told = np.where(np.arange(100) % 6 == 0, truth + np.random.default_rng(0).normal(0, 0.02, 100), np.nan)
    told[48] = -0.7                                  # one that is wild
    calm = steady(told, 25.0)
    assert np.abs(calm - truth)[10:-10].max() < np.radians(2)
    assert np.abs(np.diff(calm)).max() < np.radians(0.6)
    assert np.isnan(steady(np.where(np.arange(100) < 95, np.nan, 0.1)[:97], 25.0)).all()
    assert steady(np.array([0.3]), 25.0) == pytest.approx(0.3)
