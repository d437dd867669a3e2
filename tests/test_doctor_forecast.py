"""What a run will take: counts times what was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wav2lip.doctor.forecast import Trial, Work, foresee, rendering
from wav2lip.doctor.sample import Sample
from wav2lip.doctor.sampling import spread
from wav2lip.doctor.trial import _busiest
from wav2lip.faces.detections import Detections

TRIAL = Trial(
    frames=41, faces=41, first_seconds=0.5, seconds=2.0, bytes=100_000, key_bytes=20_000, joining=0.4,
    sound_seconds=10.0, sound_bytes=160_000, memory=800,
)
NOTHING = np.zeros((0, 5), np.float32)


def work(frames: int = 1000, faces: int = 1000, passing: int = 0, seconds: float = 40.0) -> Work:
    return Work(frames, faces, passing, parts=4, sound_seconds=seconds)


def sampled(looked: set[int], *, stretches: int, each: int, total: int, cuts: int = 0) -> Sample:
    """Return stretches that are spread evenly, in some of whose frames somebody looked."""
    starts = np.linspace(0, total - each, stretches).astype(int)
    numbers = np.concatenate([np.arange(start, start + each) for start in starts])
    rows = tuple(NOTHING if at % each in looked else None for at in range(len(numbers)))
    return Sample(
        numbers, Detections(rows, np.repeat(np.arange(stretches), each)), stretches, total, cuts, len(numbers), 0.3,
        0.02, 0.002, 12,
    )


def test_frames_take_what_those_that_were_tried_took() -> None:
    assert rendering(work(), TRIAL, 0.01) == pytest.approx(0.5 + 1000 * 2.0 / 40)


def test_faces_that_are_generated_twice_count_twice_and_frames_that_pass_through_little() -> None:
    twice = rendering(work(faces=2000), TRIAL, 0.01)
    assert twice == pytest.approx(0.5 + 2000 * 2.0 / 40)
    half = rendering(work(faces=500, passing=500), TRIAL, 0.01)
    assert half == pytest.approx(0.5 + 500 * 2.0 / 40 + 500 * 0.01)


def test_where_nobody_is_synced_only_passing_counts() -> None:
    assert rendering(work(faces=0, passing=1000), replace(TRIAL, faces=0), 0.01) == pytest.approx(10.5)


def test_a_result_is_as_large_as_its_key_frames_the_others_and_its_sound() -> None:
    made = foresee(work(), TRIAL, 0.01, start=2.0, load=1.0, faces=3.0, closed_mouth=0.5)
    each = 80_000 / 40
    assert made.size == pytest.approx(4 * (20_000 - each) + 1000 * each + 4 * 160_000)
    assert made.memory == 800


def test_the_whole_is_the_sum_of_its_stages_and_long_sound_takes_longer_to_join() -> None:
    made = foresee(work(), TRIAL, 0.01, start=2.0, load=1.0, faces=3.0, closed_mouth=0.5)
    assert made.total == pytest.approx(2.0 + 1.0 + 3.0 + 0.5 + 50.5 + 1.6)
    assert made.to_dict()["total"] == made.total
    assert not made.known


def test_faces_that_are_known_from_before_take_nothing() -> None:
    made = foresee(work(), TRIAL, 0.01, start=2.0, load=1.0, faces=None, closed_mouth=0.5)
    assert made.known
    assert made.seconds["faces"] == 0.0


def test_a_still_head_is_foreseen_to_be_looked_at_rarely_and_a_moving_one_often() -> None:
    still = sampled({0, 12}, stretches=10, each=13, total=1201)
    moving = sampled(set(range(0, 13, 3)), stretches=10, each=13, total=1201)
    assert still.looks_needed == 101
    assert moving.looks_needed == 401


def test_no_more_looks_are_foreseen_than_there_are_frames() -> None:
    assert sampled(set(range(13)), stretches=2, each=13, total=26).looks_needed == 26
    assert sampled({0}, stretches=1, each=1, total=1).looks_needed == 1


def test_decoding_and_looking_add_up_where_cores_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sampled({0, 12}, stretches=10, each=13, total=1201)
    monkeypatch.setattr("wav2lip.doctor.sample.cores", lambda: 1)
    assert found.seconds == pytest.approx(0.3 + 101 * 0.02 + 1201 * 0.002)
    monkeypatch.setattr("wav2lip.doctor.sample.cores", lambda: 16)
    assert found.seconds == pytest.approx(0.3 + 1201 * 0.002 + 101 * 0.02 / 8)


def test_shots_are_foreseen_from_the_cuts_that_were_seen() -> None:
    assert sampled({0, 12}, stretches=10, each=13, total=1300, cuts=2).shots == 21
    assert sampled({0, 12}, stretches=10, each=13, total=1300).shots == 1


def test_between_stretches_the_nearest_frame_that_was_seen_tells() -> None:
    found = sampled({0, 12}, stretches=2, each=13, total=100)
    nearest = found.nearest
    assert nearest[[0, 12, 40, 60, 99]].tolist() == [0, 12, 12, 13, 25]
    assert len(nearest) == 100


def test_the_trial_is_made_where_most_faces_are_generated() -> None:
    faces = np.zeros(3000, int)
    faces[1000:1050], faces[2000:2500] = 1, 2
    assert _busiest(faces, 40) == range(1000, 1040)       # near the beginning
    assert _busiest(faces[1500:] * 0 + 1, 40) == range(40)
    assert _busiest(np.ones(5, int), 40) == range(5)


def test_stretches_that_are_not_reached_in_time_are_missing_everywhere_alike() -> None:
    stretches = [range(at, at + 13) for at in range(0, 900, 100)]
    order = [stretch.start for stretch in spread(stretches)]
    assert order[:5] == [0, 800, 400, 200, 600]
    assert sorted(order) == list(range(0, 900, 100))
    assert spread(stretches[:1]) == stretches[:1]
