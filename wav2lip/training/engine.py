"""The loop that every training shares: batches in, steps, the log, evaluations, checkpoints, resuming."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from wav2lip.ending import SIGNALLED, STDERR, ending_signals, leave_if_gone, leave_to_parent
from wav2lip.errors import UsageError, Wav2LipError, WeightsError
from wav2lip.models.checkpoint import SAFETENSORS
from wav2lip.models.device import choose_device, passed_over
from wav2lip.models.memory import is_shortage
from wav2lip.models.precision import fast_bfloat16
from wav2lip.training.advice import advice
from wav2lip.training.curves import draw_curves
from wav2lip.training.log import TrainingLog
from wav2lip.training.runs import RunFolder, Saved, read_saved, steps_of

Figures = dict[str, float]
Batches = Callable[[int, int], Any]    # step, rank: a dataclass of tensors

_WORKER_DIED = "DataLoader worker (pid"    # how PyTorch's words begin
PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


@dataclass(frozen=True)
class LoopOptions:
    """How long to train, and what to keep.

    Attributes:
        steps: number of the last step, counted from the first one ever, also when a run is taken up again.
        evaluate_every: steps between evaluations on held-out clips; there is always one at the end.
        save_every: steps between checkpoints; there is always one at the end.
        keep: how many checkpoints are kept, the newest; 0 keeps all.
        log_every: steps whose mean makes one line of the log.
        workers: processes that cut samples; 0 does it between the steps.
        device: auto, cpu or cuda. A launcher of several processes decides itself.
        precision: auto, fp32, bf16 or fp16.
        quiet: draw no bar.
    """

    steps: int
    evaluate_every: int = 3000
    save_every: int = 3000
    keep: int = 3
    log_every: int = 20
    workers: int = 1
    device: str = "auto"
    precision: str = "auto"
    quiet: bool = False


@dataclass
class Part:
    """A network that is trained, its optimizer, and the file names' prefix of its checkpoints."""

    prefix: str
    kind: str                          # as `wav2lip.models.checkpoint.KINDS` names it
    network: nn.Module
    optimizer: torch.optim.Optimizer


@dataclass(frozen=True)
class Evaluation:
    """What held-out clips say: figures, and perhaps a picture, uint8 (height, width, 3), BGR."""

    figures: Figures
    picture: np.ndarray | None = None


