"""Where the time of a run went, and how that compares with what the machine can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

STAGES = (
    "start-up", "load", "speech", "decode", "detect", "reference", "generate", "compose", "encode", "join", "score",
)
"""In the order of the journey. A run has those that it went through."""


@dataclass(frozen=True)
class StageCost:
    """What a stage of a run took.

    Attributes:
        name: of `STAGES`.
        seconds: that a thread was in it. Stages of several threads overlap; time in which one waits for another is not
            counted, but time in which ffmpeg is waited for is.
        cpu_seconds: that this thread and the stage's ffmpeg computed.
        frames: that came out of it; 0 where there are none.
        flop: what its network computed; 0 without one, and where that is not PyTorch's.
        number_format: what it computed with most: "float32", ...; empty without a network.
        bytes: of frames that came out of it, or for "encode" went in; 0 where there are none.
        whole_flop: what its network would have computed of whole faces, had it left out nothing that nobody sees.
    """

    name: str
    seconds: float
    cpu_seconds: float
    frames: int = 0
    flop: float = 0.0
    number_format: str = ""
    bytes: int = 0
    whole_flop: float = 0.0

    def busy(self, cores: int) -> float:
        """Return the seconds that it needs at least: an ffmpeg that runs beside us is not done while we don't wait."""
        return max(self.seconds, self.cpu_seconds / cores)


@dataclass(frozen=True)
class Machine:
    """What the machine can do at best, measured.

    Attributes:
        cores: that this process may use.
        device: where the networks run.
        matmul: FLOP/s of large products of matrices on that device, by the format of the numbers.
        memory: bytes/s that a large copy in the machine's memory reads and writes.
    """

    cores: int
    device: str
    matmul: Mapping[str, float]
    memory: float

    def share(self, stage: StageCost) -> float | None:
        """Return how much of the machine's best a stage reached, 0 to 1; None where it has nothing to be held to."""
        busy = stage.busy(self.cores)
        if not busy:
            return None
        if stage.flop:
            peak = self.matmul.get(stage.number_format)
            return stage.flop / busy / peak if peak else None
        return stage.bytes / busy / self.memory if stage.bytes else None


@dataclass(frozen=True)
class Profile:
    """Where the time of a run went.

    Attributes:
        stages: those that it had, in the order of `STAGES`.
        seconds: of the whole run; on the command line from the start of the program.
        cpu_seconds: that it and its ffmpegs computed. More than all stages together: helping threads are in none.
        frames: of the result.
        video_seconds: how long the result plays.
        peak_memory: bytes of Python; 0 where the system does not tell.
        peak_memory_ffmpeg: bytes of all ffmpegs that ran at a time; likewise.
        machine: what they are held against.
        measuring: seconds that it took, after the run, to find that out.
    """

    stages: tuple[StageCost, ...]
    seconds: float
    cpu_seconds: float
    frames: int
    video_seconds: float
    peak_memory: int
    peak_memory_ffmpeg: int
    machine: Machine
    measuring: float

    @property
    def elsewhere(self) -> float:
        """CPU seconds in no stage: the threads that help networks, Python between the stages."""
        return max(0.0, self.cpu_seconds - sum(stage.cpu_seconds for stage in self.stages))

    def stage(self, name: str) -> StageCost | None:
        """Return what a stage took; None if the run had none."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as plain JSON types, each stage with its rates and its share of the machine's best."""
        plain = asdict(self)
        plain["machine"]["matmul"] = dict(self.machine.matmul)
        for row, stage in zip(plain["stages"], self.stages, strict=True):
            busy, share = stage.busy(self.machine.cores), self.machine.share(stage)
            for name, amount in (("frames", stage.frames), ("flop", stage.flop), ("bytes", stage.bytes)):
                row[f"{name}_per_second"] = amount / busy if amount and busy else None
            row["share_of_peak"] = share
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Profile:
        """Return the profile that `to_dict` was made of."""
        fields = StageCost.__dataclass_fields__
        stages = tuple(StageCost(**{name: row[name] for name in fields}) for row in plain["stages"])
        return cls(**{**plain, "stages": stages, "machine": Machine(**plain["machine"])})
