"""What a run would do, found out without doing it: nothing is written, and no network is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from wav2lip.cast.selectors import At
from wav2lip.cast.times import in_words
from wav2lip.extras import require
from wav2lip.faces.detector import detector_in_words
from wav2lip.faces.track import fixed_track
from wav2lip.media.clip import Sound
from wav2lip.media.probe import audio_track, probe
from wav2lip.models.checkpoint import expect, read_checkpoint
from wav2lip.models.choices import EXPORTED
from wav2lip.models.device import choose_device
from wav2lip.models.load import describe
from wav2lip.models.store import demo_checkpoint, locate
from wav2lip.pipeline.commands import commands_of
from wav2lip.pipeline.folder import folders_for
from wav2lip.pipeline.job import signing_of
from wav2lip.pipeline.networks import check_engine
from wav2lip.pipeline.options import SyncOptions, Who
from wav2lip.pipeline.output import default_output, encoding_of, prepare_output
from wav2lip.pipeline.prepare import begin, extension, open_source
from wav2lip.pipeline.scout import Scout
from wav2lip.pipeline.segments import split
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.timeline import runs
from wav2lip.pipeline.tracks import fitting_tracks
from wav2lip.progress import Progress


@dataclass(frozen=True)
class PlannedLine:
    """Somebody says a recording.

    Attributes:
        who: a label, a word such as "largest", a place, or None for the person who is on screen longest.
        start, end: seconds of the result in which that person is synced.
        recording: what is said.
        origin: seconds of the result where the recording's beginning would be heard.
    """

    who: str | None
    start: float
    end: float
    recording: str
    origin: float


@dataclass(frozen=True)
class EarlierParts:
    """What an earlier run of the same output has left: it counts if inputs and options are what they were."""

    folder: str
    parts: int


@dataclass(frozen=True)
class SyncPlan:
    """What a run would do.

    Attributes:
        inputs: the video and the recordings: path and streams.
        lines: who says what when.
        kept_sound: seconds from and to where the video's own sound is heard.
        frames, parts: of the result.
        fps, width, height, duration: of the result.
        source_frames: how many the video has.
        extend: how a video is made longer that is too short; None where it is not.
        detector, generator, engine, device, precision: what finds the faces, what makes the mouths, and on what.
        output: the result, or would-be.
        codec, encoder, pixel_format: of its picture.
        earlier: what killed runs have left of it.
        commands: ffmpeg's command lines, by what they do. Those of other parts differ in numbers only; the names of
            hidden files have a 0 where a run puts what nobody else has.
        notices: what a run would say.
    """

    inputs: tuple[dict[str, Any], ...]
    lines: tuple[PlannedLine, ...]
    kept_sound: tuple[tuple[float, float], ...]
    frames: int
    parts: int
    fps: Fraction
    width: int
    height: int
    duration: float
    source_frames: int
    extend: str | None
    detector: str
    generator: str
    engine: str
    device: str
    precision: str
    output: Path
    codec: str
    encoder: str
    pixel_format: str
    earlier: tuple[EarlierParts, ...]
    commands: dict[str, list[list[str]]]
    notices: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON types."""
        return asdict(self) | {"fps": str(self.fps), "output": str(self.output)}


