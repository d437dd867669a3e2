"""The losses are those of the original program, and stay numbers in every precision."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from seeded import seeded
from torch import Tensor, nn

from wav2lip.models.discriminator import Discriminator
from wav2lip.models.generator import Generator
from wav2lip.models.syncnet import SyncNet, lower_window
from wav2lip.training import losses

CLOSE = 1e-4                             # of losses
SYNC_WEIGHT, QUALITY_WEIGHT = 0.03, 0.07

pytestmark = pytest.mark.usefixtures("one_thread")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(size=shape).astype(np.float32))


@dataclass
class Golden:
    """The reference batch, and what the original's losses make of it."""

    batch: dict[str, Tensor]
    step: dict[str, Any]


@dataclass
class Step:
    """One step of our generator on that batch, in the GAN trainer's recipe."""

    losses: dict[str, float]
    gradients: dict[str, float]
    made: Tensor
    bias: list[float]


@pytest.fixture(scope="module")
def golden(shared: Path) -> Golden:
    folder = shared / "reference" / "golden"
    with np.load(folder / "training_batch.npz") as arrays:
        batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return Golden(batch, json.loads((folder / "training_step.json").read_text()))


@pytest.fixture(scope="module")
def discriminator() -> nn.Module:
    return seeded(Discriminator()).train()


@pytest.fixture(scope="module")
def step(golden: Golden, discriminator: nn.Module) -> Step:
    batch = golden.batch
    generator, expert = seeded(Generator()).train(), seeded(SyncNet()).requires_grad_(False)
    optimizer = torch.optim.Adam(generator.parameters(), 1e-4, betas=(0.5, 0.999))
    made = generator(batch["indiv_mels"], batch["x"])
    parts = {
        "sync": losses.sync(expert, batch["mel"], made),
        "perceptual": losses.fool(discriminator, made),
        "l1": losses.reconstruction(made, batch["gt"]),
    }
    parts["total"] = (
        SYNC_WEIGHT * parts["sync"]
        + QUALITY_WEIGHT * parts["perceptual"]
        + (1 - SYNC_WEIGHT - QUALITY_WEIGHT) * parts["l1"]
    )
    parts["total"].backward()
    discriminator.zero_grad()
    gradients = {name: float(parameter.grad.norm()) for name, parameter in generator.named_parameters()}
    optimizer.step()
    bias = generator.get_parameter("output_block.1.bias").tolist()
    return Step({name: loss.item() for name, loss in parts.items()}, gradients, made.detach(), bias)


def test_the_expert_loses_what_the_original_loses(golden: Golden) -> None:
    expert = seeded(SyncNet()).train()
    speech, lips = expert(golden.batch["mel"], golden.batch["expert_window"])
    loss = losses.matching(speech, lips, torch.tensor([1.0, 0.0]))
    loss.backward()
    assert loss.item() == pytest.approx(golden.step["expert_loss"], abs=CLOSE)
    ours = {name: float(expert.get_parameter(name).grad.norm()) for name in golden.step["expert_grad_norms"]}
    assert ours == pytest.approx(golden.step["expert_grad_norms"], rel=0.01)


def test_a_generator_step_is_that_of_the_original_gan_trainer(golden: Golden, step: Step) -> None:
    theirs = golden.step["gan_step_syncnet_eval"]
    assert step.losses == pytest.approx({name: theirs[name] for name in step.losses}, abs=CLOSE)
    assert float(step.made.mean()) == pytest.approx(theirs["output_mean"], abs=CLOSE)
    assert float(step.made.std()) == pytest.approx(theirs["output_std"], abs=CLOSE)
    ours = {name: step.gradients[name] for name in theirs["grad_norms"]}
    assert ours == pytest.approx(theirs["grad_norms"], rel=0.01)
    assert step.bias == pytest.approx(theirs["output_bias_after_step"], abs=1e-6)


