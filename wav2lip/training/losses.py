"""What the three trainers minimise. Every loss is computed in float32, on any device and under any autocast."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wav2lip.models.generator import FACE_SIZE, MOUTH
from wav2lip.models.syncnet import lower_window

TEMPERATURE = 0.05    # of cosines: how much better one has to be than another to be sure, where timing is learned

# A probability of exactly 0 or 1 would cost 100 and have a gradient of 1e12, which one Adam step never forgets.
_SURE = 1e-6


def reconstruction(made: Tensor, target: Tensor, weights: Tensor | None = None, edges: float = 0.0) -> Tensor:
    """Return the mean absolute error of generated faces.

    Args:
        made, target: (..., 96, 96) in [0, 1].
        weights: what an error counts at each pixel, (1, 1, 96, 96), 1 on average; None for the same everywhere.
        edges: what the error in the differences of neighbouring pixels counts: it keeps lips and teeth sharp.

    Source: the plain mean over all pixels is Prajwal et al. 2020 (arXiv 2008.10010), section 3.3.
    """
    error = made.float() - target.float()
    if weights is None:
        weights = error.new_ones(1, 1, FACE_SIZE, FACE_SIZE)
    loss = (error.abs() * weights).mean()
    if edges:
        across = error.diff(dim=-1).abs() * weights[..., 1:]
        down = error.diff(dim=-2).abs() * weights[..., 1:, :]
        loss = loss + edges * (across.mean() + down.mean())
    return loss


def mouth_weights(mouth: float) -> Tensor:
    """Return what an error counts at each pixel: `mouth` in the mouth for 1 elsewhere, (1, 1, 96, 96), 1 on average."""
    weights = torch.ones(1, 1, FACE_SIZE, FACE_SIZE)
    weights[..., MOUTH[0], MOUTH[1]] = mouth
    return weights / weights.mean()


def matching(a: Tensor, v: Tensor, y: Tensor) -> Tensor:
    """Return the expert's loss: the binary cross entropy of the cosine of speech and lips.

    Args:
        a, v: embeddings of speech and of lips, (B, D).
        y: 1 where they belong together and 0 where not, (B,).

    Source: Prajwal et al. 2020 (arXiv 2008.10010), section 3.2.
    """
    return _cross_entropy(F.cosine_similarity(a.float(), v.float()), y).mean()


def all_pairs(a: Tensor, v: Tensor, same: Tensor, ignore: Tensor) -> Tensor:
    """Return the expert's loss over all pairs of speech and lips of a batch; matches and mismatches count half each.

    Args:
        a, v: embeddings of speech and of lips, (B, D).
        same: which pairs (speech i, lips j) belong together, bool (B, B): at least the diagonal.
        ignore: which of the others are not counted as mismatches either, bool (B, B): those too near in time to tell.
    """
    with torch.autocast(a.device.type, enabled=False):    # bfloat16 rounds a cosine near 1 to steps of 0.4 %
        cosines = F.normalize(a.float()) @ F.normalize(v.float()).T
    costs = _cross_entropy(cosines, same.float())
    other = ~(same | ignore)
    return (_mean(costs, same) + _mean(costs, other)) / 2


def timing(a: Tensor, v: Tensor, clip: Tensor) -> Tensor:
    """Return how badly each window finds its own partner among all windows of its clip, the neighbours too.

    The cross entropy of the expert's cosines, sharpened, from speech to lips and from lips to speech.

    Args:
        a, v: embeddings of speech and of lips, (B, D); row i of one belongs to row i of the other.
        clip: the clip of each, (B,).

    Source: Chung, Chung, Kang 2019, "Perfect match" (arXiv 1809.08001), in both directions.
    """
    with torch.autocast(a.device.type, enabled=False):
        cosines = F.normalize(a.float()) @ F.normalize(v.float()).T
    odds = (cosines / TEMPERATURE).masked_fill(clip[:, None] != clip, -torch.inf)
    own = torch.arange(len(odds), device=odds.device)
    return (F.cross_entropy(odds, own) + F.cross_entropy(odds.T, own)) / 2


def sync(expert: nn.Module, mel: Tensor, made: Tensor) -> Tensor:
    """Return how badly the lips of generated faces match the speech, in the expert's eyes.

    Args:
        expert: SyncNet, frozen.
        mel: (B, 1, 80, 16) from the first frame on.
        made: (B, 3, 5, 96, 96) in [0, 1], BGR.

    Source: Prajwal et al. 2020 (arXiv 2008.10010), section 3.3.
    """
    speech, lips = expert(mel, lower_window(made))
    return matching(speech, lips, speech.new_ones(len(speech)))


def fool(discriminator: nn.Module, made: Tensor) -> Tensor:
    """Return how sure the discriminator is that generated faces are not real: −log D(made), on average.

    Args:
        discriminator: gives log odds (N, 1). It gathers gradients too: freeze it, or clear them before its own step.
        made: (B, 3, T, 96, 96) in [0, 1], BGR.
    """
    return _verdict(discriminator(made, logits=True), real=True)


def discriminate(discriminator: nn.Module, real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """Return the discriminator's two losses: for real faces taken as made ones, and made ones taken as real.

    Args:
        discriminator: gives log odds (N, 1).
        real, made: (B, 3, T, 96, 96) in [0, 1], BGR; the generator gets no gradient.
    """
    # In one pass, as a run of several processes needs it; without batch norm the faces do not see each other.
    odds = discriminator(torch.cat([real, made.detach()]), logits=True).unflatten(0, (-1, len(real) + len(made)))
    return _verdict(odds[:, : len(real)], real=True), _verdict(odds[:, len(real) :], real=False)


def _verdict(odds: Tensor, *, real: bool) -> Tensor:
    """Return the mean cross entropy of what the discriminator thinks of faces that are all real, or all not."""
    return F.softplus(-odds.float() if real else odds.float()).mean()


def _cross_entropy(probability: Tensor, y: Tensor) -> Tensor:
    """Return the binary cross entropy of each float32 probability, which rounding may have put outside [0, 1]."""
    p = probability.clamp(_SURE, 1 - _SURE)
    return -(y * p.log() + (1 - y) * (1 - p).log())


def _mean(costs: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean of the chosen costs, 0 if there are none."""
    return (costs * chosen).sum() / chosen.sum().clamp(min=1)
