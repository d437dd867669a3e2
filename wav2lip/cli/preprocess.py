"""`wav2lip preprocess`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.parameters import DETECTOR, LIMIT, Number, OriginalSpellings
from wav2lip.cli.run import reported
from wav2lip.errors import UsageError

if TYPE_CHECKING:
    from wav2lip.training.preprocess import ClipReport

FOLDER = click.Path(path_type=Path)
MOST_CUDA_WORKERS = 4                    # by default: each has its own detector in the GPU's memory


@click.command(cls=OriginalSpellings, context_settings={"max_content_width": 110})
@click.argument("videos", type=FOLDER, required=False)
@click.argument("out", type=FOLDER, required=False)
@click.option("--data-root", type=FOLDER, hidden=True)
@click.option("--preprocessed-root", type=FOLDER, hidden=True)
@LIMIT
@DETECTOR
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]|mps", help="Where it runs.")
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one a core; at most 4 with CUDA]")
@click.option(
    "--detect-every", type=Number(0, 0.4), default=0.4, show_default=True, metavar="SECONDS",
    help="Time between the frames that are looked at; 0 looks at all.",
)
@click.option("--offline", is_flag=True, envvar="WAV2LIP_OFFLINE", help="Never reach for the network.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors, and the summary.")
@reported
def preprocess(
    videos: Path | None, out: Path | None, data_root: Path | None, preprocessed_root: Path | None, detector: str,
    detector_weights: Path | None, device: str, workers: int | None, detect_every: float, offline: bool,
    as_json: bool, quiet: bool,
) -> None:
    """Turn a folder of VIDEOS into training clips in OUT.

    VIDEOS holds videos, or folders with videos. Each becomes OUT/<folder>/<name>: the face of every frame at 25 a
    second, and the sound at 16 kHz, as the original program's trainer takes them, with more beside them for ours.
    OUT/report.jsonl tells what became of each. Clips that are there already are kept, so that the same command goes
    on after an interruption.

    The original's --data_root and --preprocessed_root may stand for VIDEOS and OUT.
    """
    videos, out = videos or data_root, out or preprocessed_root
    if videos is None or out is None:
        raise UsageError("Name the folder with the videos and that of the clips: wav2lip preprocess VIDEOS OUT.")

    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.models.device import choose_device, cores
    from wav2lip.training.preprocess import REPORT, Preprocessing, check_usable, find_videos, preprocess_all

    jobs = find_videos(videos, out)
    device = choose_device(device)
    workers = workers or (min(cores(), MOST_CUDA_WORKERS) if device.startswith("cuda") else cores())
    how = Preprocessing(detector, detector_weights, device, offline or None, detect_every, workers)
    progress = TerminalProgress(-1 if quiet else 0)
    with progress.stage("Preprocessing", len(jobs), "clip") as advance:
        reports = preprocess_all(jobs, out, how, progress.say, lambda report: advance(1))
    numbers = _numbers(reports, out / REPORT)
    click.echo(json.dumps(numbers, indent=2, ensure_ascii=False) if as_json else _sentences(numbers))
    check_usable(reports)


def _numbers(reports: Sequence[ClipReport], path: Path) -> dict[str, Any]:
    usable = [report.to_dict() for report in reports if not report.dropped]
    return {
        "clips": len(reports),
        "usable": len(usable),
        "already": sum(report.already for report in reports),
        "seconds": round(sum(line["seconds"] for line in usable), 2),
        "frames": sum(line["frames"] for line in usable),
        "frames_without_face": sum(line["frames_without_face"] for line in usable),
        "dropped": dict(Counter(report.dropped for report in reports if report.dropped).most_common()),
        "report": str(path),
    }


def _sentences(numbers: dict[str, Any]) -> str:
    text = (
        f"{numbers['usable']} of {numbers['clips']} clips are usable ({numbers['already']} were there already): "
        f"{numbers['seconds'] / 60:.1f} minutes, {numbers['frames_without_face']} of {numbers['frames']} frames "
        "without a face."
    )
    if numbers["dropped"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in numbers["dropped"].items())
        text += f"\nLeft out: {reasons}. {numbers['report']} tells which."
    return text
