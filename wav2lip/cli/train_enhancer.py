"""`wav2lip train enhancer`: sharp faces of one person, for `wav2lip sync --enhance`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.loop import FILE, FOLDER, RUNNING, SAVING, SEED, TELLING, check_extras, run_trainee
from wav2lip.cli.parameters import DETECTOR, WEIGHTS, FourNumbers, Number, OriginalSpellings, with_options
from wav2lip.cli.run import reported
from wav2lip.errors import UsageError

if TYPE_CHECKING:
    from wav2lip.models.rrdbnet import RRDBNet
    from wav2lip.progress import Progress
    from wav2lip.training.pairs import Making, Pairs

PAIRS = "pairs"              # folder in that of the run

MAKING = with_options(
    click.option("--video", "videos", type=FILE, multiple=True, required=True,
                 help="The person speaking, large and sharp. May be given again."),
    click.option("-o", "--output", type=FOLDER, required=True,
                 help="Folder of the run: pairs, checkpoints, log, curves, pictures; goes on from where it stands."),
    click.option("--checkpoint", type=WEIGHTS,
                 help="Generator whose faces are enhanced.  [default: the one that ships]"),
    click.option("--audio", type=FILE, multiple=True,
                 help="The same speech in a better recording, one for each --video.  [default: the video's own sound]"),
    click.option("--from", "from_file", type=WEIGHTS,
                 help="Checkpoint or weights to begin with, such as RealESRGAN_x4plus.pth; else a small new network."),
    click.option("--pads", type=FourNumbers(), default=(0, 10, 0, 0), show_default="0 10 0 0",
                 help="Pixels added to the detected face, as for `sync`."),
    click.option("--pairs", "most", type=click.IntRange(2), default=1500, show_default=True,
                 help="Faces at most to learn from and to judge by; each takes 0.5 MB."),
)
LEARNING = with_options(
    click.option("--steps", type=click.IntRange(1), default=10_000, show_default=True),
    click.option("--batch", "batch_size", type=click.IntRange(1), default=8, show_default=True,
                 help="Pieces of faces a step."),
    click.option("--crop", type=click.IntRange(16, 96), default=32, show_default=True,
                 help="Width and height of a piece, of the 96 of a face."),
    click.option("--rate", type=Number(0, min_open=True),
                 help="Learning rate; falls to 0 at the last step.  [default: 1e-4 with --from, else 2e-3]"),
    click.option("--features", type=click.IntRange(4), help="Channels between the blocks.  [default: 24, or --from's]"),
    click.option("--blocks", type=click.IntRange(1), help="Residual blocks.  [default: 3, or --from's]"),
    click.option("--growth", type=click.IntRange(1), help="Channels a convolution adds.  [default: 12, or --from's]"),
    click.option("--mouth", type=Number(0, min_open=True), default=2.0, show_default=True,
                 help="What an error in the mouth counts against one elsewhere."),
    click.option("--detail", type=Number(0), default=1.0, show_default=True,
                 help="What errors in details of 2, 4 and 8 pixels count."),
    click.option("--texture", type=Number(0), default=0.5, show_default=True,
                 help="What errors in the strength of these details count: livelier skin and hair."),
    click.option("--seed", type=SEED, default=0, show_default=True),
    click.option("--evaluation-faces", type=click.IntRange(1), default=16, show_default=True,
                 help="Held-out faces that an evaluation looks at."),
)
LOOP = with_options(
    click.option("--evaluate-every", type=click.IntRange(1), help="Steps.  [default: 500]"),
    SAVING,
    click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that cut pieces."),
    RUNNING,
    click.option("--offline", is_flag=True, envvar="WAV2LIP_OFFLINE", help="Never reach for the network."),
    TELLING,
)


@click.command(cls=OriginalSpellings, context_settings={"max_content_width": 110})
@MAKING
@DETECTOR
@LEARNING
@LOOP
@reported
def enhancer(**given: Any) -> None:
    """Train an enhancer: it makes the generated faces of one person as sharp as a video of that person.

    The generator says the video's own speech; what it makes of each face, 96 pixels wide, and the face in the video at
    384 pixels are the pairs to learn from. They are made once and kept in the run's folder. Whole seconds are held out
    to judge by. The weights that were best on these are what `wav2lip sync --enhance` takes.
    """
    check_extras()
    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.faces.boxes import Pads
    from wav2lip.models.device import choose_device
    from wav2lip.training.enhancer import RATE, RATE_FROM_NOTHING, EnhancerOptions, EnhancerTrainee
    from wav2lip.training.pairs import DETAILED, Making

    progress = TerminalProgress(-1 if given["quiet"] else 0)
    network = _network(given)
    making = Making(
        given["videos"], given["audio"], given["checkpoint"], given["detector"], given["detector_weights"],
        given["offline"] or None, Pads(*given["pads"]), given["most"], choose_device(given["device"]),
    )
    pairs = _pairs(given["output"], making, progress)
    if pairs.size < DETAILED:
        progress.say(
            f"The face is only {pairs.size:.0f} pixels wide: there is little detail to learn. From {DETAILED} on it is "
            "worth while, best are 384 and more."
        )
    names = ("steps", "batch_size", "crop", "mouth", "detail", "texture", "seed", "evaluation_faces")
    rate = given["rate"] or (RATE if given["from_file"] else RATE_FROM_NOTHING)
    options = EnhancerOptions(rate=rate, **{name: given[name] for name in names})
    trainee = EnhancerTrainee(network, pairs, options, _metadata(given, len(pairs.train)), progress.say)
    run_trainee(trainee, given, evaluate_every=500)


def _pairs(output: Path, making: Making, progress: Progress) -> Pairs:
    """Return the pairs in the run's folder, made where they are missing, by one process at a time."""
    from wav2lip.training.pairs import find_pairs, make_pairs
    from wav2lip.training.runs import RunFolder

    found = find_pairs(output / PAIRS, making)
    return found or make_pairs(output / PAIRS, making, progress, lambda: RunFolder(output))


