"""Settings that are tried one after the other, with what they share loaded and looked at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wav2lip.media.results import prepare_results
from wav2lip.models.device import choose_device
from wav2lip.pipeline.clock import Clock
from wav2lip.pipeline.networks import Networks, load_networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.output import default_output, encoding_of
from wav2lip.pipeline.prepare import Prepared, open_source, prepare
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.watch import Watch
from wav2lip.preview.glimpse import Glimpse
from wav2lip.preview.making import with_windows
from wav2lip.progress import Progress

PARTLY = "Faces were looked for around these moments only; their boxes may differ a little from those of sync."

_OPENED = ("fps", "resize_factor", "rotate", "crop", "shorter_side", "compat", "static")
_LOADED = (
    "checkpoint", "engine", "precision", "compat", "detector", "detector_weights", "offline", "enhance", "parsing",
    "needs_detector", "device",
)


@dataclass
class Trial:
    """Prepares one clip under several settings.

    Attributes:
        face, audio: as for `wav2lip.sync`.
        glimpse: what is looked at.
        progress: is told what is new: most notices would come with every setting.
    """

    face: Path
    audio: Path | None
    glimpse: Glimpse
    progress: Progress
    _sources: dict[tuple[Any, ...], Source] = field(default_factory=dict, repr=False)
    _networks: dict[tuple[Any, ...], Networks] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.progress = _Once(self.progress)

    def prepare(self, options: SyncOptions) -> Prepared:
        """Return all that the moments under a setting are made from.

        Raises:
            UsageError: there is no such moment in the result, or as `wav2lip.sync`.
            MediaError, WeightsError, NoFaceError, Wav2LipError: as `wav2lip.sync`.
        """
        device = choose_device(options.device)
        gpu = options.gpu(device)
        source = self._open(options, gpu)
        kept = None if options.compat else source
        ending = default_output(self.face, options.recording(self.audio), options.codec, kept).suffix
        networks = self._load(options, device)
        prepared = prepare(
            source, self.audio, Path(f".wav2lip-preview{ending}"), options, encoding_of(options, gpu), device,
            self.progress, Clock(), Watch(), lambda: networks, self.glimpse,
        )
        return with_windows(prepared, self.glimpse)

    def _open(self, options: SyncOptions, gpu: int | None) -> Source:
        """Return the video as the options see it; every packet of it is looked at once."""
        key = gpu, *(getattr(options, name) for name in _OPENED)
        if key not in self._sources:
            self._sources[key] = open_source(self.face, options, gpu, self.progress)
        return self._sources[key]

    def _load(self, options: SyncOptions, device: str) -> Networks:
        """Return the networks of a setting; only those of the last one stay in memory."""
        key = tuple(getattr(options, name) for name in _LOADED)
        if key not in self._networks:
            self._networks.clear()
            self._networks[key] = load_networks(options, device, self.progress)
        return self._networks[key]


class _Once(Progress):
    """Passes on what has not been said yet."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._said: set[str] = set()
        self.stage = progress.stage    # type: ignore[method-assign]

    def say(self, text: str) -> None:
        if self._new(text):
            self._progress.say(text)

    def detail(self, text: str) -> None:
        if self._new(text):
            self._progress.detail(text)

    def _new(self, text: str) -> bool:
        new = text not in self._said
        self._said.add(text)
        return new


def prepare_inputs(
    output: Path, face: str | os.PathLike[str], audio: str | os.PathLike[str] | None,
    settings: Mapping[str, SyncOptions],
) -> None:
    """Make sure, before any work is done, that an output can be written and is none of the inputs."""
    given = [Path(face)] if audio is None else [Path(face), Path(audio)]
    files = [file for options in settings.values() for file in options.files]
    clobber = all(options.clobber for options in settings.values())
    prepare_results({"-o": output}, [*given, *files], clobber=clobber)


def said_of_parts(face: Path) -> str:
    """Return what to do for pictures that are those of `sync` exactly."""
    return (
        f"{PARTLY} `wav2lip faces {face.name}` with the same --detector looks at all of the video once; that is "
        "remembered."
    )
