"""Measure the program and, in the same minutes, the least that its work could take."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wav2lip.benchmark.clip import make_clip
from wav2lip.benchmark.results import Bench, Mode, about_machine, best_of, median_profile
from wav2lip.benchmark.runs import Finished, run
from wav2lip.errors import UsageError
from wav2lip.media.geometry import Geometry
from wav2lip.media.transcode import transcode
from wav2lip.models.device import choose_device
from wav2lip.models.remembered import FOLDER
from wav2lip.models.store import CACHE_VARIABLE, cache_dir
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.output import default_output, encoding_of
from wav2lip.pipeline.prepare import open_source
from wav2lip.pipeline.profile import Profile
from wav2lip.progress import Progress


def bench(
    face: Path | None, audio: Path | None, options: SyncOptions, words: Sequence[str], runs: int, progress: Progress
) -> Bench:
    """Measure `wav2lip sync`: cold, with no face track in the cache, and warm, with the track there.

    Every run is a process of its own. A first one of each kind is not timed: it fills the disk's cache, and its memory
    is looked at, which takes time. Then come, `runs` times in turn, a plain transcode, a cold run and a warm one.

    Args:
        face, audio: what to measure with; both None draws a clip.
        options: what `words` mean.
        words: options for `wav2lip sync`.
        runs: how many of each are timed, at least 1.
        progress: is told how far it is.

    Raises:
        UsageError: a picture, or frames that are turned, scaled or cropped: a plain transcode would be no measure.
        Wav2LipError: whatever ends a run.
    """
    with tempfile.TemporaryDirectory(prefix="wav2lip-") as name:
        folder = Path(name)
        if face is None or audio is None:
            face, audio = make_clip(folder, progress)
        gpu = options.gpu(choose_device(options.device))
        source = open_source(face, options, gpu, progress)
        if source.still or source.geometry != Geometry():
            raise UsageError(f"{face} is measured as a video in its own size; leave out what changes that.")
        output = folder / default_output(face, audio, options.codec, source).name
        command = [sys.executable, "-m", "wav2lip", "--no-config", "sync", "--face", str(face), "--audio", str(audio)]
        command += [*words, "-o", str(output), "--quiet", "--json"]
        cold, warm = folder / "cold", folder / "warm"
        transcodes: list[float] = []
        timed: dict[str, list[Profile]] = {"cold": [], "warm": []}
        with progress.stage("Measuring", 2 + 3 * runs, "run") as advance:

            def sync(cache: Path, *more: str, watched: bool = False) -> Finished:
                done = run([*command, *more], _environment() | {CACHE_VARIABLE: str(cache)}, watched=watched)
                advance(1)
                return done

            fill_cache(warm)
            # The first one leaves the track there for the others.
            first = {"cold": sync(warm, watched=True), "warm": sync(warm, watched=True)}
            frames = json.loads(first["cold"].said)["frames"]
            for _ in range(runs):
                start = time.perf_counter()
                transcode(source.clip, audio, output, encoding_of(options, gpu), source.pixels, frames)
                transcodes.append(time.perf_counter() - start)
                advance(1)
                fill_cache(cold, warm)            # with what the first run has fetched
                for mode, cache in (("cold", cold), ("warm", warm)):
                    done = sync(cache, "--profile")
                    profile = Profile.from_dict(json.loads(done.said)["profile"])
                    timed[mode].append(replace(profile, seconds=done.seconds - profile.measuring))
    machine = best_of([profile.machine for profiles in timed.values() for profile in profiles])
    modes = {}
    for mode, profiles in timed.items():
        seconds = tuple(profile.seconds for profile in profiles)
        modes[mode] = Mode(seconds, median_profile(profiles, machine), first[mode].memory, first[mode].own_memory)
    return Bench(about_machine(), face.name, source.size, source.fps, tuple(words), tuple(transcodes), modes)


def _environment() -> dict[str, str]:
    """Return the variables of this process without those that set options: only what is asked for is measured."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("WAV2LIP_SYNC_", "WAV2LIP_LOG_"))}
    return ours | {"NO_COLOR": "1"}


def fill_cache(folder: Path, of: Path | None = None) -> None:
    """Make a folder that holds what a cache does, by default the user's, but no face tracks; one there is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for entry in (of or cache_dir()).glob("*"):
        if entry.name == FOLDER:
            continue
        try:
            (folder / entry.name).symlink_to(entry.absolute())
        except OSError:                           # Windows lets few users make links
            (shutil.copytree if entry.is_dir() else shutil.copy)(entry, folder / entry.name)
