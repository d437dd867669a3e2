"""Results of several kinds: whether they can be written is found out before the work begins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

from wav2lip.errors import UsageError, Wav2LipError


def prepare_results(results: Mapping[str, Path], inputs: Iterable[Path], *, clobber: bool = True) -> None:
    """Make sure, before any work is done, that the results can be written: their folders are made if need be.

    Args:
        results: by the option that names each.
        inputs: files that must stay as they are.
        clobber: replace results that are there already.

    Raises:
        UsageError: a result is an input or another result, is a folder, or is there already without `clobber`.
        Wav2LipError: its folder cannot be made or written to.
    """
    inputs = list(inputs)
    for option, path in results.items():
        with _writing(path):
            if path.exists() and any(path.samefile(given) for given in inputs if given.exists()):
                raise UsageError(f"The output {path} is also an input; choose another name with {option}.")
            if path.is_dir():
                raise UsageError(f"The output {path} is a folder; give the name of a file with {option}.")
            if path.exists() and not clobber:
                raise UsageError(f"{path} exists already and --no-clobber is on; choose another name with {option}.")
    for (one, path), (other, same) in combinations(results.items(), 2):
        if path.resolve() == same.resolve():
            raise UsageError(f"{one} and {other} both name {path}; give each a file of its own.")
    for path in results.values():
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.absolute().parent, os.W_OK | os.X_OK):
            raise Wav2LipError(f"The output's folder {path.absolute().parent} cannot be written to.")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say which result it is that the system does not let be written."""
    try:
        yield
    except OSError as error:
        raise Wav2LipError(f"{path} cannot be written: {error.strerror}.") from error
