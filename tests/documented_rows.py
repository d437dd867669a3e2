"""The commands of the documentation that a test cannot run as they stand: what is done instead, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

How = Literal["run", "parsed", "ci"]
LOW_SCORE = 6


@dataclass(frozen=True)
class Row:
    """What is different for the commands in which `pattern` is found, a regular expression.

    Attributes:
        why: the reason.
        how: "run"; "parsed": only understood, by the same code that would run it; "ci": run by `.ci/run`.
        add: options at the end.
        instead: pairs of a text and what stands for it.
        code: the exit code that is meant.
    """

    pattern: str
    why: str
    how: How = "run"
    add: tuple[str, ...] = ()
    instead: tuple[tuple[str, str], ...] = ()
    code: int = 0


STEP = ("--steps", "1", "--batch-size", "2", "--workers", "0")
LITTLE = ("--evaluation-samples", "2")
ENHANCER = ("--steps", "1", "--batch", "1", "--workers", "0", "--pairs", "4", "--evaluation-faces", "1")
NARROW = ("--width", "1/16")
NO_YUNET = (
    ("--detector yunet --detector-weights yunet.onnx", "--detector cascade"),
    ("--detector yunet --detector-weights yunet", "--detector cascade"),
)
ONE_WORKER = (("--workers 2", "--workers 1"), ("--workers 8", "--workers 1"))
AFTER_A_STEP = (("checkpoint_step000003500", "checkpoint_step000000001"), ("step000005755", "step000000001"),
                ("step000000804", "step000000001"), ("step000011394", "step000000001"),
                ("step000012500", "step000000002"), ("step000014157", "step000000003"))

ROWS = (
    Row("^python3 -m venv", "takes minutes; the two commands are what CI does first and last", how="ci"),
    Row("^pip install", "changes the environment of the tests; the extra's name is looked up", how="parsed"),
    Row("^apt-get ", "changes the machine; .ci/run installs ffmpeg so", how="parsed"),
    Row("^docker ", "no engine here; arguments are looked up in the Dockerfile, hadolint reads it", how="parsed"),
    Row("^ray (start|stop)", "for a whole machine; test_batch_ray.py has a cluster of its own", how="parsed"),
    Row("--ray auto", "needs a cluster; test_batch_ray.py has one of two nodes", how="parsed"),
    Row("^(accelerate|torchrun) ", "processes that load PyTorch each; test_training_engine.py has two", how="parsed"),
    Row("wav2lip bench", "its runs take minutes; test_bench.py has short ones", how="parsed"),
    Row("^python (benchmarks|tests)/", "measures for minutes to hours", how="parsed"),
    Row("^wav2lip ui", "serves until it is stopped; the tests of the page open it", how="parsed"),
    Row("--workers [28]", "workers load PyTorch each; test_batch_local.py has two", instead=ONE_WORKER),
    Row("--device cuda", "tests have no GPU", instead=(("--device cuda", "--device cpu"),)),
    Row("--detector-weights yunet", "weights that tests cannot have", instead=NO_YUNET),
    Row("--protocol", "the papers' detector has weights that tests cannot have", add=("--detector", "cascade")),
    Row(r"evaluate paper\.mp4", "weights drawn at random make no face", instead=(("paper.mp4", "talking.mp4"),)),
    Row(r"--min-score 0\.2", "the drawn people here say what is not words; it is not to fail", code=LOW_SCORE),
    Row("train (syncnet|generator|gan)|distill", "trains for hours", add=STEP),
    Row("train (generator|gan)|distill", "looks at 256 faces", add=LITTLE),
    Row("train (syncnet|generator|gan)(?!.*--from checkpoints/)", "a step of the full width takes minutes", add=NARROW),
    Row("train evaluate", "looks at 1024 faces", add=("--samples", "4", "--clips", "1")),
    Row("train evaluate runs/.*data/heads", "of two people none is held out", add=("--everything",)),
    Row("convert runs/demo3", "after one step", instead=(("step000013806", "step000000001"),)),
    Row("train .*checkpoint_step", "after one step", instead=AFTER_A_STEP, add=("--steps", "2")),
    Row("-o runs/near3", "goes on after two", add=("--steps", "3")),
    Row("-o runs/near4", "goes on after three", add=("--steps", "4")),
    Row("preprocess|synth", "workers load PyTorch each", add=("--workers", "1")),
    Row("--count 300", "draws for an hour", instead=(("--count 300", "--count 2"),)),
    Row("train enhancer", "trains for minutes", add=ENHANCER),
    Row("--parsing|--enhance runs", "half a second a face", instead=(("in.wav", "first.wav"),)),
)

# In Python blocks: what stands for a path that is nowhere.
FILLED_IN = {"/data/": "{folder}/"}

# The pages of the second file of tests, so that two processes share the work.
SECOND = ("README.md", "docs/training.md", "docs/picture.md", "checkpoints/README.md")
