"""What is looked at before the first frame is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wav2lip.faces.track import FaceTrack
from wav2lip.pipeline.hearing import Heard, hear
from wav2lip.pipeline.lane import Lane, used
from wav2lip.pipeline.manner import Manner, choose_manner
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.reference import closed_references
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.who import Cast, find_cast, frames_to_know
from wav2lip.progress import Progress


class Scout:
    """Looks at all that any frame of a result could need. Others may do with what some frames need."""

    def hear(
        self, audio: Path | None, source: Source, options: SyncOptions, progress: Progress
    ) -> tuple[Script, list[Heard]]:
        """Return what is said; as `hear`."""
        return hear(audio, source, options, progress)

    def cast(
        self, heard: tuple[Script, Sequence[Heard]], source: Source, options: SyncOptions, networks: Networks,
        progress: Progress,
    ) -> Cast:
        """Return who is there; as `find_cast`.

        Args:
            heard: what is said.
            source, options, networks, progress: of the run.
        """
        return find_cast(source, frames_to_know(heard[0], source, options), options, networks, progress)

    def manner(
        self, source: Source, tracks: Sequence[FaceTrack], lanes: Sequence[Lane], numbers: np.ndarray,
        presences: Sequence[np.ndarray], options: SyncOptions, given: np.ndarray | None, device: str,
        progress: Progress,
    ) -> Manner:
        """Return what becomes of the mouths; as `choose_manner`.

        Args:
            tracks: the faces that are synced.
            lanes: all of them.
            numbers: int (n,), which frame of the source each frame of the result shows.
            source, presences, options, given, device, progress: as for `choose_manner`.
        """
        looked_at = [used(track, lanes, numbers) for track in tracks]
        return choose_manner(source, looked_at, presences, options, given, device, progress, self.closed)

    def closed(
        self, source: Source, track: FaceTrack, progress: Progress, device: str
    ) -> Mapping[int, np.ndarray]:
        """Return by shot the face of a track whose mouth is most closed; as `closed_references`."""
        return closed_references(source, track, progress, device=device)
