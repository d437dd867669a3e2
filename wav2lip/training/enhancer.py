"""Training an enhancer: a super-resolution network that makes one person's generated faces as sharp as the video is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from wav2lip.models.generator import FACE_SIZE, MOUTH
from wav2lip.models.load import save_network
from wav2lip.models.rrdbnet import SCALE, RRDBNet
from wav2lip.training.engine import Evaluation, Figures, Part, Trainee
from wav2lip.training.log import EVALUATION
from wav2lip.training.losses import mouth_weights
from wav2lip.training.pairs import Pairs
from wav2lip.training.rates import rate_at, set_rate

SMALL = (24, 3, 12)        # features, blocks, growth of a network from nothing: 3 % of the published one's arithmetic
RATE, RATE_FROM_NOTHING = 1e-4, 2e-3    # Adam's by default: for a trained network, and for a new and small one
WEIGHTS, LAST_WEIGHTS = "enhancer.safetensors", "enhancer_last.safetensors"
SHEET_ROWS = 4

_KNEE = 1e-3               # of 1: below this an error counts by its square, so that the last steps come to rest
_BANDS = 3                 # details of 2, 4 and 8 pixels
_PATCH = 8                 # pixels of a band over which its strength is compared
_EVALUATED = 8             # faces at a time
_QUIET = 0.1               # of PyTorch's random weights: what is added to the picture begins small
_EDGE = 8                  # pixels along the edges of a piece that do not count: what is beyond them is not seen
_WARM = 50                 # steps in which the rate rises: Adam's first steps are as long as the rate allows
_MEAN = 0.99               # of the mean of the weights stays at each step; single steps tint by several levels of 255
_PATIENCE = 2000           # steps before which a network need not be better than plain enlargement

NO_BETTER = (
    "The enhancer is no better than plain cubic enlargement on the held-out seconds. Train longer; give it more or "
    "sharper video of the same person, or begin with a trained network by --from."
)


@dataclass(frozen=True)
class EnhancerOptions:
    """How to train an enhancer.

    Attributes:
        steps: of the schedule: number of the last step.
        batch_size: pieces of faces in a batch of each process.
        crop: width and height of a piece, in pixels of the generated face; 96 is all of it.
        rate: Adam's learning rate; it falls to 0 along half a cosine.
        betas: Adam's.
        mouth: what an error in the mouth region counts against one elsewhere.
        detail: what errors in the bands of a Laplacian pyramid count.
        texture: what errors in the strength of these bands count: details that cannot be foreseen shall at least be
            there.
        seed: of all samples.
        evaluation_faces: held-out faces that an evaluation looks at.
    """

    steps: int
    batch_size: int = 8
    crop: int = 32
    rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    mouth: float = 2.0
    detail: float = 1.0
    texture: float = 0.5
    seed: int = 0
    evaluation_faces: int = 16

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        return min(1.0, (step + 1) / _WARM) * rate_at(self.rate, step, self.steps, cosine=True)


@dataclass(frozen=True)
class EnhancerBatch:
    """Pieces of faces: `small` (B, 3, h, w) and `large` (B, 3, 4 h, 4 w) in [0, 1], RGB; `weights` (B, 1, 4 h, 4 w)."""

    small: Tensor
    large: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Quality:
    """How near enlarged faces are to the true ones, without their outermost pixels, which are never pasted.

    Attributes:
        loss: what training minimises.
        l1: mean absolute error, of 255.
        mouth: the same in the mouth region.
        tint: mean absolute error of a face's mean colour, of 255.
        sharpness: mean gradient over that of the true faces; 1 is as sharp.
    """

    loss: float
    l1: float
    mouth: float
    tint: float
    sharpness: float


class Pieces:
    """Draws pieces of the faces of pairs. The batch of a step and rank is always the same one."""

    def __init__(self, pairs: Pairs, options: EnhancerOptions):
        self._pairs = pairs
        self._options = options
        self._weights = large_weights(options.mouth)

    def batch(self, step: int, rank: int = 0) -> EnhancerBatch:
        """Return the pieces of a training step, half of them mirrored."""
        random = np.random.default_rng([self._options.seed, rank, step])
        pieces = [self._piece(random) for _ in range(self._options.batch_size)]
        return EnhancerBatch(*(torch.stack(parts) for parts in zip(*pieces, strict=True)))

    def _piece(self, random: np.random.Generator) -> tuple[Tensor, ...]:
        number = int(random.choice(self._pairs.train))
        crop = self._options.crop
        top, left = (int(corner) for corner in random.integers(FACE_SIZE - crop + 1, size=2))
        rows, columns = (slice(SCALE * at, SCALE * (at + crop)) for at in (top, left))
        parts = (
            picture(self._pairs.small(number)[top : top + crop, left : left + crop]),
            picture(self._pairs.large(number)[rows, columns]),
            self._weights[0, :, rows, columns] * _inner(top, crop)[:, None] * _inner(left, crop),
        )
        return tuple(part.flip(-1) for part in parts) if random.uniform() < 0.5 else parts


class EnhancerTrainee(Trainee):
    """An enhancer, as the engine trains it.

    Args:
        network: is trained in place.
        pairs: what to learn from, and to judge by.
        options: how.
        metadata: texts for the files that `export` writes.
        say: is told once if the network is no better than plain enlargement.
    """

    kind = "enhancer"

    def __init__(
        self,
        network: RRDBNet,
        pairs: Pairs,
        options: EnhancerOptions,
        metadata: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda text: None,
    ):
        self.options = options
        self.parts = [Part("", "rrdbnet", network, torch.optim.Adam(network.parameters(), options.rate, options.betas))]
        self.batches = Pieces(pairs, options).batch
        self._pairs = pairs
        self._metadata = metadata or {}
        self._say = say
        self._step = 0
        self._best = math.inf
        self._best_step = 0
        self._best_weights: dict[str, Tensor] = {}
        self._mean_weights: dict[str, Tensor] = {}
        self._plain: Quality | None = None

    def start(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self._weights = large_weights(self.options.mouth).to(accelerator.device)
        network = accelerator.unwrap_model(self.parts[0].network)
        self._mean = RRDBNet(*network.sizes).to(accelerator.device).requires_grad_(False).eval()
        self._mean.load_state_dict(self._mean_weights or network.state_dict())

    def learn(self, batch: EnhancerBatch, step: int) -> dict[str, Tensor]:
        self._step = step + 1
        part = self.parts[0]
        set_rate(part.optimizer, self.options.rate_at(step))
        total, found = enhancement(part.network(batch.small), batch.large, batch.weights, self.options)
        part.optimizer.zero_grad()
        self.accelerator.backward(total)
        part.optimizer.step()
        self._follow(self.accelerator.unwrap_model(part.network), step)
        return {name: loss.detach() for name, loss in found.items()}

    def evaluate(self) -> Evaluation:
        """Judge the mean of the last steps' networks by held-out seconds, and cubic enlargement beside it."""
        self._plain = self._plain or judge(cubic, self._pairs, self.options, self._weights)
        ours = judge(self._mean, self._pairs, self.options, self._weights)
        figures: Figures = {}
        for prefix, quality in (("", ours), ("cubic_", self._plain)):
            figures |= {f"{EVALUATION}{prefix}{name}": value for name, value in asdict(quality).items()}
        return Evaluation(figures, sheet(self._mean, self._pairs, SHEET_ROWS, self._weights.device))

    def heed(self, evaluation: Figures) -> None:
        """Keep the weights that are best on held-out seconds, and tell where even these are of no use."""
        loss = evaluation[f"{EVALUATION}loss"]
        if loss < self._best:
            self._best, self._best_step = loss, self._step
            self._best_weights = self._current()
        late = self._step >= min(_PATIENCE, self.options.steps)
        if late and self._best >= evaluation[f"{EVALUATION}cubic_loss"] and self.accelerator.is_main_process:
            self._say(NO_BETTER)
            self._say = lambda text: None

    def state(self) -> dict[str, Any]:
        best = {"best": self._best, "best_step": self._best_step, "weights": self._best_weights}
        return {"pairs": self._pairs.name, "mean": self._current(), **best}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state.get("pairs") != self._pairs.name:    # begun with a checkpoint of other pairs: its best is not ours
            return
        self._best, self._best_step = float(state["best"]), int(state["best_step"])
        self._best_weights, self._mean_weights = dict(state["weights"]), dict(state["mean"])

    def export(self, folder: Path, step: int) -> list[Path]:
        """Write the best weights, then the last ones."""
        last = self._current()
        network = RRDBNet(*self._mean.sizes)
        written = []
        for name, weights, steps in ((WEIGHTS, self._best_weights, self._best_step), (LAST_WEIGHTS, last, step)):
            network.load_state_dict(weights or last)
            save_network(network, folder / name, {"steps": str(steps), **self._metadata})
            written.append(folder / name)
        return written

    @torch.no_grad()
    def _follow(self, network: nn.Module, step: int) -> None:
        """Let the mean come a little nearer to the network; quickly at first."""
        share = 1 - min(_MEAN, (step + 1) / (step + 10))
        for mean, weight in zip(self._mean.parameters(), network.parameters(), strict=True):
            mean.lerp_(weight, share)

    def _current(self) -> dict[str, Tensor]:
        return {name: tensor.detach().cpu().clone() for name, tensor in self._mean.state_dict().items()}


