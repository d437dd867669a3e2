"""Drawn heads: the same person every time, a mouth that follows its curve, a face that detectors find."""

from __future__ import annotations

import numpy as np
import pytest

from wav2lip.faces.cascade import CascadeDetector
from wav2lip.speech.mel import SAMPLE_RATE
from wav2lip.training.articulation import speech_to_articulation
from wav2lip.training.heads import Head, draw_head
from wav2lip.training.identity import Identity

SIZE = 224
PLAIN = 30                   # fair, shaved, without glasses
BEARDED = (11, 14, 22, 28)   # goatee, full, white, long


def mouth_darkness(frame: np.ndarray) -> int:
    """Count the dark pixels where the mouth is: an open mouth is dark inside."""
    middle = frame[int(0.58 * SIZE) : int(0.78 * SIZE), int(0.35 * SIZE) : int(0.65 * SIZE)]
    return int((middle.mean(axis=2) < 60).sum())


def test_a_seed_always_draws_the_same_head() -> None:
    first = Head(Identity.from_seed(14), SIZE).draw(0.4, 0.2, 1.0)
    again = Head(Identity.from_seed(14), SIZE).draw(0.4, 0.2, 1.0)
    other = Head(Identity.from_seed(15), SIZE).draw(0.4, 0.2, 1.0)
    assert first.shape == (SIZE, SIZE, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 10


def test_a_picture_does_not_depend_on_what_was_drawn_before() -> None:
    head = Head(Identity.from_seed(14), SIZE)
    moments = [(0.0, 0.0, 0.0), (1.0, 0.5, 1.9), (0.4, -1.0, 0.7)]
    forth = [head.draw(*moment) for moment in moments]
    back = [head.draw(*moment) for moment in reversed(moments)][::-1]
    assert all(np.array_equal(one, other) for one, other in zip(forth, back, strict=True))


def test_people_differ_in_what_a_generator_has_to_copy() -> None:
    people = [Identity.from_seed(seed) for seed in range(300)]
    assert 60 < sum(person.beard.worn for person in people) < 140
    assert 40 < sum(person.glasses is not None for person in people) < 120
    assert len({person.hair_style for person in people}) == 5
    for field, low, high in (("mouth_width", 0.32, 0.42), ("upper_lip", 0.03, 0.06), ("age", 0.1, 0.7)):
        values = [getattr(person, field) for person in people]
        assert np.percentile(values, 10) < low < high < np.percentile(values, 90)
    skins = np.array([np.mean(person.skin) for person in people])
    lips = np.array([np.mean(person.lips) for person in people])
    assert skins.std() > 0.15
    assert lips.std() > 0.1


@pytest.mark.parametrize("identity", BEARDED)
def test_a_mouth_in_a_beard_opens_too(identity: int) -> None:
    person = Identity.from_seed(identity)
    assert person.beard.worn
    frames = [draw_head(identity, opening, 0.0, 0.4, SIZE).astype(int) for opening in np.linspace(0, 1, 6)]
    change = [np.abs(frame - frames[0])[int(0.55 * SIZE) :].mean() for frame in frames]
    assert change == sorted(change)
    assert change[-1] > 1


def test_the_mouth_in_the_picture_opens_with_the_curve() -> None:
    openings = np.linspace(0, 1, 6)
    dark = [mouth_darkness(draw_head(PLAIN, opening, 0.0, 1.0, SIZE)) for opening in openings]
    assert np.corrcoef(openings, dark)[0, 1] > 0.9
    assert dark[-1] > dark[0] + 50


def test_a_spread_mouth_is_wider_than_a_round_one() -> None:
    def columns(width: float) -> int:
        mouth = draw_head(PLAIN, 0.8, width, 1.0, SIZE)[int(0.58 * SIZE) : int(0.78 * SIZE)]
        return int((mouth[:, int(0.35 * SIZE) : int(0.65 * SIZE)].mean(axis=2) < 70).any(axis=0).sum())

    assert columns(1.0) > columns(-1.0) + 3


def test_only_the_lower_face_moves_with_the_mouth() -> None:
    closed, opened = (draw_head(PLAIN, opening, 0.0, 1.0, SIZE).astype(int) for opening in (0.0, 1.0))
    upper = slice(0, int(0.5 * SIZE))
    assert np.array_equal(closed[upper], opened[upper])


def test_silence_closes_the_mouth_and_speech_opens_it() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.3 * np.sin(2 * np.pi * 700 * time)).astype(np.float32)
    silence = np.zeros(SAMPLE_RATE, np.float32)
    mouth = speech_to_articulation(np.concatenate([silence, tone, silence]), 25)
    assert len(mouth) == 75
    assert mouth.opening[:24].max() < 0.02
    assert mouth.opening[30:48].min() > 0.8
    assert mouth.opening[60:].max() < 0.05
    assert speech_to_articulation(silence, 25).opening.max() == 0


def test_a_bright_vowel_spreads_the_mouth_and_a_dark_one_rounds_it() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    bright, dark = (
        (0.2 * np.sin(2 * np.pi * 350 * time) + strength * np.sin(2 * np.pi * 2400 * time)).astype(np.float32)
        for strength in (0.2, 0.001)
    )
    assert speech_to_articulation(bright, 25).width[10:20].min() > 0.5
    assert speech_to_articulation(dark, 25).width[10:20].max() < -0.5


@pytest.mark.parametrize("identity", [7, 19, 30, 33])
def test_the_cascade_finds_the_drawn_face(identity: int) -> None:
    frames = [draw_head(identity, opening, 0.0, time, 320) for opening, time in ((0.0, 0.0), (0.9, 1.5))]
    for faces in CascadeDetector().detect(frames):
        x1, y1, x2, y2, _ = faces[0]
        assert x1 < 160 < x2
        assert y1 < 0.5 * 320 < y2
        assert 80 < y2 - y1 < 250
