"""The journey of one clip, on one page."""

from __future__ import annotations

import os
from dataclasses import replace

from wav2lip.errors import MediaError, NoFaceError, WeightsError
from wav2lip.evaluation.tables import SyncScore
from wav2lip.faces.boxes import Pads
from wav2lip.pipeline.job import open_job
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.prepare import Prepared
from wav2lip.pipeline.report import SyncReport
from wav2lip.pipeline.watch import Watch
from wav2lip.progress import Progress


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

    The result is made in parts of some seconds each, in a hidden folder beside it. After a crash, a full disk or a
    power cut the same call goes on where it stopped, and the result has the bytes that it would have had.

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
        UsageError: options that make no sense, an output that is one of the inputs, or that another run is writing.
        MediaError: an input that cannot be read, or a video that a strict run refuses.
        WeightsError: weights that are missing, broken or of another network.
        NoFaceError: no face in the whole clip, or in a frame of a strict run.
        Wav2LipError: anything else that failed, such as a full disk.
    """
    options, progress, watch = options or SyncOptions(), progress or Progress(), watch or Watch()
    with open_job(face, audio, output, options, progress, networks, watch) as job:
        missing = job.missing()
        there = len(job.segments) - len(missing)
        if there:
            progress.say(f"Going on after an earlier run: {there} of {len(job.segments)} parts are there.")
        job.sound()
        job.render(missing)
        report = job.finish()
    if not options.score:
        return report
    with job.clock.measure("score"), watch.stage("score"):
        return replace(report, sync=rate_result(job.prepared, progress), seconds=job.clock.seconds)


def rate_result(prepared: Prepared, progress: Progress) -> SyncScore | None:
    """Score the result; None, saying why, where that cannot be done: the result is good all the same."""
    from wav2lip.pipeline.rate import rate

    options, output, shown = prepared.options, prepared.output, prepared.shown
    pads = Pads(0, 0, 0, 0) if options.has_box else Pads(*options.pads)
    try:
        if len(shown) > 1:
            raise MediaError("people speak at the same time, and their voices cannot be told apart.")
        found_by, device = prepared.cast.found_by, prepared.networks.device
        return rate(output, prepared.numbers, shown[0], pads, found_by, device, progress)
    except (MediaError, NoFaceError, WeightsError) as error:
        progress.say(f"The result could not be scored: {error}")
        return None
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{output} was written, but not scored") from None
