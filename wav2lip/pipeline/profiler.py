"""Watch a run and say where its time went."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from wav2lip.compose.patch import AnyCompositor
from wav2lip.media.picture import Picture
from wav2lip.media.write import VideoWriter
from wav2lip.models.device import cores
from wav2lip.models.peak import matmul_peak, memory_peak
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.process import children, children_cpu, peak_memory
from wav2lip.pipeline.profile import STAGES, Machine, Profile, StageCost
from wav2lip.pipeline.report import SyncReport
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.speech import Speech
from wav2lip.pipeline.stages import StageClock
from wav2lip.pipeline.watch import Watch

if TYPE_CHECKING:
    from wav2lip.models.flop import Flop

Item = TypeVar("Item")
Method = Callable[..., Any]

LOOKED_AT_EVERY = 16    # frames: how often the memory of the ffmpegs is asked for


class Profiler(Watch):
    """Measures one run.

        profiler = Profiler()
        report = wav2lip.sync("in.mp4", "in.wav", "out.mp4", watch=profiler)
        profile = profiler.profile(report)

    Args:
        age: seconds since the program was started, where that counts: they are the stage "start-up".
    """

    def __init__(self, age: float = 0.0):
        self.clock = StageClock()
        self._started = time.perf_counter() - age
        self._cpu_before = 0.0 if age else time.process_time()
        self._children_before = self._children_seen = children_cpu()
        self._counting = Lock()
        self._frames: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._generated: Counter[bool] = Counter()              # faces; True of those that were made in part
        self._detected: Counter[tuple[int, ...]] = Counter()    # frames by shape
        self._networks: Networks | None = None
        self._ffmpeg_memory = 0
        if age:
            self.clock.add("start-up", age, time.process_time())

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        with self.clock.stage(name):
            yield
        if name == "join":
            self.take_children(name)

    def source(self, source: Source) -> Source:
        return cast(Source, _Watched(source, {"read": self._decoding, "play": self._decoding}))

    def speech(self, speech: Speech) -> Speech:
        return cast(Speech, _Watched(speech, {"windows": self._hearing}))

    def networks(self, networks: Networks) -> Networks:
        self._networks = networks
        lips = cast(Any, _Watched(networks.lips, {"speak": self._generating}))
        detector = networks.detector and cast(Any, _Watched(networks.detector, {"detect": self._detecting}))
        return replace(networks, lips=lips, detector=detector)

    def compositor(self, compositor: AnyCompositor) -> AnyCompositor:
        ways = {"cut_out": self._cutting, "put_back": self._putting_back}
        return cast(AnyCompositor, _Watched(compositor, ways))

    def writer(self, writer: VideoWriter) -> VideoWriter:
        return cast(VideoWriter, _WatchedWriter(writer, self))

    def profile(self, report: SyncReport) -> Profile:
        """Return where the time of the run that has just ended went; measures the machine, for seconds."""
        end = time.perf_counter()
        self.take_children("score" if "score" in self.clock.spent else "decode")
        cpu = time.process_time() - self._cpu_before + children_cpu() - self._children_before
        memory = peak_memory(os.getpid())
        stages = tuple(self._cost(name) for name in STAGES if name in self.clock.spent)
        formats = {stage.number_format for stage in stages if stage.number_format}
        matmul = {one: matmul_peak(report.device, one) for one in sorted(formats | {"float32"})}
        machine = Machine(cores(), report.device, matmul, memory_peak())
        return Profile(
            stages=stages,
            seconds=end - self._started,
            cpu_seconds=cpu,
            frames=report.frames,
            video_seconds=report.duration,
            peak_memory=memory,
            peak_memory_ffmpeg=self._ffmpeg_memory,
            machine=machine,
            measuring=time.perf_counter() - end,
        )

    def count(self, stage: str, item: object) -> None:
        """Note that a frame came out of a stage."""
        self._frames[stage] += 1
        self._bytes[stage] += _bytes(item)

    def take_children(self, stage: str) -> None:
        """Charge a stage with what the processes that have ended since the last time computed."""
        seen = children_cpu()
        self.clock.add(stage, 0.0, seen - self._children_seen)
        self._children_seen = seen

    def look_at_memory(self) -> None:
        """Note how much memory the processes that run beside this one have had."""
        self._ffmpeg_memory = max(self._ffmpeg_memory, sum(peak_memory(child) for child in children(os.getpid())))

    def _cost(self, name: str) -> StageCost:
        spent, flop = self.clock.spent[name], self._flop(name)
        return StageCost(
            name,
            spent.seconds,
            spent.cpu_seconds,
            self._frames[name],
            float(sum(flop.values())),
            max(flop, key=lambda one: flop[one]) if flop else "",
            self._bytes[name],
            self._frames[name] * sum(self._face_flop(lower=False).values()) if name == "generate" else 0.0,
        )

    def _flop(self, name: str) -> Flop:
        """Return what a stage's network computed, counted now on one face and on one frame of each shape."""
        from wav2lip.models.flop import flop_of  # imports for a while: not before the run is over

        flop: Counter[str] = Counter()
        if self._networks is None:
            return flop
        detector = self._networks.detector
        if name == "generate":
            for lower, faces in self._generated.items():
                flop.update({one: faces * each for one, each in self._face_flop(lower=lower).items()})
        elif name == "detect" and detector is not None:
            for shape, frames in self._detected.items():
                frame = np.zeros(shape, np.uint8)
                each = flop_of(lambda frame=frame: detector.detect([frame]))    # type: ignore[misc]
                flop.update({one: frames * operations for one, operations in each.items()})
        return flop

    def _face_flop(self, *, lower: bool) -> Flop:
        return self._networks.lips.flop(lower=lower) if self._networks else {}

    # What is put in the place of methods.

    def _decoding(self, method: Method) -> Method:
        def read(*args: Any, **kwargs: Any) -> Iterator[Any]:
            last = None
            with closing(self.clock.items("decode", method(*args, **kwargs))) as items:
                for item in items:
                    frame = item[1] if isinstance(item, tuple) and not isinstance(item, Picture) else item
                    if frame is not last:    # one that is shown again was decoded once
                        self.count("decode", frame)
                    last = frame
                    yield item

        return read

    def _hearing(self, method: Method) -> Method:
        return lambda *args, **kwargs: self.clock.items("speech", method(*args, **kwargs))

    def _detecting(self, method: Method) -> Method:
        def detect(frames: Any, *args: Any, **kwargs: Any) -> Any:
            with self.clock.stage("detect"):
                found = method(frames, *args, **kwargs)
            self._frames["detect"] += len(frames)
            self._detected.update(frame.shape for frame in frames)
            return found

        return detect

    def _generating(self, method: Method) -> Method:
        def speak(*args: Any, **kwargs: Any) -> Any:
            with self.clock.stage("generate"):
                spoken = method(*args, **kwargs)
            lower = kwargs.get("lower")
            with self._counting:    # several threads generate
                self._frames["generate"] += len(spoken)
                self._generated.update([False] * len(spoken) if lower is None else map(bool, lower))
            return spoken

        return speak

    def _cutting(self, method: Method) -> Method:
        def cut_out(*args: Any, **kwargs: Any) -> Any:
            with self.clock.stage("compose"):
                return method(*args, **kwargs)

        return cut_out

    def _putting_back(self, method: Method) -> Method:
        def put_back(patches: Iterable[Any], *args: Any, **kwargs: Any) -> Iterator[Any]:
            # The patches are made on the way, by stages of their own or other threads.
            made = method(self.clock.items(None, patches), *args, **kwargs)
            with closing(self.clock.items("compose", made)) as pictures:
                for picture in pictures:
                    self.count("compose", picture)
                    yield picture

        return put_back


