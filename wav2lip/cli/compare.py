"""`wav2lip compare`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.run import reporting
from wav2lip.cli.scoring import DETECTION, EXPERT, FILE, JUDGES, SYNCNET, evaluation_options
from wav2lip.errors import MediaError, NoFaceError, UsageError

if TYPE_CHECKING:
    from wav2lip.evaluation.results import VideoScore
    from wav2lip.progress import Progress

MOST_MOMENTS = 48    # rows: a sheet that can still be looked at


@click.command(context_settings={"max_content_width": 110})
@click.argument("a", type=FILE, required=False)
@click.argument("b", type=FILE, required=False)
@click.argument("truth", type=FILE, required=False)
@click.option("-o", "--output", type=FILE, help="The video.  [default: <a>_vs_<b>.mp4 in the current folder]")
@click.option("--sheet", type=FILE, help="The contact sheet, a PNG.  [default: named as the video, beside it]")
@click.option(
    "--moments", type=click.IntRange(1, MOST_MOMENTS), default=6, show_default=True, help="Rows of the contact sheet."
)
@click.option("--no-scores", is_flag=True, help="Draw in no figures of sync and picture: look for no faces.")
@SYNCNET
@EXPERT
@DETECTION
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON instead of the results' paths.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@reporting("nothing was written")
def compare(
    a: Path | None, b: Path | None, truth: Path | None, output: Path | None, sheet: Path | None, moments: int,
    no_scores: bool, as_json: bool, quiet: bool, **given: Any,
) -> None:
    """Show video A beside video B, and where they differ.

    TRUTH is a third video that both should be like: then the heat maps show how far each is from it, too. B and TRUTH
    are scaled to A's size and shown at A's rate, until the shortest ends. There is a video to play, with the sound of
    TRUTH or else of the first that has one, and a contact sheet to look at. For videos with sound the figures of
    `wav2lip evaluate` are drawn in.
    """
    if a is None or b is None:
        raise UsageError("Name two videos, and the truth as a third if there is one: wav2lip compare A B [TRUTH].")

    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.evaluation.compare import compare as run

    videos = [a, b] if truth is None else [a, b, truth]
    output = output or Path(f"{a.stem}_vs_{b.stem}.mp4")
    sheet = sheet or output.parent / f"{output.stem}.png"
    progress = TerminalProgress(-1 if quiet else 0)
    captions = None if no_scores else partial(_captions, videos, truth, given, progress)
    report = run(videos, output, sheet, captions=captions, moments=moments, progress=progress)
    for pair, difference in report.differences.items():
        figures = ", ".join(f"{name} {value}" for name, value in difference.table())
        progress.say(f"|{pair}|: {figures}.")
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        click.echo(f"{report.output}\n{report.sheet}")


def _captions(
    videos: Sequence[Path], truth: Path | None, given: dict[str, Any], progress: Progress
) -> list[dict[str, str]]:
    """Return the figures to draw in with each video; none where it has no sound, or no face, which is said."""
    from wav2lip.evaluation.score import Evaluator
    from wav2lip.media.probe import probe

    clips = {video: probe(video) for video in videos}
    if not any(clip.sound for clip in clips.values()):
        return [{}] * len(videos)
    evaluator = Evaluator(evaluation_options(given, syncnet=given["syncnet"]), progress)

    def score(video: Path) -> dict[str, str]:
        alike = truth is not None and truth != video and (
            (clips[video].width, clips[video].height) == (clips[truth].width, clips[truth].height)
        )
        if clips[video].sound is None:
            return {}
        try:
            return _caption(evaluator.score(video, truth if alike else None))
        except (MediaError, NoFaceError) as error:
            progress.say(f"Not scored: {error}")
            return {}

    return [score(video) for video in videos]


def _caption(score: VideoScore) -> dict[str, str]:
    words: dict[str, str] = {}
    for name, sync in score.sync.items():
        distance, confidence = JUDGES[name]
        words |= {f"{name} offset": f"{sync.offset:+d}", distance: f"{sync.distance:.3f}"}
        words[confidence] = f"{sync.confidence:.3f}"
    assert score.picture
    for what, value in (("sharpness", score.picture.sharpness), ("mouth PSNR", score.picture.mouth_psnr)):
        if value is not None:
            words[what] = f"{value:.2f}"
    return words
