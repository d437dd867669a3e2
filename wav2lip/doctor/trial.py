"""Make a few frames of a result as `sync` would make them, and see what that takes."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from wav2lip.doctor.forecast import Trial, Work
from wav2lip.media.join import join
from wav2lip.pipeline.prepare import Prepared
from wav2lip.pipeline.process import children, peak_memory
from wav2lip.pipeline.render import render
from wav2lip.pipeline.segments import split
from wav2lip.pipeline.watch import Watch
from wav2lip.progress import Progress

PILOT = 12                  # frames that tell how many the trial proper can have
LEAST, LONGEST = 24, 240    # frames of that
SECONDS = 2.5               # that it may take, about
AMONG = 1500                # frames of the beginning in which it is made: all speech before it has to be read
SOUND = 60.0                # seconds of sound that are joined to it
FEW = 0.05                  # of all frames: fewer that pass through are not measured for themselves


def work_of(prepared: Prepared) -> tuple[Work, np.ndarray]:
    """Return how much there is to do, and how many faces are generated for each frame of the result, int (n,)."""
    faces = np.zeros(prepared.frames, int)
    manner = prepared.manner
    fades = manner.silence == "closed" and bool(manner.closed) and not manner.always
    for visible, presence in zip(prepared.generated, prepared.presences, strict=True):
        present = presence[: prepared.frames]
        both = (present > 0) & (present < 1) & fades
        faces += visible * (1 + both)
    seconds = float(prepared.frames / prepared.source.fps)
    parts = len(split(prepared.frames, prepared.source.fps))
    return Work(prepared.frames, int(faces.sum()), int((faces == 0).sum()), parts, seconds), faces


def attempt(prepared: Prepared, faces: np.ndarray, progress: Progress) -> tuple[Trial, float]:
    """Make some frames of a result where most faces are generated.

    Args:
        prepared: what they are made from.
        faces: as `work_of` gives it.
        progress: is told how far it is.

    Returns:
        What they took, and the seconds that a frame takes in which nobody is synced.

    Raises:
        MediaError, Wav2LipError: as `render`.
    """
    with tempfile.TemporaryDirectory(prefix="wav2lip-") as name, progress.stage("Trying it", 2, "time") as advance:
        folder = Path(name)
        pilot = _timed(prepared, _busiest(faces, PILOT), folder)
        advance(1)
        count = int(np.clip(SECONDS / max(pilot[1] / PILOT, 1e-3), LEAST, LONGEST))
        part = _busiest(faces, count)
        first, rest, memory = _timed(prepared, part, folder)
        advance(1)
        passing = _passing(prepared, faces, len(part), folder)
        file = folder / f"000000{prepared.output.suffix}"
        size, key = file.stat().st_size, _key_bytes(file)
        joining, sound_seconds, sound_bytes = _joined(prepared, part, file)
        # The first frames of a process take longer: those of the pilot.
        trial = Trial(
            len(part), int(faces[part.start : part.stop].sum()), max(first, pilot[0]), rest, size, key, joining,
            sound_seconds, sound_bytes, memory,
        )
    return trial, rest / len(part) if passing is None else passing


def _busiest(faces: np.ndarray, count: int) -> range:
    """Return the frames that follow each other near the beginning for which most faces are generated."""
    count = min(count, len(faces))
    sums = np.convolve(faces, np.ones(count, int), mode="valid")
    near = sums[: max(1, AMONG)]
    first = int(near.argmax() if near.any() else sums.argmax())
    return range(first, first + count)


def _timed(prepared: Prepared, part: range, folder: Path) -> tuple[float, float, int]:
    """Make frames; return the seconds until the first one and from then on, and the memory that was needed."""
    times: list[float] = []
    memory = 0

    def advance(count: int) -> None:
        nonlocal memory
        times.append(time.perf_counter())
        if len(times) % 8 == 0:
            memory = max(memory, sum(peak_memory(child) for child in children(os.getpid())))

    start = time.perf_counter()
    render(prepared, [part], [folder / f"000000{prepared.output.suffix}"], Watch(), advance)
    end = time.perf_counter()
    return times[0] - start, end - times[0], memory + peak_memory(os.getpid())


def _passing(prepared: Prepared, faces: np.ndarray, count: int, folder: Path) -> float | None:
    """Return the seconds that a frame takes in which nobody is synced; None where there are few."""
    if (faces == 0).mean() < FEW:
        return None
    nobody = np.zeros(len(prepared.tracks[0]), bool)
    lanes = tuple(
        replace(lane, parts=tuple(replace(part, track=part.track.only(nobody)) for part in lane.parts))
        for lane in prepared.lanes
    )
    part = range(min(count, prepared.frames))
    elsewhere = folder / "passing"
    elsewhere.mkdir()
    _first, rest, _memory = _timed(replace(prepared, lanes=lanes), part, elsewhere)
    return rest / len(part)


def _key_bytes(file: Path) -> int:
    import av

    with av.open(str(file)) as container:
        return next((packet.size for packet in container.demux(container.streams.video[0]) if packet.size), 0)


def _joined(prepared: Prepared, part: range, file: Path) -> tuple[float, float, int]:
    """Join a part with the beginning of its sound; return the seconds it took, and those and the bytes of the sound."""
    sound = prepared.script.sound or prepared.script.recordings[0]
    limit = min(SOUND, float(prepared.frames / prepared.source.fps))
    whole = file.with_name(f"joined{prepared.output.suffix}")
    before = file.stat().st_size
    start = time.perf_counter()
    join(
        [file], whole, codec=prepared.decided.codec, frames=[len(part)], fps=prepared.source.fps, sound=sound,
        duration_limit=limit,
    )
    return time.perf_counter() - start, limit, max(0, whole.stat().st_size - before)
