"""A word for the person who waits: is the training stuck, and what is worth trying?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from wav2lip.training.log import EVALUATION, Row

CHANCE = math.log(2)          # 0.693: the loss of an expert that says 0.5 to everything
CHANCE_WITHIN = 0.01
STUCK_STEPS = 2000            # steps at chance before it is worth a word
EARLY_STEPS = 3000            # steps before which a generator need not heed the speech yet
DEAF = 1.03                   # error with wrong speech over that with the right one: below, the speech is ignored
RISEN = 1.5                   # training loss over its lowest; growing augmentation alone makes 1.4
RISE_STEPS = 500              # steps that each mean of the training loss covers
OVERFITTED = 1.1              # error on held-out clips over its lowest
OVERFITTED_FOR = 3            # evaluations in a row
EXPERT_TRUSTED_BELOW = 0.75   # sync loss at which the original begins to train with its expert
NO_SYNC_STEPS = 50_000        # steps with a sync loss above that before it is worth a word
CERTAIN = 0.01                # both losses of a discriminator that is never wrong

_TRAINING = {"syncnet": "loss", "generator": "l1", "gan": "l1", "enhancer": "l1"}
_HELD_OUT = {"syncnet": "loss", "generator": "right", "gan": "right", "enhancer": "loss"}

NOT_A_NUMBER = (
    "A loss is not a number any more (NaN or infinite): the weights are spoilt from here on. Go on from an earlier "
    "checkpoint with a smaller learning rate or in fp32."
)
AT_CHANCE = (
    "The expert still guesses: its loss has stayed at 0.69, the logarithm of 2. The original stays there for "
    "150,000 steps and more on tens of hours of video, so it may only need time. If it stays: check that sound and "
    "picture of the recordings are in sync (a shift of one frame is enough to stall it) and that the faces are those "
    "of the speakers; give it more data; take mismatched windows from further apart; try a learning rate nearer to "
    "1e-4."
)
DEAF_GENERATOR = (
    "The generator ignores the speech: its mouths are as wrong with the right speech as with another one's. Let it "
    "train without augmentation first, keep reference frames away from the target, check that the recordings are "
    "in sync, or go on with a narrower network or more data."
)
WORSE_THAN_COPYING = (
    "The generator is worse than copying the reference frame: its mouths are further from the truth than those of "
    "another moment. Train longer, give it more data, or try another learning rate."
)
RISING = (
    "The training loss is rising: it is well above what it was. Go on from an earlier checkpoint with a smaller "
    "learning rate, or let the augmentation grow more slowly."
)
OVERFITTING = (
    "The network learns its clips by heart: on held-out clips it gets worse from evaluation to evaluation. An earlier "
    "checkpoint is better; more data, more augmentation or a narrower network help."
)
NO_SYNC = (
    "The sync loss does not come below 0.75, where the expert begins to be listened to. The original takes 700,000 "
    "steps and more to get there. Check the expert's accuracy on held-out clips of the same data; an expert trained "
    "on them, or a sync weight from the first step, helps."
)
CERTAIN_DISCRIMINATOR = (
    "The discriminator is never wrong, so the generator learns nothing from it. Give the discriminator a smaller "
    "learning rate, or train the generator further without it first."
)


def advice(kind: str, rows: Sequence[Row]) -> list[str]:
    """Return what there is to say about a training, one sentence or a few for each thing; usually nothing.

    The words for a thing are always the same, so that a caller can remember what was said.

    Args:
        kind: what is trained: "syncnet", "generator", "gan" or "enhancer".
        rows: the log so far. Looked at are the losses `loss` (expert), `l1`, `disc_real` and `disc_fake`, and of
            held-out clips `eval_loss` (expert), `eval_right`, `eval_wrong` and `eval_copy` (errors with the right and
            wrong speech and of the reference) and `eval_sync`.
    """
    found = [
        (NOT_A_NUMBER, _is_not_a_number(rows)),
        (AT_CHANCE, kind == "syncnet" and _is_at_chance(rows)),
        (DEAF_GENERATOR, _loses(rows, "wrong", "right", DEAF)),
        (WORSE_THAN_COPYING, _loses(rows, "copy", "right", 1.0)),
        (RISING, _is_rising(rows, _TRAINING[kind])),
        (OVERFITTING, _overfits(_curve(rows, EVALUATION + _HELD_OUT[kind])[1])),
        (NO_SYNC, kind in ("generator", "gan") and _never_syncs(rows)),
        (CERTAIN_DISCRIMINATOR, kind == "gan" and _is_certain(rows)),
    ]
    return [sentence for sentence, holds in found if holds]


def _is_not_a_number(rows: Sequence[Row]) -> bool:
    """Return whether a training loss of the last step logged is not finite; a held-out figure may have no value."""
    latest = [row for row in rows[-2:] if row["step"] == rows[-1]["step"]]
    return any(not math.isfinite(row[name]) for row in latest for name in row if not name.startswith(EVALUATION))


def _is_at_chance(rows: Sequence[Row]) -> bool:
    means = _quarters(rows, "loss", STUCK_STEPS)
    return bool(means) and all(abs(mean - CHANCE) < CHANCE_WITHIN for mean in means)


def _loses(rows: Sequence[Row], other: str, own: str, factor: float) -> bool:
    """Return whether two evaluations in a row, and late enough, found `other` less than `factor` times `own`."""
    steps, others = _curve(rows, EVALUATION + other)
    owns = _curve(rows, EVALUATION + own)[1]
    if len(owns) != len(others) or len(owns) < 2 or steps[-2] < EARLY_STEPS:
        return False
    return bool((others[-2:] < factor * owns[-2:]).all())


def _is_rising(rows: Sequence[Row], name: str) -> bool:
    steps, values = _curve(rows, name)
    if not len(steps):
        return False
    blocks = ((steps[-1] - steps) // RISE_STEPS).astype(int)    # 0 is the latest
    means = [float(values[blocks == block].mean()) for block in np.unique(blocks)]
    # Both of the last two: a single hard stretch of data is no trend.
    return len(means) > 2 and min(means[:2]) > RISEN * min(means[2:])


def _overfits(values: np.ndarray) -> bool:
    late, before = values[-OVERFITTED_FOR:], values[:-OVERFITTED_FOR]
    return bool(len(before)) and bool((late > OVERFITTED * before.min()).all())


def _never_syncs(rows: Sequence[Row]) -> bool:
    steps, values = _curve(rows, f"{EVALUATION}sync")
    return bool(len(steps)) and steps[-1] >= NO_SYNC_STEPS and values.min() >= EXPERT_TRUSTED_BELOW


def _is_certain(rows: Sequence[Row]) -> bool:
    losses = _quarters(rows, "disc_real", RISE_STEPS) + _quarters(rows, "disc_fake", RISE_STEPS)
    return bool(losses) and max(losses) < CERTAIN


def _curve(rows: Sequence[Row], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps and finite values of a figure, each (points,)."""
    points = [(row["step"], row[name]) for row in rows if math.isfinite(row.get(name, math.nan))]
    steps, values = np.array(points, dtype=float).reshape(-1, 2).T
    return steps, values


def _quarters(rows: Sequence[Row], name: str, steps: int) -> list[float]:
    """Return the means of a figure in the quarters of the last `steps` steps, nothing before there are so many."""
    at, values = _curve(rows, name)
    if not len(at) or at[-1] < steps:
        return []
    quarters = np.clip((4 * (at[-1] - at)) // steps, 0, 4).astype(int)    # 4 is before
    return [float(values[quarters == quarter].mean()) for quarter in range(4) if (quarters == quarter).any()]
