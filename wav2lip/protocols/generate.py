"""From a pair of recordings to the video that the original's evaluation scripts would make of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from wav2lip.errors import MediaError, NoFaceError
from wav2lip.media.probe import probe
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.report import SyncReport
from wav2lip.pipeline.sync import sync
from wav2lip.progress import Progress
from wav2lip.protocols.lists import Pair
from wav2lip.protocols.protocol import Protocol


@dataclass(frozen=True)
class Generated:
    """A pair that has become a video.

    Attributes:
        pair: what it was made from.
        video: the file.
        report: how it was made; None if it was there before.
    """

    pair: Pair
    video: Path
    report: SyncReport | None = None


@dataclass(frozen=True)
class Skipped:
    """A pair that the protocol leaves out, and why, as a sentence."""

    pair: Pair
    reason: str


def prescribed(protocol: Protocol, options: SyncOptions) -> SyncOptions:
    """Return the options with those that the protocol prescribes: checkpoint, detector, device and codec stay."""
    return replace(
        options, compat=True, tail=False, strict=True, smooth=True, pads=protocol.pads, extend=protocol.extend,
        shorter_side=protocol.shorter_side, sidecar=False,
    )


def generate(
    pair: Pair, protocol: Protocol, output: Path, options: SyncOptions | None = None,
    progress: Progress | None = None, networks: Networks | None = None,
) -> Generated | Skipped:
    """Generate the video of a pair, or say why there is none.

    As in the original a pair is left out where a frame shows no face, or where the video is shorter than the sound,
    but for resynced-tts, which stretches it. The original takes LRS clips to have 25 frames a second without looking;
    here others are left out, as their sound would drift. Where videos are stretched, faces are sought and calmed
    before their frames are repeated, not after.

    Args:
        pair: what to make it from.
        protocol: how.
        output: the video to write; it appears whole or not at all.
        options: what the protocol leaves open.
        progress: receives words and progress; None for silence.
        networks: what `load_networks` gave for the `prescribed` options; None loads it.

    Raises:
        UsageError, WeightsError, Wav2LipError: as `sync`; what is wrong is not with the pair.
    """
    try:
        if protocol.fps is not None:
            fps = probe(pair.face).average_fps
            if fps != protocol.fps:
                return Skipped(pair, f"{pair.face} has {float(fps):g} frames a second instead of {protocol.fps}.")
        options = prescribed(protocol, options or SyncOptions())
        return Generated(pair, output, sync(pair.face, pair.audio, output, options, progress, networks))
    except (MediaError, NoFaceError) as error:
        return Skipped(pair, str(error))