def _network(given: dict[str, Any]) -> RRDBNet:
    """Return a network as large as the one to go on from: the folder's newest, else that of --from, else a small one.

    Raises:
        UsageError: other sizes are asked for.
    """
    import torch

    from wav2lip.models.load import load_rrdbnet
    from wav2lip.training.enhancer import SMALL, new_enhancer
    from wav2lip.training.runs import RunFolder

    asked = [given[name] for name in ("features", "blocks", "growth")]
    start = given["from_file"]
    if given["output"].is_dir():
        newest = RunFolder(given["output"], lock=False).latest([""], lambda text: None)
        start = newest[1][""] if newest else start
    wanted = [size or usual for size, usual in zip(asked, SMALL, strict=True)]
    if start is not None:
        wanted = found = list(load_rrdbnet(start).sizes)
        if any(size not in (None, own) for size, own in zip(asked, found, strict=True)):
            raise UsageError(
                f"{start} is a network of {found[0]} features, {found[1]} blocks and growth {found[2]}, and cannot "
                "become one of another size: leave --features, --blocks and --growth out, or begin another run without "
                "it."
            )
    torch.manual_seed(given["seed"])
    return new_enhancer(*wanted)


def _metadata(given: dict[str, Any], faces: int) -> dict[str, str]:
    """Return what the weights' file says of itself."""
    # What the file says is Unicode, names of files need not be.
    names = ", ".join(os.fsencode(path.name).decode(errors="replace") for path in given["videos"])
    base = given["from_file"].name if given["from_file"] else "none, begun from nothing"
    return {
        "description": f"RRDBNet that sharpens the generated faces of one person, learned from {names}",
        "data": f"the user's own video: {names} ({faces} faces)",
        "base weights": base,
        "generator": given["checkpoint"].name if given["checkpoint"] else "the one that ships",
        **dict(given["note"]),
    }
