"""From what is prepared to finished frames, and to the parts of a result."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from wav2lip.compose.patch import AnyFrame
from wav2lip.media.prefetch import prefetch
from wav2lip.media.write import VideoWriter
from wav2lip.models.memory import give_back
from wav2lip.pipeline.lips import sync_lips
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.prepare import Prepared, make_compositor
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.timeline import runs_from
from wav2lip.pipeline.watch import Watch

SAID = 64    # mel windows that may wait for their pictures


def render(
    prepared: Prepared, segments: Sequence[range], parts: Sequence[Path], watch: Watch,
    advance: Callable[[int], object],
) -> None:
    """Write the picture of segments that follow each other, each to a file of its own that appears whole or not at all.

    Args:
        prepared: what they are made from.
        segments: numbers of their frames in the result.
        parts: the files.
        watch: looks at the stages.
        advance: is told how many more frames are finished.

    Raises:
        MediaError: the video cannot be read on.
        Wav2LipError: a part cannot be written, or too little memory.
    """
    picture = picture_of(prepared.source, prepared.options)
    options, source = prepared.options, prepared.source
    with _alone(), closing(prefetch(finished_frames(prepared, segments, watch), prepared.waiting)) as frames:
        for segment, part in zip(segments, parts, strict=True):
            if segment is not segments[0]:
                give_back()    # or holes between what comes and goes would grow for a minute, to 50 MB
            writer = watch.writer(VideoWriter(
                part,
                encoding=prepared.encoding,
                source=None if options.compat else source.clip,
                called=prepared.output,
                **picture,
            ))
            with writer:
                for frame in islice(frames, len(segment)):
                    writer.write(frame)
                    advance(1)


def picture_of(source: Source, options: SyncOptions) -> dict[str, Any]:
    """Return what the pictures of a result are, by the names of `VideoWriter`."""
    width, height = source.size
    return {
        "width": width, "height": height, "fps": source.fps, "colour": source.colour,
        "pixel_aspect": source.pixel_aspect, "pixels": None if options.compat else source.pixels,
    }


def finished_frames(prepared: Prepared, segments: Sequence[range], watch: Watch) -> Generator[AnyFrame]:
    """Yield the frames of segments that follow each other.

    Each is made for itself, so that its frames do not depend on where the rendering began; only source and speech are
    read on from one to the next.
    """
    with ExitStack() as stack:
        first = segments[0].start
        played = stack.enter_context(closing(play(prepared, first)))
        heard = [    # the sound is opened while the first picture is waited for
            stack.enter_context(closing(prefetch(lane.said(presence, first), SAID, at_once=True)))
            for lane, presence in zip(prepared.lanes, prepared.presences, strict=True)
        ]
        for segment in segments:
            numbers = [int(number) for number in prepared.numbers[segment.start : segment.stop]]
            frames: Iterator[AnyFrame] = islice(played, len(segment))
            with ExitStack() as lips:    # the lanes end before what they are made from does
                for lane, said in zip(prepared.lanes, heard, strict=True):
                    moments = lane.moments(zip(numbers, frames, strict=False), said)
                    compositor = watch.compositor(
                        make_compositor(prepared.source, prepared.options, prepared.networks)
                    )
                    frames = lips.enter_context(closing(
                        sync_lips(
                            moments, prepared.networks.lips, compositor, prepared.manner, prepared.batch,
                            prepared.at_once,
                        )
                    ))
                yield from frames if prepared.label is None else map(prepared.label.draw, frames)


def play(prepared: Prepared, first: int) -> Generator[AnyFrame]:
    """Yield the source's frames in the order of the result, from its frame number `first` on."""
    source, plan = prepared.source, runs_from(prepared.plan, first)
    compat = prepared.options.compat
    frames: Iterator[tuple[int, AnyFrame]] = source.play(plan) if compat else source.play_pictures(plan)
    with closing(prefetch(frames, min(prepared.waiting, 2 * prepared.batch))) as pictures:
        for _number, frame in pictures:
            yield frame


@contextmanager
def _alone() -> Generator[None]:
    """Let OpenCV use no threads of its own in the block.

    They wait by turning in circles, on cores where the generator and the encoder have work: faces took three times as
    long to put back.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
