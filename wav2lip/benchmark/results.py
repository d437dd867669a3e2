"""What was measured: medians, and how they compare with the least that the work could take."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from importlib.metadata import version as version_of
from pathlib import Path
from statistics import median
from typing import Any

from wav2lip import __version__
from wav2lip.media.ffmpeg import binary, version
from wav2lip.models.device import cores
from wav2lip.pipeline.profile import Machine, Profile, StageCost


@dataclass(frozen=True)
class Mode:
    """Runs of one kind.

    Attributes:
        seconds: of each whole process.
        profile: medians over the runs; its `seconds` are theirs.
        memory: bytes at the peak of Python and its ffmpegs together, in a run of its own; 0 where nobody tells.
        own_memory: of Python alone.
    """

    seconds: tuple[float, ...]
    profile: Profile
    memory: int
    own_memory: int


@dataclass(frozen=True)
class Bench:
    """What `wav2lip bench` has measured.

    Attributes:
        about: the machine and the programs on it, by name.
        face: name of the video.
        size: its width and height in pixels.
        fps: its frames a second.
        options: that `wav2lip sync` was given.
        transcodes: seconds of each plain transcode of the same frames, with the same encoder and options.
        modes: "cold" and "warm".
    """

    about: Mapping[str, str]
    face: str
    size: tuple[int, int]
    fps: Fraction
    options: tuple[str, ...]
    transcodes: tuple[float, ...]
    modes: Mapping[str, Mode]

    @property
    def transcode(self) -> float:
        """The median of the plain transcodes, in seconds."""
        return median(self.transcodes)

    def floor(self, mode: str) -> float | None:
        """Return the seconds of a transcode and of the generator's arithmetic at the machine's best, one after another.

        That is the arithmetic of a whole face a frame, whatever of it a run could leave out. None where it is unknown.
        """
        profile = self.modes[mode].profile
        generate = profile.stage("generate")
        peak = profile.machine.matmul.get(generate.number_format) if generate else None
        return self.transcode + generate.whole_flop / peak if generate and generate.whole_flop and peak else None

    def ratio(self, mode: str) -> float | None:
        """Return how many times the floor a run takes."""
        floor = self.floor(mode)
        return self.modes[mode].profile.seconds / floor if floor else None

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain JSON types."""
        plain = asdict(self) | {"about": dict(self.about), "fps": str(self.fps), "transcode_seconds": self.transcode}
        plain["modes"] = {
            name: {
                "seconds": mode.seconds,
                "median_seconds": mode.profile.seconds,
                "times_video": mode.profile.seconds / mode.profile.video_seconds,
                "floor_seconds": self.floor(name),
                "times_floor": self.ratio(name),
                "peak_memory": mode.memory,
                "peak_memory_python": mode.own_memory,
                "profile": mode.profile.to_dict(),
            }
            for name, mode in self.modes.items()
        }
        return plain


def best_of(machines: Sequence[Machine]) -> Machine:
    """Return the best that was ever measured: whatever else ran beside a measurement took from it."""
    matmul: dict[str, float] = {}
    for machine in machines:
        matmul |= {name: max(peak, matmul.get(name, 0.0)) for name, peak in machine.matmul.items()}
    return replace(machines[0], matmul=matmul, memory=max(machine.memory for machine in machines))


def median_profile(profiles: Sequence[Profile], machine: Machine) -> Profile:
    """Return the medians of runs on the same inputs, each figure's for itself, held against a machine."""
    first = profiles[0]

    def middle(name: str, things: Sequence[Any]) -> float:
        return median(getattr(one, name) for one in things)

    def cost(name: str) -> StageCost:
        costs = [stage for profile in profiles if (stage := profile.stage(name)) is not None]
        return replace(costs[0], seconds=middle("seconds", costs), cpu_seconds=middle("cpu_seconds", costs))

    return Profile(
        stages=tuple(cost(stage.name) for stage in first.stages),
        seconds=middle("seconds", profiles),
        cpu_seconds=middle("cpu_seconds", profiles),
        frames=first.frames,
        video_seconds=first.video_seconds,
        peak_memory=max(profile.peak_memory for profile in profiles),
        peak_memory_ffmpeg=max(profile.peak_memory_ffmpeg for profile in profiles),
        machine=machine,
        measuring=middle("measuring", profiles),
    )


def about_machine() -> dict[str, str]:
    """Return the names and versions that figures mean nothing without."""
    return {
        "processor": _processor(),
        "cores": str(cores()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": version_of("torch"),
        "ffmpeg": ".".join(map(str, version(binary()))),
        "wav2lip": __version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
