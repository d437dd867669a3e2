"""The two judges, and the runs of faces that they compare with speech."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from lse_plain import plain_score
from seeded import seeded
from torch import Tensor

from wav2lip.evaluation.judges import ExpertJudge, Judge, SyncNetJudge
from wav2lip.evaluation.offsets import best_offset
from wav2lip.evaluation.runs import Heard, Run
from wav2lip.evaluation.tables import REACH, around, summarise
from wav2lip.media.sound import FULL_SCALE
from wav2lip.models.load import load_syncnet
from wav2lip.models.syncnet_v2 import SyncNetV2
from wav2lip.speech.mel import log_mel


@pytest.fixture(scope="module")
def syncnet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeded weights in the form of the published file: a plain state dict."""
    path = tmp_path_factory.mktemp("weights") / "syncnet_v2.model"
    torch.save(seeded(SyncNetV2()).state_dict(), path)
    return path


def pictures(count: int, size: int) -> np.ndarray:
    """Return noise that differs from frame to frame, uint8 (count, size, size, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return coarse.repeat(size // 8, axis=1).repeat(size // 8, axis=2)


def noise(samples: int) -> np.ndarray:
    """Return 16-bit noise that swells and fades, as float32 in [-1, 1]."""
    swell = 0.5 + 0.5 * np.sin(np.arange(samples) / 700)
    values = np.random.default_rng(1).normal(0, 3000, samples) * swell
    return (np.rint(values) / FULL_SCALE).astype(np.float32)


def table_of(judge: Judge, faces: np.ndarray, sound: np.ndarray, first: int = 0) -> np.ndarray:
    run = Run(judge, Heard(judge.speech([sound])), first)
    for face in faces:
        run.add(face)
    return run.table()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("frames", "samples"), [(31, 31 * 640), (27, 40 * 640), (40, 24 * 640 + 639)])
def test_the_distance_table_is_that_of_a_plain_implementation(
    syncnet_file: Path, frames: int, samples: int
) -> None:
    faces, sound = pictures(frames, 224), noise(samples)
    weights = torch.load(syncnet_file, weights_only=True)
    plain = plain_score(faces, np.rint(sound * FULL_SCALE).astype(np.int16), weights)
    table = table_of(SyncNetJudge(syncnet_file), faces, sound)
    assert table.shape == plain.distances.shape == (min(frames, samples // 640) - 5, 31)
    assert np.abs(table - plain.distances).max() < 1e-3 * plain.distances.mean()
    score = summarise(table)
    assert score.offset == plain.offset
    assert score.distance == pytest.approx(plain.lse_d, rel=1e-4)
    assert score.confidence == pytest.approx(plain.lse_c, rel=1e-2, abs=1e-4)


@pytest.mark.usefixtures("one_thread")
def test_the_expert_scores_a_stream_as_it_scores_a_whole_clip() -> None:
    faces, sound = pictures(150, 96), noise(150 * 640)     # more faces than are compared at a time
    judge = ExpertJudge()
    found = summarise(table_of(judge, faces[20:], sound, first=20))
    whole = best_offset(load_syncnet(), faces[20:], log_mel(sound), first=20)
    assert found.offset == whole.offset
    assert found.windows == whole.windows
    assert np.allclose(found.curve, whole.curve, atol=1e-5, equal_nan=True)


def test_speech_is_made_when_it_is_needed_and_forgotten_when_it_is_past() -> None:
    made = []

    def batches() -> Iterator[Tensor]:
        for start in range(0, 100, 10):
            made.append(start)
            yield torch.arange(start, start + 10.0)[:, None]

    heard = Heard(batches())
    first, some = heard.between(0, 12)
    assert (first, some[:, 0].tolist()) == (0, list(range(12)))
    assert made == [0, 10]
    first, some = heard.between(55, 58)
    assert (first, some[:, 0].tolist()) == (55, [55, 56, 57])
    assert heard._kept is not None
    assert len(heard._kept) == 5
    first, some = heard.between(90, 130)
    assert (first, some[:, 0].tolist()) == (90, list(range(90, 100)))
    _, some = heard.between(120, 130)
    assert len(some) == 0


def test_a_run_without_speech_has_no_windows() -> None:
    judge = ExpertJudge()
    assert table_of(judge, pictures(20, 96), noise(640 * 10), first=30).shape == (0, 31)
    assert table_of(judge, pictures(4, 96), noise(640 * 10)).shape == (0, 31)


def test_around_a_window_stands_the_speech_of_its_neighbours() -> None:
    distances = np.arange(12.0).reshape(2, 6)
    table = around(distances, 1)
    assert table[0, REACH - 1 : REACH + 5].tolist() == [0, 1, 2, 3, 4, 5]
    assert table[1, REACH - 2 : REACH + 4].tolist() == [6, 7, 8, 9, 10, 11]
    assert np.isnan(table).sum() == 2 * 31 - 12
    assert np.isnan(around(distances, 40)).all()


def test_few_faces_are_cut_where_they_are(syncnet_file: Path) -> None:
    boxes = np.tile(np.array([100.0, 80, 160, 160]), (6, 1))
    assert np.allclose(SyncNetJudge(syncnet_file).places(boxes), [74, 80, 112, 112])


def test_windows_that_lack_some_shifts_do_not_bend_the_curve() -> None:
    # The same speech everywhere, as in silence: each window is as far from it at every shift, but not all are as far.
    far = np.linspace(0.2, 0.9, 20)[:, None].repeat(20, axis=1)
    score = summarise(around(far, 0))
    assert score.confidence == pytest.approx(0, abs=1e-9)
    assert np.nanmax(score.curve) - np.nanmin(score.curve) < 1e-9
    assert np.nanmean(score.curve) == pytest.approx(0.55)
    full = around(np.random.default_rng(0).random((40, 100)), 30)
    assert np.allclose(summarise(full).curve, full.mean(axis=0))


@pytest.mark.parametrize("box", [(100, 80, 160, 160), (-20, -30, 60, 70), (290, 200, 380, 300)])
def test_the_original_s_face_cut_keeps_its_place_at_the_frame_s_edge(
    syncnet_file: Path, box: tuple[int, int, int, int]
) -> None:
    judge = SyncNetJudge(syncnet_file)
    boxes = np.tile(np.array(box, float), (20, 1))
    x, y, width, height = judge.places(boxes)[10]
    half = max(box[2] - box[0], box[3] - box[1]) / 2
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    assert (x, y) == pytest.approx((centre[0] - 1.4 * half, centre[1] - half))
    assert (width, height) == pytest.approx((2.8 * half, 2.8 * half))
    # A frame of its own coordinates: what is cut shows where it is from.
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[..., 0], frame[..., 1] = np.arange(320) / 2, np.arange(240)[:, None]
    cut = judge.cut(frame, np.array([x, y, width, height])).astype(float)
    assert cut.shape == (224, 224, 3)
    middle = cut[107:117, 107:117].mean((0, 1))
    inside = 0 <= centre[0] < 320 and 0 <= y + height / 2 < 240
    if inside:
        assert 2 * middle[0] == pytest.approx(centre[0], abs=3)
        assert middle[1] == pytest.approx(y + height / 2, abs=3)
    if x < 0:
        assert (cut[:, 0] == 110).all()
