"""Where the result goes, and what it must never overwrite."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.encoding import COPY_SETTINGS, Encoding
from wav2lip.media.write import check_output
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.source import Source
from wav2lip.provenance.sidecar import check_sidecar, sidecar_of

ENDINGS = {"ffv1": "mkv", "prores": "mov", "vp9": "webm"}    # where mp4 will not do


def default_output(face: Path, audio: Path, codec: str | None, source: Source | None = None) -> Path:
    """Return `<face>_<audio>.mp4` in the current folder, or the ending that the codec or transparency needs.

    Args:
        face, audio: the inputs.
        codec: as in `Encoding`.
        source: what is known of the face, where its kind is to be kept.
    """
    if source is not None:
        codec = naming_codec(codec, source.clip.codec, source.pixels.alpha)
    return Path(f"{face.stem}_{audio.stem}.{ENDINGS.get(codec or '', 'mp4')}")


def naming_codec(codec: str | None, found: str, alpha: bool) -> str | None:
    """Return the codec after which a result is named: a source's own where that is copied, one that keeps transparency.

    Args:
        codec: as in `Encoding`.
        found, alpha: of the source: its codec, and whether it may show through.
    """
    if codec == COPY_SETTINGS:
        return found
    return "prores" if codec is None and alpha else codec


def encoding_of(options: SyncOptions, gpu: int | None) -> Encoding:
    """Return how the options want the picture to be compressed, by a GPU of that number where it can be."""
    return Encoding(options.codec, options.crf, options.preset, options.pix_fmt, gpu)


def prepare_output(
    output: Path, inputs: Iterable[Path | None], encoding: Encoding, clobber: bool, *, sidecar: bool = False,
    make: bool = True,
) -> None:
    """Make sure, before any work is done, that the result can be written: its folder is made if need be.

    Args:
        output: the result.
        inputs: what must stay as it is.
        encoding: of its picture.
        clobber: replace a result that is there already.
        make: where the folder is missing make it; else it is enough that it could be made.

    Raises:
        UsageError: the output is an input, exists without `clobber`, is a folder, or does not suit the encoding; or
            there is to be a sidecar, and it is an input or can have no name.
        Wav2LipError: its folder cannot be made or written to.
    """
    inputs = list(inputs)
    try:
        there = output.exists()
        if there:
            refuse_inputs(output, inputs)
        if there and not clobber:
            raise UsageError(f"{output} exists already and --no-clobber is on; choose another name with -o.")
    except OSError as error:
        raise Wav2LipError(f"{output} cannot be written: {error.strerror}.") from error
    place = output
    if make:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Wav2LipError(f"The output's folder {output.parent} cannot be made: {error.strerror}.") from error
    elif not output.parent.exists():
        above = next(folder for folder in output.absolute().parents if folder.exists())
        if not above.is_dir():
            why = os.strerror(errno.ENOTDIR)
            raise Wav2LipError(f"The output's folder {output.parent} cannot be made: {why}.")
        place = above / output.name
    check_output(place, encoding)
    if sidecar:
        check_sidecar(output)
        refuse_inputs(sidecar_of(output), inputs)


def refuse_inputs(output: Path, inputs: Iterable[Path | None]) -> None:
    """Raise UsageError where the output is one of the inputs."""
    if output.exists() and any(path is not None and path.exists() and output.samefile(path) for path in inputs):
        raise UsageError(f"The output {output} is also an input; choose another name with -o.")