class _Watched:
    """Another object, in all but some of its methods.

    Args:
        inner: the object.
        ways: by the beginning of a method's name, what makes of the method the one in its place.
    """

    def __init__(self, inner: object, ways: Mapping[str, Callable[[Method], Method]]):
        self._inner, self._ways = inner, ways

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        for beginning, way in self._ways.items():
            if name.startswith(beginning):
                return way(value)
        return value


class _WatchedWriter:
    def __init__(self, writer: VideoWriter, profiler: Profiler):
        self._writer, self._profiler, self._written = writer, profiler, 0

    def __enter__(self) -> _WatchedWriter:
        with self._profiler.stage("encode"):
            self._writer.__enter__()
        return self

    def write(self, frame: Any) -> None:
        with self._profiler.stage("encode"):
            self._writer.write(frame)
        self._profiler.count("encode", frame)
        if self._written % LOOKED_AT_EVERY == 0:
            self._profiler.look_at_memory()
        self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._profiler.look_at_memory()
        self._profiler.take_children("decode")    # all others that ended read, or compressed sound
        with self._profiler.stage("encode"):
            self._writer.__exit__(kind, error, trace)
        self._profiler.take_children("encode")


def _bytes(frame: Any) -> int:
    return sum(plane.nbytes for plane in frame.planes) if isinstance(frame, Picture) else int(frame.nbytes)
