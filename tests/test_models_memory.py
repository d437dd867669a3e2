"""Where memory does not hold a batch, halves of it are tried; only what is no shortage of memory passes through."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from wav2lip.errors import Wav2LipError
from wav2lip.models.memory import Room, enough, in_halves

SHORTAGES = (
    MemoryError("Unable to allocate 9 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    torch.cuda.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9 GB, other allocations: 9 GB, max allowed: 9 GB)."),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    cv2.error("OpenCV(4.10.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
)


def network(room: int, error: Exception) -> tuple[Callable[[np.ndarray], np.ndarray], list[int]]:
    """Return what doubles so many rows at a time and fails with more, and what it was given."""
    given: list[int] = []

    def run(rows: np.ndarray) -> np.ndarray:
        given.append(len(rows))
        if len(rows) > room:
            raise error
        return 2 * rows

    return run, given


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_halves_are_tried_until_they_fit(error: Exception) -> None:
    run, given = network(2, error)
    rows = np.arange(7.0)
    assert np.array_equal(in_halves(run, rows, device="cpu", task="for one face"), 2 * rows)
    assert given == [7, 4, 2, 2, 2, 1]


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_too_little_for_a_single_row_is_a_sentence(error: Exception) -> None:
    run, _ = network(0, error)
    with pytest.raises(Wav2LipError, match=r"cuda:0 has too little memory for one face; use --device cpu\.$"):
        in_halves(run, np.arange(3.0), device="cuda:0", task="for one face")
    with pytest.raises(Wav2LipError, match=r"cpu has too little memory for one face\.$"):
        in_halves(run, np.arange(3.0), device="cpu", task="for one face")
    with pytest.raises(Wav2LipError, match=r"8 faces at a time; use --wav2lip-batch-size 4\.$"), enough("cpu", 8):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    run, given = network(1, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        in_halves(run, np.arange(4.0), device="cpu", task="for one face")
    assert given == [4]


def test_what_did_not_fit_is_not_tried_again() -> None:
    run, given = network(2, SHORTAGES[0])
    room = Room()
    for rows in (np.arange(7.0), np.arange(5.0)):
        assert np.array_equal(in_halves(run, rows, device="cpu", task="for one face", room=room), 2 * rows)
    assert given == [7, 4, 2, 2, 2, 1, 2, 2, 1]
