"""A scout for a trial: who is there is known, and how long it takes to find a closed mouth is told from a few."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from wav2lip.compose.compositor import Compositor
from wav2lip.compose.place import Place
from wav2lip.faces.track import FaceTrack
from wav2lip.media.pick import FAR
from wav2lip.models.inference import fold_batch_norm
from wav2lip.models.load import load_syncnet
from wav2lip.models.store import expert_checkpoint
from wav2lip.pipeline.hearing import Heard
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.reference import APART, MOST, most_closed
from wav2lip.pipeline.scout import Scout
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.who import Cast
from wav2lip.progress import Progress

LOOKED_AT = 8               # faces that tell how long it takes


class LittleScout(Scout):
    """Listens and looks for faces no more, and for closed mouths a little: how long all of it takes is in `seconds`.

    Args:
        heard: what is said.
        cast: who is there.
        shots: about how many the source has.
    """

    def __init__(self, heard: tuple[Script, list[Heard]], cast: Cast, shots: int):
        self._heard, self._cast, self._shots, self.seconds = heard, cast, shots, 0.0

    def hear(
        self, audio: Path | None, source: Source, options: SyncOptions, progress: Progress
    ) -> tuple[Script, list[Heard]]:
        return self._heard

    def cast(
        self, heard: tuple[Script, Sequence[Heard]], source: Source, options: SyncOptions, networks: Networks,
        progress: Progress,
    ) -> Cast:
        return self._cast

    def closed(
        self, source: Source, track: FaceTrack, progress: Progress, device: str
    ) -> Mapping[int, np.ndarray]:
        """Return for all shots a closed mouth of a few that are looked at, not the most closed of each."""
        face = self._look(source, track, device)
        return {} if face is None else dict.fromkeys(map(int, np.unique(track.shot)), face)

    def _look(self, source: Source, track: FaceTrack, device: str) -> np.ndarray | None:
        seen = np.flatnonzero(track.seen)
        if not len(seen):
            return None
        start = time.perf_counter()
        expert = fold_batch_norm(load_syncnet(expert_checkpoint()), in_place=True).to(device)
        loading = time.perf_counter() - start
        faces, decoding = _faces(source, track, int(seen[0]))
        if not faces:
            return None
        start = time.perf_counter()
        most_closed(np.stack(faces), expert)    # the first time takes longer
        again = time.perf_counter()
        found = most_closed(np.stack(faces), expert)
        warming, judging = again - start, (time.perf_counter() - again) / len(faces)
        each = len(seen) / self._shots                  # frames of a shot that show the face
        candidates = self._shots * min(MOST, 1 + each / APART)
        # Longer gaps are jumped over.
        read = self._shots * min(each, MOST * FAR) if source.clip.seekable else len(seen)
        self.seconds += loading + warming + read * decoding + candidates * judging
        return found


def _faces(source: Source, track: FaceTrack, first: int) -> tuple[list[np.ndarray], float]:
    """Return some faces from frame `first` on, uint8 (96, 96, 3) BGR each, and the seconds that a frame takes."""
    compositor = Compositor(source.palette)
    faces: list[np.ndarray] = []
    times: list[float] = []
    with closing(source.read_pictures(first, APART * LOOKED_AT)) as pictures:
        for number, picture in enumerate(pictures, first):
            times.append(time.perf_counter())
            place = track.place(number) if number < len(track) else None
            if place is not None and (number - first) % APART == 0:
                (cut,) = compositor.cut_out([picture], [Place(*place)])
                faces.append(cut.face)
    return faces, (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
