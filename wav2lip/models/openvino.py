"""The generator in OpenVINO, on a CPU, and the files that it takes."""

from __future__ import annotations

import os
import tempfile
import warnings
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wav2lip.errors import UsageError, Wav2LipError, WeightsError
from wav2lip.extras import require
from wav2lip.models.choices import EXPORTED
from wav2lip.models.engine import Mixed
from wav2lip.models.generator import FACE, FACE_SIZE, MEL, FaceFrom, Generator
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import LoadedGenerator, load_checkpoint, shipped_notice
from wav2lip.models.store import cache_dir, check_size, demo_checkpoint, locate, sha256_of

if TYPE_CHECKING:
    from wav2lip.models.flop import Flop

BATCH = 4                       # faces that run together: the network is compiled for so many
_WHAT, _FLOP = ["wav2lip", "what"], ["wav2lip", "flop"]    # where a file says what its weights are, what a face costs
_PRECISION = {torch.float32: "f32", torch.bfloat16: "bf16"}


class OpenVINOEngine:
    """OpenVINO on the CPU.

    Args:
        path: a file that `export_generator` wrote.
        numbers: what it computes with: float32 or bfloat16.

    Raises:
        WeightsError: it is no such file.
    """

    at_once, faces = 1, BATCH

    def __init__(self, path: Path, numbers: torch.dtype = torch.float32):
        openvino = require("openvino", "openvino")
        core = openvino.Core()
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _PRECISION[numbers]}
        if threads := os.environ.get("OMP_NUM_THREADS", ""):
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            model = core.read_model(path)
            model.reshape({"mel": [BATCH, *MEL], "face": [BATCH, *FACE]})
            self.what = str(model.get_rt_info(_WHAT).value) if model.has_rt_info(_WHAT) else "a generator"
            flop = int(model.get_rt_info(_FLOP).value) if model.has_rt_info(_FLOP) else 0
            self._flop: Flop = {str(numbers).removeprefix("torch."): flop} if flop else {}
            self._network = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise WeightsError(
                f"{path} is no generator that OpenVINO can run; make one with `wav2lip export`."
            ) from error

    def generate(
        self, mels: np.ndarray, faces: np.ndarray, *, mixed: Mixed | None = None, lower: np.ndarray | None = None,
        on_device: bool = False,
    ) -> np.ndarray:
        """Generate faces, as `Engine` says; always the whole of them, each as its appearance has it, and then mixed."""
        if mixed is None:
            return self._generated(mels, faces)
        out = np.zeros((len(mels), 3, FACE_SIZE, FACE_SIZE), np.float32)
        each = self._generated(mels[mixed.of], faces)
        np.add.at(out, mixed.of, each * mixed.weights[:, None, None, None])
        return out

    def _generated(self, mels: np.ndarray, faces: np.ndarray) -> np.ndarray:
        out = np.empty((len(faces), 3, FACE_SIZE, FACE_SIZE), np.float32)
        for at in range(0, len(faces), BATCH):
            count = min(BATCH, len(faces) - at)
            given = {"mel": np.zeros((BATCH, *MEL), np.float32), "face": np.zeros((BATCH, *FACE), np.float32)}
            given["mel"][:count], given["face"][:count] = mels[at : at + count], faces[at : at + count]
            out[at : at + count] = self._network(given)[0][:count]
        return out

    def flop(self, *, lower: bool = False) -> Flop:
        return self._flop


def load_engine(
    checkpoint: str | os.PathLike[str] | None, numbers: torch.dtype
) -> tuple[OpenVINOEngine, str, str | None]:
    """Return the engine for a weights file, what its weights are, and what the user should know before it is used.

    Weights are converted when they are first seen, which takes seconds, and remembered by their content.

    Args:
        checkpoint: generator weights, or a file that `export_generator` wrote; None for the generator that ships.
        numbers: what it computes with.

    Raises:
        WeightsError: the file is missing, broken, or of another network.
        UsageError: OpenVINO is not installed.
    """
    openvino = require("openvino", "openvino")
    path = demo_checkpoint() if checkpoint is None else locate(checkpoint)
    if not path.is_file():
        load_checkpoint(path)    # for its sentence
    if path.suffix.lower() in EXPORTED:
        engine = OpenVINOEngine(path, numbers)
    else:
        check_size(path)
        entry = cache_dir() / "openvino" / f"{sha256_of(path)}-{openvino.__version__.partition('-')[0]}.xml"
        if not entry.is_file():
            entry.parent.mkdir(parents=True, exist_ok=True)
            export_generator(load_checkpoint(checkpoint), entry)
        engine = OpenVINOEngine(entry, numbers)
    return engine, f"{path.name}: {engine.what}", shipped_notice(engine.what) if checkpoint is None else None


def export_generator(loaded: LoadedGenerator, path: Path, *, half: bool = False) -> None:
    """Write a generator as a file for other programs, its batch norms folded; whole or not at all.

    Its inputs are `mel` (n, 1, 80, 16) and `face` (n, 6, 96, 96), its output (n, 3, 96, 96), as the generator's.

    Args:
        loaded: the generator.
        path: .xml for OpenVINO, with a .bin beside it, or .onnx.
        half: store the weights in float16 (OpenVINO only).

    Raises:
        UsageError: another ending, or a package that is not installed.
        Wav2LipError: it cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in EXPORTED:
        raise UsageError(f"{path} must end with {' or '.join(EXPORTED)}: OpenVINO's format, or ONNX.")
    if half and suffix != ".xml":
        raise UsageError("--half is for OpenVINO's format; write an .xml file, or leave it out.")
    network = fold_batch_norm(loaded.generator)
    try:
        with tempfile.TemporaryDirectory(prefix=".wav2lip-", dir=path.absolute().parent) as folder:
            part = Path(folder) / path.name
            if suffix == ".xml":
                _write_openvino(network, part, loaded.what, half)
            else:
                _write_onnx(network, part)
            # The file that is named last: who finds it finds the other one too.
            for made in sorted(Path(folder).iterdir(), key=lambda made: made.name == path.name):
                os.replace(made, path.absolute().parent / made.name)
    except OSError as error:
        raise Wav2LipError(f"{path} cannot be written: {error.strerror}.") from error


def _write_openvino(network: Generator, path: Path, what: str, half: bool) -> None:
    from wav2lip.models.flop import network_flop

    openvino = require("openvino", "openvino")
    # By way of ONNX: OpenVINO's own converter for PyTorch takes twice as long, and reports its use to its makers.
    through = path.with_suffix(".onnx")
    _write_onnx(network, through)
    model = openvino.Core().read_model(through)
    model.set_rt_info(what, _WHAT)
    model.set_rt_info(str(sum(network_flop(network, (1, *MEL), (1, *FACE)).values())), _FLOP)
    openvino.save_model(model, path, compress_to_fp16=half)
    through.unlink()


def _write_onnx(network: Generator, path: Path) -> None:
    require("onnx", "onnx")
    names: dict[str, Any] = {"input_names": ["mel", "face"], "output_names": ["speaking"]}
    any_number = {name: {0: "n"} for name in ("mel", "face", "speaking")}
    examples = torch.zeros(2, *MEL), torch.zeros(2, *FACE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")    # that there is a newer exporter, which needs one package more
        if "dynamo" in signature(torch.onnx.export).parameters:    # older ones have no other exporter
            names["dynamo"] = False
        torch.onnx.export(FaceFrom(network, 0), examples, str(path), dynamic_axes=any_number, **names)
