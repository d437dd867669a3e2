"""Samples: what the networks get, which frames are paired, and the original's rules beside ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from training_clips import head_clip

from wav2lip.errors import UsageError
from wav2lip.speech.mel import SILENCE
from wav2lip.training.augment import NO_AUGMENTATION, Augmentation, View, change_speech
from wav2lip.training.layout import TrainingClip
from wav2lip.training.samples import (
    Batch,
    Rules,
    Sampler,
    generator_input,
    other_windows,
    speech_window,
    usable_windows,
)
from wav2lip.training.splits import is_held_out, split


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> TrainingClip:
    return head_clip(tmp_path_factory.mktemp("samples"), 3)


@pytest.fixture(scope="module")
def broken_clip(tmp_path_factory: pytest.TempPathFactory) -> TrainingClip:
    return head_clip(tmp_path_factory.mktemp("samples"), 4, faceless=range(10, 13))


def test_a_batch_depends_on_seed_step_and_rank_alone(clip: TrainingClip) -> None:
    def batch(seed: int, step: int, rank: int) -> torch.Tensor:
        return Sampler([[clip]], 2, seed, Rules.of(compat=False), Augmentation(ramp_steps=1)).batch(step, rank).target

    first = batch(0, 5, 0)
    assert torch.equal(first, batch(0, 5, 0))
    assert not torch.equal(first, batch(1, 5, 0))
    assert not torch.equal(first, batch(0, 6, 0))
    assert not torch.equal(first, batch(0, 5, 1))


@pytest.mark.parametrize("frames", [1, 5])
def test_the_generator_sees_no_lower_half_of_its_target(clip: TrainingClip, frames: int) -> None:
    batch = Sampler([[clip]], 3, 0, Rules.of(compat=False, frames=frames), NO_AUGMENTATION).batch(0)
    mel, faces, target = generator_input(batch)
    steps = () if frames == 1 else (frames,)
    assert mel.shape == (3, *steps, 1, 80, 16)
    assert faces.shape == (3, 6, *steps, 96, 96)
    assert target.shape == (3, 3, *steps, 96, 96)
    assert not faces[:, :3, ..., 48:, :].any()
    assert torch.equal(faces[:, :3, ..., :48, :], target[..., :48, :])
    assert faces[:, 3:, ..., 48:, :].mean() > 0.1


def test_a_window_holds_consecutive_frames_and_their_own_speech(clip: TrainingClip) -> None:
    batch = Sampler([[clip]], 1, 0, Rules.of(compat=False), NO_AUGMENTATION).batch(7)
    random = np.random.default_rng(0)
    view = NO_AUGMENTATION.view(random, 0)
    faces = [view.crop(*clip.face(int(n)), np.zeros(4)) for n in clip.numbers]
    start = next(n for n, face in enumerate(faces) if np.array_equal(face, batch.target[0, 0].numpy()))
    for k in range(5):
        assert np.array_equal(faces[start + k], batch.target[0, k].numpy())
        assert np.array_equal(speech_window(clip, start + k), batch.mels[0, k].numpy())
    assert np.array_equal(batch.mel[0].numpy(), speech_window(clip, start))


def test_the_original_pairs_near_frames_and_hears_a_frame_early(clip: TrainingClip) -> None:
    ours, original = Rules.of(compat=False), Rules.of(compat=True)
    windows = usable_windows(clip, ours)
    assert np.abs(other_windows(windows, 10, ours.apart) - 10).min() >= 9
    assert np.abs(other_windows(windows, 10, original.apart) - 10).min() == 1
    assert usable_windows(clip, original)[0] == 1    # frame 0 would need the speech of frame -1
    batch = Sampler([[clip]], 1, 0, original, NO_AUGMENTATION).batch(3)
    assert np.array_equal(batch.mels[0, 1].numpy(), batch.mel[0].numpy())


def test_windows_need_all_their_faces_and_their_speech(broken_clip: TrainingClip) -> None:
    windows = set(usable_windows(broken_clip, Rules.of(compat=False)).tolist())
    assert {0, 5, 13} <= windows
    assert not windows & {6, 7, 9, 10, 12}
    # 30 frames: the last windows end where 16 columns of speech are no longer there.
    assert max(windows) == 25
    assert max(usable_windows(broken_clip, Rules.of(compat=False, frames=1))) == 29


def test_the_last_frames_hear_silence_after_the_end(clip: TrainingClip) -> None:
    assert (speech_window(clip, int(clip.numbers[-1]) + 40) == SILENCE).all()


def test_expert_samples_are_matched_and_mismatched_as_asked(clip: TrainingClip) -> None:
    sampler = Sampler([[clip]], 32, 0, Rules.of(compat=False), NO_AUGMENTATION)
    pairs = sampler.sync_batch(0)
    assert 4 < float(pairs.same.sum()) < 28
    grouped = sampler.sync_batch(0, grouped=8)
    assert grouped.same.all()
    assert grouped.faces.shape == (32, 5, 96, 96, 3)
    assert grouped.clip.unique().tolist() == [0]    # drawn four times, but one clip


def test_neighbours_follow_each_other_and_are_changed_alike(clip: TrainingClip) -> None:
    plan = Augmentation(plain_steps=0, ramp_steps=1)
    batch = Sampler([[clip]], 16, 0, Rules.of(compat=False), plan).sync_batch(5, grouped=8, neighbours=True)
    assert batch.same.all()
    for run in (slice(0, 8), slice(8, 16)):
        starts, faces = batch.start[run], batch.faces[run]
        assert (starts.diff() == 1).all()
        assert torch.equal(faces[1:, :-1], faces[:-1, 1:])    # what two windows share looks the same in both
    assert not torch.equal(batch.start[:8], batch.start[8:])


def test_changes_grow_from_nothing_and_are_the_same_for_target_and_reference(clip: TrainingClip) -> None:
    plan = Augmentation(plain_steps=10, ramp_steps=10, most=0.8)
    assert [plan.strength(step) for step in (0, 10, 15, 20, 99)] == [0, 0, 0.4, 0.8, 0.8]
    random = np.random.default_rng(0)
    view = View.draw(random, 1.0)
    picture, box = clip.face(5)
    plain = NO_AUGMENTATION.view(random, 0).crop(picture, box, np.zeros(4))
    changed = view.crop(picture, box, np.zeros(4))
    assert np.array_equal(changed, view.crop(picture, box, np.zeros(4)))
    assert np.abs(changed.astype(int) - plain).mean() > 5


def test_some_samples_stay_as_they_are(clip: TrainingClip) -> None:
    def batch(untouched: float) -> Batch:
        plan = Augmentation(ramp_steps=1, untouched=untouched)
        return Sampler([[clip]], 16, 0, Rules.of(compat=False, frames=1), plan).batch(9)

    plain = NO_AUGMENTATION.view(np.random.default_rng(0), 0)
    whole = {plain.crop(*clip.face(int(number)), np.zeros(4)).tobytes() for number in clip.numbers}
    heard = {speech_window(clip, int(number)).tobytes() for number in clip.numbers}

    def kept(some: Batch) -> int:
        samples = zip(some.target[:, 0], some.reference[:, 0], some.mel, strict=True)
        return sum({face.numpy().tobytes() for face in faces} <= whole and mel.numpy().tobytes() in heard
                   for *faces, mel in samples)

    assert kept(batch(0)) == 0
    assert 3 <= kept(batch(0.5)) <= 13
    assert kept(batch(1)) == 16


def test_sound_is_made_louder_noisier_or_silent(clip: TrainingClip) -> None:
    random = np.random.default_rng(1)
    window = np.clip(speech_window(clip, 8) + 2, -4, 4)    # loud enough to be speech
    assert np.array_equal(change_speech(window, random, 0), window)
    changed = [change_speech(window, random, 1.0) for _ in range(20)]
    assert all(one.min() >= -4 and one.max() <= 4 for one in changed)
    assert len({round(float(one.mean()), 3) for one in changed}) > 10


def test_clips_are_held_out_by_name_or_by_list(tmp_path: Path) -> None:
    names = [next(n for n in range(100) if is_held_out(f"clip-{n}") == held) for held in (True, False)]
    for identity in names:
        head_clip(tmp_path, identity, 0.4)
    train, held = split(tmp_path)
    assert [c.name for c in (*held, *train)] == [f"clip-{n}" for n in names]
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text(f"heads/clip-{names[0]} 12\n\n")
    (lists / "val.txt").write_text("")
    train, held = split(tmp_path, lists)
    assert [c.name for c in train] == [f"clip-{names[0]}"]
    assert held == []
    (lists / "train.txt").write_text("")
    with pytest.raises(UsageError, match="nothing to train on"):
        split(tmp_path, lists)
    with pytest.raises(UsageError, match="cannot be read"):
        split(tmp_path, tmp_path)


def test_a_box_is_not_moved_beyond_the_picture() -> None:
    picture = np.zeros((200, 160, 3), np.uint8)
    picture[-4:] = 255
    whole, random = np.array([0.0, 0, 160, 200]), np.random.default_rng(0)
    for _ in range(50):
        face = View.draw(random, 0.0).crop(picture, whole, np.zeros(4))
        assert (face[:, 48, 0] > 127).sum() <= 3
