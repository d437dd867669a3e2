"""`wav2lip sync`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.parameters import (
    DETECTOR,
    LIMIT,
    LOG_JSON,
    PERSON,
    POINT,
    SPAN,
    TIME,
    VOICE,
    WEIGHTS,
    FourNumbers,
    Number,
    OriginalSpellings,
    Rate,
    codecs,
    words,
)
from wav2lip.cli.pipes import places
from wav2lip.cli.plan import planned
from wav2lip.cli.run import INTERRUPTED, calm, importing, too_little_memory
from wav2lip.cli.scoring import sync_in_words
from wav2lip.cli.stages import stage_table
from wav2lip.ending import tidy_when_terminated
from wav2lip.errors import LowScoreError, Wav2LipError
from wav2lip.faces.choices import MAX_YAW
from wav2lip.models.quick_import import import_torch

if TYPE_CHECKING:
    from wav2lip.pipeline.options import SyncOptions
    from wav2lip.pipeline.profile import Profile
    from wav2lip.pipeline.report import SyncReport

HOW_TO_PRINT = ("quiet", "verbose", "as_json", "profiled", "dry_run")


def _file(**kwargs: Any) -> Any:
    return click.Path(path_type=Path, **kwargs)


@click.command(cls=OriginalSpellings, context_settings={"max_content_width": 110})
@click.option("--face", required=True, type=_file(), help="Video, or picture, with the face.")
@click.option(
    "--audio", type=_file(),
    help="Any file with the speech in it, or - for stdin; not needed with --voice or --edl.",
)
@click.option(
    "-o", "--output", "--outfile", type=_file(),
    help="The result, or - for stdout. [default: <face>_<audio>.mp4 in the current folder]",
)
@click.option(
    "--checkpoint",
    "--checkpoint-path",
    type=WEIGHTS,
    help="Generator weights: a file, or a name of `wav2lip models`, such as wav2lip-gan. [default: the one that ships]",
)
@click.option("--pads", type=FourNumbers(), default="0 10 0 0", show_default=True, help="Pixels added to the face box.")
@click.option("--box", type=FourNumbers(), help="Where the face is, always; nothing is detected.")
@click.option(
    "--person", type=PERSON,
    help="Whom to sync: a label of `wav2lip faces`, the largest face, the one nearest to the centre, or whoever "
    "talks.  [default: the one on screen longest]",
)
@click.option("--at", type=POINT, help="Whom to sync: whoever is there, as in 12.5s:640,360.")
@click.option(
    "--range", "ranges", type=SPAN, multiple=True,
    help="When to sync, as in 3s-9.5s; the rest of the video passes through.  [repeatable]",
)
@click.option(
    "--audio-start", type=TIME, default="0s", show_default=True,
    help="Where in the video the recording begins; with 0s the result is as long as that, but for --keep-audio.",
)
@click.option(
    "--keep-audio/--no-keep-audio", default=None,
    help="Keep the video's own sound, and all of its length, where nobody is synced.  "
    "[default: with --range, --edl and --audio-start]",
)
@click.option(
    "--voice", "voices", type=VOICE, multiple=True,
    help="A person and a recording, as in A=first.wav; instead of --audio.  [repeatable]",
)
@click.option("--mix", type=_file(), help="The sound of the result, instead of what the recordings make together.")
@click.option("--edl", "edits", type=_file(), help="A list of who says what when: .csv, .json or .srt.")
@click.option(
    "--track", type=_file(), help="Where the faces are, as `wav2lip faces -o` writes it; nothing is detected."
)
@click.option("--no-tilt", is_flag=True, help="Cut tilted faces out upright all the same.")
@click.option(
    "--max-yaw", type=Number(0, 90), default=MAX_YAW, show_default=True, metavar="DEGREES",
    help="Leave faces alone that are turned further aside.",
)
@click.option("--crop", type=FourNumbers(), help="The part of the frame to keep; -1 for the full extent.")
@click.option("--resize-factor", type=int, default=1, show_default=True, help="Divide width and height by this.")
@click.option("--rotate", is_flag=True, help="Turn the video by 90 degrees clockwise.")
@click.option(
    "--static",
    is_flag=False,
    flag_value="true",
    default="false",
    type=click.BOOL,
    help="Use the first frame only.  [--static, --static True, --static False]",
)
@click.option("--fps", type=Rate(), default="25", show_default=True, help="Frame rate when the face is a picture.")
@click.option("--no-smooth", "--nosmooth", is_flag=True, help="Do not calm the face box over time.")
@click.option(
    "--extend",
    type=click.Choice(["bounce", "loop", "freeze", "stretch", "cut"]),
    help="What to do when the sound is longer than the video.  [default: bounce; loop with --compat]",
)
@LIMIT
@DETECTOR
@click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]|mps", help="Where to run.",
    shell_complete=words("auto", "cpu", "cuda", "mps"),
)
@click.option(
    "--engine", type=click.Choice(["torch", "openvino"]), default="torch", show_default=True,
    help="What runs the generator: PyTorch, or OpenVINO on a CPU (extra openvino).",
)
@click.option(
    "--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), default="auto", show_default=True,
    help="What it computes with; auto is fp16 on CUDA, bf16 on CPUs with AMX, else fp32.",
)
@click.option("--face-det-batch-size", type=int, help="Frames detected at a time.  [default: by device]")
@click.option("--wav2lip-batch-size", type=int, help="Faces generated at a time.  [default: by device]")
@click.option(
    "--blend", type=click.Choice(["soft", "hard", "poisson"]), default="soft", show_default=True,
    help="How the face is put back: soft edges in the colours around it, a hard edge, or seamless cloning.",
)
@click.option(
    "--mask", type=click.Choice(["lower", "box", "parsing"]),
    help="What of the face is replaced.  [default: parsing with --parsing, else lower]",
)
@click.option("--no-color-match", is_flag=True, help="Leave the generated face's colours as they are.")
@click.option("--grain", is_flag=True, help="Give the generated face the grain of its source.")
@click.option(
    "--enhance", "--sr-path", type=WEIGHTS,
    help="Weights of a network that makes the generated face sharper: RRDBNet, or what spandrel knows.",
)
@click.option(
    "--enhance-strength", type=Number(0, 1), default=1.0, show_default=True, help="How much of that is used."
)
@click.option("--no-sr", is_flag=True, help="Do not enhance, whatever --enhance says.")
@click.option(
    "--parsing", "--segmentation-path", type=WEIGHTS,
    help="Weights of the face parser (BiSeNet, 79999_iter.pth); hands and microphones before the face are kept.",
)
@click.option("--no-segmentation", is_flag=True, help="Do not parse, whatever --parsing says.")
@click.option(
    "--silence", type=click.Choice(["closed", "source", "model"]),
    help="While nobody speaks: close the mouth, show the source, or leave it to the generator.  "
    "[default: closed; model with --compat]",
)
@click.option(
    "--vad", type=click.Choice(["energy", "silero"]), default="energy", show_default=True, help="How pauses are found."
)
@click.option(
    "--reference", metavar="same|closed|PATH",
    help="Whose appearance is copied: the frame's own, one with the mouth closed, or a picture's.  [default: same]",
)
@click.option(
    "--codec", shell_complete=codecs,
    help="h264, hevc, av1, vp9, prores, ffv1 (lossless) or copy-settings (the source's).  [default: by the result's "
    "ending and the source]",
)
@click.option("--crf", type=int, help="Quality: smaller is better and larger.  [default: by codec]")
@click.option("--preset", help="Encoder speed, such as veryfast or slow.  [default: by codec]")
@click.option("--pix-fmt", help="Pixel format in ffmpeg's words, such as yuv420p10le.  [default: by source and codec]")
@click.option(
    "--hardware", type=click.Choice(["auto", "off"]), default="auto", show_default=True,
    help="Let the GPU that the networks run on decode and encode the video, too, where it can.",
)
@click.option(
    "--visible-label", metavar="TEXT",
    help="Draw a line of text into every frame, at the bottom left, to say what it is.",
)
@click.option(
    "--sidecar/--no-sidecar", default=True, show_default=True,
    help="Write a record beside the result, <result>.wav2lip.json: what it was made from, and how.",
)
@click.option(
    "--c2pa-cert", type=_file(),
    help="Sign the result as Content Credentials (extra c2pa) with these certificates, a PEM file, the signer's first.",
)
@click.option("--c2pa-key", type=_file(), help="The private key of the first, a PEM file without a password.")
@click.option("--c2pa-ta", metavar="URL", help="An authority that stamps the signature with the time.  [default: none]")
@click.option("--compat", is_flag=True, help="Reproduce the original program's frames, defects included.")
@click.option("--no-clobber", is_flag=True, help="Refuse to replace an existing result.")
@click.option("--no-resume", is_flag=True, help="Start over, whatever an earlier run of the same job has left.")
@click.option("--offline", is_flag=True, envvar="WAV2LIP_OFFLINE", help="Never reach for the network.")
@click.option("--score", is_flag=True, help="Say how well lips and speech fit together in the result.")
@click.option(
    "--min-score", type=Number(0), help="End with exit code 6 if the confidence of that is lower; as --score."
)
@click.option("--profile", "profiled", is_flag=True, help="Say where the time went, and how fast the machine is.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, and the ffmpeg command lines; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a report as JSON instead of the result's path.")
@LOG_JSON
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@click.option("-v", "--verbose", is_flag=True, help="More words, and a traceback for what should not happen.")
def sync(**given: Any) -> None:
    """Make the face in a video or picture say a recording.

    Options may be written as for the original inference.py, with underscores too.
    """
    quiet, verbose, as_json, profiled, dry_run = (given.pop(name) for name in HOW_TO_PRINT)
    least = given.pop("min_score")
    given["score"] = given["score"] or least is not None
    tidy_when_terminated()
    try:
        places_given = given["face"], given["audio"], given["output"]
        with places(*places_given, prints=as_json, dry=dry_run, signed=given["c2pa_cert"] is not None) as files:
            given |= {"audio": files.audio, "output": files.output}
            given |= {"no_resume": True, "sidecar": False} if files.piped else {}
            if dry_run:
                face, _, _ = (given.pop(name) for name in ("face", "audio", "output"))
                click.echo(planned(face, files, sync_options(given), as_json))
                return
            report, profile = _run(given, -1 if quiet else 1 if verbose else 0, profiled)
            files.deliver()
    except Wav2LipError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt as interrupt:
        click.echo(f"Interrupted; {interrupt if interrupt.args else 'nothing was written'}.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:                       # nobody reads what is printed any more
        raise
    except Exception as error:
        if verbose:
            raise
        from wav2lip.models.memory import is_shortage

        unforeseen = f"{type(error).__name__}: {error} (this should not happen; -v shows where)."
        click.echo(f"Error: {too_little_memory(error) if is_shortage(error) else unforeseen}", err=True)
        sys.exit(Wav2LipError.exit_code)
    if profile and not quiet:
        click.echo(stage_table(profile), err=True)
    if as_json:
        measured = {"profile": profile.to_dict()} if profile else {}
        click.echo(json.dumps(report.to_dict() | measured, indent=2))
    else:
        if report.sync:
            click.echo(f"Sync: {sync_in_words('expert', report.sync.to_dict())}", err=True)
        if not files.piped:
            click.echo(str(report.output))
    if least is not None and not (report.sync and report.sync.confidence >= least):
        result = "what went to stdout" if files.piped else report.output
        found = f"with a confidence of {report.sync.confidence:.3f}" if report.sync else "nobody knows how well"
        click.echo(f"Error: In {result} lips and speech fit {found}; --min-score asks for {least:g}.", err=True)
        sys.exit(LowScoreError.exit_code)


def _run(given: dict[str, Any], level: int, profiled: bool) -> tuple[SyncReport, Profile | None]:
    calm()
    from wav2lip.cli.progress import TerminalProgress
    from wav2lip.pipeline.ahead import looking_ahead

    face, audio, output = (given.pop(name) for name in ("face", "audio", "output"))
    with looking_ahead([face, audio], [given["checkpoint"], given["detector_weights"]]):
        with importing():
            import_torch()
            from wav2lip.pipeline.sync import sync as run

        options, progress = sync_options(given), TerminalProgress(level)
        if not profiled:
            return run(face, audio, output, options, progress), None

        from wav2lip.pipeline.process import process_age
        from wav2lip.pipeline.profiler import Profiler

        profiler = Profiler(age=process_age())
        report = run(face, audio, output, options, progress, watch=profiler)
    return report, profiler.profile(report)


def sync_options(given: dict[str, Any]) -> SyncOptions:
    """Return the options that the command line has given, without face, audio, output and how to print."""
    from wav2lip.pipeline.options import FULL_FRAME, NO_BOX, SyncOptions

    given = dict(given)
    if given.pop("no_sr"):
        given["enhance"], given["enhance_strength"] = None, 1.0
    if given.pop("no_segmentation"):
        given["parsing"] = None
        given["mask"] = None if given["mask"] == "parsing" else given["mask"]
    return SyncOptions(
        color_match=not given.pop("no_color_match"),
        smooth=not given.pop("no_smooth"),
        tilt=not given.pop("no_tilt"),
        clobber=not given.pop("no_clobber"),
        resume=not given.pop("no_resume"),
        box=given.pop("box") or NO_BOX,
        crop=given.pop("crop") or FULL_FRAME,
        **given,
    )
