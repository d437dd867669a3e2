"""What PyTorch's compiler needs is imported when it is needed, and not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

QUICK = "import sys\nfrom wav2lip.models.quick_import import PUT_OFF, import_torch\nimport_torch()\n"


def said(code: str) -> str:
    """Return what a Python of its own prints."""
    done = subprocess.run([sys.executable, "-c", QUICK + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_run_does_without_it() -> None:
    code = """
import torch, wav2lip.models.openvino, wav2lip.pipeline.sync
from wav2lip.models.engine import TorchEngine
from wav2lip.models.load import load_checkpoint
import numpy as np
engine = TorchEngine(load_checkpoint().generator, "cpu")
made = engine.generate(np.zeros((2, 1, 80, 16), np.float32), np.zeros((2, 6, 96, 96), np.float32))
print(made.shape, PUT_OFF in sys.modules, "_meta_registrations" in vars(torch))
"""
    assert said(code) == "(2, 3, 96, 96) False False"


@pytest.mark.parametrize("use", [
    "import torch._decomp; print(len(torch._decomp.decomposition_table), torch._decomp.__spec__.origin)",
    "print(torch.broadcast_shapes((2, 1), (1, 3)))",
    "from wav2lip.models.flop import network_flop; print(network_flop(layer, (1, 3, 8, 8)))",
    "import torch._dynamo; whole = torch.export.export(layer, (torch.ones(1, 3, 8, 8),)); print(whole.graph)",
    "import torch.utils.flop_counter; print(layer.to('meta')(torch.zeros(1, 3, 8, 8, device='meta')).shape)",
])
def test_whatever_needs_it_gets_what_it_would_have_had(use: str) -> None:
    code = f"import torch; layer = torch.nn.Conv2d(3, 4, 3); {use}; print(PUT_OFF in sys.modules)"
    *quick, there = said(code).splitlines()
    assert there == "True"
    slow = subprocess.run(
        [sys.executable, "-c", f"import sys, torch; PUT_OFF = ''; {code}"], capture_output=True, text=True, check=True
    )
    assert slow.stdout.splitlines()[:-1] == quick


def test_who_looks_into_it_while_pytorch_is_imported_gets_it() -> None:
    code = """
from wav2lip.models.quick_import import _Held
sys.modules["json.tool"] = held = _Held("json.tool")
print(callable(held.main), sys.modules["json.tool"] is not held, held.__doc__)
"""
    assert said(code) == "True True None"


def test_pytorch_that_is_there_is_left_alone() -> None:
    code = "import sys, torch; there = len(sys.modules), list(sys.meta_path)\n" + QUICK
    done = subprocess.run(
        [sys.executable, "-c", code + "print(PUT_OFF in sys.modules, list(sys.meta_path) == there[1])"],
        capture_output=True, text=True, check=True,
    )
    assert done.stdout.strip() == "True True"
