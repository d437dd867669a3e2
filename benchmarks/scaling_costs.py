"""What a frame costs, stage by stage: as measured by `wav2lip bench`, or estimated for a GPU that nobody has measured.

A worker has cores of its own and a share of a GPU. A frame takes it the longest of three: its core-seconds over what
its cores do together, the seconds of the one thread that cannot be shared out, and the seconds of the GPU part that it
waits for, times the workers on that GPU.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wav2lip.errors import UsageError
from wav2lip.pipeline.profile import Profile, StageCost

PIXELS = 1280 * 720
FIRST_PASS = ("detect", "reference")

# Measured on 2 cores of an Intel Xeon with AVX-512 (PyTorch 2.13, ffmpeg 9.0) with OMP_NUM_THREADS=1, medians of 3 cold
# runs: `wav2lip bench -- --detector cascade --device cpu --precision fp32`, whose drawn clip is 10 s of 1280x720.
FRAMES = 250
STAGES = {                             # CPU seconds of 250 frames
    "decode": 4.15, "detect": 0.51, "reference": 0.19, "speech": 0.03, "generate": 5.56 + 0.33, "compose": 0.61,
    "encode": 4.47,
}
DECODED = 746                          # frames: 250 are looked at, 246 searched for a closed mouth, 250 shown
START = 2.3                            # CPU seconds more in a process of its own: libraries, weights, warming up
JOB = 0.5                              # CPU seconds: probing, opening ffmpegs, the mel, the end
PART = 0.25                            # CPU seconds: opening the job again, and two ffmpegs

TEAM = 0.88                            # n cores of one worker are worth n ** TEAM workers of one core; measured for 2

GFLOP = 2.006                          # a face, in the generator that ships
FACES = 292 / 250                      # a frame: those beside a pause are generated twice
PIPE = 1.4e-3                          # CPU seconds that carry a frame from ffmpeg to Python to ffmpeg, measured
LOOKING_FLOP = 146e9 * 23 / 250        # a frame: S3FD at 640x360, in 23 frames of 250


@dataclass(frozen=True)
class Cost:
    """What a frame costs.

    Attributes:
        cores: seconds of a core.
        serial: seconds of the busiest thread.
        device: seconds of the busiest part of a GPU: its arithmetic, its decoder or its encoder.
    """

    cores: float
    serial: float
    device: float = 0.0

    def on(self, cores: float, workers_a_gpu: float = 1.0) -> float:
        """Return the seconds a frame of a worker with that many cores and its share of a GPU."""
        return max(self.cores / cores**TEAM, self.serial, self.device * workers_a_gpu)


@dataclass(frozen=True)
class Costs:
    """What jobs cost.

    Attributes:
        about: where that is known from.
        start: seconds until a worker can begin.
        job, part: core-seconds of every job and of every shared segment, however short.
        look, render: a frame of the first pass and of the second.
    """

    about: str
    start: float
    job: float
    part: float
    look: Cost
    render: Cost


@dataclass(frozen=True)
class Gpu:
    """A GPU as its maker describes it, and the share of that which is hoped for.

    Attributes:
        name: of it.
        flops: FLOP/s in float16, dense.
        decoded, encoded: pixels a second of all decoders and of all encoders; 0 encoded where the GPU has none.
        flop_share, video_share: of those that a run reaches.
    """

    name: str
    flops: float
    decoded: float
    encoded: float
    flop_share: float = 0.1
    video_share: float = 0.5


# T4: 65 TFLOP/s and 38 streams of 1080p at 30 frames a second decoded, says its data sheet; NVENC, 16 times real time
# in 1080p at 30 frames a second, is what was published for the generation before it.
T4 = Gpu("T4", 65e12, 38 * 30 * 1920 * 1080, 16 * 30 * 1920 * 1080)


def measured(stages: dict[str, float], frames: int, decoded: int) -> tuple[Cost, Cost]:
    """Return what a frame of either pass costs.

    Args:
        stages: CPU seconds by the stage's name.
        frames: of the result.
        decoded: frames in both passes.
    """
    shown = stages["decode"] * min(1.0, frames / decoded)
    first = {name: stages.get(name, 0.0) for name in FIRST_PASS}
    second = sum(stages.values()) - stages["decode"] - sum(first.values()) + shown
    look = stages["decode"] - shown + sum(first.values())
    return (
        Cost(look / frames, sum(first.values()) / frames),
        Cost(second / frames, stages["compose"] / frames),
    )


def documented(gflop: float = GFLOP) -> Costs:
    """Return what docs/scaling.md says of a CPU; with a generator of more FLOP, in proportion."""
    stages = STAGES | {"generate": STAGES["generate"] * gflop / GFLOP}
    look, render = measured(stages, FRAMES, DECODED)
    about = f"2 cores of an Intel Xeon, 1280x720, a generator of {gflop:g} GFLOP a face"
    return Costs(about, START, JOB, PART, look, render)


def read_costs(path: Path) -> Costs:
    """Return what was measured on another machine.

    Args:
        path: of `wav2lip bench --json`, whose cold runs count, or of `wav2lip sync --profile --json` without a track in
            the cache.

    Raises:
        UsageError: it is neither, or the faces were known already.
    """
    try:
        plain: Any = json.loads(path.read_text())
        plain = plain["modes"]["cold"] if "modes" in plain else plain
        profile = Profile.from_dict(plain["profile"])
        by_name = {stage.name: stage for stage in profile.stages}
        stages = {name: stage.cpu_seconds for name, stage in by_name.items() if name not in ("start-up", "load")}
        stages["generate"] += profile.elsewhere
        look, render = measured(stages, profile.frames, by_name["decode"].frames)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not what `wav2lip bench --json` writes ({error!r}).") from error
    if "detect" not in by_name:
        raise UsageError(f"{path} is of a run that knew the faces; measure one that has to find them.")
    if profile.machine.device != "cpu":
        decode = by_name["decode"].seconds * profile.frames / by_name["decode"].frames
        seconds = [decode, *(by_name[name].seconds for name in ("generate", "compose", "encode"))]
        render = replace(render, device=max(seconds) / profile.frames)
        look = replace(look, device=first_seconds(by_name, decode) / profile.frames)
    start = sum(by_name[name].seconds for name in ("start-up", "load") if name in by_name)
    return Costs(f"{path.name}, on {profile.machine.device}", start, JOB, PART, look, render)


def first_seconds(stages: dict[str, StageCost], shown: float) -> float:
    """Return the longest that a stage of the first pass took, beside the decoding that was for the second."""
    return max(stages["decode"].seconds - shown, *(stages[name].seconds for name in FIRST_PASS if name in stages))


def estimated(gpu: Gpu, cpu: Costs, gflop: float = GFLOP) -> Costs:
    """Return what a GPU might cost: what its maker promises, times the share that is hoped for. Nobody measured it.

    What is left to the cores is carrying frames between ffmpeg and Python, and the thread that composes, as measured on
    a CPU; without an encoder on the GPU, encoding too.
    """
    flops, video = gpu.flops * gpu.flop_share, PIXELS / gpu.video_share
    host = PIPE + cpu.render.serial
    encode = video / gpu.encoded if gpu.encoded else 0.0
    if not gpu.encoded:
        host += STAGES["encode"] / FRAMES
    return Costs(
        f"{gpu.name}, estimated: {gpu.flop_share:.0%} of its FLOP/s, {gpu.video_share:.0%} of its video engines",
        cpu.start + 3.0,               # CUDA and its libraries
        cpu.job, cpu.part,
        Cost(2 * PIPE / 4, PIPE / 4, max(2 * video / gpu.decoded, LOOKING_FLOP / flops)),   # small frames, twice
        Cost(host, cpu.render.serial, max(FACES * gflop * 1e9 / flops, video / gpu.decoded, encode)),
    )
