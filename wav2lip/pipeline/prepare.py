"""Everything about a result but its frames: what is read, who says what where, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from wav2lip.compose.compositor import Compositor, Finish
from wav2lip.compose.face import Original
from wav2lip.compose.label import Label, make_label
from wav2lip.compose.on_device import DeviceCompositor, can_do
from wav2lip.compose.patch import AnyCompositor
from wav2lip.errors import MediaError, NoFaceError
from wav2lip.faces.track import FaceTrack
from wav2lip.media.assemble import assembled_track
from wav2lip.media.colour import high_range
from wav2lip.media.encoding import Decided, Encoding, decide, sound_options
from wav2lip.media.geometry import Geometry
from wav2lip.media.hardware import decoded_on
from wav2lip.media.prefetch import frames_waiting
from wav2lip.media.probe import audio_track, probe
from wav2lip.media.read import slow_backwards
from wav2lip.pipeline.clock import Clock
from wav2lip.pipeline.hearing import Heard
from wav2lip.pipeline.lane import Lane, make_lanes, unique
from wav2lip.pipeline.lips import Lips
from wav2lip.pipeline.manner import Manner, given_face
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import FULL_FRAME, Extend, SyncOptions
from wav2lip.pipeline.output import refuse_inputs
from wav2lip.pipeline.scout import Scout
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.timeline import Run, runs
from wav2lip.pipeline.watch import Watch
from wav2lip.pipeline.who import Cast
from wav2lip.progress import Progress

HELD = 4                                         # times as many frames as may wait are in the generator's hands
NARROW = 32                                      # pixels: smaller faces have too few for a mouth
EXTENDED = {
    "bounce": "it plays backwards and forwards in turn until the sound ends",
    "loop": "it starts over until the sound ends",
    "freeze": "its last frame is held until the sound ends",
    "stretch": "it plays evenly slower and lasts as long as the sound",
    "cut": "the sound is cut where the video ends",
}


@dataclass(frozen=True)
class Prepared:
    """All that the frames of a result are made from.

    Attributes:
        source: the video, as the options see it.
        audio: the recording; None where the options name voices or an edit list.
        options: of the run.
        output: the result.
        encoding, decided: how its picture is compressed.
        script: what is said.
        cast: who is there.
        tracks: where the faces are in the source that are synced.
        lanes: whose mouth says what; `shown` is where those faces are in the frames of the result.
        presences: how much somebody speaks, for each lane.
        manner: what becomes of the mouths.
        networks: that make them.
        plan: which frames of the source are shown; `numbers` has them one by one.
        label: is drawn into every frame; None for nothing.
        batch: faces generated at a time.
        at_once: threads that generate them.
        waiting: frames that may wait between two stages.
    """

    source: Source
    audio: Path | None
    options: SyncOptions
    output: Path
    encoding: Encoding
    decided: Decided
    script: Script
    cast: Cast
    tracks: tuple[FaceTrack, ...]
    lanes: tuple[Lane, ...]
    shown: tuple[FaceTrack, ...]
    presences: tuple[np.ndarray, ...]
    manner: Manner
    networks: Networks
    plan: tuple[Run, ...]
    numbers: np.ndarray
    label: Label | None
    batch: int
    at_once: int
    waiting: int

    @property
    def frames(self) -> int:
        """How many frames the result has."""
        return len(self.numbers)

    @property
    def extended(self) -> bool:
        """Whether the video is made longer, as the sound is longer."""
        return self.script.frames > len(self.tracks[0]) and not self.source.still and not self.options.whole

    @property
    def sound_limit(self) -> float | None:
        """Seconds after which the sound is cut; None where all of it is heard."""
        return sound_limit(self.frames, self.source, self.script, self.options)

    @cached_property
    def generated(self) -> tuple[np.ndarray, ...]:
        """For each lane in which frames of the result a mouth is generated and shown, bool (n,)."""
        masks = []
        for shown, presence in zip(self.shown, self.presences, strict=True):
            opacity = np.array([self.manner.opacity(float(here)) for here in presence[: self.frames]])
            facing = 1.0 if shown.facing is None else shown.facing
            masks.append(shown.seen & (opacity * facing > 0))
        return tuple(masks)

    @property
    def inputs(self) -> list[Path]:
        """The video and all that is heard."""
        sound = [] if self.script.sound is None else [self.script.sound]
        return [self.source.clip.path, *self.script.recordings, *sound]


def prepare(
    source: Source, audio: Path | None, output: Path, options: SyncOptions, encoding: Encoding, device: str,
    progress: Progress, clock: Clock, watch: Watch, load: Callable[[], Networks], scout: Scout | None = None,
) -> Prepared:
    """Find out and decide all that there is to know before the first frame is made.

    Args:
        source: what `open_source` gave.
        audio: the recording; None where the options name voices or an edit list.
        output: the result.
        encoding: how the options want its picture to be compressed.
        options, device, progress, clock, watch: of the run.
        load: gives the networks, in the middle of it all.
        scout: looks at what the frames need; None for all that any could.

    Raises:
        UsageError, MediaError, WeightsError, NoFaceError, Wav2LipError: as `wav2lip.sync`.
    """
    scout = scout or Scout()
    with clock.measure("load"), watch.stage("load"):
        width, height = source.size
        decided, label, script, heard = begin(source, audio, output, options, encoding, progress, scout)
        heard = [(lines, watch.speech(speech)) for lines, speech in heard]
        loaded = load()
        networks = watch.networks(loaded)
        given = given_face(options, networks.detector)

    waiting = frames_waiting(max(3 * width * height, source.pixels.bytes(width, height)))
    with clock.measure("track"):
        cast = scout.cast((script, heard), source, options, networks, progress)
        lanes = make_lanes(heard, cast, progress, networks.device)
    loaded.rest()
    tracks = tuple(unique(part.track for lane in lanes for part in lane.parts))
    available = len(tracks[0])
    if isinstance(options.reference, Path) and len(tracks) > 1:
        progress.say(f"All {len(tracks)} people who speak get the looks of the one in {options.reference}.")
    check_length(available, source, script, options)
    check_faces(tracks, cast, options, progress)

    plan = tuple(runs(available, script.frames, extension(source, options)))
    numbers = np.array([number for run in plan for number in run.frames()])
    shown = tuple(lane.shown(numbers) for lane in lanes)
    presences = tuple(lane.speech.presence() for lane in lanes)
    with clock.measure("reference"), watch.stage("reference"):
        manner = scout.manner(source, tracks, lanes, numbers, presences, options, given, device, progress)
    batch, at_once = in_hand(networks.lips, options.wav2lip_batch_size, waiting)
    prepared = Prepared(
        source, audio, options, output, encoding, decided, script, cast, tracks, tuple(lanes), shown, presences, manner,
        networks, plan, numbers, label, batch, at_once, waiting,
    )
    if prepared.extended:
        progress.say(f"The sound is longer than the video: {EXTENDED[options.extension]} (--extend).")
    if any(run.step < 0 and slow_backwards(source.clip, run.length, source.pixels) for run in plan):
        progress.say(
            f"Nothing can jump exactly in {source.clip.path.name}, so that playing it backwards takes long; a copy "
            "of it as .mkv (ffmpeg -fflags +genpts -i in -c copy face.mkv) or --extend loop avoids that."
        )
    for notice in doubts(shown, source, options):
        progress.say(notice)
    return prepared


def extension(source: Source, options: SyncOptions) -> Extend:
    """Return how pictures go on where there are fewer than are to be shown."""
    return "freeze" if source.still else "cut" if options.whole else options.extension


def label_of(source: Source, options: SyncOptions) -> Label | None:
    """Return what is drawn into every frame; None for nothing.

    Raises:
        UsageError: it cannot be drawn, or does not fit in.
    """
    if options.visible_label is None:
        return None
    return make_label(options.visible_label, source.palette, *source.size, source.pixel_aspect)


def check_sound(output: Path, script: Script, source: Source) -> None:
    """Make sure that the sound can be put into the output, also where it is put together later."""
    if script.sound is not None:
        sound, _ = audio_track(script.sound)
    else:
        sound, _ = assembled_track(script.pieces, source.clip if script.kept else None)
    sound_options(output, sound)


def check_faces(tracks: Sequence[FaceTrack], cast: Cast, options: SyncOptions, progress: Progress) -> None:
    """Refuse a video without a face and, in a strict run, one with a frame without."""
    available, face = len(tracks[0]), cast.source.clip.path
    found = frames_with_faces(tracks)
    if options.strict and 0 < found < available:
        raise NoFaceError(f"{available - found} of {available} frames of {face} show no face ({cast.found_by}).")
    if not found:
        raise NoFaceError(
            f"No face was found in {face} ({available} frames, looked for with {cast.found_by}). "
            "Choose another --detector, or say where it is with --box top bottom left right."
        )
    progress.detail(f"A face in {found} of {available} frames ({cast.found_by}).")


def frames_with_faces(tracks: Sequence[FaceTrack]) -> int:
    """Return in how many frames there is a face of one of the tracks, which are equally long."""
    return int(np.any([track.seen for track in tracks], axis=0).sum())


def in_hand(lips: Lips, wanted: int | None, waiting: int) -> tuple[int, int]:
    """Return how many faces are generated at a time, and by how many threads, so that memory holds their frames.

    Args:
        lips: the generator.
        wanted: faces that the user wants at a time; None for what suits the device.
        waiting: frames that may wait between two stages.
    """
    held = HELD * waiting    # what is made, and what is being put back
    batch = wanted or min(lips.faces, max(1, held // (lips.at_once + 1)))
    batch = min(batch, 2 * waiting)
    return batch, max(1, min(lips.at_once, held // batch - 1))


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


def begin(
    source: Source, audio: Path | None, output: Path, options: SyncOptions, encoding: Encoding, progress: Progress,
    scout: Scout,
) -> tuple[Decided, Label | None, Script, list[Heard]]:
    """Return what can be decided about a result before networks are loaded, and refuse what cannot become one.

    Raises:
        UsageError, MediaError, Wav2LipError: as `prepare`.
    """
    width, height = source.size
    # The original's frames are BGR of 8 bits, whatever the source's.
    kept, pixels = (None, None) if options.compat else (source.clip, source.pixels)
    decided = decide(output, encoding, width, height, source=kept, pixels=pixels)
    for notice in decided.notices:
        progress.loss(notice)
    label = label_of(source, options)
    for notice in cautions(source, options):
        progress.say(notice)
    script, heard = scout.hear(audio, source, options, progress)
    refuse_inputs(output, script.recordings)
    check_sound(output, script, source)
    check_length(source.frames, source, script, options)
    return decided, label, script, heard


def sound_limit(frames: int, source: Source, script: Script, options: SyncOptions) -> float | None:
    """Return the seconds after which the sound of so many frames is cut; None where all of it is heard."""
    cut = frames < script.frames or options.mix is not None
    return float(frames / source.fps) if cut else None


def make_compositor(source: Source, options: SyncOptions, networks: Networks) -> AnyCompositor:
    """Return what cuts faces out of the source's frames and puts generated ones back."""
    if options.compat:
        return Original()
    finish = Finish(options.blend, options.mask, options.color_match, options.grain, options.enhance_strength)
    if networks.device.startswith("cuda") and can_do(finish, networks.enhancer, networks.parser):
        return DeviceCompositor(source.palette, finish, networks.device)
    return Compositor(source.palette, finish, networks.enhancer, networks.parser)
