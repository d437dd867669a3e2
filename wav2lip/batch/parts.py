"""A worker for long jobs, whose parts others make at the same time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from wav2lip.batch.at_hand import has_urls
from wav2lip.batch.job import Job, Outcome
from wav2lip.batch.plan import Plan
from wav2lip.batch.work import Worker
from wav2lip.errors import UsageError
from wav2lip.pipeline.job import Job as Opened
from wav2lip.pipeline.job import holding, open_job
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.report import SyncReport
from wav2lip.progress import Progress

PATIENCE = 120.0    # seconds: network storage may need them to notice that who held an output is gone


class PartWorker(Worker):
    """Does whole jobs, or parts of them."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: tuple[str, Opened] | None = None
        self._held = ExitStack()

    def close(self) -> None:
        """Let go of everything."""
        self._let_go()
        super().close()

    def begin(self, job: Job, long: int, progress: Progress) -> Outcome | Plan:
        """Do a job, or return what there is to do where more than `long` of its parts are missing.

        Jobs that are to be scored, and those with files elsewhere, are done whole.
        """
        def begin(local: Job, networks: Networks, progress: Progress) -> SyncReport | Plan:
            with open_job(local.face, local.audio, local.output, local.options, progress, networks) as opened:
                missing = opened.missing()
                if len(missing) > long:
                    return Plan(opened.folder.path.name, tuple(missing))
                opened.sound()
                opened.render(missing)
                return opened.finish()

        self._let_go()
        return self.run(job, progress) if job.options.score or has_urls(job) else self.attempt(job, progress, begin)

    def part(self, job: Job, number: int, folder: str, progress: Progress) -> bool | Outcome:
        """Make a part of a long job; return whether that was done, or the outcome of the job where it failed.

        It is not done where the folder is another one here: ffmpeg or PyTorch is, and parts would not match.
        """
        def make(local: Job, networks: Networks, progress: Progress) -> bool:
            opened = self._open(local, networks, progress)
            if opened.folder.path.name != folder:
                return False
            if not opened.folder.part(number).exists():
                opened.render([number])
            return True

        answer = self.attempt(job, progress, make)
        if isinstance(answer, Outcome):
            self._let_go()
        return answer

    def finish(self, job: Job, progress: Progress) -> Outcome:
        """Put the parts of a job together, and make those before that nobody has made."""
        self._let_go()
        return self.run(replace(job, options=replace(job.options, resume=True)), progress)

    def wait_for(self, job: Job) -> None:
        """Wait until nobody writes the job's output any more; not for ever."""
        output, end = Path(job.output), time.monotonic() + PATIENCE
        while output.parent.is_dir() and time.monotonic() < end:
            try:
                with holding(output):
                    return
            except UsageError:
                time.sleep(1)

    def _open(self, job: Job, networks: Networks, progress: Progress) -> Opened:
        """Return the job opened: it stays so from one part to the next."""
        if self._opened is None or self._opened[0] != job.key:
            self._let_go()
            opened = self._held.enter_context(
                open_job(job.face, job.audio, job.output, job.options, progress, networks, shared=True)
            )
            self._opened = job.key, opened
        return self._opened[1]

    def _let_go(self) -> None:
        self._opened = None
        self._held.close()