class _Noted(Progress):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def plan_sync(
    face: str | os.PathLike[str], audio: str | os.PathLike[str] | None, output: str | os.PathLike[str] | None = None,
    options: SyncOptions | None = None,
) -> SyncPlan:
    """Find out what `wav2lip.sync` would do with the same arguments.

    Inputs are read as far as it takes to know that they can be, and recordings to their end. Whether there is a face,
    and whom a name means, only the run itself finds out.

    Raises:
        UsageError, MediaError, WeightsError, Wav2LipError: as `wav2lip.sync`.
    """
    options, noted = options or SyncOptions(), _Noted()
    face, audio = Path(face), None if audio is None else Path(audio)
    device = choose_device(options.device)
    gpu = options.gpu(device)
    source = open_source(face, options, gpu, noted)
    if output is None:
        output = default_output(face, options.recording(audio), options.codec, None if options.compat else source)
    output, encoding = Path(output), encoding_of(options, gpu)
    inputs = (face, audio, *options.files)
    prepare_output(output, inputs, encoding, options.clobber, sidecar=options.sidecar, make=False)
    signing_of(options, output)
    decided, _, script, _ = begin(source, audio, output, _hearing_simply(options), encoding, noted, Scout())
    precision = str(check_engine(options, device)).removeprefix("torch.")
    generator, detector = _generator(options), _detector(options)
    _check_other_files(options)
    found_by = _faces(source, options, detector, noted)
    plan = list(runs(source.frames, script.frames, extension(source, options)))
    frames = sum(run.length for run in plan)
    extended = script.frames > source.frames and not source.still and not options.whole
    parts = split(frames, source.fps)
    width, height = source.size
    return SyncPlan(
        inputs=tuple([_video(source), *map(_sound, dict.fromkeys(script.recordings))]),
        lines=tuple(
            PlannedLine(_named(line.who), float(line.start), float(line.end), str(line.recording), float(line.origin))
            for line in script.lines
        ),
        kept_sound=tuple((float(start), float(end)) for start, end in script.kept),
        frames=frames,
        parts=len(parts),
        fps=source.fps,
        width=width,
        height=height,
        duration=float(frames / source.fps),
        source_frames=source.frames,
        extend=options.extension if extended else None,
        detector=found_by,
        generator=generator,
        engine=options.engine,
        device=device,
        precision=precision,
        output=output,
        codec=decided.codec,
        encoder=decided.encoder,
        pixel_format=decided.pixel_format,
        earlier=tuple(_earlier(output)),
        commands=commands_of(source, script, options, output, encoding, decided, parts, plan[0]),
        notices=tuple(noted.said),
    )


def _hearing_simply(options: SyncOptions) -> SyncOptions:
    """Return the options without the network that hears pauses."""
    if options.in_silence != "model" and options.vad == "silero":
        require("silero_vad", "vad")
        return replace(options, vad="energy")
    return options


def _generator(options: SyncOptions) -> str:
    """Return what the generator's weights are; refuse a file that holds none."""
    path = demo_checkpoint() if options.checkpoint is None else locate(options.checkpoint)
    if options.engine == "openvino":
        require("openvino", "openvino")
        if path.suffix.lower() in EXPORTED and path.is_file():
            return path.name
    checkpoint = read_checkpoint(path)
    expect(checkpoint, "generator")
    return f"{path.name}: {describe(checkpoint)}"


def _detector(options: SyncOptions) -> str:
    if not options.needs_detector:
        return "none"
    return detector_in_words(options.detector_asked, weights=options.detector_weights, offline=options.offline or None)


def _check_other_files(options: SyncOptions) -> None:
    """Refuse other weights and pictures that cannot be read."""
    if options.enhance is not None:
        read_checkpoint(options.enhance, unknown=True)
    if options.parsing is not None:
        expect(read_checkpoint(options.parsing), "bisenet")
    if isinstance(options.reference, Path):
        probe(options.reference)


def _faces(source: Source, options: SyncOptions, detector: str, progress: Progress) -> str:
    """Return what finds the faces; refuse a track file or a box that does not fit."""
    if options.track is not None:
        fitting_tracks(source, options.track, progress)
        return "track"
    if options.has_box:
        fixed_track(options.box, source.frames, source.size, compat=options.compat)
        return "box"
    return detector


def _video(source: Source) -> dict[str, Any]:
    clip = source.clip
    picture = {
        "codec": clip.codec, "width": clip.width, "height": clip.height, "pixel_format": clip.pixel_format,
        "fps": str(clip.fps), "frames": clip.frames, "variable_rate": clip.variable_rate, "rotation": clip.rotation,
    }
    return {"path": str(clip.path), "picture": picture, "sound": None if clip.sound is None else _heard(clip.sound)}


def _sound(path: Path) -> dict[str, Any]:
    return {"path": str(path), "picture": None, "sound": _heard(audio_track(path)[0])}


def _heard(sound: Sound) -> dict[str, Any]:
    told = asdict(sound)
    del told["apart"]    # means something to this program only
    return told


def _named(who: Who) -> str | None:
    return f"{in_words(who.time)}:{who.x:g},{who.y:g}" if isinstance(who, At) else who


def _earlier(output: Path) -> Iterable[EarlierParts]:
    """Yield what runs have left for an output."""
    for folder in sorted(folders_for(output)):
        yield EarlierParts(str(folder), sum(file.stem.isdigit() for file in folder.glob(f"*{output.suffix}")))