class Trainee(ABC):
    """What is trained: networks, where its batches come from, one step, and how it is judged."""

    kind: str                          # syncnet, generator, gan or enhancer
    parts: list[Part]
    batches: Batches                   # runs in other processes

    @abstractmethod
    def start(self, accelerator: Accelerator) -> None:
        """Put what is not trained where the steps run; called once, after the parts have been put there."""

    @abstractmethod
    def learn(self, batch: Any, step: int) -> Mapping[str, Tensor]:
        """Make one step; return its losses, without gradients."""

    @abstractmethod
    def evaluate(self) -> Evaluation:
        """Judge the networks, which are in eval mode. Draws the same samples every time."""

    def heed(self, evaluation: Figures) -> None:  # noqa: B027 - most have nothing to change
        """Change what an evaluation decides; runs in every process."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep besides networks, optimizers and the step."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - most keep nothing
        """Take up what `state` gave."""

    @abstractmethod
    def export(self, folder: Path, step: int) -> list[Path]:
        """Write the trained network for use, and return the files."""


def train(
    trainee: Trainee, path: Path, options: LoopOptions, say: Callable[[str], None], *, from_file: Path | None = None
) -> list[Path]:
    """Train until the last step, from where the folder's newest checkpoint stands.

    Args:
        trainee: what to train.
        path: the run's folder: checkpoints, log, curves, pictures and, in the end, the weights.
        options: how long, and what to keep.
        say: gets the sentences for the user.
        from_file: a checkpoint or bare weights to begin with where the folder has no checkpoint yet; a checkpoint's
            optimizer and step are taken up too, also those of the original program.

    Returns:
        The weights that were written.

    Raises:
        UsageError: the folder is in use by another run, or the step is reached already.
        WeightsError: a file to go on from is broken or of another network.
        Wav2LipError: there is too little memory, a process that cuts samples died, or a file cannot be written.
        KeyboardInterrupt: after a checkpoint was written.
    """
    accelerator = make_accelerator(options.device, options.precision)
    main = accelerator.is_main_process
    if options.device == "auto" and main and "LOCAL_RANK" not in os.environ and (lost := passed_over()):
        say(lost)
    with RunFolder(path, lock=main) as folder:
        accelerator.wait_for_everyone()
        loop = _Loop(trainee, folder, options, accelerator, say if main else lambda text: None)
        loop.resume(from_file)
        return loop.run()


def load_part(part: Part, path: Path) -> Saved:
    """Give a network the weights of a file and, where they are in it, its optimizer the moments; return all that is.

    The optimizer keeps its own settings.

    Raises:
        UsageError: the network is of another width.
        WeightsError: the file is broken or holds another network.
    """
    saved = read_saved(path, part.kind)
    try:
        part.network.load_state_dict(saved.state_dict)
    except RuntimeError:
        raise UsageError(
            f"{path} is of another width than the network to train; give the same --width as before."
        ) from None
    if saved.optimizer:
        settings = [{**group} for group in part.optimizer.param_groups]
        try:
            part.optimizer.load_state_dict(saved.optimizer)
        except (ValueError, KeyError, TypeError):
            raise WeightsError(
                f"{path} holds the optimizer of another network beside its weights. Use another checkpoint, or a file "
                "of the weights alone."
            ) from None
        for group, before in zip(part.optimizer.param_groups, settings, strict=True):
            group.update(before)
    return saved


def make_accelerator(device: str, precision: str) -> Accelerator:
    """Return where and in which precision to train.

    Raises:
        UsageError: there is no such device, or it cannot train in this precision.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {device}: choose auto, cpu or cuda; which GPUs, your launcher decides.")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch sees no CUDA device here; use --device auto or cpu.")
    cpu = device == "cpu" or not torch.cuda.is_available()
    if not cpu and "LOCAL_RANK" not in os.environ:    # a launcher gives each process a GPU of its own
        cpu = choose_device(device) != "cuda"
    if precision == "fp16" and cpu:
        raise UsageError("--precision fp16 needs a GPU; on this machine's CPU use --precision auto.")
    if precision == "auto":
        precision = "bf16" if fast_bfloat16("cpu" if cpu else "cuda") else "fp32"
    # It remembers the device and precision of the training before, and would refuse others.
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=cpu, mixed_precision=PRECISIONS[precision])