def new_enhancer(features: int, blocks: int, growth: int) -> RRDBNet:
    """Return a network that begins as plain enlargement, nearly bilinear, and only has to learn what that lacks.

    Three of its channels carry the picture from end to end. A network of random weights spends its first thousands of
    steps on finding out that much.

    Args:
        features, blocks, growth: as for `RRDBNet`; at least 4 features.
    """
    network = RRDBNet(features, blocks, growth)
    soft = torch.tensor([1.0, 2.0, 1.0])
    smooth = torch.outer(soft, soft) / 16          # after nearest doubling this is bilinear doubling
    exact = torch.zeros(3, 3)
    exact[1, 1] = 1
    kernels = {"conv_first": exact, "conv_up1": smooth, "conv_up2": smooth, "conv_hr": exact, "conv_last": exact}
    weights = network.state_dict()                 # shares its memory with the network
    for name, weight in weights.items():
        if name.endswith("conv5.weight"):
            weight *= _QUIET
    weights["conv_body.weight"] *= _QUIET
    weights["conv_last.weight"] *= _QUIET**2
    for name in (*kernels, "conv_body"):
        weights[f"{name}.weight"][:3, :3 if name == "conv_last" else None] = 0
        weights[f"{name}.bias"][:3] = 0
    for name, kernel in kernels.items():
        for channel in range(3):
            weights[f"{name}.weight"][channel, channel] = kernel
    return network