def test_a_sync_expert_left_in_training_mode_loses_what_the_original_loses(golden: Golden, step: Step) -> None:
    theirs = golden.step["gan_step_syncnet_train"]
    with torch.no_grad():
        sync = losses.sync(seeded(SyncNet()).train(), golden.batch["mel"], step.made).item()
    assert sync == pytest.approx(theirs["sync"], abs=CLOSE)
    total = step.losses["total"] + SYNC_WEIGHT * (sync - step.losses["sync"])
    assert total == pytest.approx(theirs["total"], abs=CLOSE)


def test_the_discriminator_loses_what_the_original_loses(
    golden: Golden, step: Step, discriminator: nn.Module
) -> None:
    with torch.no_grad():
        real, fake = losses.discriminate(discriminator, golden.batch["gt"], step.made)
    theirs = golden.step["gan_step_syncnet_eval"]
    assert real.item() == pytest.approx(theirs["disc_real"], abs=CLOSE)
    assert fake.item() == pytest.approx(theirs["disc_fake"], abs=CLOSE)


def test_the_expert_sees_lower_halves_frame_by_frame() -> None:
    faces = noise(2, 3, 5, 96, 96)
    window = lower_window(faces)
    assert window.shape == (2, 15, 48, 96)
    for frame in range(5):
        for colour in range(3):
            assert torch.equal(window[1, 3 * frame + colour], faces[1, colour, frame, 48:])


def test_reconstruction_counts_every_pixel_the_same_unless_told_otherwise() -> None:
    made, target = noise(2, 3, 5, 96, 96), noise(2, 3, 5, 96, 96, seed=1)
    assert losses.reconstruction(made, target).item() == pytest.approx((made - target).abs().mean().item())
    weights = losses.mouth_weights(4.0)
    assert weights.mean().item() == pytest.approx(1)
    at_mouth, elsewhere = target.clone(), target.clone()
    at_mouth[..., 91, 75] += 1
    elsewhere[..., 92, 75] += 1
    worse = [losses.reconstruction(changed, target, weights).item() for changed in (at_mouth, elsewhere)]
    assert worse[0] == pytest.approx(4 * worse[1])
    assert losses.mouth_weights(1.0).unique().item() == 1


def test_blurring_costs_more_when_edges_count() -> None:
    target = noise(1, 3, 96, 96).round()
    flat, shifted = torch.full_like(target, 0.5), (target + 0.5) % 1    # both wrong by 0.5 everywhere
    plain = [losses.reconstruction(made, target).item() for made in (flat, shifted)]
    assert plain == pytest.approx([0.5, 0.5])
    # A difference is wrong by 1 wherever neighbours differ, which is at half of the places, in both directions.
    assert losses.reconstruction(flat, target, edges=0.5).item() == pytest.approx(0.5 + 0.5 * (0.5 + 0.5), abs=0.02)
    assert losses.reconstruction(target + 0.5, target, edges=0.5).item() == pytest.approx(0.5)


def test_timing_asks_each_window_for_its_own_partner_among_those_of_its_clip() -> None:
    clip = torch.tensor([0, 0, 0, 1, 1])
    speech, lips = noise(5, 8), noise(5, 8, seed=1)
    cosines = (F.normalize(speech) @ F.normalize(lips).T).double() / losses.TEMPERATURE
    expected = []
    for odds in (cosines, cosines.T):
        for row in range(5):
            others = [column for column in range(5) if clip[column] == clip[row]]
            expected.append(torch.logsumexp(odds[row, others], 0) - odds[row, row])
    assert losses.timing(speech, lips, clip).item() == pytest.approx(float(torch.stack(expected).mean()), rel=1e-5)
    # Whoever is surely right has nothing to learn, whatever the other clip is like.
    sure = torch.eye(5)
    assert losses.timing(sure, sure, clip).item() < 1e-7
    assert losses.timing(sure, sure.roll(1, 0), clip).item() > 1


