"""The expert: which windows it is shown as matches and mismatches, that it learns, and the offsets it measures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wav2lip.evaluation.offsets import best_offset
from wav2lip.evaluation.tables import around, summarise
from wav2lip.models.load import load_syncnet
from wav2lip.models.syncnet import FPS, SyncNet
from wav2lip.speech.windows import window_start
from wav2lip.training.augment import NO_AUGMENTATION, Augmentation
from wav2lip.training.engine import LoopOptions, train
from wav2lip.training.expert import ExpertOptions, ExpertTrainee, judge, pairs
from wav2lip.training.layout import TrainingClip
from wav2lip.training.runs import read_saved
from wav2lip.training.samples import SyncBatch, window_faces


class Blinker(TrainingClip):
    """A clip of a face whose mouth opens and shuts at random, and of noise that is loud while it is open."""

    def __init__(self, seed: int, frames: int = 60):
        super().__init__(Path(f"blinker-{seed}"))
        random = np.random.default_rng(seed)
        self._open = random.permutation(np.arange(frames) % 2)
        levels = np.where(self._open, 2, -3)[np.arange(frames * 16 // 5) * 5 // 16]
        self._mel = (levels + 0.3 * random.standard_normal((80, len(levels)))).astype(np.float32)

    @property
    def numbers(self) -> np.ndarray:
        return np.arange(len(self._open), dtype=np.int32)

    @property
    def mel(self) -> np.ndarray:
        return self._mel

    def face(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        picture = np.full((96, 96, 3), 180, np.uint8)
        picture[60:90, 30:66] = 60 if self._open[number] else 200
        picture[0, 0, 0] = number    # for the tests, out of the expert's sight
        return picture, np.array([0.0, 0, 96, 96])


class Reader(SyncNet):
    """An expert that compares the colour of a window's first lower half-face with the lowest bands of its speech."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.weight = nn.Parameter(torch.ones(1))
        self.face_encoder = _Colour()
        self.audio_encoder = _Bands()


class _Colour(nn.Module):
    def forward(self, faces: Tensor) -> Tensor:
        return faces[:, :3].mean((2, 3))


class _Bands(nn.Module):
    def forward(self, mel: Tensor) -> Tensor:
        return mel[:, 0, :3, 0]


def colours(frames: int) -> np.ndarray:
    """Return faces of one colour each, uint8 (frames, 96, 96, 3)."""
    shades = np.random.default_rng(0).integers(0, 256, (frames, 1, 1, 3), np.uint8)
    return np.tile(shades, (1, 96, 96, 1))


def spoken(faces: np.ndarray, late: int, first: int = 0) -> np.ndarray:
    """Return mel that says the colours of faces, `late` frames after they are seen."""
    mel = np.zeros((80, window_start(first + len(faces) + 40, FPS)), np.float32)
    for number, face in enumerate(faces, first + late):
        if number >= 0:
            mel[:3, window_start(number, FPS)] = face[0, 0] / 255
    return mel


def trainee(held: int = 0, **options: object) -> ExpertTrainee:
    torch.manual_seed(0)
    sets = [[Blinker(seed) for seed in range(6)]]
    return ExpertTrainee(
        SyncNet(1), sets, [Blinker(10 + n) for n in range(held)], ExpertOptions(**options), {"data": "noise"}
    )


def loop(steps: int, save_every: int = 1000) -> LoopOptions:
    return LoopOptions(steps, save_every=save_every, keep=0, log_every=10, workers=0, device="cpu", precision="fp32")


def distances(batch: SyncBatch) -> np.ndarray:
    """Return how many frames each window's lips start from where its speech starts."""
    return np.abs(batch.faces[:, 0, 0, 0, 0].numpy().astype(int) - batch.start.numpy())


@pytest.mark.parametrize("late", [-7, 0, 4])
def test_the_offset_says_by_how_many_frames_the_sound_is_late(late: int) -> None:
    faces = colours(40)
    found = best_offset(Reader(), faces, spoken(faces, late))
    assert (found.late, found.offset) == (late, -late)
    assert found.distance == pytest.approx(0, abs=1e-5)
    assert found.confidence == pytest.approx(np.nanmedian(found.curve) - found.curve[15 + late])
    assert found.confidence > 0.05


def test_faces_may_begin_within_the_clip_and_be_of_either_form() -> None:
    faces = colours(90)    # more than go through the expert at once
    mel = spoken(faces, 2, first=33)
    found = best_offset(Reader(), faces, mel, first=33)
    assert found.late == 2
    as_generated = torch.from_numpy(faces).permute(0, 3, 1, 2) / 255
    assert np.allclose(best_offset(Reader(), as_generated, mel, first=33).curve, found.curve, equal_nan=True)
    assert best_offset(Reader(), faces, mel, first=31).late == 4


def test_a_few_windows_by_chance_do_not_decide() -> None:
    similar = np.full((12, 12), 0.3)
    similar += np.diag(np.full(10, 0.5), 2)
    similar[0, 11] = 1.0    # a single window 11 frames away
    found = summarise(around(1 - similar, 0))
    assert found.late == 2
    assert found.distance == pytest.approx(0.2)
    assert np.isnan(found.curve[[15 - 7, 15 + 7]]).all()
    assert np.isfinite(found.curve[15 - 6 : 15 + 7]).all()


