"""Pass 1: where the face is in every frame of the source."""

from __future__ import annotations

from wav2lip.faces.boxes import Pads
from wav2lip.faces.look import BATCH, look_for_faces
from wav2lip.faces.people import follow
from wav2lip.faces.track import FaceTrack, compat_track, fixed_track
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress


def find_track(
    source: Source, frames: int, options: SyncOptions, networks: Networks, progress: Progress
) -> tuple[FaceTrack, str]:
    """Find the face in the first `frames` frames of a source.

    Returns:
        The track, and the name of what found it.

    Raises:
        UsageError: a fixed box outside the frame.
    """
    detector = networks.detector
    if detector is None:
        return fixed_track(options.box, frames, source.size, compat=options.compat), "box"
    detections = look_for_faces(
        source.clip.path,
        frames,
        source.frames,
        source.size,
        source.fps,
        source.read_small,
        detector,
        progress,
        settings=source.settings,
        batch=options.face_det_batch_size or BATCH[networks.device.partition(":")[0]],
        sparing=not options.compat,
    )
    pads = Pads(*options.pads)
    if options.compat:
        return compat_track(detections, pads=pads, smooth=options.smooth, size=source.size), detector.name
    track = follow(detections, pads=pads, smooth=options.smooth, size=source.size, fps=source.fps)
    return track.first(frames), detector.name
