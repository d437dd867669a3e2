"""What is said, and the streams of speech that the mouths follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from wav2lip.errors import UsageError
from wav2lip.media.placed import placed_samples
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.script import Line, Script, heard_in, make_script
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.speech import Speech, listener
from wav2lip.progress import Progress
from wav2lip.speech.activity import presence

Heard = tuple[Sequence[Line], Speech]
"""Lines that follow each other, and the speech that they are said in."""


def hear(
    audio: Path | None, source: Source, options: SyncOptions, progress: Progress
) -> tuple[Script, list[Heard]]:
    """Return what is said in a result, and in which streams.

    Args:
        audio: the recording of a run with one; None where voices or an edit list name theirs.
        source, options, progress: of the run.

    Raises:
        UsageError, MediaError: as `make_script`.
    """
    hushed = options.in_silence == "closed"
    if options.one_recording:
        if audio is None:
            raise UsageError("There is nothing to say; name a recording with --audio, --voice or --edl.")
        speech = Speech.measure(audio, source.fps, options.compat, options.tail, listener(options), hushed=hushed)
        line = Line(options.who, Fraction(0), speech.frames / source.fps, audio, Fraction(0))
        return Script((line,), speech.frames, options.mix or audio), [((line,), speech)]
    script = make_script(audio, source, options, progress)
    seconds = script.frames / source.fps
    heard: list[Heard] = []
    for lane in script.lanes():
        pieces, listen = heard_in(lane), listener(options)
        samples = partial(placed_samples, pieces, seconds)
        # What is soft in one recording may be louder than all of another: each is listened to on its own.
        recordings = dict.fromkeys(piece.path for piece in pieces)
        alone = len(recordings) == 1
        speech = Speech.measure(
            lane[0].recording, source.fps, False, listen=listen if alone else None, hushed=hushed, samples=samples
        )
        if listen is not None and not alone:
            parts = ([piece for piece in pieces if piece.path == path] for path in recordings)
            active = [listen(placed_samples(part, seconds)) for part in parts]
            speech = replace(speech, voice=presence(np.logical_or.reduce(active)))
        heard.append((lane, replace(speech, frames=script.frames)))    # not one more for a part of a sample
    return script, heard
