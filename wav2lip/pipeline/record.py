"""What a finished result was made from, and how: the record that is written beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wav2lip import __version__
from wav2lip.cast.seen import runs
from wav2lip.errors import MediaError, Wav2LipError
from wav2lip.media.ffmpeg import binary, build
from wav2lip.models.known import KNOWN, known_by_sha256
from wav2lip.models.store import demo_checkpoint, is_here, locate
from wav2lip.pipeline.plain import plain
from wav2lip.pipeline.prepare import Prepared
from wav2lip.provenance.sidecar import File, write_sidecar
from wav2lip.provenance.signing import Ingredient, Relationship
from wav2lip.provenance.tags import SOURCE_TYPE, STATEMENT, TOOL

Ranges = list[list[int]]
"""Of frames: the first, and the one after the last."""


def write_record(prepared: Prepared, unsigned: File | None = None) -> None:
    """Write the record beside a result that is there; see `record_of`.

    Raises:
        Wav2LipError: it cannot be written, or a file cannot be read; the result is there all the same.
    """
    try:
        record = record_of(prepared, unsigned)
    except MediaError as error:
        raise Wav2LipError(f"{prepared.output} is there, but not the record beside it. {error}") from error
    write_sidecar(prepared.output, record)


def record_of(prepared: Prepared, unsigned: File | None = None) -> dict[str, Any]:
    """Return the record of a result that is there, as JSON can hold it. The same job has the same record, at any time.

    Args:
        prepared: what it was made from.
        unsigned: the result before it was signed; None where it was not.

    Raises:
        MediaError: a file cannot be read.
    """
    source, networks = prepared.source, prepared.networks
    width, height = source.size
    output = File.of("output", prepared.output).to_dict() | {
        "frames": prepared.frames, "fps": str(source.fps), "seconds": round(float(prepared.frames / source.fps), 6),
        "width": width, "height": height,
    }
    if unsigned is not None:
        output["unsigned"] = {"sha256": unsigned.sha256, "bytes": unsigned.size}
    return {
        "tool": TOOL,
        "statement": STATEMENT,
        "digital_source_type": SOURCE_TYPE,
        "output": output,
        "inputs": [one.to_dict() for one in inputs_of(prepared)],
        "weights": [_weights(role, path) for role, path in weights_of(prepared)],
        "generator": networks.description,
        "detector": prepared.cast.found_by,
        "options": plain(prepared.options),
        "generated": [{"person": person, "frames": ranges} for person, ranges in generated(prepared).items()],
        "made_with": made_with() | {
            "device": networks.device.partition(":")[0], "encoder": prepared.decided.encoder,
            "pixel_format": prepared.decided.pixel_format,
        },
    }


def made_with() -> dict[str, str]:
    """Return the versions that the bytes of a result depend on."""
    import cv2
    import torch

    return {
        "wav2lip": __version__, "torch": torch.__version__, "ffmpeg": build(binary()), "numpy": np.__version__,
        "opencv": cv2.__version__,
    }


def inputs_of(prepared: Prepared) -> Iterator[File]:
    """Yield the files that are seen and heard in a result, and those that say how, each once for what it is."""
    options, script = prepared.options, prepared.script
    reference = options.reference if isinstance(options.reference, Path) else None
    named = [("face", prepared.source.clip.path), ("audio", prepared.audio)]
    named += [("recording", path) for path in dict.fromkeys(script.recordings) if path != prepared.audio]
    named += [("mix", options.mix), ("edits", options.edits), ("track", options.track), ("reference", reference)]
    for role, path in named:
        if path is not None:
            yield File.of(role, path)


def weights_of(prepared: Prepared) -> Iterator[tuple[str, Path]]:
    """Yield the weights that were used, by what they are for, as far as files name them."""
    options, s3fd = prepared.options, KNOWN["s3fd"]
    detector = options.detector_weights if options.needs_detector else None
    if prepared.cast.found_by == s3fd.name and detector is None and is_here(s3fd):
        detector = Path(s3fd.name)
    named = ("detector", detector), ("enhance", options.enhance), ("parsing", options.parsing)
    yield "generator", options.checkpoint or demo_checkpoint()
    yield from ((role, path) for role, path in named if path is not None)


def ingredients_of(prepared: Prepared) -> list[Ingredient]:
    """Return what went into a result: its video, what is heard in it, and what its mouth alone was made from.

    Raises:
        MediaError: a file cannot be read.
    """
    options, source = prepared.options, prepared.source
    heard = [options.mix] if options.mix else []
    spoken = [path for path in dict.fromkeys(prepared.script.recordings) if path != source.clip.path]
    reference = [options.reference] if isinstance(options.reference, Path) else []
    parts: list[tuple[Path, Relationship]] = [(source.clip.path, "parentOf")]
    parts += [(path, "componentOf") for path in heard or spoken]
    parts += [(path, "inputTo") for path in (spoken if heard else []) + reference]
    return [Ingredient(path, File.of("", path).sha256, relationship) for path, relationship in parts]


def generated(prepared: Prepared) -> dict[str, Ranges]:
    """Return in which frames of a result each person's mouth was generated."""
    frames: dict[str, np.ndarray] = {}
    for lines, lane, visible in zip(prepared.script.lanes(), prepared.lanes, prepared.generated, strict=True):
        for line, part in zip(lines, lane.parts, strict=True):
            mask = frames.setdefault(prepared.cast.person(line.who), np.zeros(prepared.frames, bool))
            mask[part.frames.start : part.frames.stop] |= visible[part.frames.start : part.frames.stop]
    return {person: ranges_of(mask) for person, mask in frames.items()}


def ranges_of(mask: np.ndarray) -> Ranges:
    """Return where a mask, bool (n,), is true."""
    return [list(stretch) for stretch in runs(np.flatnonzero(mask))]


def _weights(role: str, given: Path) -> dict[str, Any]:
    file = File.of(role, locate(given), given)
    known = known_by_sha256(file.sha256)
    name, what = (known.name, known.what) if known else (Path(file.given).name, None)
    return file.to_dict() | {"name": name, "what": what}
