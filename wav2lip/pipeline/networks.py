"""The networks of a run, loaded once for as many runs as share their options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from wav2lip.compose.parsing import FaceParser
from wav2lip.errors import UsageError
from wav2lip.faces.detector import Detector, make_detector
from wav2lip.models.choices import EXPORTED
from wav2lip.models.device import passed_over
from wav2lip.models.engine import Engine, TorchEngine
from wav2lip.models.enhancer import Enhancer, load_enhancer
from wav2lip.models.load import load_bisenet, load_checkpoint
from wav2lip.models.memory import give_back
from wav2lip.models.precision import number_type
from wav2lip.pipeline.lips import Lips
from wav2lip.pipeline.options import SyncOptions
from wav2lip.progress import Progress


@dataclass(frozen=True)
class Networks:
    """What stays loaded from one run to the next.

    Attributes:
        lips: the generator.
        description: what its weights are.
        detector: None where a fixed box or a track makes it needless.
        device: where they run: "cpu", "cuda", "cuda:1", "mps".
        enhancer: makes generated faces sharper; None without `enhance`.
        parser: says which part of a face is what; None without `parsing`.
    """

    lips: Lips
    description: str
    detector: Detector | None
    device: str
    enhancer: Enhancer | None = None
    parser: FaceParser | None = None

    def rest(self) -> None:
        """Give memory back that is not needed until faces are looked for in another video."""
        from wav2lip.faces.s3fd import S3FDDetector

        if isinstance(self.detector, S3FDDetector):
            self.detector.rest()
        give_back()


_Loaded = tuple[Engine, str, str | None]
"""What runs the generator, what its weights are, and what the user should know before it is used."""


@contextmanager
def networks_ahead(
    options: SyncOptions, device: str, progress: Progress, networks: Networks | None
) -> Iterator[Callable[[], Networks]]:
    """Load the generator in a thread while the block finds out about other things, and wait for it in the end.

    Args:
        options, device, progress: of the run.
        networks: what there is already; None for nothing.

    Yields:
        What returns the networks, and raises what `load_networks` does.

    Raises:
        UsageError: as `load_networks`.
    """
    if networks is not None:
        yield lambda: networks
        return
    check_engine(options, device)
    torch.get_num_threads()      # only a thread that has asked once keeps its number while the generator's are set up
    pool = ThreadPoolExecutor(1, thread_name_prefix="load")
    loading = pool.submit(_load_engine, options, device)
    pool.shutdown(wait=False)    # the thread ends with its work
    try:
        yield lambda: load_networks(options, device, progress, loading)
    finally:
        wait([loading])


def load_networks(
    options: SyncOptions, device: str, progress: Progress, engine: Future[_Loaded] | None = None
) -> Networks:
    """Load what the options name, on a device as `choose_device` gives it.

    Args:
        options, device, progress: of the run.
        engine: in which the generator is being loaded; None loads it.

    Raises:
        WeightsError: weights that are missing, broken or of another network.
        UsageError: an engine or a precision that the device or this installation has not.
    """
    loading = engine or _done(_load_engine(options, device))

    def say(text: str) -> None:
        loading.result()    # what is wrong with the generator is told before anything is downloaded
        progress.say(text)

    detector = None
    if options.needs_detector:
        detector = make_detector(
            options.detector_asked,
            weights=options.detector_weights,
            device=device,
            compat=options.compat,
            offline=options.offline or None,
            say=say,
        )
    runs, description, notice = loading.result()
    if notice:
        progress.say(notice)
    progress.detail(f"Generator: {description}; on {device}, by {options.engine}.")
    if options.device == "auto" and (lost := passed_over()):
        progress.say(lost)
    enhancer = load_enhancer(options.enhance, device) if options.enhance else None
    if enhancer is not None:
        progress.detail(f"Enhancer: {enhancer.what}; on {device}.")
    parser = FaceParser(load_bisenet(options.parsing, device), device) if options.parsing else None
    give_back()
    return Networks(Lips(runs), description, detector, device, enhancer, parser)


def _done(loaded: _Loaded) -> Future[_Loaded]:
    future: Future[_Loaded] = Future()
    future.set_result(loaded)
    return future


def check_engine(options: SyncOptions, device: str) -> torch.dtype:
    """Return the numbers that the generator computes with on a device.

    Raises:
        UsageError: an engine or a precision that the device has not, or weights that are not for the engine.
    """
    numbers = number_type("fp32" if options.compat else options.precision, device)
    if options.engine == "openvino":
        if device != "cpu":
            raise UsageError(f"The engine openvino runs on the CPU, not on {device}; add --device cpu.")
    elif options.checkpoint and Path(options.checkpoint).suffix.lower() in EXPORTED:
        raise UsageError(f"{options.checkpoint} is for OpenVINO; add --engine openvino, or name its weights.")
    return numbers


def _load_engine(options: SyncOptions, device: str) -> _Loaded:
    numbers = check_engine(options, device)
    if options.engine == "openvino":
        from wav2lip.models.openvino import load_engine

        return load_engine(options.checkpoint, numbers)
    loaded = load_checkpoint(options.checkpoint)
    return TorchEngine(loaded.generator, device, numbers, exact=options.compat), loaded.description, loaded.notice
