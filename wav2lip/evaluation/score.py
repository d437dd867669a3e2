"""Score videos: do lips and speech belong together, and what is the picture like?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

import numpy as np

from wav2lip.errors import MediaError, UsageError
from wav2lip.evaluation.judges import Judge, load_judges
from wav2lip.evaluation.results import VideoScore
from wav2lip.evaluation.watch import SHORTEST, Watch, sights
from wav2lip.faces.boxes import Pads
from wav2lip.faces.detector import Detector, make_detector
from wav2lip.faces.look import look_at_clip
from wav2lip.faces.people import follow
from wav2lip.faces.track import FaceTrack
from wav2lip.media.clip import Clip, Frame
from wav2lip.media.prefetch import frames_waiting, prefetch
from wav2lip.media.probe import probe
from wav2lip.media.read import frames_at, read_at_rate
from wav2lip.models.device import choose_device
from wav2lip.models.syncnet import FPS
from wav2lip.paths import take_paths
from wav2lip.progress import Progress

FORMAT = 4                   # counts up whenever a score means something else, or says more


@dataclass(frozen=True)
class EvaluationOptions:
    """How videos are scored.

    Attributes:
        syncnet: weights of the original SyncNet (syncnet_v2.model), for LSE-D and LSE-C; None leaves them out.
        expert: weights of an expert SyncNet; None for the one that ships.
        cropped: the whole frame is the face, as in LRS; nothing is looked for.
        picture: measure the picture too.
        detector, detector_weights, offline: as `make_detector` takes them.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
    """

    syncnet: Path | None = None
    expert: Path | None = None
    cropped: bool = False
    picture: bool = True
    detector: str = "auto"
    detector_weights: Path | None = None
    device: str = "auto"
    offline: bool = False

    def __post_init__(self) -> None:
        take_paths(self, "syncnet", "expert", "detector_weights")


class Evaluator:
    """Scores videos one after the other, with networks that are loaded once.

    Args:
        options: how.
        progress: is told of detectors and downloads, and how far each video is.

    Raises:
        WeightsError: weights are missing, broken or of another network.
        UsageError: options that make no sense.
    """

    def __init__(self, options: EvaluationOptions, progress: Progress):
        self.options = options
        self._progress = progress
        self.device = choose_device(options.device)
        self.judges = load_judges(options.syncnet, options.expert, self.device)
        self._detector: Detector | None = None
        if not options.cropped:
            self._detector = make_detector(
                options.detector, weights=options.detector_weights, device=self.device, compat=False,
                offline=options.offline or None, say=progress.say,
            )

    @property
    def fingerprint(self) -> str:
        """What changes whenever the same video could get another score."""
        looks = self._detector.fingerprint if self._detector else "cropped"
        judges = [judge.fingerprint for judge in self.judges]
        return " | ".join([f"format {FORMAT}", looks, f"picture={self.options.picture}", *judges])

    def score(self, path: Path, reference: Path | None = None) -> VideoScore:
        """Score a video.

        Args:
            path: the video, with its sound.
            reference: a video of the same size that shows what it should look like.

        Raises:
            MediaError: a file cannot be read, has no sound, or is too short.
            NoFaceError: no face is seen long enough.
            UsageError: the reference is of another size.
        """
        clip = _open(path)
        truth = _open_reference(reference, clip) if reference else None
        track = self.find(clip)
        return score_clip(
            clip, track, self.judges, self._progress, detector=self._detector.name if self._detector else "cropped",
            picture=self.options.picture, reference=truth,
        )

    def faces(self, path: Path) -> Iterator[tuple[Frame, np.ndarray]]:
        """Yield the frames of a video, at 25 a second, that show the face, with its box x1, y1, x2, y2 in pixels.

        Raises:
            MediaError: the file cannot be read.
        """
        clip = probe(path)
        track = self.find(clip)
        with closing(read_at_rate(clip, FPS)) as frames:
            for frame, sight in zip(frames, sights(clip, track, []), strict=False):
                if sight is not None:
                    yield frame, sight.box

    def find(self, clip: Clip) -> FaceTrack | None:
        """Return where the face is in every frame of a video; None where the whole frame is the face."""
        if self._detector is None:
            return None
        detections = look_at_clip(clip, clip.frames, self._detector, self.device, self._progress)
        return follow(detections, pads=Pads(0, 0, 0, 0), size=(clip.width, clip.height), fps=clip.fps)


def evaluate(
    path: Path, options: EvaluationOptions | None = None, progress: Progress | None = None,
    reference: Path | None = None,
) -> VideoScore:
    """Score one video; `Evaluator` scores many.

    Args, Returns, Raises:
        As `Evaluator` and its `score`.
    """
    return Evaluator(options or EvaluationOptions(), progress or Progress()).score(Path(path), reference)


def score_clip(
    clip: Clip, track: FaceTrack | None, judges: Sequence[Judge], progress: Progress, *, detector: str,
    picture: bool = True, reference: Clip | None = None,
) -> VideoScore:
    """Score a video whose face has been found; memory does not grow with its length, but for a few hundred
    bytes a frame.

    Args:
        clip: with sound.
        track: the face in every frame at the clip's own rate; None where the whole frame is the face.
        judges: compare lips and speech.
        progress: is told how far it is.
        detector: what found the face.
        picture: measure the picture too.
        reference: of the same size.

    Raises:
        MediaError: it is too short, or cannot be read.
        NoFaceError: no face is seen long enough.
    """
    waiting = frames_waiting(3 * clip.width * clip.height)
    frames = 0
    with progress.stage("Scoring", frames_at(clip, FPS)) as advance, ExitStack() as stack:
        watch = stack.enter_context(closing(Watch(judges, clip, picture, reference is not None)))
        watched = stack.enter_context(closing(prefetch(read_at_rate(clip, FPS), waiting)))
        truths: Iterator[Frame | None] = repeat(None)
        if reference:
            truths = chain(stack.enter_context(closing(prefetch(read_at_rate(reference, FPS), waiting))), truths)
        for frame, truth, sight in zip(watched, truths, sights(clip, track, judges), strict=False):
            watch.add(frame, truth, sight)
            frames += 1
            advance(1)
        if frames < SHORTEST:
            raise MediaError(
                f"{clip.path} is too short to be scored: {frames} frames at 25 a second, and {SHORTEST} are needed."
            )
        if reference and watch.compared < frames:
            progress.say(f"{reference.path} is shorter: {watch.compared} of {frames} frames were compared with it.")
        return watch.result(clip.path, frames, detector)


def _open(path: Path) -> Clip:
    clip = probe(path)
    if clip.image:
        raise MediaError(f"{path} is a picture; give a video with sound.")
    if clip.sound is None:
        raise MediaError(f"{path} has no audio track, so there is no speech to compare the lips with.")
    return clip


def _open_reference(path: Path, clip: Clip) -> Clip:
    truth = probe(path)
    if (truth.width, truth.height) != (clip.width, clip.height):
        raise UsageError(
            f"The reference {path} is {truth.width}x{truth.height} pixels and {clip.path} {clip.width}x{clip.height}; "
            "only videos of one size can be compared."
        )
    return truth
