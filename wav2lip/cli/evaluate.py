"""`wav2lip evaluate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.parameters import WEIGHTS
from wav2lip.cli.run import reporting
from wav2lip.cli.scoring import DETECTION, EXPERT, FILE, SYNCNET, describe, evaluation_options, table
from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.progress import Progress
from wav2lip.protocols.protocol import PROTOCOLS

if TYPE_CHECKING:
    from wav2lip.evaluation.many import Line
    from wav2lip.evaluation.results import VideoScore
    from wav2lip.evaluation.score import Evaluator

# What fits across a terminal, where it is there; the CSV has all.
VIDEOS = "videos"            # folder of a benchmark's videos in that of the results
SHOWN = (
    "expert_offset", "expert_distance", "expert_confidence", "syncnet_offset", "lse_d", "lse_c", "sharpness", "seam",
    "jitter", "psnr", "ssim",
)


@click.command(context_settings={"max_content_width": 110})
@click.argument("inputs", type=FILE, nargs=-1)
@SYNCNET
@EXPERT
@DETECTION
@click.option(
    "--protocol", type=click.Choice(list(PROTOCOLS)), help="Make the videos of a paper's benchmark, and score them."
)
@click.option("--data-root", type=FILE, help="The benchmark's videos, with --protocol.")
@click.option("--filelist", type=FILE, help="The original's list of its pairs, with --protocol.")
@click.option("--checkpoint", type=WEIGHTS, help="Generator weights, with --protocol.  [default: the one that ships]")
@click.option("--reference", type=FILE, help="What it should look like: a video of the same size, or a folder of them.")
@click.option("--no-picture", is_flag=True, help="Score lips and speech only.")
@click.option(
    "--fid", type=WEIGHTS, metavar="INCEPTION", help="FID of the faces and the reference's, by this Inception."
)
@click.option("-o", "--output", type=FILE, help="A folder for scores.json, scores.csv, and the journal to go on by.")
@click.option("--csv", "csv_file", type=FILE, help="Write a table, one row a video.")
@click.option("--plot", type=FILE, help="Draw the score along the clip: a PNG, or for several videos a folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors, and the scores.")
@reporting("with -o the same command goes on from here")
def evaluate(
    inputs: tuple[Path, ...], protocol: str | None, reference: Path | None, fid: Path | None, output: Path | None,
    csv_file: Path | None, plot: Path | None, as_json: bool, quiet: bool, **given: Any,
) -> None:
    """Say how well lips and speech fit together in videos, and what their picture is like.

    INPUTS are videos with sound, folders of them, or lists: text files with a path in every line.

    Offsets are in frames of 25 a second, positive where the sound is ahead of the lips. A lower distance (LSE-D) and
    a higher confidence (LSE-C) are better.

    With --protocol there are no INPUTS: the videos are made of --data-root and --filelist, in the folder of -o.
    """
    if bool(inputs) == bool(protocol):
        raise UsageError("Name a video, a folder of videos, or a list of them; or a --protocol.")
    for name in ("data_root", "filelist", "checkpoint"):
        if given[name] and not protocol:
            raise UsageError(f"--{name.replace('_', '-')} is for --protocol; INPUTS are scored as they are.")
    if fid and not (reference or protocol):
        raise UsageError("--fid compares with another set of faces; name it with --reference.")
    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.evaluation.inputs import find_references, find_videos
    from wav2lip.evaluation.many import JOURNAL
    from wav2lip.evaluation.score import Evaluator

    # What can be wrong is looked for before anything takes long.
    progress = TerminalProgress(-1 if quiet else 0)
    given["cropped"] = given["cropped"] or bool(protocol and PROTOCOLS[protocol].cropped)
    paths = [] if protocol else find_videos(inputs)
    references = find_references(paths, reference)
    evaluator = Evaluator(
        evaluation_options(given, syncnet=given["syncnet"], picture=not given["no_picture"]), progress
    )
    inception = _inception(fid, evaluator)
    given_files = [*inputs, *paths, *filter(None, references)]
    _check_places(output, csv_file, plot, given_files, drawn_once=len(paths) == 1)

    skipped: dict[str, str] = {}
    shown: list[Path | None] = []
    if protocol:
        paths, shown, skipped = _generate(protocol, output, given, progress)
        references = find_references(paths, reference)
    several = len(paths) > 1
    if plot and plot.exists() and plot.is_dir() != several:
        kind = "a folder; --plot names a file for one video" if plot.is_dir() else "a file; --plot names a folder"
        raise UsageError(f"{plot} is {kind}.")
    lines = _score(paths, references, evaluator, output and output / JOURNAL, plot, progress, several)
    report = _report(lines)
    if protocol:
        from wav2lip.evaluation.summary import track_means

        report |= {"protocol": protocol, "skipped": skipped}
        report["mean"] |= {} if given["cropped"] else track_means(lines)
    try:
        if inception:
            others = references if reference else shown
            pairs = [(line.path, other) for line, other in zip(lines, others, strict=True) if line.score and other]
            _add_fid(report["mean"], pairs, inception, evaluator, progress)
    finally:
        _write(lines, report, output, csv_file)
        if as_json:
            click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        else:
            _print(lines, report, several)
    _fail(lines)


def _inception(weights: Path | None, evaluator: Evaluator) -> Any:
    """Return the network of the FID, ready to run; None where there is to be none."""
    if weights is None:
        return None
    from wav2lip.models.inference import fold_batch_norm
    from wav2lip.models.load import load_inception

    return fold_batch_norm(load_inception(weights), in_place=True).to(evaluator.device)


def _check_places(
    output: Path | None, csv_file: Path | None, plot: Path | None, inputs: Sequence[Path], *, drawn_once: bool
) -> None:
    """Refuse results that cannot be written where they are wanted, or that would replace an input.

    Args:
        output, csv_file, plot: as the options name them.
        inputs: what must stay as it is.
        drawn_once: whether `plot` is a file, as for one video.
    """
    from wav2lip.media.clip import VIDEO_SUFFIXES
    from wav2lip.media.results import prepare_results

    if plot:
        from wav2lip.extras import require

        require("matplotlib", "evaluate")
    # An option that is taken for a flag, as in `--csv *.mp4`, gets the first of the videos.
    for option, path, kind in (("csv", csv_file, "a table"), ("plot", plot, "a PNG, or for several videos a folder")):
        if path and path.suffix.lower() in VIDEO_SUFFIXES:
            raise UsageError(f"{path} is named as a video is; --{option} names {kind}, before or after the videos.")
    if output and output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; -o names a folder for the results.")
    results = {"--csv": csv_file, "--plot": plot if drawn_once and plot and not plot.is_dir() else None}
    prepare_results({option: path for option, path in results.items() if path}, inputs)
    if output:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Wav2LipError(f"The folder {output} cannot be made: {error.strerror}.") from error


def _generate(
    protocol: str, output: Path | None, given: dict[str, Any], progress: Progress
) -> tuple[list[Path], list[Path | None], dict[str, str]]:
    """Make a benchmark's videos.

    Returns:
        The videos, those whose faces they show, and why others could not be made, by their numbers.
    """
    from wav2lip.pipeline.options import SyncOptions
    from wav2lip.protocols.generate import Generated
    from wav2lip.protocols.lists import read_pairs
    from wav2lip.protocols.run import generate_all

    if output is None or given["data_root"] is None:
        raise UsageError("--protocol needs --data-root, the folder of the benchmark's videos, and -o, one for results.")
    names = ("checkpoint", "detector", "detector_weights", "device", "offline")
    options = SyncOptions(**{name: given[name] for name in names})
    pairs = read_pairs(PROTOCOLS[protocol], given["data_root"], given["filelist"])
    made: list[Path] = []
    shown: list[Path | None] = []
    skipped = {}
    outcomes = generate_all(pairs, PROTOCOLS[protocol], output / VIDEOS, options, progress)
    with progress.stage("Generating", len(pairs), "video") as advance:
        for outcome in outcomes:
            if isinstance(outcome, Generated):
                made.append(outcome.video)
                shown.append(outcome.pair.face)
            else:
                skipped[str(outcome.pair.number)] = outcome.reason
            advance(1)
    if skipped:
        progress.say(f"{len(skipped)} of {len(pairs)} videos were left out; {output / VIDEOS} tells why.")
    if not made:
        raise Wav2LipError(f"None of the {len(pairs)} videos of {protocol} could be made.")
    return made, shown, skipped


def _score(
    paths: Sequence[Path], references: Sequence[Path | None], evaluator: Evaluator, journal: Path | None,
    plot: Path | None, progress: Progress, several: bool,
) -> list[Line]:
    from tqdm import tqdm

    from wav2lip.evaluation.inputs import unlike_names
    from wav2lip.evaluation.many import score_all

    names = unlike_names(paths)
    with (progress if several else Progress()).stage("Videos", len(paths), "video") as advance:

        def picture(path: Path) -> Path | None:
            return plot / f"{names[path]}.png" if plot and several else plot

        def undrawn(path: Path) -> bool:
            drawing = picture(path)
            return drawing is not None and not drawing.exists()

        def done(line: Line, score: VideoScore | None) -> None:
            advance(1)
            if several and line.error:
                tqdm.write(f"Not scored: {line.error}", file=sys.stderr)
            drawing = picture(line.path)
            if drawing and score:
                from wav2lip.evaluation.plot import draw_score

                draw_score(score, drawing)

        return score_all(paths, references, evaluator, journal, done, again=undrawn)


def _add_fid(
    mean: dict[str, Any], pairs: Sequence[tuple[Path, Path]], inception: Any, evaluator: Evaluator, progress: Progress
) -> None:
    """Add the FID of videos and what they are compared with to the means."""
    from wav2lip.evaluation.fid import ENOUGH, faces_apart

    videos, truths = zip(*pairs, strict=True) if pairs else ((), ())
    mean["fid"], faces = faces_apart(videos, truths, inception, evaluator.faces, progress)
    mean["fid_faces"] = faces
    if faces < ENOUGH:
        progress.say(f"The FID is from {faces} faces only and comes out too large; {ENOUGH} or more are needed.")


def _report(lines: Sequence[Line]) -> dict[str, Any]:
    from wav2lip.evaluation.summary import means

    return {
        "videos": [line.score or {"path": str(line.path), "error": line.error} for line in lines],
        "mean": means(lines),
    }


def _write(lines: Sequence[Line], report: dict[str, Any], output: Path | None, csv_file: Path | None) -> None:
    from wav2lip.evaluation.summary import as_csv
    from wav2lip.media.whole import whole_file

    wanted = {}
    if output:
        wanted[output / "scores.json"] = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        wanted[output / "scores.csv"] = as_csv(lines)
    if csv_file:
        wanted[csv_file] = as_csv(lines)
    for path, text in wanted.items():
        with whole_file(path) as part:
            part.write_bytes(text.encode(errors="backslashreplace"))     # names of files need not be Unicode


def _print(lines: Sequence[Line], report: dict[str, Any], several: bool) -> None:
    from wav2lip.evaluation.summary import row

    scored = [line for line in lines if line.score]
    if not several:
        for line in scored:
            assert line.score
            click.echo(describe(line.score))
    elif scored:
        rows = [row(line) for line in scored]
        names = [name for name in SHOWN if any(name in flat for flat in rows)]
        mean = {"path": f"mean of {len(scored)}", **report["mean"]}
        click.echo(table([*rows, mean], ["path", *names]))
    for name, value in report["mean"].items():
        if name in ("fid", "track_lse_d", "track_lse_c", "tracks") or (several and name.endswith("in_sync")):
            click.echo(f"{name.replace('_', ' ')}: {value:.3f}")


def _fail(lines: Sequence[Line]) -> None:
    """End with an error where a video could not be scored."""
    failed = [line for line in lines if line.error]
    if not failed:
        return
    if len(lines) == 1:
        click.echo(f"Error: {failed[0].error}", err=True)
        sys.exit(failed[0].exit_code)
    raise Wav2LipError(f"{len(failed)} of {len(lines)} videos could not be scored; the same command tries them again.")
