"""The commands of the documentation that a test cannot run as they stand: what is done instead, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

How = Literal["run", "parsed", "ci"]


@dataclass(frozen=True)
class Row:
    """What is different for the commands in which `pattern` is found, a regular expression.

    Attributes:
        why: the reason.
        how: "run"; "parsed": only understood, by the same code that would run it; "ci": run by `.ci/run`.
        add: options at the end.
        instead: pairs of a text and what stands for it.
        code: the exit code that is meant.
        once: every command that matches, not only the first, is the same to us; nothing else.
    """

    pattern: str
    why: str
    how: How = "run"
    add: tuple[str, ...] = ()
    instead: tuple[tuple[str, str], ...] = ()
    code: int = 0


FEW = ("--steps", "1", "--batch-size", "2", "--workers", "0", "--evaluate-every", "1")
NARROW = ("--width", "1/16")
NO_YUNET = (("--detector yunet --detector-weights yunet.onnx", "--detector cascade"),)

ROWS = (
    Row(r"^python3 -m venv", "takes minutes; the two commands are what CI does first and last", how="ci"),
    Row(r"^pip install", "changes the environment of the tests; the extra's name is looked up", how="parsed"),
    Row(r"^apt-get ", "changes the machine; .ci/run installs ffmpeg so", how="parsed"),
    Row(r"^docker ", "no engine here; hadolint reads the Dockerfile, and the arguments are looked up in it", how="parsed"),
    Row(r"^ray (start|stop)", "starts and stops servers of the whole machine; test_batch_ray.py has its own", how="parsed"),
    Row(r"--ray auto", "needs a cluster; test_batch_ray.py has one of two nodes", how="parsed"),
    Row(r"^(accelerate|torchrun) ", "processes that load PyTorch each; test_training_engine.py has two", how="parsed"),
    Row(r"^wav2lip bench|^OMP_NUM_THREADS=1 wav2lip bench", "runs take minutes; test_bench.py has short ones", how="parsed"),
    Row(r"^python benchmarks/", "measures for minutes to hours", how="parsed"),
    Row(r"--workers [28]", "workers are processes that load PyTorch; test_batch_local.py has two",
        instead=(("--workers 2", "--workers 1"), ("--workers 8", "--workers 1"))),
    Row(r"--device cuda", "tests have no GPU", instead=(("--device cuda", "--device cpu"),)),
    Row(r"yunet\.onnx", "weights that tests cannot have", instead=NO_YUNET),
    Row(r"--protocol", "looks like a real one's score only with real videos", add=("--no-picture", "--detector", "cascade")),
    Row(r"train (syncnet|generator|gan)|distill", "trains for hours", add=FEW),
    Row(r"train enhancer", "trains for minutes",
        add=("--steps", "1", "--batch", "1", "--workers", "0", "--pairs", "4", "--evaluation-faces", "1")),
)

# In Python blocks: what stands for a path that is nowhere.
FILLED_IN = {"/data/": "{folder}/"}

# The pages of the second file of tests, so that two processes share the work.
TRAINING = ("docs/training.md", "docs/picture.md", "checkpoints/README.md")