def enhancement(
    made: Tensor, large: Tensor, weights: Tensor, options: EnhancerOptions
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what an enhancer minimises, and its parts.

    The plain error has its full weight, so that no tint can arise; wav2lip-hq gives it a hundredth of that of a
    perceptual loss, and its faces are patched with colour. Details are asked for by the bands of a Laplacian pyramid.

    Args:
        made, large: (B, 3, H, W), RGB, in [0, 1].
        weights: what an error counts at each pixel, (B or 1, 1, H, W).
        options: `detail` and `texture`.

    Source: Charbonnier et al. 1994, for the error; Bojanowski et al. 2018 (arXiv 1707.05776), for the bands, all of one
    weight here.
    """
    made, large = made.float(), large.float()
    found = {"l1": (((made - large).square() + _KNEE**2).sqrt() * weights).mean()}
    details, textures = [], []
    for ours, theirs, counted in zip(bands(made), bands(large), _shrunk(weights), strict=True):
        details.append(((ours - theirs).abs() * counted).mean())
        strengths = [F.avg_pool2d(band.abs() * counted, _PATCH) for band in (ours, theirs)]
        textures.append((strengths[0] - strengths[1]).abs().mean())
    found["detail"], found["texture"] = torch.stack(details).sum(), torch.stack(textures).sum()
    return found["l1"] + options.detail * found["detail"] + options.texture * found["texture"], found


def bands(pictures: Tensor) -> Iterator[Tensor]:
    """Yield what pictures (B, C, H, W) hold of details, finest first: each band has half the size of the one before."""
    for _ in range(_BANDS):
        coarse = F.avg_pool2d(pictures, 2)
        yield pictures - F.interpolate(coarse, size=pictures.shape[-2:], mode="bilinear")
        pictures = coarse


def _shrunk(weights: Tensor) -> Iterator[Tensor]:
    for _ in range(_BANDS):
        yield weights
        weights = F.avg_pool2d(weights, 2)


def large_weights(mouth: float) -> Tensor:
    """Return what an error counts at each pixel of a large face, (1, 1, 384, 384), 1 on average."""
    return mouth_weights(mouth).repeat_interleave(SCALE, 2).repeat_interleave(SCALE, 3)


def _inner(start: int, crop: int) -> Tensor:
    """Return 1 for each row or column of a large piece that counts, 0 along edges that are not those of the face."""
    counted = torch.ones(SCALE * crop)
    if start > 0:
        counted[:_EDGE] = 0
    if start + crop < FACE_SIZE:
        counted[-_EDGE:] = 0
    return counted


def picture(pixels: np.ndarray) -> Tensor:
    """Return uint8 (h, w, 3), BGR, as a network sees it: (3, h, w) in [0, 1], RGB."""
    return torch.from_numpy(np.ascontiguousarray(pixels[..., ::-1].transpose(2, 0, 1))).float() / 255


def cubic(pictures: Tensor) -> Tensor:
    """Enlarge pictures (B, 3, H, W) four times without a network."""
    return F.interpolate(pictures, scale_factor=SCALE, mode="bicubic").clamp(0, 1)


@torch.inference_mode()
def judge(enlarge: Callable[[Tensor], Tensor], pairs: Pairs, options: EnhancerOptions, weights: Tensor) -> Quality:
    """Judge an enlargement by held-out faces, the same ones every time; all is computed where `weights` are."""
    inner = slice(_EDGE, SCALE * FACE_SIZE - _EDGE)
    rows, columns = (slice(SCALE * part.start - _EDGE, SCALE * part.stop - _EDGE) for part in MOUTH)
    found: list[tuple[float, ...]] = []
    for small, large in _held(pairs, options.evaluation_faces, weights.device):
        made, large = (faces[..., inner, inner] for faces in (enlarge(small).float(), large))
        loss = enhancement(made, large, weights[..., inner, inner], options)[0]
        error = made.clamp(0, 1) - large
        mouth = error[..., rows, columns]
        found += [(
            float(loss), 255 * float(error.abs().mean()), 255 * float(mouth.abs().mean()),
            255 * float(error.mean((2, 3)).abs().mean()), _gradient(made.clamp(0, 1)) / _gradient(large),
        )] * len(small)
    return Quality(*(float(value) for value in np.mean(found, axis=0)))


@torch.inference_mode()
def sheet(network: nn.Module, pairs: Pairs, rows: int, device: torch.device) -> np.ndarray:
    """Return a picture of held-out faces: cubic enlargement, enhanced and truth side by side, one row each.

    Returns:
        uint8 (384 rows, 1152, 3), BGR.
    """
    strips = [
        torch.cat([cubic(small), network(small).float().clamp(0, 1), large], dim=3)
        for small, large in _held(pairs, rows, device)
    ]
    picture = torch.cat(strips).flip(1).permute(0, 2, 3, 1).flatten(0, 1)
    return (255 * picture + 0.5).byte().cpu().numpy()


def _held(pairs: Pairs, most: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield held-out faces, evenly spread: small (B, 3, 96, 96) and large (B, 3, 384, 384)."""
    count = min(most, len(pairs.held))
    numbers = pairs.held[np.linspace(0, len(pairs.held) - 1, count).round().astype(int)]
    for some in np.array_split(numbers, -(-count // _EVALUATED)):
        small, large = (torch.stack([picture(one(int(n))) for n in some]) for one in (pairs.small, pairs.large))
        yield small.to(device), large.to(device)


def _gradient(pictures: Tensor) -> float:
    return float(pictures.diff(dim=-1).abs().mean() + pictures.diff(dim=-2).abs().mean())
