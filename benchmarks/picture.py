"""What blending does to the picture, and what it costs.

    python benchmarks/picture.py clip.mp4 ... --audio speech.wav --detector yunet --detector-weights yunet.onnx

For every clip: the mean colour difference (CIEDE2000; 1 is just visible) between the result and the source on the
border of the mask, where less than half of the generated face is shown, of every tenth frame; the same without
colour matching and with seamless cloning; and the milliseconds a frame, on one core, that matching the colours of
generated faces and blending them into their frames takes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from wav2lip.cli.progress import TerminalProgress
from wav2lip.compose.compositor import Compositor, Finish
from wav2lip.compose.mask import landmark_mask
from wav2lip.compose.patch import Patch
from wav2lip.compose.place import Place, Region, landmarks_in
from wav2lip.faces.track import FaceTrack
from wav2lip.media.palette import Palette
from wav2lip.media.picture import Picture
from wav2lip.pipeline.lips import Lips, Moment, speak
from wav2lip.pipeline.manner import Manner
from wav2lip.pipeline.networks import load_networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.prepare import open_source
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.speech import Speech
from wav2lip.pipeline.who import find_cast

EVERY = 10
PASSES = 7               # of the same faces; the median counts
FINISHES = {"soft": Finish(), "not matched": Finish(match=False), "poisson": Finish(blend="poisson")}


def colours(picture: Picture, palette: Palette, region: Region) -> np.ndarray:
    """Return a part of a picture in Lab, at the resolution of its luma."""
    planes = []
    for number, plane in enumerate(picture.planes[:3]):
        part = plane[region.part(number)].astype(np.float32)
        planes.append(cv2.resize(part, (region.columns.stop - region.columns.start,
                                        region.rows.stop - region.rows.start)))
    return rgb2lab(palette.to_bgr(np.stack(planes, axis=2))[..., ::-1] / 255)


def on_the_border(patch: Patch, result: Picture, palette: Palette) -> float:
    """Return the mean colour difference where between none and half of the face is shown."""
    region = Region.around(patch.place, (0, 0, 1, 1), patch.picture)
    assert region is not None
    mask = landmark_mask(patch.landmarks, patch.place.aspect)
    shown = region.sample(mask, 0)
    ring = (shown > 0) & (shown <= 0.5)
    differences = deltaE_ciede2000(colours(patch.picture, palette, region), colours(result, palette, region))
    return float(differences[ring].mean())


def patches(source: Source, track: FaceTrack, speech: Speech, lips: Lips, compositor: Compositor) -> Iterator[Patch]:
    """Yield the generated face of every tenth frame."""
    heard = zip(source.read_pictures(0, len(track)), speech.windows(), strict=False)
    for number, (picture, mel) in enumerate(heard):
        place = track.place(number)
        if number % EVERY == 0 and place is not None:
            landmarks, where = track.landmarks_at(number), Place(*place)
            within = None if landmarks is None else landmarks_in(where, landmarks)
            moment = Moment(picture, where, mel, landmarks=within)
            yield from speak([moment], lips, compositor, Manner())


@click.command()
@click.argument("clips", nargs=-1, type=click.Path(path_type=Path))
@click.option("--audio", type=click.Path(path_type=Path), required=True)
@click.option("--checkpoint", type=click.Path(path_type=Path))
@click.option("--detector", default="auto")
@click.option("--detector-weights", type=click.Path(path_type=Path))
def main(clips: tuple[Path, ...], audio: Path, **given: Any) -> None:
    """Print one line a clip."""
    cv2.setNumThreads(1)
    options, progress = SyncOptions(**given), TerminalProgress(-1)
    networks = load_networks(options, "cpu", progress)
    for clip in clips:
        source = open_source(clip, options, None, progress)
        palette = source.palette
        track = find_cast(source, source.frames, options, networks, progress).track(None, progress, "cpu")
        ways = {name: Compositor(palette, finish) for name, finish in FINISHES.items()}
        speech = Speech.measure(audio, source.fps, False)
        waiting = list(patches(source, track, speech, networks.lips, ways["soft"]))
        seen, seconds = {}, {}
        for name, compositor in ways.items():
            results = zip(waiting, compositor.put_back(waiting), strict=True)
            seen[name] = [on_the_border(patch, made, palette) for patch, made in results]
            passes = []
            for _ in range(PASSES):
                start = time.perf_counter()
                deque(compositor.put_back(waiting), maxlen=0)
                passes.append(time.perf_counter() - start)
            seconds[name] = float(np.median(passes))
        face = np.nanmedian(track.boxes[:, 3] - track.boxes[:, 1])
        figures = ", ".join(f"{name} {np.mean(values):.2f}" for name, values in seen.items())
        width, height = source.size
        cost = ", ".join(f"{name} {1000 * time / len(waiting):.2f}" for name, time in seconds.items())
        print(f"{clip.name}: {width}x{height}, face {face:.0f} px: {figures}; ms a frame: {cost}")


if __name__ == "__main__":
    main()
