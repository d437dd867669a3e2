"""Pass 1: where the face is in every frame of the source."""

from __future__ import annotations

from contextlib import closing

from wav2lip.faces.boxes import Pads
from wav2lip.faces.cache import cached_detections
from wav2lip.faces.detector import make_detector
from wav2lip.faces.track import Detections, FaceTrack, compat_track, detect_faces, fixed_track, follow
from wav2lip.media.prefetch import prefetch
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress

BATCH = {"cpu": 1, "cuda": 16, "mps": 4}    # frames detected at a time; S3FD holds about 0.7 GB for one at 720p


def find_track(
    source: Source, frames: int, options: SyncOptions, device: str, progress: Progress, in_flight: int
) -> tuple[FaceTrack, str]:
    """Find the face in the first `frames` frames of a source.

    Detections are cached by the content of the file; padding and smoothing are applied afterwards, so that the next
    run on the same video, with other sound, pads or smoothing, starts at once.

    Returns:
        The track, and the name of what found it.

    Raises:
        UsageError: a fixed box outside the frame.
        WeightsError: the chosen detector's weights are missing or wrong.
    """
    if options.has_box:
        return fixed_track(options.box, frames, source.size, compat=options.compat), "box"
    detector = make_detector(
        "s3fd" if options.compat and options.detector == "auto" else options.detector,
        weights=options.detector_weights,
        device=device,
        compat=options.compat,
        offline=options.offline or None,
        say=progress.say,
    )
    batch = options.face_det_batch_size or BATCH[device.partition(":")[0]]

    def detect() -> Detections:
        with progress.stage("Finding faces", frames) as advance, closing(
            prefetch(source.read(0, frames), in_flight)
        ) as pictures:
            return detect_faces(pictures, detector, batch=batch, progress=advance)

    detections = cached_detections(source.clip.path, f"{source.settings} {detector.fingerprint}", frames, detect)
    pads = Pads(*options.pads)
    if options.compat:
        return compat_track(detections, pads=pads, smooth=options.smooth, size=source.size), detector.name
    return follow(detections, pads=pads, smooth=options.smooth, size=source.size, fps=source.fps), detector.name
