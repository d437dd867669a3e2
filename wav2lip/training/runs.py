"""The folder of one training run and its checkpoints, in the original's layout: each program resumes the other's."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from wav2lip.errors import UsageError, Wav2LipError, WeightsError
from wav2lip.models.checkpoint import SAFETENSORS, TORCHSCRIPT, check_checksums, expect, read_checkpoint

GENERATOR = ""                # prefixes of the checkpoints' names
DISCRIMINATOR = "disc_"

_NAME = re.compile(r"(\w*)checkpoint_step(\d{9,})\.pth")
_PART = ".part"               # of a name: a file that a killed run has not finished
_LOCK = ".lock"


@dataclass
class Saved:
    """What a checkpoint holds of one network.

    Attributes:
        state_dict: its tensors.
        optimizer: the optimizer's state dict; None where only weights were kept.
        step, epoch: how far it is trained.
        training: what else the loop continues from: plain numbers, texts and truth values, in dicts and lists.
    """

    state_dict: Mapping[str, Tensor]
    optimizer: dict[str, Any] | None
    step: int
    epoch: int
    training: dict[str, Any] = field(default_factory=dict)


class RunFolder:
    """Writes a run's checkpoints, whole or not at all, and finds the newest that can be resumed from.

    One process at a time may write to a folder; it is free again when that process ends, however it does.

    Args:
        path: the folder; it is made.
        lock: False for a process that only reads: all but the first of a distributed run.

    Raises:
        UsageError: another process is training in it.
        Wav2LipError: it cannot be made or written to.
    """

    def __init__(self, path: Path, *, lock: bool = True):
        self.path = path
        self._lock: IO[bytes] | None = None
        try:
            path.mkdir(parents=True, exist_ok=True)
            if lock:
                self._lock = _locked(path)
                for part in path.glob(f".checkpoint-*{_PART}"):
                    part.unlink()
        except OSError as error:
            raise Wav2LipError(f"The run's folder {path} cannot be used: {error.strerror}.") from error

    def close(self) -> None:
        """Leave the folder to other processes."""
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def save(self, step: int, parts: Mapping[str, Saved], keep: int) -> None:
        """Write the checkpoints of a step, then remove those of older steps.

        A kill between two files leaves an incomplete step, and the step before it untouched.

        Args:
            step: names the files.
            parts: what to write for each prefix; the generator or expert ("") is written last.
            keep: of how many steps the checkpoints stay, this one included; 0 keeps all.

        Raises:
            Wav2LipError: one cannot be written.
        """
        for prefix in sorted(parts, reverse=True):
            saved = parts[prefix]
            content = {
                "state_dict": saved.state_dict,
                "optimizer": saved.optimizer,
                "global_step": saved.step,
                "global_epoch": saved.epoch,
                "training": saved.training,
            }
            _write(self._file(prefix, step), _plain(content))
        if keep:
            # Later steps, which could not be gone on from, neither count nor go.
            older = sorted({number for _, number in self._found() if number < step}, reverse=True)
            for number in older[keep - 1 :]:
                for prefix in parts:
                    self._file(prefix, number).unlink(missing_ok=True)

    def latest(self, prefixes: Sequence[str], say: Callable[[str], None]) -> tuple[int, dict[str, Path]] | None:
        """Return the newest step that has a whole checkpoint for every prefix, and these files.

        Args:
            prefixes: "" for the generator or expert, "disc_" for the discriminator.
            say: is told of every newer step that is left out, and why.
        """
        found = self._found()
        for step in sorted({step for prefix, step in found if prefix in prefixes}, reverse=True):
            files = {prefix: self._file(prefix, step) for prefix in prefixes}
            missing = [file.name for prefix, file in files.items() if (prefix, step) not in found]
            if missing:
                say(f"Step {step} is left out: there is no {' and no '.join(missing)} in {self.path}.")
                continue
            try:
                for file in files.values():
                    read_checkpoint(file)
                    check_checksums(file)
            except WeightsError as error:
                say(f"Step {step} is left out: {error}")
                continue
            return step, files
        return None

    def _file(self, prefix: str, step: int) -> Path:
        return self.path / f"{prefix}checkpoint_step{step:09d}.pth"

    def _found(self) -> set[tuple[str, int]]:
        """Return prefix and step of every checkpoint in the folder."""
        matches = [_NAME.fullmatch(name) for name in os.listdir(self.path)]
        return {(match[1], int(match[2])) for match in matches if match}


def read_saved(path: Path, kind: str) -> Saved:
    """Read a checkpoint to train on from: one of ours, one of the original program, or bare weights.

    Args:
        path: the file, in any format that `read_checkpoint` reads.
        kind: which network it must hold: "generator", "syncnet" or "discriminator".

    Returns:
        Tensors on the CPU, in memory of their own; weights in float32, by clean names. Bare weights have no optimizer
        and begin at step 0.

    Raises:
        WeightsError: it is missing, broken, wants to run code, or holds another network.
    """
    checkpoint = read_checkpoint(path)
    expect(checkpoint, kind)
    weights = {
        name: tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)
        for name, tensor in checkpoint.state_dict.items()
    }
    content: Any = {}
    if checkpoint.format not in (SAFETENSORS, TORCHSCRIPT):
        content = torch.load(checkpoint.path, map_location="cpu", weights_only=True)
    optimizer, training = content.get("optimizer"), content.get("training")
    return Saved(
        weights,
        optimizer if isinstance(optimizer, dict) and "param_groups" in optimizer else None,
        checkpoint.step or 0,
        checkpoint.epoch or 0,
        training if isinstance(training, dict) else {},
    )


def steps_of(path: Path) -> int | None:
    """Return after how many steps weights were written for use; None where the file does not say."""
    try:
        return int(read_checkpoint(path).metadata["steps"])
    except (WeightsError, KeyError, ValueError):
        return None


def _write(path: Path, content: Any) -> None:
    part = path.with_name(f".checkpoint-{secrets.token_hex(8)}{_PART}")
    try:
        with open(part, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except (OSError, RuntimeError) as error:    # torch's own writer raises the latter when the disk is full
        raise Wav2LipError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.") from error
    finally:
        part.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """Return a copy with tensors on the CPU that can be read back without running code.

    Schedules written with numpy leave its numbers in an optimizer, and then the file would be refused.
    """
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(inner) for inner in value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be kept in a checkpoint")


def _locked(folder: Path) -> IO[bytes] | None:
    """Return the folder's open lock file, or None where there are no locks.

    Raises:
        UsageError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        return None
    lock = open(folder / _LOCK, "a+b")    # noqa: SIM115 - open as long as the lock is held
    try:
        # Unlike flock's, this lock is not inherited by workers, which may outlive a killed run by seconds.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        lock.close()
        raise UsageError(
            f"Another process is training in {folder}. Wait for it, stop it, or choose another folder."
        ) from error
    except OSError:
        lock.close()
        return None    # some network folders know no locks
    return lock
