"""A worker: does one job after the other, and keeps the networks that they share."""

from __future__ import annotations

import errno
import gc
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from wav2lip.batch.at_hand import Errands
from wav2lip.batch.job import Job, Outcome, failed
from wav2lip.errors import Wav2LipError
from wav2lip.models.device import choose_device
from wav2lip.models.memory import is_shortage
from wav2lip.pipeline.networks import Networks, load_networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.report import SyncReport
from wav2lip.pipeline.sync import sync
from wav2lip.progress import Progress

KEPT = 2                              # sets of networks: jobs that alternate between two weights load each once


Answer = TypeVar("Answer")
Work = Callable[[Job, Networks, Progress], Answer | SyncReport]


class Worker:
    """Does jobs in this process. Networks stay loaded for all jobs whose options name the same."""

    def __init__(self) -> None:
        self._networks: dict[tuple[Any, ...], Networks] = {}
        self._errands = Errands()

    def close(self) -> None:
        """Let go of everything."""
        self._networks.clear()
        self._errands.close()

    def run(self, job: Job, progress: Progress | None = None) -> Outcome:
        """Do a job, once. Whatever fails becomes the outcome's sentence; only the end of the process passes through."""
        return self.attempt(job, progress or Progress(), _whole)

    def attempt(self, job: Job, progress: Progress, work: Work[Answer]) -> Answer | Outcome:
        """Do something about a job; see `run`.

        Args:
            job: which.
            progress: of the run.
            work: is given the job with all files at hand, its networks and the progress. What it returns is the answer,
                if it is not a report, which becomes the job's outcome.
        """
        start = time.perf_counter()
        try:
            with self._errands.at_hand(job) as local:
                answer = work(local, self._networks_of(local.options, progress), progress)
        except Exception as error:
            sentence, code = _in_a_sentence(error, progress)
            if _is_memory(error):
                self._networks.clear()
                error.__traceback__ = None        # its frames hold on to what did not fit
                _free()
            return failed(job, sentence, code, seconds=time.perf_counter() - start)
        if not isinstance(answer, SyncReport):
            return answer
        return Outcome(
            job.key, job.where, job.output, "done", attempts=1, seconds=time.perf_counter() - start,
            frames=answer.frames, report=answer.to_dict() | {"output": job.output},
        )

    def _networks_of(self, options: SyncOptions, progress: Progress) -> Networks:
        """Return the networks of a job's options: those that are there, or loaded in place of the longest unused."""
        device = choose_device(options.device)
        key = (
            device, options.checkpoint, options.engine, options.precision, options.compat, options.needs_detector,
            options.detector, options.detector_weights, options.offline, options.enhance, options.parsing,
        )
        networks = self._networks.pop(key, None)
        if networks is None:
            while len(self._networks) >= KEPT:
                del self._networks[next(iter(self._networks))]
            networks = load_networks(options, device, progress)
        self._networks[key] = networks
        return networks


def _whole(job: Job, networks: Networks, progress: Progress) -> SyncReport:
    return sync(job.face, job.audio, job.output, job.options, progress, networks)


def _in_a_sentence(error: Exception, progress: Progress) -> tuple[str, int]:
    """Return why a job failed, and the exit code for it."""
    if isinstance(error, Wav2LipError):
        return str(error), error.exit_code
    if _is_memory(error):
        return "There is too little memory for this job; use fewer --workers or a larger --resize-factor.", 1
    progress.detail("".join(traceback.format_exception(error)).rstrip())
    return f"{type(error).__name__}: {error} (this should not happen)", Wav2LipError.exit_code


def _is_memory(error: Exception) -> bool:
    """Whether memory was too small, the machine's or a GPU's."""
    return is_shortage(error) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


def _free() -> None:
    """Give the memory of networks that nobody uses back."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
