"""`wav2lip synth`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wav2lip.cli.parameters import Number, Rate
from wav2lip.cli.run import reported, reporting
from wav2lip.errors import UsageError

if TYPE_CHECKING:
    from wav2lip.media.clip import Frame
    from wav2lip.training.synth import Drawing

PATH = click.Path(path_type=Path)
FASTEST = 120                 # frames a second
LAST_IDENTITY = 999_999       # names have six digits


@click.command(context_settings={"max_content_width": 110})
@click.option("--speech", type=PATH, help="What is said: any file with sound; with --count, a folder of such files.")
@click.option("--identity", type=click.IntRange(0, LAST_IDENTITY), help="Number of the person.  [default: 0]")
@click.option("-o", "--output", type=PATH, required=True, help="The video; with --count, a folder.")
@click.option("--size", type=click.IntRange(64, 1024), help="Pixels a side.  [default: 256; 224 with --count]")
@click.option("--fps", type=Rate(), default="25", show_default=True, help="Frames a second.")
@click.option(
    "--seconds", type=Number(0, 3600, min_open=True),
    help="How long a head talks.  [default: as long as the recording; 5 without one; 1.6 with --count]",
)
@click.option("--truth", type=PATH, help="A .csv or .json that gets the mouth of every frame: opening and width.")
@click.option("--count", type=click.IntRange(1), help="Draw this many people; those that are there are kept.")
@click.option(
    "--first-identity", type=click.IntRange(0, LAST_IDENTITY), default=0, show_default=True,
    help="The first of many.",
)
@click.option("--workers", type=click.IntRange(1), help="Processes, with --count.  [default: one a core]")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@reported
def synth(
    speech: Path | None, identity: int | None, output: Path, size: int | None, fps: Fraction, seconds: float | None,
    truth: Path | None, count: int | None, first_identity: int, workers: int | None, quiet: bool,
) -> None:
    """Draw people who talk, as videos: free of anybody's rights, and with the mouth's true curve.

    One: --speech a.wav --identity 7 -o face.mp4. Many, each another person, for `wav2lip preprocess`: --count 300 -o
    heads. Without --speech, espeak-ng talks; with a folder, every other head says an excerpt of what is in it. Heads
    whose names are held out from training say only recordings whose names are. The same number is always the same
    person, who says the same.
    """
    if not 0 < fps <= FASTEST:
        raise UsageError(f"The frame rate is {fps}; it can be up to {FASTEST}.")

    from wav2lip.training.synth import MANY_SECONDS, MANY_SIZE, Drawing

    if count is None:
        _draw_one(identity or 0, output, Drawing(size or Drawing.size, fps, seconds), speech, truth, quiet)
        return
    if truth is not None or identity is not None:
        option = "--truth" if truth is not None else "--identity"
        raise UsageError(f"{option} is for one head, without --count" + ("." if truth else "; see --first-identity."))
    if first_identity + count - 1 > LAST_IDENTITY:
        raise UsageError(f"There are identities up to {LAST_IDENTITY}; {first_identity} and {count - 1} more are not.")
    how = Drawing(size or MANY_SIZE, fps, seconds or MANY_SECONDS)
    _draw_many(range(first_identity, first_identity + count), output, how, speech, workers, quiet)


@reporting("nothing was written")    # of many heads, which `synth` reports for, those that are there are kept
def _draw_one(
    identity: int, output: Path, how: Drawing, speech: Path | None, truth: Path | None, quiet: bool
) -> None:
    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.training.synth import synthesize

    def track(frames: Iterator[Frame], total: int) -> Iterable[Frame]:
        with TerminalProgress(-1 if quiet else 0).stage("Drawing", total) as advance:
            for frame in frames:
                yield frame
                advance(1)

    synthesize(identity, output, how, speech, truth, track)
    click.echo(str(output))


def _draw_many(
    identities: range, folder: Path, how: Drawing, speech: Path | None, workers: int | None, quiet: bool
) -> None:
    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.models.device import cores
    from wav2lip.training.synth import plan_heads, synthesize_many

    jobs = plan_heads(identities, folder, speech)
    with TerminalProgress(-1 if quiet else 0).stage("Drawing", len(jobs), "head") as advance:
        drawn = synthesize_many(jobs, how, workers or cores(), advance)
    click.echo(f"{len(jobs)} heads in {folder}; {len(jobs) - drawn} were there already.")
