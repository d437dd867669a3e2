"""Make a result again from the record beside it, and say whether it is the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wav2lip.errors import MediaError, UsageError, WeightsError
from wav2lip.models.store import demo_checkpoint, locate
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.plain import options_of
from wav2lip.pipeline.record import made_with
from wav2lip.pipeline.report import SyncReport
from wav2lip.pipeline.sync import sync
from wav2lip.progress import Progress
from wav2lip.provenance.sidecar import File, files_of, read_sidecar, sidecar_of

AGAIN = "_again"
_MOVED = {"face": " Name it with --face where it is now.", "audio": " Name it with --audio where it is now."}


@dataclass(frozen=True)
class Rerun:
    """A result that was made again.

    Attributes:
        report: of making it.
        identical: whether it has the bytes that the record tells of, before any signature.
        differences: a sentence for everything that was not as it had been.
    """

    report: SyncReport
    identical: bool
    differences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {
            "output": str(self.report.output), "identical": self.identical, "differences": list(self.differences),
            "report": self.report.to_dict(),
        }


def rerun(
    record: str | os.PathLike[str], output: str | os.PathLike[str] | None = None, *,
    face: str | os.PathLike[str] | None = None, audio: str | os.PathLike[str] | None = None, anyway: bool = False,
    progress: Progress | None = None,
) -> Rerun:
    """Make the result that a record tells of once more.

    Args:
        record: what `sync` wrote beside it.
        output: the video to write, unsigned; None for `<result>_again` in the current folder.
        face, audio: where these inputs are now; None for where they were.
        anyway: go on with inputs and weights that are not the recorded ones.
        progress: receives words and progress; None for silence.

    Raises:
        MediaError: the record or an input is missing, cannot be read, or is another file now.
        WeightsError: weights are missing, or others now.
        UsageError: the record's options are none of this version, or the output would replace the record.
        NoFaceError, Wav2LipError: as `sync`.
    """
    record, progress = Path(record), progress or Progress()
    said = read_sidecar(record)
    made = File.told(said.get("output"))
    options = options_of(said["options"])
    output = Path(output) if output else _named_again(made)
    if sidecar_of(output).exists() and sidecar_of(output).samefile(record):
        raise UsageError(f"The record of {output} would replace {record}; choose another name with -o.")
    files, now = files_of(said, "inputs"), {"face": face, "audio": audio}
    if audio is not None and "audio" not in [file.role for file in files]:
        raise UsageError(f"{made.given} was made without --audio, from voices or an edit list; leave it out.")
    places = {file.role: Path(now.get(file.role) or file.path) for file in reversed(files)}
    changed = [*_changed_inputs(files, places), *_changed_weights(files_of(said, "weights"), options)]
    if changed and not anyway:
        raise type(changed[0])(f"{changed[0]} --anyway makes another result all the same.")
    found_by = said.get("detector")
    if options.detector == "auto" and found_by in ("s3fd", "cascade"):    # what it is here may have changed since
        options = replace(options, detector=found_by)
    report = sync(places["face"], places.get("audio"), output, options, progress)
    wanted = said["output"].get("unsigned", said["output"])
    identical = File.of("output", output).sha256 == wanted.get("sha256")
    return Rerun(report, identical, (*map(str, changed), *_other_versions(said["made_with"], report)))


def _named_again(made: File) -> Path:
    name = Path(made.given)
    return Path(f"{name.stem}{AGAIN}{name.suffix}")


def _changed_inputs(files: list[File], places: Mapping[str, Path]) -> Iterator[MediaError]:
    for file in files:
        place = places[file.role] if file.role in _MOVED else Path(file.path)
        if not place.exists():
            raise MediaError(f"The {file.role} {place} does not exist.{_MOVED.get(file.role, '')}")
        if not file.is_content_of(place):
            yield MediaError(f"{place} is not the {file.role} that the result was made from, by its SHA-256.")


def _changed_weights(files: list[File], options: SyncOptions) -> Iterator[WeightsError]:
    named = {
        "generator": options.checkpoint or demo_checkpoint(), "enhance": options.enhance, "parsing": options.parsing,
        "detector": options.detector_weights,
    }
    for file in files:
        place = locate(named.get(file.role) or file.given)
        if not place.exists():
            raise WeightsError(f"The weights {place} ({file.role}) are not on this machine.")
        if not file.is_content_of(place):
            yield WeightsError(f"{place} are not the weights ({file.role}) of the result, by their SHA-256.")


def _other_versions(then: Mapping[str, Any], report: SyncReport) -> Iterator[str]:
    """Yield what the result's bytes depend on that is not as it was."""
    now = made_with() | {"device": report.device.partition(":")[0], "encoder": report.encoder}
    for name, value in now.items():
        if then.get(name) != value:
            yield f"{name} is {value} here, and was {then.get(name)}."