def test_all_pairs_weigh_matches_and_mismatches_alike_and_leave_out_the_near_ones() -> None:
    speech, lips = F.normalize(noise(4, 8)), F.normalize(noise(4, 8, seed=1))
    same = torch.eye(4, dtype=torch.bool)
    ignore = same.clone()
    ignore[0, 1] = True
    cosines = speech @ lips.T
    matches = [-math.log(cosines[i, i]) for i in range(4)]
    mismatches = [-math.log(1 - cosines[i, j]) for i in range(4) for j in range(4) if i != j and (i, j) != (0, 1)]
    expected = (np.mean(matches) + np.mean(mismatches)) / 2
    assert losses.all_pairs(speech, lips, same, ignore).item() == pytest.approx(expected, rel=1e-5)


def test_a_batch_without_mismatches_still_has_a_loss() -> None:
    one = torch.ones(1, 1, dtype=torch.bool)
    speech = noise(1, 8).requires_grad_()
    loss = losses.all_pairs(speech, noise(1, 8, seed=1), one, ~one)
    loss.backward()
    assert loss.item() == pytest.approx(losses.matching(speech, noise(1, 8, seed=1), torch.ones(1)).item() / 2)
    assert torch.isfinite(speech.grad).all()


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_certainty_on_the_wrong_side_costs_a_number(y: float) -> None:
    vector = F.normalize(noise(3, 512)).requires_grad_()
    other = vector.detach() if y == 0 else torch.zeros(3, 512)     # a cosine of 1, or of 0
    loss = losses.matching(vector, other, torch.full((3,), y))
    loss.backward()
    assert 10 < loss.item() < 20
    assert torch.isfinite(vector.grad).all()


def test_the_generator_is_not_taught_by_the_discriminators_own_losses() -> None:
    made = noise(1, 3, 5, 96, 96).requires_grad_()
    discriminator = seeded(Discriminator(2))
    real, fake = losses.discriminate(discriminator, noise(1, 3, 5, 96, 96, seed=1), made)
    (real + fake).backward()
    assert made.grad is None
    assert all(parameter.grad is not None for parameter in discriminator.parameters())
    losses.fool(discriminator, made).backward()
    assert made.grad is not None
    assert not made.grad[:, :, :, :48].any()
    assert made.grad[:, :, :, 48:].any()


def test_under_bfloat16_the_losses_are_float32_and_nearly_the_same() -> None:
    expert, discriminator = seeded(SyncNet(2)), seeded(Discriminator(2))
    mel, made, real = 8 * noise(4, 1, 80, 16) - 4, noise(4, 3, 5, 96, 96, seed=1), noise(4, 3, 5, 96, 96, seed=2)
    same = torch.eye(4, dtype=torch.bool)

    def everything() -> list[Tensor]:
        speech, lips = expert(mel, lower_window(made))
        return [
            losses.reconstruction(made, real, losses.mouth_weights(4.0), edges=0.5),
            losses.matching(speech, lips, torch.tensor([1.0, 0.0, 1.0, 0.0])),
            losses.all_pairs(speech, lips, same, same),
            losses.sync(expert, mel, made),
            losses.fool(discriminator, made),
            *losses.discriminate(discriminator, real, made),
        ]

    plain = everything()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = everything()
    assert all(loss.dtype == torch.float32 for loss in mixed)
    assert [loss.item() for loss in mixed] == pytest.approx([loss.item() for loss in plain], abs=0.02)
    torch.stack(mixed).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in expert.parameters())


def test_cosines_are_not_rounded_under_bfloat16() -> None:
    speech, lips = F.normalize(noise(4, 512)), F.normalize(noise(4, 512, seed=1))
    same = torch.eye(4, dtype=torch.bool)
    plain = losses.all_pairs(speech, lips, same, same)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(losses.all_pairs(speech, lips, same, same), plain)
        assert torch.isfinite(losses.all_pairs(speech, speech, ~same, same))
