"""The journey of one clip, on one page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from wav2lip.compose.compositor import Compositor, Finish
from wav2lip.compose.face import Original
from wav2lip.compose.on_device import DeviceCompositor, can_do
from wav2lip.compose.patch import AnyCompositor, AnyFrame
from wav2lip.errors import MediaError, NoFaceError, WeightsError
from wav2lip.evaluation.tables import SyncScore
from wav2lip.faces.boxes import Pads
from wav2lip.faces.track import FaceTrack
from wav2lip.media.colour import high_range
from wav2lip.media.encoding import decide
from wav2lip.media.geometry import Geometry
from wav2lip.media.hardware import decoded_on
from wav2lip.media.prefetch import frames_waiting, prefetch
from wav2lip.media.probe import probe
from wav2lip.media.write import VideoWriter
from wav2lip.models.device import choose_device, cores
from wav2lip.pipeline.clock import Clock
from wav2lip.pipeline.hearing import hear
from wav2lip.pipeline.lane import make_lanes, unique, used
from wav2lip.pipeline.lips import sync_lips
from wav2lip.pipeline.manner import choose_manner, given_face
from wav2lip.pipeline.networks import Networks, load_networks
from wav2lip.pipeline.options import FULL_FRAME, SyncOptions
from wav2lip.pipeline.output import default_output, encoding_of, prepare_output, refuse_inputs
from wav2lip.pipeline.report import SyncReport
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.soundtrack import sound_of
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.timeline import Run, runs
from wav2lip.pipeline.watch import Watch
from wav2lip.pipeline.who import find_cast, frames_to_know
from wav2lip.progress import Progress

FACES_A_CORE = 3                                 # more are hardly faster on a CPU, but use more memory
FACES_AT_A_TIME = {"cpu": FACES_A_CORE * cores(), "cuda": 128, "mps": 32}
NARROW = 32                                      # pixels: smaller faces have too few for a mouth
EXTENDED = {
    "bounce": "it plays backwards and forwards in turn until the sound ends",
    "loop": "it starts over until the sound ends",
    "freeze": "its last frame is held until the sound ends",
    "stretch": "it plays evenly slower and lasts as long as the sound",
    "cut": "the sound is cut where the video ends",
}


def sync(
    face: str | os.PathLike[str],
    audio: str | os.PathLike[str] | None,
    output: str | os.PathLike[str] | None = None,
    options: SyncOptions | None = None,
    progress: Progress | None = None,
    networks: Networks | None = None,
    watch: Watch | None = None,
) -> SyncReport:
    """Make the face in a video or picture say a recording.

    Args:
        face: video or still image.
        audio: any file with sound; None where the options name voices or an edit list.
        output: the video to write; None for `<face>_<audio>.mp4` in the current folder. It appears whole or not at all.
        options: everything else.
        progress: receives words and progress; None for silence.
        networks: what `load_networks` gave for the same options, for many runs; None loads it.
        watch: looks at the stages, as `Profiler` does; None for nobody.

    Returns:
        What was made, and how.

    Raises:
        UsageError: options that make no sense, or an output that is one of the inputs.
        MediaError: an input that cannot be read, or a video that a strict run refuses.
        WeightsError: weights that are missing, broken or of another network.
        NoFaceError: no face in the whole clip, or in a frame of a strict run.
        Wav2LipError: anything else that failed, such as a full disk.
    """
    options, progress, clock, watch = options or SyncOptions(), progress or Progress(), Clock(), watch or Watch()
    face, audio = Path(face), None if audio is None else Path(audio)
    device = choose_device(options.device)
    gpu = options.gpu(device)

    with clock.measure("load"), watch.stage("load"):
        source = watch.source(open_source(face, options, gpu, progress))
        width, height = source.size
        # The original's frames are BGR of 8 bits, whatever the source's.
        kept, pixels = (None, None) if options.compat else (source.clip, source.pixels)
        if output is None:
            output = default_output(face, options.recording(audio), options.codec, None if options.compat else source)
        output = Path(output)
        encoding = encoding_of(options, gpu)
        prepare_output(output, (face, audio, *options.files), encoding, options.clobber)
        decided = decide(output, encoding, width, height, source=kept, pixels=pixels)
        for notice in decided.notices:
            progress.say(notice)
        for notice in cautions(source, options):
            progress.say(notice)
        script, heard = hear(audio, source, options, progress)
        refuse_inputs(output, script.recordings)
        heard = [(lines, watch.speech(speech)) for lines, speech in heard]
        check_length(source.frames, source, script, options)
        networks = watch.networks(networks or load_networks(options, device, progress))
        given = given_face(options, networks.detector)

    waiting = frames_waiting(max(3 * width * height, source.pixels.bytes(width, height)))
    with clock.measure("track"):
        cast = find_cast(source, frames_to_know(script, source, options), options, networks, progress)
        lanes = make_lanes(heard, cast, progress, networks.device)
    tracks = unique(part.track for lane in lanes for part in lane.parts)
    available, found = len(tracks[0]), int(np.any([track.seen for track in tracks], axis=0).sum())
    check_length(available, source, script, options)
    if options.strict and 0 < found < available:
        raise NoFaceError(f"{available - found} of {available} frames of {face} show no face ({cast.found_by}).")
    if not found:
        raise NoFaceError(
            f"No face was found in {face} ({available} frames, looked for with {cast.found_by}). "
            "Choose another --detector, or say where it is with --box top bottom left right."
        )
    progress.detail(f"A face in {found} of {available} frames ({cast.found_by}).")

    plan = list(runs(available, script.frames, "cut" if options.whole else options.extension))
    numbers = np.array([number for run in plan for number in run.frames()])
    frames = len(numbers)
    extended = script.frames > available and not source.still and not options.whole
    if extended:
        progress.say(f"The sound is longer than the video: {EXTENDED[options.extension]} (--extend).")
    shown = [lane.shown(numbers) for lane in lanes]
    synced = int(np.any([track.seen for track in shown], axis=0).sum())
    for notice in doubts(shown, source, options):
        progress.say(notice)

    presences = [lane.speech.presence() for lane in lanes]
    with clock.measure("reference"), watch.stage("reference"):
        looked_at = [used(track, lanes, numbers) for track in tracks]
        manner = choose_manner(source, looked_at, presences, options, given, device, progress)

    # Frames wait while a batch of faces fills up: no more of them than memory is meant for.
    batch = min(options.wav2lip_batch_size or FACES_AT_A_TIME[device.partition(":")[0]], 2 * waiting)
    compositors = [watch.compositor(make_compositor(source, options, networks)) for lane in lanes]
    with clock.measure("render"), sound_of(script, source, output, progress) as sound:
        writer = watch.writer(VideoWriter(
            output,
            width=width,
            height=height,
            fps=source.fps,
            colour=source.colour,
            pixel_aspect=source.pixel_aspect,
            sound=sound,
            encoding=encoding,
            duration_limit=float(frames / source.fps) if frames < script.frames or options.mix else None,
            pixels=pixels,
            source=kept,
        ))
        with progress.stage("Syncing lips", frames) as advance, writer:
            played: Iterator[AnyFrame] = play(source, plan, options.compat, waiting)
            for lane, compositor, presence in zip(lanes, compositors, presences, strict=True):
                moments = lane.moments(zip(map(int, numbers), played, strict=False), presence)
                played = sync_lips(moments, networks.lips, compositor, manner, batch)
            with closing(prefetch(played, waiting)) as finished:
                for frame in finished:
                    writer.write(frame)
                    advance(1)

    score = None
    if options.score:
        with clock.measure("score"), watch.stage("score"):
            score = rate_result(output, numbers, shown, options, cast.found_by, networks.device, progress)

    return SyncReport(
        output=output,
        frames=frames,
        fps=source.fps,
        width=width,
        height=height,
        duration=float(frames / source.fps),
        faces=synced,
        source_frames=available,
        source_faces=found,
        people=cast.labels,
        synced=tuple(dict.fromkeys(cast.person(line.who) for line in script.lines)),
        detector=cast.found_by,
        generator=networks.description,
        device=device,
        encoder=decided.encoder,
        extended=options.extension if extended else None,
        sync=score,
        seconds=clock.seconds,
    )


def rate_result(
    output: Path, numbers: np.ndarray, shown: Sequence[FaceTrack], options: SyncOptions, found_by: str, device: str,
    progress: Progress,
) -> SyncScore | None:
    """Score the result; None, saying why, where that cannot be done: the result is good all the same."""
    from wav2lip.pipeline.rate import rate

    pads = Pads(0, 0, 0, 0) if options.has_box else Pads(*options.pads)
    try:
        if len(shown) > 1:
            raise MediaError("people speak at the same time, and their voices cannot be told apart.")
        return rate(output, numbers, shown[0], pads, found_by, device, progress)
    except (MediaError, NoFaceError, WeightsError) as error:
        progress.say(f"The result could not be scored: {error}")
        return None
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{output} was written, but not scored") from None


def open_source(face: Path, options: SyncOptions, gpu: int | None, progress: Progress) -> Source:
    """Look at the video or picture, and fix what decodes it and how its frames are seen."""
    clip = probe(face, image_fps=options.fps)
    if gpu is not None:
        clip, failure = decoded_on(clip, gpu)
        if failure:
            progress.detail(f"NVDEC does not decode {face.name} ({failure}); the CPU does.")
    geometry = Geometry(options.resize_factor, options.rotate, options.crop, options.shorter_side)
    if options.compat and clip.image:
        geometry = Geometry(1, False, FULL_FRAME)    # the original ignores these for pictures
    return Source(clip, geometry, stored=options.compat and not clip.image, static=options.static)


def cautions(source: Source, options: SyncOptions) -> Iterator[str]:
    """Yield what is done to a source that its owner may not expect."""
    clip = source.clip
    if options.compat and high_range(clip.colour):
        yield f"{clip.path.name} is HDR ({clip.colour.transfer}); with --compat the result has 8 bits all the same."
    if clip.interlaced:
        yield f"{clip.path.name} is interlaced, and its fields stay woven together; better deinterlace it first."


def doubts(shown: Sequence[FaceTrack], source: Source, options: SyncOptions) -> Iterator[str]:
    """Yield what may be wrong with the faces that are synced.

    Args:
        shown: where they are in the frames of the result.
        source, options: of the run.

    Raises:
        NoFaceError: none of them is seen when it is its turn.
    """
    seen = [track.seen for track in shown]
    if not any(some.any() for some in seen):
        raise NoFaceError(
            f"Whoever is to be synced in {source.clip.path} is not seen at those times; `wav2lip faces` shows who is."
        )
    narrow = sum(int((track.boxes[some, 2] - track.boxes[some, 0] < NARROW).sum())
                 for track, some in zip(shown, seen, strict=True))
    if narrow and not options.compat:
        yield f"In {narrow} frames a face is less than {NARROW} pixels wide; its mouth will hardly be seen to move."
    aside = sum(int((track.facing[some] == 0).sum())
                for track, some in zip(shown, seen, strict=True) if track.facing is not None)
    if aside:
        yield f"In {aside} frames a face is turned aside by more than {options.max_yaw:g} degrees and left as it is."


def check_length(frames: int, source: Source, script: Script, options: SyncOptions) -> None:
    """Refuse, in a strict run that is not told how to extend it, a video with too few frames for the sound."""
    if options.strict and options.extend is None and frames < script.frames:
        raise MediaError(f"{source.clip.path} has {frames} frames; {script.lines[0].recording} needs {script.frames}.")


def make_compositor(source: Source, options: SyncOptions, networks: Networks) -> AnyCompositor:
    """Return what cuts faces out of the source's frames and puts generated ones back."""
    if options.compat:
        return Original()
    finish = Finish(options.blend, options.mask, options.color_match, options.grain, options.enhance_strength)
    if networks.device.startswith("cuda") and can_do(finish, networks.enhancer, networks.parser):
        return DeviceCompositor(source.palette, finish, networks.device)
    return Compositor(source.palette, finish, networks.enhancer, networks.parser)


def play(source: Source, plan: Sequence[Run], compat: bool, waiting: int) -> Iterator[AnyFrame]:
    """Yield the source's frames in the order of the result."""
    frames: Iterator[tuple[int, AnyFrame]] = source.play(plan) if compat else source.play_pictures(plan)
    with closing(prefetch(frames, waiting)) as pictures:
        for _number, frame in pictures:
            yield frame