class _Loop:
    def __init__(
        self,
        trainee: Trainee,
        folder: RunFolder,
        options: LoopOptions,
        accelerator: Accelerator,
        say: Callable[[str], None],
    ):
        self._trainee = trainee
        self._folder = folder
        self._options = options
        self._accelerator = accelerator
        self._say = say
        self._main = accelerator.is_main_process
        self._step = 0
        self._began = 0
        self._epoch = 0
        self._said: set[str] = set()

    def resume(self, from_file: Path | None) -> None:
        """Take up the folder's newest checkpoint, else the given file."""
        parts = self._trainee.parts
        newest = self._folder.latest([part.prefix for part in parts], self._say)
        if newest:
            files = newest[1]
        elif any(self._folder.path.glob("*checkpoint_step*.pth")):
            raise UsageError(
                f"{self._folder.path} holds checkpoints, but none that this training can go on from; "
                "choose another folder for the run, and begin with one of them by --from."
            )
        elif from_file:
            files = {parts[0].prefix: from_file}
        else:
            return
        for part in parts:
            if part.prefix in files:
                saved = load_part(part, files[part.prefix])
                if part is parts[0]:
                    self._step, self._epoch = saved.step, saved.epoch
                    self._trainee.restore(saved.training)
        if self._step >= self._options.steps and not self._only_exports_are_missing(newest is not None):
            if newest is None:
                raise UsageError(
                    f"{from_file} has been trained up to step {self._step} already; ask for more than that with "
                    "--steps, or begin at step 0 with its weights alone, which `wav2lip models convert` writes."
                )
            raise UsageError(
                f"{self._folder.path} has reached step {self._step} already; ask for more than that with --steps, "
                "or for another folder."
            )
        self._began = self._step
        if self._step:
            self._say(f"Going on from step {self._step} of {files[parts[0].prefix]}.")

    def _only_exports_are_missing(self, own: bool) -> bool:
        """Return whether a run was ended after its last step, and before the weights of that step were written."""
        return own and self._step == self._options.steps and not any(
            steps_of(path) == self._step for path in self._folder.path.glob(f"*.{SAFETENSORS}")
        )

    def run(self) -> list[Path]:
        trainee, options, accelerator = self._trainee, self._options, self._accelerator
        for part in trainee.parts:
            part.network, part.optimizer = accelerator.prepare(part.network, part.optimizer)
        trainee.start(accelerator)
        log = TrainingLog(self._folder.path, self._step) if self._main else None
        sums: dict[str, Tensor] = {}
        counted = 0
        bar = tqdm(
            total=options.steps, initial=self._step, desc=f"Training {trainee.kind}", unit="step", file=sys.stderr,
            disable=True if options.quiet or not self._main else None, dynamic_ncols=True,
        )
        with bar, _stop_signals() as stopped:
            for batch in self._batches():
                self._switch(training=True)
                with self._keeping():
                    step_losses = trainee.learn(to_device(batch, accelerator.device), self._step)
                for name, loss in step_losses.items():
                    sums[name] = sums.get(name, 0) + loss.detach()
                counted += 1
                self._step += 1
                bar.update()
                last = self._step >= options.steps
                stop = self._shall_stop(stopped)
                # Also before a checkpoint, so that the log goes on after it as without an interruption.
                if last or stop or self._step % options.log_every == 0 or self._step % options.save_every == 0:
                    with self._keeping():    # here a GPU is waited for
                        losses = {name: float(total) / counted for name, total in sums.items()}
                        bar.set_postfix({name: f"{value:.4g}" for name, value in losses.items()})
                        if log:
                            log.write(self._step, losses)
                    sums, counted = {}, 0
                    if not all(np.isfinite(value) for value in losses.values()):
                        self._end_without_saving(losses)
                if last or self._step % options.evaluate_every == 0:
                    with self._keeping():
                        self._evaluate(log)
                if last or stop or self._step % options.save_every == 0:
                    self._save()
                if stop and not last:
                    raise stopped[0] if stopped else KeyboardInterrupt
        accelerator.wait_for_everyone()
        self._switch(training=False)
        return trainee.export(self._folder.path, self._step) if self._main else []

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Write a checkpoint before an error of data, memory or workers ends the run, which it does by a sentence.

        A step that it broke off leaves weights that are as good as before, and is made again.
        """
        try:
            yield
        except Wav2LipError:
            self._save_alone()
            raise
        except Exception as error:
            sentence = self._explain(error)
            if sentence is None:
                raise
            traceback.clear_frames(error.__traceback__)    # they hold on to what was allocated
            self._save_alone()
            raise Wav2LipError(sentence) from error

    def _explain(self, error: Exception) -> str | None:
        """Return what to do about an error that the machine is to blame for; None for any other."""
        if is_shortage(error):
            option = "--batch" if self._trainee.kind == "enhancer" else "--batch-size"
            return f"{self._accelerator.device} has too little memory for this training; use a smaller {option}."
        if isinstance(error, RuntimeError) and str(error).startswith(_WORKER_DIED):
            said = str(error).partition(". ")[0].removesuffix(".")
            return f"A process that cuts samples died ({said}). Use fewer --workers, or give them more shared memory."
        return None

    def _save_alone(self) -> None:
        """Write a checkpoint if there is something new to keep; one of several processes cannot."""
        if self._accelerator.num_processes == 1 and self._step > self._began and self._is_finite():
            self._save()

    def _is_finite(self) -> bool:
        """Return whether all weights are numbers."""
        weights = (each for part in self._trainee.parts for each in part.network.parameters())
        return all(bool(torch.isfinite(each).all()) for each in weights)

    def _shall_stop(self, stopped: list[BaseException]) -> bool:
        """Return whether a process was asked to stop, the same in all of them, which must end at the same step."""
        if self._accelerator.num_processes == 1:
            return bool(stopped)
        if self._step % self._options.log_every:
            return False
        asked = torch.tensor(len(stopped), device=self._accelerator.device)
        return bool(self._accelerator.reduce(asked).item())

    def _batches(self) -> Iterator[Any]:
        steps = range(self._step, self._options.steps)
        dataset = _Steps(self._trainee.batches, steps, self._accelerator.process_index)
        workers = min(self._options.workers, len(steps))
        batches = DataLoader(
            dataset, batch_size=None, num_workers=workers, collate_fn=_as_it_is,
            prefetch_factor=2 if workers else None, worker_init_fn=_quiet_worker,
        )
        with self._keeping():
            for batch in batches:
                if isinstance(batch, Wav2LipError):
                    raise batch
                yield batch

    def _evaluate(self, log: TrainingLog | None) -> None:
        """Let the first process judge, write what it finds, and tell all processes."""
        found: list[Any] = [None]
        if log:
            self._switch(training=False)
            with torch.inference_mode(), self._accelerator.autocast():
                evaluation = self._trainee.evaluate()
            found = [evaluation.figures]
            log.write(self._step, evaluation.figures)
            if evaluation.picture is not None:
                folder = self._folder.path / f"samples_step{self._step:09d}"
                folder.mkdir(exist_ok=True)
                cv2.imwrite(str(folder / "0_0.jpg"), evaluation.picture)
            rows = log.rows()
            draw_curves(rows, self._folder.path / "curves.png")
            self._say(f"Step {self._step}: " + ", ".join(f"{k} {v:.4g}" for k, v in evaluation.figures.items()))
            for sentence in advice(self._trainee.kind, rows):
                if sentence not in self._said:
                    self._said.add(sentence)
                    self._say(sentence)
        if self._accelerator.num_processes > 1:
            broadcast_object_list(found)
        self._trainee.heed(found[0])

    def _save(self) -> None:
        if self._main:
            state = self._trainee.state()
            self._folder.save(self._step, {
                part.prefix: Saved(
                    state_dict=self._accelerator.unwrap_model(part.network).state_dict(),
                    optimizer=part.optimizer.state_dict(),
                    step=self._step,
                    epoch=self._epoch,
                    training=state,
                )
                for part in self._trainee.parts
            }, self._options.keep)
        self._accelerator.wait_for_everyone()

    def _switch(self, *, training: bool) -> None:
        for part in self._trainee.parts:
            part.network.train(training)

    def _end_without_saving(self, losses: Figures) -> None:
        bad = next(name for name, value in losses.items() if not np.isfinite(value))
        raise Wav2LipError(
            f"The loss {bad} is not a number any more near step {self._step}; the last checkpoint in "
            f"{self._folder.path} is sound. Start again from there with a smaller --rate, or with --precision fp32."
        )


class _Steps(Dataset):
    """The batches of one process, by step."""

    def __init__(self, batches: Batches, steps: range, rank: int):
        self._batches = batches
        self._steps = steps
        self._rank = rank

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, number: int) -> Any:
        try:
            return self._batches(self._steps[number], self._rank)
        except Wav2LipError as error:    # raised in another process it would come with a traceback in its text
            return error


def to_device(batch: Any, device: torch.device) -> Any:
    """Return a dataclass of tensors with its tensors on a device."""
    if device.type == "cpu":
        return batch
    moved = {field.name: getattr(batch, field.name).to(device, non_blocking=True) for field in fields(batch)}
    return replace(batch, **moved)


def _as_it_is(batch: Any) -> Any:
    return batch


def _quiet_worker(number: int) -> None:
    cv2.setNumThreads(0)                             # as many workers as cores share them already
    leave_to_parent()


@contextmanager
def _stop_signals() -> Iterator[list[BaseException]]:
    """Turn SIGINT, SIGTERM and SIGHUP into a wish to stop after the step; a second of the first two stops at once."""
    wish: list[BaseException] = []
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return

    def stop(signum: int, frame: Any) -> None:
        error = KeyboardInterrupt() if signum == signal.SIGINT else SystemExit(SIGNALLED + signum)
        if wish and signum in (signal.SIGINT, signal.SIGTERM):    # a terminal says twice that it goes
            raise error
        leave_if_gone(STDERR)
        wish.append(error)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, *ending_signals())}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