def test_lips_without_sound_or_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="4 faces"):
        best_offset(Reader(), colours(4), np.zeros((80, 100), np.float32))
    with pytest.raises(ValueError, match="10 mel columns"):
        best_offset(Reader(), colours(40), np.zeros((80, 10), np.float32))


def test_mismatches_are_never_near_by_default() -> None:
    batches = trainee(steps=1, batch_size=24).batches
    near_windows = 0
    for step in range(5):
        batch = batches(step, 0)
        assert not distances(batch).any()
        same, near = pairs(batch)
        assert same.diagonal().all()
        one_clip = batch.clip[:, None] == batch.clip
        apart = (batch.start[:, None] - batch.start).abs()
        assert (apart[one_clip & ~same & ~near] >= 5).all()
        assert (apart[one_clip & near] < 5).all()
        assert not (near & ~one_clip).any()
        near_windows += int(near.sum())
    assert near_windows > 0
    alone = trainee(steps=1, batch_size=32, grouped=1).batches(0, 0)
    assert (distances(alone)[alone.same == 0] >= 9).all()


def test_the_originals_mismatches_come_from_neighbouring_frames_too() -> None:
    batches = trainee(steps=1, compat=True, augmentation=Augmentation(ramp_steps=1)).batches
    found = [batches(step, 0) for step in range(3)]
    matched = np.concatenate([batch.same.numpy() for batch in found])
    away = np.concatenate([distances(batch) for batch in found])
    assert 0.4 < matched.mean() < 0.6
    assert not away[matched == 1].any()
    assert (away[matched == 0] > 0).all()
    assert (away[matched == 0] < 5).any()
    plain = Blinker(0)
    pictures = {plain.face(n)[0][:, :, 1:].tobytes() for n in range(60)}
    assert {face.tobytes() for face in found[0].faces[:, 0, :, :, 1:].numpy()} <= pictures    # nothing was changed


def test_an_expert_learns_to_tell_and_to_measure(tmp_path: Path) -> None:
    learner = trainee(held=2, steps=80, settled_steps=30, batch_size=16, grouped=16, rate=0.01, cosine=True)
    before = judge(learner.parts[0].network.eval(), [Blinker(10), Blinker(11)])
    (path,) = train(learner, tmp_path, loop(80), lambda text: None)
    expert = load_syncnet(path)
    after = judge(expert, [Blinker(10), Blinker(11)])
    assert after["loss"] < 0.95 * before["loss"]
    assert after["accuracy"] > 0.68 > before["accuracy"]
    assert after["offset"] == 1
    last = (tmp_path / "log.csv").read_text().splitlines()
    assert last[0] == "step,seconds,loss,eval_loss,eval_accuracy,eval_offset,eval_exact"
    assert float(last[-1].split(",")[3]) == pytest.approx(after["loss"], abs=0.01)    # the file is in 16 bit
    clip = Blinker(12)
    random = np.random.default_rng(0)
    faces = window_faces(clip, 0, 60, NO_AUGMENTATION.view(random, 0), random)
    for late in (-3, 0, 5):
        columns = window_start(abs(late), FPS)
        mel = np.pad(clip.mel, ((0, 0), (columns, 0))) if late > 0 else clip.mel[:, columns:]
        assert best_offset(expert, faces, mel).late == late


def test_an_expert_can_learn_to_find_the_very_frame(tmp_path: Path) -> None:
    options = {"steps": 60, "settled_steps": 20, "batch_size": 16, "grouped": 16, "rate": 0.01, "cosine": True}
    learner = trainee(timing=1.0, **options)
    train(learner, tmp_path, loop(60), lambda text: None)
    names, *lines = (tmp_path / "log.csv").read_text().splitlines()
    assert names.startswith("step,seconds,loss,timing")
    timing = [float(line.split(",")[3]) for line in lines if line.split(",")[3]]
    assert timing[-1] < 0.8 * timing[0]


def test_an_expert_that_always_says_the_same_is_right_half_of_the_time() -> None:
    found = judge(_Same(), [Blinker(0), Blinker(1, frames=8)])    # the second is too short to judge by
    assert found["accuracy"] == 0.5
    assert found["loss"] > 5
    assert judge(_Same(), []) == {}


class _Same(Reader):
    def __init__(self) -> None:
        super().__init__()
        self.face_encoder = self.audio_encoder = _Ones()


class _Ones(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ones(len(x), 2)


@pytest.mark.parametrize("compat", [False, True])
def test_going_on_gives_what_no_interruption_gives(tmp_path: Path, compat: bool) -> None:
    def run(folder: Path) -> None:
        options = {"batch_size": 4, "grouped": 2, "cosine": True, "augmentation": Augmentation(2, 2)}
        train(trainee(steps=6, compat=compat, **options), folder, loop(6, save_every=3), lambda text: None)

    run(tmp_path / "whole")
    parts = tmp_path / "parts"
    parts.mkdir()
    shutil.copy(tmp_path / "whole" / "checkpoint_step000000003.pth", parts)
    run(parts)
    one, other = (read_saved(at / "checkpoint_step000000006.pth", "syncnet") for at in (tmp_path / "whole", parts))
    assert all(torch.equal(one.state_dict[name], other.state_dict[name]) for name in one.state_dict)
    assert one.optimizer["param_groups"] == other.optimizer["param_groups"]
